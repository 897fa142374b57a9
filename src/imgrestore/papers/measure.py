"""Measuring the rows of a paper's tables whose weights are at hand."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from imgrestore.cards import Card, read_card, weights_folder
from imgrestore.devices import forbid_tf32
from imgrestore.engine import Restorer
from imgrestore.errors import ImgrestoreError, InputError, WeightsError
from imgrestore.evaluation import baselines
from imgrestore.metrics.codes import kl_nats, silhouette, win_percentage
from imgrestore.metrics.profiles import PROFILES
from imgrestore.models.contract import RestorationModel
from imgrestore.papers import CONTROL, MEAN_CODE, WINS, Paper, Row
from imgrestore.papers.pictures import Material
from imgrestore.weights import load_weights

_MOST_CODES = 4000
"""Codes that a silhouette is taken of: the memory for it goes with the square."""

Restore = Callable[[Tensor], Tensor]
Values = dict[str, list[Tensor]]


@runtime_checkable
class Drawn(Protocol):
    """A model that can decode codes drawn from their Gaussians as well as the mean ones."""

    def reconstruct(self, lq: Tensor, sampled: bool = True) -> Tensor:
        """Restore a batch."""


@runtime_checkable
class Routed(Protocol):
    """A model with a decoder for each cluster of codes, and the single decoder that it is compared with."""

    def control(self) -> RestorationModel:
        """Return the model with the single decoder."""

    def cluster_of(self, code: Tensor) -> Tensor:
        """Return the number of the cluster of each code."""


@dataclass(frozen=True)
class Trained:
    """A weights file and what is known of its training.

    Attributes:
        path: The file.
        card: What it says of itself.
    """

    path: Path
    card: Card

    @property
    def recipe(self) -> str:
        """Name of the recipe."""
        return str(self.card.recipe.get("name", ""))

    @property
    def seed(self) -> int:
        """Seed of the run."""
        return int(self.card.recipe.get("training", {}).get("seed", 0))

    def held_out(self, count: int) -> int:
        """Return how many pictures of a folder of ``count`` the run held out; 0 if it learned from another folder.

        The folder is known by the number of its pictures.

        Raises:
            InputError: It learned from all of them.
        """
        learned = re.search(r"\((\d+) images\)$", self.card.data)
        kept = int(self.card.recipe.get("validation", {}).get("images", 0))
        if learned is None or int(learned[1]) + kept != count:
            return 0
        if not kept:
            raise InputError(f"{self.path.name} learned from all of these pictures")
        return kept

    @property
    def minutes(self) -> float | None:
        """Wall-clock minutes of the run, if its log is beside the weights."""
        log = self.path.parent / "log.jsonl"
        if self.card.minutes is not None or not log.is_file():
            return self.card.minutes
        lines = (json.loads(line) for line in log.read_text(encoding="utf-8").splitlines() if line.endswith("}"))
        known = [float(record["minutes"]) for record in lines if "minutes" in record]
        return known[-1] if known else None


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


def find_weights(folders: Iterable[Path]) -> dict[str, dict[int, Trained]]:
    """Find weights of recipes, by recipe and seed.

    A run's ``best.safetensors`` is passed over: the papers' tables are those of finished runs. Of two files of one
    recipe and seed the one with more steps counts, then the first.

    Args:
        folders: Searched with their sub-folders; ``papers`` in the folder of the shipped weights is searched last.

    Raises:
        InputError: A folder is missing.
    """
    found: dict[str, dict[int, Trained]] = {}
    shipped = weights_folder() / "papers"
    for folder in [*folders, *([shipped] if shipped.is_dir() else [])]:
        if not folder.is_dir():
            raise InputError(f"{folder}: no such folder", hint="--weights takes a folder of runs or of weights")
        for path in sorted(folder.rglob("*.safetensors")):
            if path.name == "best.safetensors":
                continue
            try:
                trained = Trained(path, read_card(path))
            except WeightsError:
                continue  # a checkpoint, or somebody else's
            seeds = found.setdefault(trained.recipe, {})
            if trained.seed not in seeds or trained.card.steps > seeds[trained.seed].card.steps:
                seeds[trained.seed] = trained
    return found


@dataclass
class Measurement:
    """The measurement of a paper's rows.

    Attributes:
        material: The pictures.
        weights: See :func:`find_weights`.
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

    def _held_out(self, pictures: str, run: Trained) -> int:
        """Return how many of these pictures a run held out, 0 if it saw none of them or they are all to be measured."""
        everything = self.paper.sets[pictures].pictures == "all"
        return 0 if everything else run.held_out(self.material.count(pictures))

    def _compared(self, pictures: str) -> int:
        """Return how many of these pictures the first run of any row held out: those that all rows are measured on."""
        runs = (run for row in self.paper.rows if row.pictures == pictures for run in self._runs(row))
        return next((self._held_out(pictures, run) for run in runs), 0)

    def _runs(self, row: Row) -> list[Trained]:
        return [run for _, run in sorted(self.weights.get(row.recipe, {}).items())] if row.recipe else []

    def _result(self, row: Row) -> Result:
        runs = self._runs(row)
        if row.recipe and not runs:
            return Result(row, missing="no weights")
        held_out = self._compared(row.pictures)
        if row.baseline:
            method = baselines(self.paper.sets[row.pictures].scale)[row.baseline]
            values, images = self._mean(row, held_out, lambda lq: {"": method(lq)})
            return Result(row, (), [values], images)
        for run in runs:
            if (kept := self._held_out(row.pictures, run)) != held_out:
                raise InputError(f"{run.path.name} held out {kept} of the pictures, the first row {held_out}")
        measured = [self._of_run(row, run, held_out) for run in runs]
        return Result(row, runs, [values for values, _ in measured], measured[0][1])

    def _of_run(self, row: Row, run: Trained, held_out: int) -> tuple[dict[str, float], int]:
        model = load_weights(run.path)[0].to(self.device)
        ours, codes = _Network(model, self.device), _Codes()
        routed = _routed(model)
        control = _Network(routed.control(), self.device) if routed else None

        def restore(lq: Tensor) -> dict[str, Tensor]:
            codes.add(model, lq.to(self.device))
            restored = {"": ours(lq)}
            if control is not None:
                restored[CONTROL] = control(lq)
            if self.paper.codes == "drawn" and isinstance(model, Drawn):
                restored[MEAN_CODE] = restored[""]
                with torch.inference_mode():
                    restored[""] = model.reconstruct(lq.to(self.device), sampled=True).float().cpu()
            return restored

        with torch.random.fork_rng([self.device] if self.device.type == "cuda" else []):
            values, images = self._mean(row, held_out, restore)
        return values | codes.values(), images

    def _mean(
        self, row: Row, held_out: int, restore: Callable[[Tensor], dict[str, Tensor]]
    ) -> tuple[dict[str, float], int]:
        """Return every metric's mean over the images, for each of the restored versions, and how many images."""
        columns = PROFILES[self.paper.profile].columns
        found: Values = {}
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


