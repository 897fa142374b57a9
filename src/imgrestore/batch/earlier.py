"""Files of folders that are results of earlier runs, and so no inputs of the next. No torch."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from imgrestore.batch.inputs import STREAM, Input, place_of
from imgrestore.batch.job import Job
from imgrestore.batch.manifest import MANIFEST, Manifest


def without_known_results(inputs: list[Input], output: Path | None) -> list[Input]:
    """Leave out files of a folder that the manifest of the output folder knows as results."""
    if output is None or not os.path.isfile(output / MANIFEST):  # noqa: PTH113  never raises
        return inputs
    manifest, folder = Manifest(output), place_of(output)
    return [item for item in inputs if item.named or not manifest.made(_below(folder, item.source))]


def without_results_beside(planned: Sequence[tuple[Input, Job]]) -> list[tuple[Input, Job]]:
    """Leave out files of a folder that say they are results, and whose names go on from those of their neighbours."""
    originals = {(item.source.parent, item.source.stem) for item, job in planned if not job.stamped}

    def made_here(path: Path) -> bool:
        words = path.stem.split("_")
        return any((path.parent, "_".join(words[:count])) in originals for count in range(1, len(words)))

    return [(item, job) for item, job in planned if item.named or not (job.stamped and made_here(item.source))]


def without_earlier_results(planned: Sequence[tuple[Input, Job]]) -> list[Job]:
    """Leave out files of a folder that are results of an earlier run on their neighbours."""
    makers = {place_of(job.destination): job.source for _, job in planned if job.destination != STREAM}
    return [job for item, job in planned if item.named or makers.get(place_of(job.source), job.source) == job.source]


def _below(folder: str, path: Path) -> str:
    """Return the path of a file below a folder as manifests write it; one that lies elsewhere begins with ``..``."""
    return Path(os.path.relpath(place_of(path), folder)).as_posix()
