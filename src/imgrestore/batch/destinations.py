"""Where the result of an input goes, and what it is called. No torch."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from imgrestore.batch.inputs import STREAM, Input
from imgrestore.batch.names import BESIDE, MIRRORED, RESTORED, SIZED, Template
from imgrestore.batch.request import Request
from imgrestore.codecs.formats import by_extension, by_name
from imgrestore.errors import OutputError, UsageError
from imgrestore.image.sizes import Target
from imgrestore.provenance.settings import Settings
from imgrestore.weights.catalogue import Choice
from imgrestore.weights.remedies import Remedies

_LONGEST_NAME = 255
"""Bytes of a file name, on nearly every file system."""


def is_single_file(request: Request, inputs: Sequence[Input]) -> bool:
    """Return whether ``-o`` names one file, rather than a folder."""
    output = request.output
    if output is None or output == STREAM or os.path.isdir(output) or request.into_folder:  # noqa: PTH112  never raises
        return False
    there = os.path.exists(output)  # noqa: PTH110  never raises
    alone = len(request.inputs) == 1 and all(item.named for item in inputs)
    if not alone and (there or by_extension(output.suffix)):
        raise UsageError(f"{output} names a file, but there are several inputs", hint=f"-o {output}/ is a folder")
    return alone and (output.suffix != "" or there)


def destination(
    item: Input, request: Request, choice: Choice | Remedies, settings: Settings, *, single_file: bool
) -> Path:
    """Return the output of an input.

    Args:
        item: The input.
        request: What was asked for.
        choice: The model.
        settings: Those of this image, settled.
        single_file: What :func:`is_single_file` found.

    Raises:
        OutputError: Its name would be too long.
    """
    output = request.output
    if output == STREAM or (output is None and item.source == STREAM):
        return STREAM
    if output is not None and single_file:
        return output
    form = by_name(settings.format or "")
    assert form is not None
    own = item.source.suffix
    own_name = SIZED if request.settings.target != Target() else BESIDE
    if isinstance(choice, Remedies):
        own_name = own_name.replace("{model}", "restored") if choice.enlarging else RESTORED
    usual = MIRRORED if output is not None else own_name
    usual = usual.replace("{ext}", "_crop{ext}") if settings.crop is not None else usual
    width, height = settings.size
    values = {
        "stem": item.relative.stem,
        "name": item.relative.name,
        "ext": own if own.lower() in form.extensions else form.extensions[0],
        "model": choice.name,
        "scale": f"{choice.scale:g}",
        "width": str(width),
        "height": str(height),
    }
    name = (request.template or Template(usual)).fill(values)
    path = output / item.relative.with_name(name) if output is not None else item.source.with_name(name)
    if len(os.fsencode(path.name)) > _LONGEST_NAME:
        raise OutputError(f"{item.source}: its result would have too long a name", hint="name it yourself with -o")
    return path
