"""Convolutional autoencoder at half resolution, the network that the spatial frequency loss was tried on.

Paper 003: N. Ichimura, "Spatial Frequency Loss for Learning Convolutional Autoencoders", arXiv:1806.02336. Its layers
are one of stride 1, one of stride 2, one of "stride 0.5" (bilinear enlargement before the filter, as in J. Long et al.,
CVPR 2015, arXiv:1411.4038) and one of stride 1; the sizes of the filters and their numbers are lost. Ours, 64 of 5x5,
are those whose cost agrees with the times the paper gives.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from imgrestore.models.contract import RestorationModel
from imgrestore.parts.registry import register_model

_SIDE = 5
_HALO = 10
"""Two pixels for each filter at full resolution, four for that of stride 2 and the enlargement."""


class HalfResolutionAutoencoder(RestorationModel):
    """Two convolutions down to half the resolution, two back up; 214,595 parameters at 64 channels.

    Inside, images lie in [-1, 1], the range of the last layer's tanh.
    """

    multiple_of = 2
    halo = _HALO

    def __init__(self, width: int) -> None:
        """Build with ``width`` channels; weights are drawn from N(0, 2 / fan-in), biases are 0."""
        super().__init__()
        self.activation_bytes = 4 * (3 * width + 9)
        self.first = nn.Conv2d(3, width, _SIDE, padding=_SIDE // 2)
        self.shrunk = nn.Conv2d(width, width, _SIDE, stride=2, padding=_SIDE // 2)
        self.enlarged = nn.Conv2d(width, width, _SIDE, padding=_SIDE // 2)
        self.tail = nn.Conv2d(width, 3, _SIDE, padding=_SIDE // 2)
        for layer in (self.first, self.shrunk, self.enlarged, self.tail):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]

    def forward(self, lq: Tensor) -> Tensor:
        """Restore (N, 3, H, W) in [0, 1]; an odd side, as in training on whole images, is cut off after enlarging."""
        height, width = lq.shape[-2:]
        centred = (2 * lq - 1).to(self.first.weight.dtype)
        code = torch.relu(self.shrunk(torch.relu(self.first(centred))))
        larger = interpolate(code, scale_factor=2.0, mode="bilinear")[..., :height, :width]
        restored: Tensor = self.tail(torch.relu(self.enlarged(larger)))
        return (torch.tanh(restored.float()) + 1) / 2


@register_model(task="denoise", default_scale=1, scales=(1,), paper="003: Ichimura, arXiv:1806.02336")
def sfl_cae(scale: int = 1, width: int = 64) -> HalfResolutionAutoencoder:
    """Convolutional autoencoder at half resolution, for images of any size."""
    return HalfResolutionAutoencoder(width)
