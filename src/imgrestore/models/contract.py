"""What every model promises the engine, and the training."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor, nn


class RestorationModel(nn.Module):
    """A network from low-quality to restored images, with the facts the engine needs to cut it into tiles.

    ``forward`` takes and gives float RGB images (N, 3, H, W) in [0, 1], or (N, 1, H, W) if the network knows no colours
    (the engine then gives it BT.601 luma); the output may overshoot that range and is ``scale`` times as large. The
    input is float32 whatever the type of the weights; the network converts it where its arithmetic begins and keeps
    skips around it in float32.

    A model of finite reach is tiled *exactly*: each tile is computed with ``halo`` pixels of context that are then
    thrown away, so the pieces equal the whole. A model of fixed size runs on overlapping blocks of ``native_size`` that
    are merged with weights that fade towards the edges.

    Attributes:
        scale: Enlargement factor.
        channels: 3, or 1 for a network without colours.
        halo: Radius of the receptive field in input pixels, counted from the edge of a square of ``multiple_of``.
        edge: By how many pixels the engine lets an image go on, mirrored, beyond its edges: for networks that would
            read zeros there, which no image holds. A multiple of ``multiple_of``.
        multiple_of: Height and width of the input must be multiples of this (the engine pads and crops).
        native_size: The only input side the network accepts, or None for any size.
        overlap: Input pixels that neighbouring blocks of a fixed-size model share in its paper's protocol.
        resampler: Name of the kernel if the model is nothing but a resampler, which works at any factor; else None.
        activation_bytes: Memory needed per input pixel of a tile in float32, in bytes.
        stages: What can be trained one after the other; ``joint`` trains all that is not for a later stage.
    """

    scale: float = 1
    channels: int = 3
    halo: int = 0
    edge: int = 0
    multiple_of: int = 1
    native_size: int | None = None
    overlap: int = 0
    resampler: str | None = None
    activation_bytes: int = 256
    stages: tuple[str, ...] = ("joint",)

    @property
    def exact(self) -> bool:
        """Whether tiles put together equal the whole image."""
        return self.native_size is None

    def forward(self, lq: Tensor) -> Tensor:
        """Restore a batch of images."""
        raise NotImplementedError

    def outputs(self, lq: Tensor) -> dict[str, Tensor]:
        """Return what losses may ask for, as named outputs.

        ``restored`` is there always. A model with a compact code may add ``code`` (N, D), a variational one ``mean``
        and ``logvar`` (N, D), one that tells clusters apart ``assignment`` (N, K), which sums to one for each image.
        """
        return {"restored": self(lq)}

    def grown(self, earlier: RestorationModel) -> bool:
        """Return whether this is the other network but for its size, so that the other one can be laid into it."""
        return False

    def enter(self, stage: str) -> None:
        """Make ready for a stage of training: what is not trained in it has ``requires_grad`` off.

        Called at the start of a stage and again when a run is resumed inside it.
        """

    def cluster(self, batches: Iterable[Tensor]) -> None:
        """Find the clusters of the training data, for models with a stage ``cluster``.

        Args:
            batches: Low-quality images (N, C, H, W) that make up one epoch.
        """
        raise NotImplementedError
