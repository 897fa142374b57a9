"""Training: a recipe and a folder of pictures in, weights out."""

from imgrestore.training.loop import Progress, train

__all__ = ["Progress", "train"]
