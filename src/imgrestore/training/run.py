"""The folder of a run.

::

    recipe.toml               every setting spelled out; trains the same run
    log.jsonl                 one record per line: losses, learning rate, pace, measurements
    checkpoint.safetensors    everything needed to go on
    latest.safetensors        weights at the last checkpoint
    best.safetensors          weights of the best measurement so far
    <recipe>.safetensors      weights of the finished run
    samples/step-….png        degraded, restored and true crops at every measurement
    curves.png, run.html      what log.jsonl says, drawn
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imgrestore import __version__
from imgrestore.datasets.folder import CHECKPOINT
from imgrestore.engine.devices import describe_device
from imgrestore.errors import OutputError, UsageError
from imgrestore.files import remove_leftovers, write_atomically
from imgrestore.recipes.recipe import Recipe
from imgrestore.training.step import Step
from imgrestore.weights.cards import Card
from imgrestore.weights.storage import save_weights

Record = dict[str, Any]

LATEST = "latest.safetensors"
"""Name of the weights at the last checkpoint."""


@dataclass(frozen=True)
class Run:
    """A run's folder, as the one process sees it that writes.

    Attributes:
        folder: Where it is.
        name: Name of the recipe.
    """

    folder: Path
    name: str

    @property
    def recipe(self) -> Path:
        """The resolved recipe."""
        return self.folder / "recipe.toml"

    @property
    def log(self) -> Path:
        """The records."""
        return self.folder / "log.jsonl"

    @property
    def checkpoint(self) -> Path:
        """What a resumed run goes on from."""
        return self.folder / CHECKPOINT

    @property
    def latest(self) -> Path:
        """Weights at the last checkpoint."""
        return self.folder / LATEST

    @property
    def best(self) -> Path:
        """Weights of the best measurement."""
        return self.folder / "best.safetensors"

    @property
    def weights(self) -> Path:
        """Weights of the finished run."""
        return self.folder / f"{self.name}.safetensors"

    def check(self, resume: bool, start: Path | None) -> None:
        """Check that the folder is what a new or a resumed run expects.

        Raises:
            UsageError: It already holds a run, or none to resume.
        """
        if resume and start is not None:
            raise UsageError("--resume goes on from a checkpoint, --weights begins anew", hint="leave one out")
        if resume and not self.checkpoint.is_file():
            raise UsageError(f"{self.folder}: holds no checkpoint to resume", hint="leave out --resume to start a run")
        if not resume and self.checkpoint.exists():
            raise UsageError(
                f"{self.folder}: already holds a run", hint="add --resume to go on, or give another --output folder"
            )

    def begin(self, recipe: Recipe) -> None:
        """Make the folder with the recipe."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"{self.folder}: cannot be made ({error.strerror})") from None
        remove_leftovers(self.folder)
        write_atomically(self.recipe, recipe.to_toml().encode())
        self.log.unlink(missing_ok=True)

    def go_on(self, step: int) -> None:
        """Clean up after an interrupted run: records beyond the checkpoint, whose steps are taken again."""
        remove_leftovers(self.folder)
        kept = [json.dumps(record) + "\n" for record in self.records() if record["step"] <= step]
        write_atomically(self.log, "".join(kept).encode())

    def record(self, record: Record) -> None:
        """Add a record to the log."""
        with self.log.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")

    def records(self) -> list[Record]:
        """Return the records so far; a line that was cut off is left out."""
        found = []
        lines = self.log.read_text(encoding="utf-8").splitlines() if self.log.exists() else []
        for line in lines:
            with contextlib.suppress(ValueError):
                found.append(json.loads(line))
        return found

    def save_weights(self, path: Path, step: Step, data: str, steps: int) -> None:
        """Write the weights that a number of steps have come to, with their card."""
        card = Card(
            model=step.recipe.model_name,
            dimensions=step.recipe.dimensions,
            recipe=step.recipe.to_table(),
            data=data,
            licence=step.recipe.licence,
            version=__version__,
            steps=steps,
            device=describe_device(step.device),
            plugins=step.recipe.plugins,
        )
        save_weights(path, step.result.state_dict(), card)
