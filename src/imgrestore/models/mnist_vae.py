"""A variational autoencoder of digits, whose code is two numbers."""

from __future__ import annotations

from typing import Literal

from torch import nn

from imgrestore.models.block_ae import initialise
from imgrestore.models.variational import VariationalAutoencoder
from imgrestore.parts.registry import register_model

_SIDE = 28


class MnistVae(VariationalAutoencoder):
    """Encoder 28 -> 13 -> 6 and decoder 7 -> 14 -> 28 of paper 002: 28,036 + 41,953 parameters for codes of 2 numbers.

    Dalal, VAE with STFT loss, arXiv:2401.03166: the network of TensorFlow's tutorial on convolutional variational
    autoencoders. Its output is pixel values themselves, mostly within [-0.3, 1.25] and clipped when they are saved, and
    not logits, whatever the paper's own sample sheets suggest.
    """

    def __init__(self, latent: int, sigmoid: bool) -> None:
        """Build for codes of ``latent`` numbers; with ``sigmoid`` the output lies in [0, 1], as ``bce`` needs it."""
        encoder = [nn.Conv2d(1, 32, 3, 2), nn.ReLU(), nn.Conv2d(32, 64, 3, 2), nn.ReLU()]
        encoder += [nn.Flatten(), nn.Linear(64 * 6**2, 2 * latent)]
        decoder = [nn.Linear(latent, 32 * 7**2), nn.ReLU(), nn.Unflatten(1, (32, 7, 7))]
        decoder += [nn.ConvTranspose2d(32, 64, 3, 2, 1, 1), nn.ReLU(), nn.ConvTranspose2d(64, 32, 3, 2, 1, 1)]
        decoder += [nn.ReLU(), nn.ConvTranspose2d(32, 1, 3, 1, 1)]
        super().__init__(nn.Sequential(*encoder), nn.Sequential(*decoder, *([nn.Sigmoid()] if sigmoid else [])))
        self.channels, self.native_size = 1, _SIDE
        initialise(self)


@register_model(task="denoise", default_scale=1, scales=(1,), fixed_size=True, paper="002: Dalal, arXiv:2401.03166")
def mnist_vae(scale: int = 1, latent: int = 2, output: Literal["linear", "sigmoid"] = "linear") -> MnistVae:
    """Variational autoencoder of 28x28 digits in grey."""
    return MnistVae(latent, output == "sigmoid")
