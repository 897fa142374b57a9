"""Training: a recipe and a folder of pictures in, weights out."""

from imgrestore.training.loop import train
from imgrestore.training.options import Options, Progress

__all__ = ["Options", "Progress", "train"]