class _Network:
    """A network on batches of images of any size: in one go if they have its own size, by the engine if not."""

    def __init__(self, model: RestorationModel, device: torch.device) -> None:
        self.model, self.device = model.eval(), device
        self.engine = Restorer(model, device=device, precision="fp32")

    def __call__(self, lq: Tensor) -> Tensor:
        if _fits(self.model, lq):
            with torch.inference_mode():
                restored: Tensor = self.model(lq.to(self.device))
            return restored.float().cpu()
        images = [self.engine.restore_tensor(image.expand(3, -1, -1)) for image in lq]
        return torch.stack(images)[:, : lq.shape[1]]


class _Codes:
    """What the codes of a model are like, gathered batch by batch."""

    def __init__(self) -> None:
        self.codes: list[Tensor] = []
        self.clusters: list[Tensor] = []
        self.nats: list[Tensor] = []

    def add(self, model: RestorationModel, lq: Tensor) -> None:
        """Look at the codes of some pictures (N, C, H, W)."""
        with torch.inference_mode():
            if _fits(model, lq):
                outputs = model.outputs(lq)
                if "mean" in outputs and "logvar" in outputs:
                    self.nats.append(kl_nats(outputs["mean"], outputs["logvar"]).cpu())
            if routed := _routed(model):
                outputs = model.outputs(_blocks(lq, model))
                code = outputs.get("mean", outputs["code"])
                self.codes.append(code.cpu())
                self.clusters.append(routed.cluster_of(code).cpu())

    def values(self) -> dict[str, float]:
        """Return the divergence in nats and the silhouette, as far as the model has them."""
        found = {}
        if self.nats:
            found["kl_nats"] = float(torch.cat(self.nats).mean())
        if self.codes:
            codes, clusters = torch.cat(self.codes), torch.cat(self.clusters)
            step = math.ceil(len(codes) / _MOST_CODES)
            found["silhouette"] = silhouette(codes[::step], clusters[::step])
        return found


def _routed(model: RestorationModel) -> Routed | None:
    """Return the model if it has a decoder for each cluster."""
    return model if "per-cluster" in model.stages and isinstance(model, Routed) else None


def _fits(model: RestorationModel, lq: Tensor) -> bool:
    """Return whether a batch has the network's own size and channels."""
    return model.channels == lq.shape[1] and lq.shape[-2:] == (model.native_size, model.native_size)


def _blocks(lq: Tensor, model: RestorationModel) -> Tensor:
    """Cut (N, C, H, W) into the blocks of a model of fixed size."""
    side = model.native_size or 0
    step = side - model.overlap
    cut = lq.unfold(2, side, step).unfold(3, side, step)
    return cut.permute(0, 2, 3, 1, 4, 5).reshape(-1, lq.shape[1], side, side)
