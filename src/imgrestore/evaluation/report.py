"""Scores gathered into tables: means over images, and the forms they are handed on in."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from imgrestore.errors import UsageError, nearest

DECIMALS = {"psnr": 2, "ssim": 4, "ms_ssim": 4}


@dataclass(frozen=True)
class Score:
    """One measured value of one method on one image (``image`` is empty for a mean)."""

    method: str
    image: str
    metric: str
    value: float


@dataclass(frozen=True)
class Report:
    """Scores with the protocol they were taken under.

    Attributes:
        scores: One per image, method and metric.
        protocol: Name of the protocol.
    """

    scores: Sequence[Score]
    protocol: str

    @property
    def methods(self) -> list[str]:
        """Names of the methods in the order they were measured."""
        return list(dict.fromkeys(score.method for score in self.scores))

    @property
    def metrics(self) -> list[str]:
        """Names of the metrics in the order they were measured."""
        return list(dict.fromkeys(score.metric for score in self.scores))

    @property
    def images(self) -> list[str]:
        """Names of the images in the order they were measured."""
        return list(dict.fromkeys(score.image for score in self.scores))

    def mean(self, method: str, metric: str) -> float:
        """Return the mean over images; images on which the metric does not exist (NaN) are left out."""
        values = [s.value for s in self.scores if s.method == method and s.metric == metric and not math.isnan(s.value)]
        return sum(values) / len(values) if values else math.nan

    def means(self) -> list[Score]:
        """Return the mean of every method and metric."""
        return [Score(m, "", metric, self.mean(m, metric)) for m in self.methods for metric in self.metrics]

    def rows(self) -> list[list[str]]:
        """Return a table of means: a row of headings, then one row per method."""
        head = ["method", *self.metrics]
        return [head, *([m, *(shown(metric, self.mean(m, metric)) for metric in self.metrics)] for m in self.methods)]

    def to_markdown(self) -> str:
        """Return the table of means in Markdown."""
        return markdown(self.rows())

    def to_csv(self) -> str:
        """Return all scores as comma-separated values, one image and method per line."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["image", "method", *self.metrics])
        values = {(s.image, s.method, s.metric): s.value for s in self.scores}
        for image in self.images:
            for method in self.methods:
                found = (values.get((image, method, metric), math.nan) for metric in self.metrics)
                writer.writerow([image, method, *found])
        return text.getvalue()

    def to_json(self) -> str:
        """Return means and scores as one line of JSON; NaN and infinity become null and "inf"."""
        table = {
            "protocol": self.protocol,
            "images": len(self.images),
            "means": {m: {metric: _plain(self.mean(m, metric)) for metric in self.metrics} for m in self.methods},
            "scores": [
                {"image": s.image, "method": s.method, "metric": s.metric, "value": _plain(s.value)}
                for s in self.scores
            ],
        }
        return json.dumps(table, ensure_ascii=False)


def shown(metric: str, value: float) -> str:
    """Return a value as tables show it."""
    if math.isnan(value):
        return "n/a"
    return "inf" if math.isinf(value) else f"{value:.{DECIMALS.get(metric, 4)}f}"


def _plain(value: float) -> float | str | None:
    """Return a value that JSON can hold."""
    if math.isnan(value):
        return None
    return "inf" if math.isinf(value) else value


_REQUIREMENT = re.compile(r"\s*(?P<metric>\w+)\s*(?P<sign>>=|<=|>|<)\s*(?P<bound>\S.*?)\s*")
_NUMBER = r"\d+(?:\.\d+)?"
_UNKNOWN = r"[A-Za-z][\w-]*?"
"""What looks like the name of a method, though none has it."""


@dataclass(frozen=True)
class Requirement:
    """A gate on a report, such as ``psnr >= bicubic + 0.3`` or ``ssim > 0.9``.

    Attributes:
        text: As the user wrote it.
        metric: What is compared.
        sign: ``>=``, ``<=``, ``>`` or ``<``.
        other: The method it is compared with, or empty for a plain number.
        number: The number, or what is added to the other method's value.
    """

    text: str
    metric: str
    sign: str
    other: str
    number: float

    @classmethod
    def parse(cls, text: str, metrics: Sequence[str], methods: Sequence[str]) -> Requirement:
        """Read a requirement as it is meant where these are measured: ``net-2`` may be a method, or ``net`` less 2.

        Raises:
            UsageError: It is not of the form ``METRIC SIGN METHOD [+ NUMBER]`` or ``METRIC SIGN NUMBER``, or there is
                no such metric or method.
        """
        match = _REQUIREMENT.fullmatch(text)
        names = "|".join([*map(re.escape, sorted(methods, key=len, reverse=True)), _UNKNOWN])
        form = rf"(?P<number>[-+]?{_NUMBER})|(?P<other>{names})\s*(?P<shift>[-+]\s*{_NUMBER})?"
        bound = re.fullmatch(form, match["bound"]) if match else None
        if match is None or bound is None:
            raise UsageError(
                f"--require {text!r}: not understood", hint="write for example 'psnr >= bicubic + 0.3' or 'ssim > 0.9'"
            )
        metric, other = match["metric"], bound["other"] or ""
        for kind, name, known in (("metric", metric, metrics), ("method", other, methods)):
            if name and name not in known:
                raise UsageError(f"--require {text!r}: no {kind} {name!r} here{nearest(name, known)}")
        number = bound["number"] or (bound["shift"] or "0").replace(" ", "")
        return cls(text.strip(), metric, match["sign"], other, float(number))

    def checked(self, methods: Sequence[str]) -> list[str]:
        """Return which of some methods it is about: all but the one that they are compared with.

        Raises:
            UsageError: There is no other.
        """
        found = [method for method in methods if method != self.other]
        if not found:
            raise UsageError(f"--require {self.text!r}: compares {self.other} with itself", hint="name another --model")
        return found

    def check(self, report: Report, method: str) -> tuple[bool, str]:
        """Return whether a method of the report meets it, and the comparison in numbers."""
        value = report.mean(method, self.metric)
        bound = self.number + (report.mean(self.other, self.metric) if self.other else 0.0)
        met = {">=": value >= bound, "<=": value <= bound, ">": value > bound, "<": value < bound}[self.sign]
        return met, f"{method}: {self.metric} {value:.4f} {self.sign} {bound:.4f}"


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown, whose first row holds titles and first column names; the others hold numbers."""
    head, *body = rows
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *body]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
