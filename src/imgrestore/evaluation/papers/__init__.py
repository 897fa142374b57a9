"""The five papers that the package reproduces: their published tables, as data; see ``docs/papers/``.

Each TOML file beside this one is a paper: its rows with the published numbers and the recipes that stand for them, how
the pictures are made that all rows are measured on, and what the paper claims. Reading it imports nothing heavy;
:mod:`imgrestore.evaluation.papers.measure` measures the rows, :mod:`imgrestore.evaluation.papers.table` prints them.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

from imgrestore.errors import UnknownNameError

WINS, CONTROL, MEAN_CODE = "_wins", "_control", "_mean_code"
"""Endings of metrics: percentage of images on which a row beats its control, the control's own value, and the value of
what the mean code is decoded to, where the row's own is that of a drawn code."""


@dataclass(frozen=True)
class PictureSet:
    """Pictures that rows are measured on.

    Attributes:
        name: What rows call it.
        summary: What it is, in words.
        dataset: A recipe's ``data``: how a folder is read.
        degradation: A recipe's ``degradation``: what makes low-quality images.
        pictures: ``all`` of the folder, or those that the training runs have ``held-out`` of it.
        scale: How many times smaller low-quality images are.
    """

    name: str
    summary: str
    dataset: Mapping[str, Any]
    degradation: Sequence[Mapping[str, Any]]
    pictures: Literal["all", "held-out"] = "all"
    scale: int = 1


@dataclass(frozen=True)
class Row:
    """A row of a paper's tables, or one that we add.

    Attributes:
        name: What claims call it.
        label: What tables call it.
        pictures: Name of the set it is measured on.
        table: Where it stands in the paper; empty for rows that are ours.
        recipe: The recipe that trains it.
        baseline: What it is if nothing is trained: ``input``, ``nearest`` or ``bicubic``.
        published: The paper's numbers by metric.
        note: What is to be known about it.
    """

    name: str
    label: str
    pictures: str
    table: str = ""
    recipe: str = ""
    baseline: str = ""
    published: Mapping[str, float] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True)
class Claim:
    """What a paper says about two of its rows.

    Attributes:
        text: In words.
        row: Name of the row that is said to be better.
        against: Name of the other row; empty for the row's own control.
        metrics: By which metrics.
        by: ``difference`` and ``ratio`` of the two, or the percentage of images that it ``wins`` against its control.
    """

    text: str
    row: str
    metrics: Sequence[str]
    against: str = ""
    by: Literal["difference", "ratio", "wins"] = "difference"

    def value(self, row: Mapping[str, float], against: Mapping[str, float], metric: str) -> float | None:
        """Return the claimed quantity from the values of both rows, or None if one is missing."""
        if self.by == "wins":
            return row.get(metric + WINS)
        ours, theirs = row.get(metric), row.get(metric + CONTROL) if not self.against else against.get(metric)
        if ours is None or theirs is None:
            return None
        return ours - theirs if self.by == "difference" else ours / theirs


@dataclass(frozen=True)
class Paper:
    """A paper and what it published.

    Attributes:
        number: ``000`` to ``004``.
        title: Authors and subject.
        profile: Name of the metric profile.
        columns: Metrics that the table shows, in order.
        codes: Whether variational rows are measured on codes ``drawn`` from their Gaussians or on the ``mean`` ones.
        sets: Pictures by name.
        rows: In the order of the tables.
        claims: What is to be checked.
        notes: Errors of the paper and other things to know when reading the table.
    """

    number: str
    title: str
    profile: str
    columns: Sequence[str]
    sets: Mapping[str, PictureSet]
    rows: Sequence[Row]
    claims: Sequence[Claim]
    notes: Sequence[str] = ()
    codes: Literal["drawn", "mean"] = "mean"

    def row(self, name: str) -> Row:
        """Return the row of this name."""
        return next(row for row in self.rows if row.name == name)


def numbers() -> list[str]:
    """Return the numbers of all papers."""
    return sorted(path.stem for path in Path(__file__).parent.glob("*.toml"))


@cache
def find_paper(number: str) -> Paper:
    """Read a paper's file.

    Raises:
        UnknownNameError: There is no such paper.
    """
    if number not in numbers():
        raise UnknownNameError("paper", number, numbers())
    table = tomllib.loads((Path(__file__).parent / f"{number}.toml").read_text(encoding="utf-8"))
    sets = {name: PictureSet(name, **each) for name, each in table.pop("sets").items()}
    rows = [Row(**each) for each in table.pop("rows")]
    claims = [Claim(**each) for each in table.pop("claims")]
    return Paper(number, sets=sets, rows=rows, claims=claims, **table)


@cache
def places() -> Mapping[str, str]:
    """Return where each recipe's row stands: ``"002, table 1: STFT + SSIM"``."""
    found: dict[str, str] = {}
    for number in numbers():
        for row in find_paper(number).rows:
            where = f"{number}, {row.table}" if row.table else f"{number}, not in the paper"
            found.setdefault(row.recipe, f"{where}: {row.label}")
    found.pop("", None)
    return found
