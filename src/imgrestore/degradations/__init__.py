"""Degradations, one file each: ``(image, streams) -> image`` on batches (N, C, H, W) in [0, 1]."""
