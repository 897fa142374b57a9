"""Measuring methods on pairs of images, and showing what they do."""
