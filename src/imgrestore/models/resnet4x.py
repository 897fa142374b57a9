"""Residual super-resolution at the resolution of the result.

Paper 004 (DTU, image quality improvement with autoencoders) enlarges the input bilinearly first, with the corner pixels
of input and result in the same place: for 90 -> 360 the samples lie 89/359 input pixels apart instead of 90/360, so the
picture is stretched by 1.5 result pixels to every side against its ground truth. Where a pixel lands depends on the
size of the whole image, and in tiles it would land elsewhere than in the whole.

The paper's row is kept to the letter where it is trained, and in :meth:`Resnet4x.restore_as_published`. Restoration
puts pixels where they belong: every input pixel becomes the 4x4 result pixels that cover it. The network is
convolutional and has met every phase of the interpolation and, on the average, no shift; so it does there what it has
learned, result and input match, and tiles equal the whole.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.functional import interpolate

from imgrestore.models.contract import RestorationModel
from imgrestore.parts.registry import register_model

_SCALE = 4
_DROPOUT = 0.1


class ConvolutionBlock(nn.Sequential):
    """Batch normalisation, two 3x3 convolutions, dropout between them: 73,984 parameters, or 73,986 with PReLU."""

    def __init__(self, width: int, activated: bool) -> None:
        """Build it for ``width`` channels, with a PReLU before and after the convolutions if ``activated``."""
        first, second = (nn.Conv2d(width, width, 3, padding=1) for _ in range(2))
        before, after = ([nn.PReLU()] if activated else [] for _ in range(2))
        super().__init__(nn.BatchNorm2d(width), *before, first, nn.Dropout(_DROPOUT), second, *after)


class ResidualBlock(nn.Module):
    """Two convolution blocks, the first one activated, added to their input: 147,970 parameters."""

    def __init__(self, width: int) -> None:
        """Build it for ``width`` channels."""
        super().__init__()
        self.first, self.second = ConvolutionBlock(width, activated=True), ConvolutionBlock(width, activated=False)

    def forward(self, features: Tensor) -> Tensor:
        """Add to (N, width, H, W)."""
        added: Tensor = self.second(self.first(features))
        return features + added


class Resnet4x(RestorationModel):
    """Bilinear enlargement, then two residual blocks of four convolutions each: 299,463 parameters."""

    def __init__(self, width: int, global_skip: bool) -> None:
        """Build it of ``width`` channels.

        With ``global_skip``, which the paper lacks, it only adds to the bilinear enlargement.
        """
        super().__init__()
        self.scale, self.global_skip = _SCALE, global_skip
        self.halo = 3  # ten convolutions reach 10 result pixels, 2.5 of the input, from samples up to 0.875 away
        self.activation_bytes = 4 * 4 * width * _SCALE**2
        blocks = ResidualBlock(width), ResidualBlock(width)
        self.body = nn.Sequential(nn.Conv2d(3, width, 3, padding=1), *blocks, nn.Conv2d(width, 3, 3, padding=1))

    def forward(self, lq: Tensor) -> Tensor:
        """Enlarge (N, 3, H, W) in [0, 1] to (N, 3, 4H, 4W); in training as the paper does."""
        return self._enlarged(lq, corners=self.training)

    def restore_as_published(self, lq: Tensor) -> Tensor:
        """Enlarge whole images with corner pixels in the same place, as the paper does."""
        return self._enlarged(lq, corners=True)

    def _enlarged(self, lq: Tensor, corners: bool) -> Tensor:
        large = interpolate(lq.float(), scale_factor=_SCALE, mode="bilinear", align_corners=corners)
        restored: Tensor = self.body(large.to(next(self.parameters()).dtype))
        return large + restored.float() if self.global_skip else restored.float()


@register_model(task="upscale", default_scale=4, scales=(4,), paper="004: DTU, image quality improvement")
def resnet4x(scale: int = 4, width: int = 64, global_skip: bool = False) -> Resnet4x:
    """Residual super-resolution network that works at the size of the result."""
    return Resnet4x(width, global_skip)
