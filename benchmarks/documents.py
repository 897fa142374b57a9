"""Tables in Markdown, and the places that documents keep for them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path


def markdown(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table whose first column holds names and whose others hold numbers."""
    lines = [titles, ["---", *["---:"] * (len(titles) - 1)], *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def update(document: Path, name: str, text: str) -> None:
    """Put a text between its marks in a document, if it has them."""
    pattern = re.compile(rf"(<!-- measured: {name} -->\n).*?(<!-- /measured -->)", re.DOTALL)
    before = document.read_text(encoding="utf-8")
    document.write_text(pattern.sub(lambda match: f"{match[1]}\n{text}\n{match[2]}", before), encoding="utf-8")
