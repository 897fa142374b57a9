"""``imgrestore evaluate --paper``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from imgrestore.cli import console
from imgrestore.evaluation.papers import find_paper

if TYPE_CHECKING:
    from imgrestore.evaluation.papers.measure import Measurement, Result
    from imgrestore.evaluation.papers.table import PaperTable


def evaluate_paper(
    number: str,
    data: Sequence[Path],
    weights: Sequence[Path],
    device: str,
    *,
    markdown: bool = False,
    json: bool = False,
    record: bool = False,
    sheets: Path | None = None,
) -> None:
    """Measure a paper's rows and print them beside the published ones.

    Args:
        number: Of the paper.
        data: Folders of pictures.
        weights: Folders to search for weights; if none are given, the shipped ones.
        device: As the user named it.
        markdown: Write the tables to standard output in Markdown.
        json: Write them as JSON.
        record: Write the scores and the length of the training into the weights' cards.
        sheets: Folder for a picture of each set of pictures, restored by every row.
    """
    paper = find_paper(number)
    from imgrestore.engine.devices import choose_device
    from imgrestore.evaluation.papers.measure import Measurement
    from imgrestore.evaluation.papers.pictures import Material
    from imgrestore.evaluation.papers.table import PaperTable
    from imgrestore.evaluation.papers.trained import find_weights

    measurement = Measurement(Material(paper, data), find_weights(weights), choose_device(device))
    results: list[Result] = []
    with console.meter("measuring", len(paper.rows), "rows") as meter:
        for result in measurement.results():
            results.append(result)
            meter.advance(1)
    table = PaperTable(paper, results)
    console.say(f"paper {number}: {paper.title}")
    console.table(table.measured(), to_stderr=True)
    console.table(table.claims(), to_stderr=True)
    for note in table.notes():
        console.say(note)
    for wanted, text in ((json, table.to_json), (markdown, table.to_markdown)):
        if wanted:
            console.result(text())
    if record:
        _record(table)
    if sheets is not None:
        _draw(measurement, results, sheets)


def _draw(measurement: Measurement, results: Sequence[Result], folder: Path) -> None:
    from imgrestore.evaluation.sheet import draw_grid, save_sheet

    folder.mkdir(parents=True, exist_ok=True)
    for name, pictures in measurement.pictures(results):
        path = folder / f"{measurement.paper.number}-{name}.png"
        save_sheet(draw_grid(pictures), path)
        console.say(f"drew {path}")


def _record(table: PaperTable) -> None:
    """Write scores into the user's weights; those that come with the package stay what they are."""
    from imgrestore.weights.cards import comes_with_package
    from imgrestore.weights.storage import update_card

    for result in (result for result in table.results if result.runs):
        for run, values in zip(result.runs, result.values, strict=True):
            if comes_with_package(run.path):
                console.warn(f"{run.path.name} comes with the package: nothing is recorded in it")
                continue
            update_card(run.path, **table.recorded(result, run, values))
            console.say(f"recorded in {run.path.name}")
