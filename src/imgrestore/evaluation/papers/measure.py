"""Measuring the rows of a paper's tables whose weights are at hand."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import torch
from torch import Tensor

from imgrestore.engine.devices import forbid_tf32
from imgrestore.errors import ImgrestoreError, InputError
from imgrestore.evaluation.evaluate import baselines
from imgrestore.evaluation.papers import CONTROL, MEAN_CODE, WINS, Paper, Row
from imgrestore.evaluation.papers.pictures import Material
from imgrestore.evaluation.papers.restoring import PaperNetwork
from imgrestore.evaluation.papers.trained import Trained
from imgrestore.metrics.codes import win_percentage
from imgrestore.metrics.profiles import PROFILES
from imgrestore.weights.storage import load_weights

SHOWN = 6
"""How many pictures of a set are shown."""

Restore = Callable[[Tensor], dict[str, Tensor]]
"""Restores a batch in every way that is measured, by the ending of the metrics' names."""


@dataclass(frozen=True)
class Result:
    """What became of a row.

    Attributes:
        row: The row.
        runs: The weights that were measured, by seed; empty for baselines.
        values: The means over images of every metric, one mapping for each run.
        images: On how many pictures.
        missing: Why nothing was measured, or empty.
    """

    row: Row
    runs: Sequence[Trained] = ()
    values: Sequence[Mapping[str, float]] = ()
    images: int = 0
    missing: str = ""

    def of(self, metric: str) -> list[float]:
        """Return a metric of every run that has it."""
        return [each[metric] for each in self.values if metric in each and not math.isnan(each[metric])]


@dataclass
class Measurement:
    """The measurement of a paper's rows.

    Attributes:
        material: The pictures.
        weights: See :func:`imgrestore.evaluation.papers.trained.find_weights`.
        device: Where networks compute.
    """

    material: Material
    weights: Mapping[str, Mapping[int, Trained]]
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    @property
    def paper(self) -> Paper:
        """The paper."""
        return self.material.paper

    def results(self) -> Iterator[Result]:
        """Measure row by row, in the order of the paper's file."""
        forbid_tf32()
        for row in self.paper.rows:
            try:
                yield self._result(row)
            except ImgrestoreError as error:
                yield Result(row, missing=str(error))

    def pictures(self, results: Sequence[Result]) -> Iterator[tuple[str, dict[str, list[Tensor]]]]:
        """Restore the first pictures of every set that a trained row was measured on, to be looked at.

        Args:
            results: What :meth:`results` gave; rows that could not be measured are not shown.

        Yields:
            The name of a set, and its pictures (C, H, W) by what they are: the input, what each row and its control
            make of it, the truth. Of several seeds, the first.
        """
        forbid_tf32()
        for name in self.paper.sets:
            rows = [result.row for result in results if result.row.pictures == name and not result.missing]
            if any(row.recipe for row in rows):
                yield name, self._shown(name, [row for row in rows if row.baseline != "input"])

    def _shown(self, name: str, rows: Sequence[Row]) -> dict[str, list[Tensor]]:
        shown: dict[str, list[Tensor]] = {"input": []}
        restoring = [(row, self._restoring(row, next(iter(self._runs(row)), None))) for row in rows]
        for first, (lq, gt) in self.material.batches(name, self._compared(name)):
            found = {"input": lq}
            for row, restore in restoring:
                torch.manual_seed(first)
                restored = restore(lq)
                if CONTROL in restored:
                    found[f"{row.label}: control"] = restored[CONTROL]
                found[row.label] = restored[""]
            for label, pictures in (found | {"truth": gt}).items():
                shown.setdefault(label, []).extend(pictures[: SHOWN - len(shown.get(label, ()))])
            if len(shown["truth"]) == SHOWN:
                break
        return shown

    def _held_out(self, pictures: str, run: Trained) -> int:
        """Return how many of these pictures a run held out, 0 if it saw none of them or they are all to be measured."""
        everything = self.paper.sets[pictures].pictures == "all"
        return 0 if everything else run.held_out(self.material.count(pictures))

    def _compared(self, pictures: str) -> int:
        """Return how many of these pictures the first run of any row held out: those that all rows are measured on."""
        for run in (run for row in self.paper.rows if row.pictures == pictures for run in self._runs(row)):
            with suppress(InputError):  # only the run's own row cannot be measured
                return self._held_out(pictures, run)
        return 0

    def _runs(self, row: Row) -> list[Trained]:
        return [run for _, run in sorted(self.weights.get(row.recipe, {}).items())] if row.recipe else []

    def _result(self, row: Row) -> Result:
        runs = self._runs(row)
        if row.recipe and not runs:
            return Result(row, missing="no weights")
        held_out = self._compared(row.pictures)
        for run in runs:
            if (kept := self._held_out(row.pictures, run)) != held_out:
                raise InputError(f"{run.path.name} held out {kept} of the pictures, the first row {held_out}")
        chosen: Sequence[Trained | None] = runs or [None]
        measured = [self._of_run(row, run, held_out) for run in chosen]
        return Result(row, runs, [values for values, _ in measured], measured[0][1])

    def _of_run(self, row: Row, run: Trained | None, held_out: int) -> tuple[dict[str, float], int]:
        restore = self._restoring(row, run)
        with torch.random.fork_rng([self.device] if self.device.type == "cuda" else []):
            values, images = self._mean(row, held_out, restore)
        return values | (restore.codes.values() if isinstance(restore, PaperNetwork) else {}), images

    def _restoring(self, row: Row, run: Trained | None) -> Restore:
        """Return what restores a row's pictures: a run's network, or a baseline."""
        if run is not None:
            return PaperNetwork(load_weights(run.path)[0], self.device, drawn=self.paper.codes == "drawn")
        method = baselines(self.paper.sets[row.pictures].scale)[row.baseline]
        return lambda lq: {"": method(lq)}

    def _mean(self, row: Row, held_out: int, restore: Restore) -> tuple[dict[str, float], int]:
        """Return every metric's mean over the images, for each of the restored versions, and how many images."""
        columns = PROFILES[self.paper.profile].columns
        found: dict[str, list[Tensor]] = {}
        images = 0
        for first, (lq, gt) in self.material.batches(row.pictures, held_out):
            torch.manual_seed(first)  # drawn codes are the same for each row
            for ending, restored in restore(lq).items():
                for name, each in PROFILES[self.paper.profile].measure(restored, gt).items():
                    found.setdefault(name + ending, []).append(each)
            images += len(gt)
        values = {name: torch.cat(parts) for name, parts in found.items()}
        means = {}
        for name, every in values.items():
            metric = name.removesuffix(CONTROL).removesuffix(MEAN_CODE)
            means[name] = float(columns[metric].pool(every[~every.isnan()]))
            if name.endswith(CONTROL):
                means[metric + WINS] = win_percentage(values[metric], every, columns[metric].higher)
        return means, images
