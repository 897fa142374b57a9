"""Degradations, one file each: ``(image, generator) -> image`` on batches (N, C, H, W) in [0, 1]."""
