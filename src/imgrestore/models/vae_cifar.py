"""A variational autoencoder of 32x32 colour images."""

from __future__ import annotations

from torch import nn

from imgrestore.models.variational import VariationalAutoencoder
from imgrestore.parts.registry import register_model

_SIDE = 32


class VaeCifar(VariationalAutoencoder):
    """Two strided convolutions, a Gaussian code, and the way back: 522,519 parameters for codes of 10 numbers.

    The variational baseline of paper 004 (DTU, image quality improvement with autoencoders).
    """

    def __init__(self, latent: int) -> None:
        """Build for codes of ``latent`` numbers."""
        encoder = [nn.Conv2d(3, 64, 4, 2, 1), nn.ReLU(), nn.Conv2d(64, 128, 4, 2, 1), nn.ReLU()]
        encoder += [nn.Flatten(), nn.Linear(128 * 8**2, 2 * latent)]
        decoder = [nn.Linear(latent, 128 * 8**2), nn.Unflatten(1, (128, 8, 8))]
        decoder += [nn.ConvTranspose2d(128, 64, 4, 2, 1), nn.ReLU(), nn.ConvTranspose2d(64, 3, 4, 2, 1), nn.Sigmoid()]
        super().__init__(nn.Sequential(*encoder), nn.Sequential(*decoder))
        self.native_size = _SIDE


@register_model(
    task="denoise", default_scale=1, scales=(1,), fixed_size=True, paper="004: DTU, image quality improvement"
)
def vae_cifar(scale: int = 1, latent: int = 10) -> VaeCifar:
    """Variational autoencoder of 32x32 blocks with a code of ten numbers."""
    return VaeCifar(latent)
