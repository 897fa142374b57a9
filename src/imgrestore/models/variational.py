"""What variational autoencoders share: codes drawn while they learn, mean codes when they restore."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from imgrestore.models.contract import RestorationModel

_LARGEST_LOGVAR = 20.0


def drawn(mean: Tensor, logvar: Tensor) -> Tensor:
    """Draw codes from their Gaussians; a log-variance beyond 20, which only a run gone astray has, counts as 20."""
    return mean + torch.randn_like(mean) * (logvar.clamp(max=_LARGEST_LOGVAR) / 2).exp()


class VariationalAutoencoder(RestorationModel):
    """An encoder to a Gaussian for each image, and a decoder of numbers drawn from it.

    D. P. Kingma and M. Welling, "Auto-Encoding Variational Bayes", ICLR 2014, arXiv:1312.6114.

    In training a code is drawn from the Gaussian, by torch's global generator; in evaluation the code is its mean, so
    that a picture is restored in one way only. :meth:`restore_drawn` always draws.
    """

    def __init__(self, encoder: nn.Module, decoder: nn.Module) -> None:
        """Join an encoder of images to (N, 2 D), means before log-variances, with a decoder of (N, D) to images."""
        super().__init__()
        self.encoder, self.decoder = encoder, decoder

    def forward(self, lq: Tensor) -> Tensor:
        """Restore images (N, C, H, W) of the one size the network knows."""
        return self.outputs(lq)["restored"]

    def outputs(self, lq: Tensor) -> dict[str, Tensor]:
        """Return ``restored``, and of its code (N, D) ``mean`` and ``logvar`` and, as ``code``, what was decoded."""
        return self._outputs(lq, self.training)

    def restore_drawn(self, lq: Tensor) -> Tensor:
        """Restore images from codes drawn from their Gaussians, whatever the mode.

        Paper 002 (Dalal) measures drawn codes. They come from torch's global generator: ``torch.manual_seed`` before
        the call makes them repeatable.
        """
        return self._outputs(lq, sampled=True)["restored"]

    def _outputs(self, lq: Tensor, sampled: bool) -> dict[str, Tensor]:
        encoded: Tensor = self.encoder(lq.to(next(self.parameters()).dtype))
        mean, logvar = encoded.chunk(2, dim=1)
        code = drawn(mean, logvar) if sampled else mean
        restored: Tensor = self.decoder(code)
        return {"restored": restored.float(), "mean": mean, "logvar": logvar, "code": code}
