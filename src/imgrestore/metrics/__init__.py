"""Image quality metrics: of images in any form under a protocol, of batches under a paper's profile, and of codes.

:mod:`~imgrestore.metrics.images` is for users; :mod:`~imgrestore.metrics.protocols` holds what ``imgrestore evaluate``
and training measure single images by; :mod:`~imgrestore.metrics.batches` one function for each metric of the papers;
:mod:`~imgrestore.metrics.profiles` says which of them a paper takes and how; :mod:`~imgrestore.metrics.codes` looks at
compact codes.
"""

from imgrestore.metrics.images import ms_ssim, psnr, ssim
from imgrestore.metrics.protocols import METRICS, PROTOCOLS, SMALLEST_SIDES, Protocol, all_metrics

__all__ = ["METRICS", "PROTOCOLS", "SMALLEST_SIDES", "Protocol", "all_metrics", "ms_ssim", "psnr", "ssim"]
