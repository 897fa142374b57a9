"""Classical restoration, for comparison only: told what a blind model has to find out for itself.

Their settings were chosen on training photos (16 crops of 256 pixels, by mean PSNR), never on a test set.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn.functional import pad

from imgrestore.degradations.blur import Blur, convolve
from imgrestore.degradations.contract import Degradation
from imgrestore.degradations.gaussian import Gaussian
from imgrestore.degradations.opencv import each_picture
from imgrestore.degradations.opencv import non_local_means as _non_local_means
from imgrestore.degradations.streams import Streams

_STRENGTH = 0.6
"""Filter strength of non-local means, for luma and colours, as a multiple of the noise's sigma."""

_ITERATIONS = 60
"""Of Richardson-Lucy."""


def told(degradations: Sequence[Degradation], streams: Streams) -> dict[str, Callable[[Tensor], Tensor]]:
    """Return the classical methods for an image that was degraded so, named by what they are told.

    White noise alone of a fixed, known strength is for non-local means; a blur of sRGB values that comes first, and
    nothing that shrinks after it, is for Richardson-Lucy. Each method takes (3, H, W) and returns the like.

    Args:
        degradations: What happened to the image, in order.
        streams: As they were before; the kernel is drawn from them again.
    """
    match degradations:
        case [Gaussian(sigma=(low, high), colour="rgb")] if 0 < low == high:
            return {"non-local-means-told-sigma": lambda lq: non_local_means(lq, low)}
        case [Blur(linear=False) as blur, *rest] if blur.probability == 1 and all(each.keeps_size for each in rest):
            kernel = blur.kernels(streams.copy().fork())[0]
            return {"richardson-lucy-told-kernel": lambda lq: richardson_lucy(lq, kernel)}
    return {}


def non_local_means(lq: Tensor, sigma: float) -> Tensor:
    """Denoise (3, H, W), rounded to 8 bits, as OpenCV does: windows of 7 pixels, compared within 21.

    A. Buades, B. Coll, J.-M. Morel, "A non-local algorithm for image denoising", CVPR 2005.

    Args:
        lq: Noisy image.
        sigma: Standard deviation of the noise on the [0, 1] scale.
    """
    return each_picture(lq[None], lambda _, picture: _non_local_means(picture, _STRENGTH * 255 * sigma))[0]


def richardson_lucy(lq: Tensor, kernel: Tensor, iterations: int = _ITERATIONS) -> Tensor:
    """Undo a known blur, by the multiplicative steps that make Poisson counts most likely.

    W. H. Richardson, J. Opt. Soc. Am. 62(1), 1972; L. B. Lucy, Astron. J. 79, 1974. What lies beyond the edges is
    estimated too, as far as the kernel reaches, and weighs as much as it shows in the image, so that nothing has to be
    assumed of it (M. Bertero, P. Boccacci, Astron. Astrophys. 437, 2005); without that, ripples from the edges cost
    more than the method gains.

    Args:
        lq: Blurred image (3, H, W).
        kernel: (k, k), sums to one.
        iterations: More of them sharpen further, and enlarge the noise.
    """
    side, reach = kernel.shape[-1], kernel.shape[-1] // 2
    image, turned = lq.clamp_min(0)[None], kernel.flip(0, 1)[None]

    def spread(seen: Tensor) -> Tensor:
        return convolve(pad(seen, (side - 1,) * 4), turned)

    weight = spread(torch.ones_like(image)).clamp_min(0.01)
    sharp = torch.full_like(weight, 0.5)
    for _ in range(iterations):
        sharp = sharp * spread(image / convolve(sharp, kernel[None]).clamp_min(1e-3)) / weight
    return sharp[0, :, reach : reach + lq.shape[1], reach : reach + lq.shape[2]]
