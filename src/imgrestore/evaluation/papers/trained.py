"""Finding the weights of finished runs of the papers' recipes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from imgrestore.errors import InputError, WeightsError
from imgrestore.weights.cards import Card, read_card, weights_folder


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


def find_weights(folders: Iterable[Path]) -> dict[str, dict[int, Trained]]:
    """Find weights of recipes, by recipe and seed.

    A run's ``best.safetensors`` is passed over: the papers' tables are those of finished runs. Of two files of one
    recipe and seed the one with more steps counts, then the first.

    Args:
        folders: Searched with their sub-folders; if there are none, the shipped weights are.

    Raises:
        InputError: A folder is missing.
    """
    found: dict[str, dict[int, Trained]] = {}
    shipped = weights_folder() / "papers"
    for folder in list(folders) or [shipped]:
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
