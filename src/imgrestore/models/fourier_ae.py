"""Deep convolutional autoencoder, with a Fourier branch that adds what its code lacks.

Paper 000: Kim & Jo, Fourier autoencoder. The phase and the high frequencies of the input are mapped to the length of
the code and added to it, so that the decoder knows of edges that a plain code has lost. The paper's figures of the
layers are lost; widths and depths are ours, after A. Radford et al., "DCGAN", ICLR 2016, arXiv:1511.06434, which it
cites.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from imgrestore.errors import RecipeError
from imgrestore.image.spectrum import high_pass, phase, scaled_cutoff
from imgrestore.models.contract import RestorationModel
from imgrestore.parts.registry import register_model

_Domain = Literal["spatial", "spectrum"]

_SMALLEST = 4
"""Side of the feature maps between convolutions and code."""

_WIDEST = 8
"""The channels double with every halving of the side, up to this many times the first ones."""


class ConvolutionalCode(nn.Sequential):
    """Strided convolutions down to 4x4, then a linear layer: (N, channels, size, size) to (N, latent)."""

    def __init__(self, channels: int, widths: tuple[int, ...], latent: int) -> None:
        """Build with one convolution for each width; the first has no normalisation."""
        layers: list[nn.Module] = []
        for i, width in enumerate(widths):
            layers.append(nn.Conv2d(channels, width, 4, stride=2, padding=1))
            layers += [nn.BatchNorm2d(width)] if i else []
            layers.append(nn.LeakyReLU(0.2))
            channels = width
        super().__init__(*layers, nn.Flatten(), nn.Linear(channels * _SMALLEST**2, latent))


class ConvolutionalDecoder(nn.Sequential):
    """A linear layer to 4x4, then transposed convolutions: (N, latent) to (N, 3, size, size) in [0, 1]."""

    def __init__(self, latent: int, widths: tuple[int, ...]) -> None:
        """Build with one transposed convolution from each width to the next, and from the last to the colours."""
        channels = widths[0]
        layers: list[nn.Module] = [nn.Linear(latent, channels * _SMALLEST**2)]
        layers += [nn.Unflatten(1, (channels, _SMALLEST, _SMALLEST)), nn.BatchNorm2d(channels), nn.ReLU()]
        for width in widths[1:]:
            layers += [nn.ConvTranspose2d(channels, width, 4, stride=2, padding=1), nn.BatchNorm2d(width), nn.ReLU()]
            channels = width
        super().__init__(*layers, nn.ConvTranspose2d(channels, 3, 4, stride=2, padding=1), nn.Sigmoid())


class FourierAutoencoder(RestorationModel):
    """Encoder, code, decoder; with ``fourier``, the Information Mapping Network's vector is added to the code.

    For images of 256 pixels and the default widths: encoder 15,344,832 parameters, mapping network 4,888,928, decoder
    15,352,131.
    """

    def __init__(self, size: int, latent: int, width: int, fourier: bool, cutoff: float, domain: _Domain) -> None:
        """Build for images of one size; the arguments are those of :func:`fourier_ae`."""
        super().__init__()
        halvings = size.bit_length() - _SMALLEST.bit_length()
        widths = tuple(width * min(2**i, _WIDEST) for i in range(halvings))
        self.native_size = size
        self.cutoff, self.domain = scaled_cutoff(cutoff, size, size), domain
        self.encoder = ConvolutionalCode(3, widths, latent)
        self.mapping = ConvolutionalCode(6, tuple(w // 2 for w in widths), latent) if fourier else None
        self.decoder = ConvolutionalDecoder(latent, widths[::-1])

    def forward(self, lq: Tensor) -> Tensor:
        """Restore images (N, 3, size, size)."""
        return self.outputs(lq)["restored"]

    def outputs(self, lq: Tensor) -> dict[str, Tensor]:
        """Return ``restored`` and ``code``."""
        dtype = next(self.encoder.parameters()).dtype
        code: Tensor = self.encoder(lq.to(dtype))
        if self.mapping is not None:
            code = code + self.mapping(self._spectral(lq.float()).to(dtype))
        restored: Tensor = self.decoder(code)
        return {"restored": restored.float(), "code": code}

    def _spectral(self, lq: Tensor) -> Tensor:
        """Return phase and high frequencies as (N, 6, size, size); transforms know no 16-bit floats."""
        with torch.autocast(lq.device.type, enabled=False):
            return torch.cat([phase(lq), high_pass(lq, self.cutoff, self.domain)], dim=1)


@register_model(
    task="denoise", default_scale=1, scales=(1,), fixed_size=True, paper="000: Kim & Jo, Fourier autoencoder"
)
def fourier_ae(
    scale: int = 1,
    size: int = 256,
    latent: int = 512,
    width: int = 64,
    fourier: bool = True,
    cutoff: float = 20.0,
    domain: _Domain = "spatial",
) -> FourierAutoencoder:
    """Convolutional autoencoder of whole images, with or without a Fourier branch.

    Args:
        scale: 1.
        size: Side of the images in pixels, a power of two from 8.
        latent: Length of the code.
        width: Channels of the first convolution, an even number; the mapping network has half as many.
        fourier: Whether phase and high frequencies are mapped and added to the code.
        cutoff: What counts as high: more cycles per image than this, for images of 256 pixels, and in proportion for
            others.
        domain: Whether high frequencies are mapped as an image or as the logarithm of their amplitudes.

    Raises:
        RecipeError: The size or the width is not of that kind.
    """
    if size < 2 * _SMALLEST or size & (size - 1):
        raise RecipeError(f"'model.size' must be a power of two from {2 * _SMALLEST}, got {size}")
    if width < 2 or width % 2:
        raise RecipeError(f"'model.width' must be an even number from 2, got {width}")
    return FourierAutoencoder(size, latent, width, fourier, cutoff, domain)
