"""Losses, one file each: ``(restored, gt) -> scalar``, both (N, C, H, W) in [0, 1]."""
