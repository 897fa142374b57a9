"""The places that documents keep for measured tables."""

from __future__ import annotations

import re
from pathlib import Path


def update(document: Path, name: str, text: str) -> None:
    """Put a text between its marks in a document, if it has them."""
    pattern = re.compile(rf"(<!-- measured: {name} -->\n).*?(<!-- /measured -->)", re.DOTALL)
    before = document.read_text(encoding="utf-8")
    document.write_text(pattern.sub(lambda match: f"{match[1]}\n{text}\n{match[2]}", before), encoding="utf-8")
