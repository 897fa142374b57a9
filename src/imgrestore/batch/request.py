"""What a batch is asked to do. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from imgrestore.batch.inputs import STREAM
from imgrestore.batch.names import Template
from imgrestore.provenance.settings import Settings


@dataclass(frozen=True)
class Request:
    """What the user asked for.

    Attributes:
        inputs: Files, folders, or :data:`STREAM`.
        output: A file, a folder, :data:`STREAM`, or None to write beside each input.
        into_folder: Whether ``output`` is a folder even though it looks like a file.
        recursive: Whether sub-folders are searched.
        globs: Which files of folders are taken, see :func:`imgrestore.batch.inputs.wanted`; all if there are none.
        overwrite: Whether existing outputs may be replaced.
        template: How outputs are called, or None for the usual names.
        stdin: Content of standard input, if it is an input.
        settings: What the results are to be like.
    """

    inputs: Sequence[Path]
    output: Path | None = None
    into_folder: bool = False
    recursive: bool = False
    globs: Sequence[str] = ()
    overwrite: bool = False
    template: Template | None = None
    stdin: bytes | None = None
    settings: Settings = field(default_factory=Settings)

    def __post_init__(self) -> None:
        """Check the size that is asked for.

        Raises:
            UsageError: It contradicts itself.
        """
        _ = self.settings.target

    @property
    def beside(self) -> bool:
        """Whether outputs stand beside their inputs."""
        return self.output is None and STREAM not in self.inputs
