"""How strong white noise is, measured where a picture is smoothest. No torch."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

_PATCH = 7
_FEWEST_PATCHES = 400
_LEAST_VARIANCES = 6
_LEAST_TO_ALL = 1.18
"""How much larger the deviation of white noise is than what its least variances in the smoothest patches say."""


def noise_level(tiles: NDArray[np.float32]) -> float:
    """Estimate the standard deviation of white noise in levels of 255, 0 where too little is left that is not clipped.

    X. Liu, M. Tanaka, M. Okutomi, "Single-image noise level estimation for blind denoising", IEEE TIP 22, 2013: what
    smooth patches show spans few dimensions and white noise spans all, so that the least eigenvalue of the patches'
    covariance is the noise's variance. Here patches are smooth if they are among the smoothest tenth, those that are
    clipped left out, and the mean of six eigenvalues is steadier than one.

    Args:
        tiles: Samples of one colour (K, h, w) in [0, 255].
    """
    patches = sliding_window_view(tiles, (_PATCH, _PATCH), axis=(1, 2))[:, ::2, ::2].reshape(-1, _PATCH**2)
    patches = patches[(patches.min(axis=1) > 1) & (patches.max(axis=1) < 254)]
    if len(patches) < _FEWEST_PATCHES:
        return 0.0
    count = max(len(patches) // 10, _FEWEST_PATCHES)
    smoothest = np.argpartition(patches.std(axis=1), count - 1)[:count]
    variances = np.linalg.eigvalsh(np.cov(patches[smoothest], rowvar=False, dtype=np.float64)).clip(0)
    return _LEAST_TO_ALL * float(np.sqrt(variances[:_LEAST_VARIANCES].mean()))
