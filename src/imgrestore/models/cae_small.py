"""Small convolutional autoencoders of 32x32 images, which restore what their narrow code can carry."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from imgrestore.models.contract import RestorationModel
from imgrestore.parts.registry import register_model

_SIDE = 32


class CaeSmall(RestorationModel):
    """Encoder to a code of 2x2x8 or 8x8x2 numbers, and decoder: 23,659 or 12,965 parameters.

    Paper 004 (DTU, image quality improvement with autoencoders). Its text says 8x8x2; the layers it describes, its code
    and its figure say eight channels of 2x2, so that is what its rows mean.
    """

    def __init__(self, encoder: nn.Module, decoder: nn.Module, code: tuple[int, int, int], dense: bool) -> None:
        """Join encoder and decoder, with two dense layers between them if asked for.

        Args:
            encoder: (N, 3, 32, 32) to (N, C, H, W).
            decoder: Back again, to values in [0, 1].
            code: C, H and W.
            dense: Whether the authors' rejected variant is built.
        """
        super().__init__()
        self.native_size = _SIDE
        channels, height, width = code
        count = channels * height * width
        between = [nn.Linear(count, count), nn.ReLU(), nn.Linear(count, count), nn.ReLU()] if dense else []
        self.encoder = nn.Sequential(encoder, nn.Flatten(), *between)
        self.decoder = nn.Sequential(nn.Unflatten(1, code), decoder)

    def forward(self, lq: Tensor) -> Tensor:
        """Restore blocks (N, 3, 32, 32)."""
        return self.outputs(lq)["restored"]

    def outputs(self, lq: Tensor) -> dict[str, Tensor]:
        """Return ``restored`` and ``code``."""
        code: Tensor = self.encoder(lq.to(next(self.parameters()).dtype))
        return {"restored": self.decoder(code).float(), "code": code}


def _narrow() -> tuple[nn.Module, nn.Module, tuple[int, int, int]]:
    """Return encoder 32 -> 16 -> 8 -> 4 -> 2, its mirror image, and the shape of the code."""
    encoder = [nn.Conv2d(3, 32, 4, 2, 1), nn.ReLU(), nn.MaxPool2d(2)]
    encoder += [nn.Conv2d(32, 16, 4, 2, 1), nn.ReLU(), nn.Conv2d(16, 8, 4, 2, 1), nn.ReLU()]
    decoder = [nn.ConvTranspose2d(8, 16, 4, 2, 1), nn.ReLU(), nn.Upsample(scale_factor=2)]
    decoder += [nn.ConvTranspose2d(16, 32, 4, 2, 1), nn.ReLU(), nn.ConvTranspose2d(32, 3, 4, 2, 1), nn.Sigmoid()]
    return nn.Sequential(*encoder), nn.Sequential(*decoder), (8, 2, 2)


def _wide() -> tuple[nn.Module, nn.Module, tuple[int, int, int]]:
    """Return encoder 32 -> 16 -> 8, its mirror image, and the shape of the code."""
    encoder = [nn.Conv2d(3, 32, 4, 2, 1), nn.ReLU(), nn.MaxPool2d(2)]
    encoder += [nn.Conv2d(32, 16, 3, 1, 1), nn.ReLU(), nn.Conv2d(16, 2, 3, 1, 1), nn.ReLU()]
    decoder = [nn.ConvTranspose2d(2, 16, 3, 1, 1), nn.ReLU(), nn.Upsample(scale_factor=2)]
    decoder += [nn.ConvTranspose2d(16, 32, 3, 1, 1), nn.ReLU(), nn.ConvTranspose2d(32, 3, 4, 2, 1), nn.Sigmoid()]
    return nn.Sequential(*encoder), nn.Sequential(*decoder), (2, 8, 8)


@register_model(
    task="denoise", default_scale=1, scales=(1,), fixed_size=True, paper="004: DTU, image quality improvement"
)
def cae_small(scale: int = 1, bottleneck: Literal["2x2x8", "8x8x2"] = "2x2x8", dense: bool = False) -> CaeSmall:
    """Convolutional autoencoder of 32x32 blocks with a code of 32 or 128 numbers."""
    return CaeSmall(*(_narrow() if bottleneck == "2x2x8" else _wide()), dense)
