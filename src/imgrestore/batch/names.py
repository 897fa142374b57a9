"""Names of outputs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from imgrestore.errors import UsageError, nearest

FIELDS = ("stem", "name", "ext", "model", "scale", "width", "height")
"""What a template may hold in braces: the input's name without and with its ending, the output's ending (with its dot),
the model, the enlargement, and the size of the result."""

BESIDE = "{stem}_{model}_{scale}x{ext}"
"""How outputs beside their inputs are called."""

SIZED = "{stem}_{model}_{width}x{height}{ext}"
"""The same where a size, or a bound of it, was asked for."""

RESTORED = "{stem}_restored{ext}"
"""The same where each photo's damage decides on the model. Where that enlarges, ``restored`` stands for the model."""

MIRRORED = "{stem}{ext}"
"""How outputs in a folder of their own are called."""

_FIELD = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True)
class Template:
    """A pattern such as ``{stem}_{model}{ext}``.

    Attributes:
        text: As the user wrote it.
    """

    text: str

    def __post_init__(self) -> None:
        """Check the pattern.

        Raises:
            UsageError: It names an unknown field, leads to another folder, or would call all outputs alike.
        """
        fields = _FIELD.findall(self.text)
        for field in fields:
            if field not in FIELDS:
                raise UsageError(
                    f"--name {self.text}: there is no {{{field}}}{nearest(field, FIELDS)}",
                    hint=f"use {', '.join(f'{{{known}}}' for known in FIELDS)}",
                )
        plain = _FIELD.sub("", self.text)
        if "{" in plain or "}" in plain:
            raise UsageError(f"--name {self.text}: a brace stands alone", hint=f"for example --name '{BESIDE}'")
        if "/" in plain or "\\" in plain:
            raise UsageError(f"--name {self.text}: names, not folders", hint="-o takes a folder")
        if not {"stem", "name"} & set(fields):
            raise UsageError(f"--name {self.text}: would call all outputs alike", hint="put {stem} into it")
        if not self.text.endswith("{ext}"):
            raise UsageError(f"--name {self.text}: must end in {{ext}}", hint="--format chooses the ending")

    def fill(self, values: Mapping[str, str]) -> str:
        """Return the name for the values of all :data:`FIELDS`."""
        return _FIELD.sub(lambda match: values[match[1]], self.text)
