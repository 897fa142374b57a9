"""A paper's table, published beside measured, in the forms it is handed on in."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from imgrestore.errors import UnknownNameError
from imgrestore.evaluation.papers import CONTROL, MEAN_CODE, WINS, Claim, Paper
from imgrestore.evaluation.papers.measure import Result
from imgrestore.evaluation.papers.trained import Trained
from imgrestore.evaluation.report import markdown
from imgrestore.metrics.profiles import PROFILES
from imgrestore.recipes.recipe import difference, load_recipe
from imgrestore.weights.cards import read_card

_OTHERS = {"kl_nats": ("KL, nats", 2), "silhouette": ("silhouette", 3)}
"""Heading and decimals of metrics that are of codes, not of images."""

_ENDINGS = {WINS: "wins, %", CONTROL: "of the control", MEAN_CODE: "of the mean code"}


@dataclass(frozen=True)
class PaperTable:
    """What a paper published and what was measured.

    Attributes:
        paper: The paper.
        results: One for each of its rows.
    """

    paper: Paper
    results: Sequence[Result]

    def rows(self) -> list[list[str]]:
        """Return the table: a row of headings, then the rows; published numbers stand left of measured ones."""
        head = ["row"]
        for metric in self.paper.columns:
            head += [f"{self._heading(metric)}, paper"] * self._is_published(metric) + [self._heading(metric)]
        return [[*head, "seeds", "steps"], *(self._row(result) for result in self.results)]

    def measured(self) -> list[list[str]]:
        """Return the table without the rows that were not run, and without the columns that are empty then."""
        head, *body = self.rows()
        run = [line for line, result in zip(body, self.results, strict=True) if not result.missing]
        filled = [i for i in range(len(head)) if not i or any(line[i] for line in run)]
        return [[line[i] for i in filled] for line in (head, *run)]

    def claims(self) -> list[list[str]]:
        """Return what the paper claims as a table: a row of headings, then one row for each claim and metric."""
        lines = [["claim", "metric", "paper", "measured"]]
        for claim in self.paper.claims:
            for metric in claim.metrics:
                published, measured = self.claimed(claim, metric)
                what = self._heading(metric + WINS * (claim.by == "wins"))
                what += ", ratio" * (claim.by == "ratio")
                sign = "+" if claim.by == "difference" else ""
                decimals = 3 if claim.by == "ratio" else self._decimals(metric + WINS * (claim.by == "wins"))
                shown = "not published" if published is None else f"{published:{sign}.{decimals}f}"
                lines.append([claim.text, what, shown, _spread(measured, decimals, sign) or "not run"])
        return lines

    def claimed(self, claim: Claim, metric: str) -> tuple[float | None, list[float]]:
        """Return a claimed quantity as published, and as measured for each seed of the row.

        A seed is compared with the same seed of the other row or, where that has none, with its mean.
        """
        published = claim.value(
            self.paper.row(claim.row).published,
            self.paper.row(claim.against).published if claim.against else {},
            metric,
        )
        theirs = self._by_seed(claim.against) if claim.against else {}
        known = [each[metric] for each in theirs.values() if metric in each]
        mean = {metric: statistics.fmean(known)} if known else {}
        pairs = [(each, theirs.get(seed, mean)) for seed, each in self._by_seed(claim.row).items()]
        measured = [claim.value(ours, other, metric) for ours, other in pairs]
        return published, [value for value in measured if value is not None and not math.isnan(value)]

    def notes(self) -> list[str]:
        """Return what is to be known when reading the table: how it was taken, on what, by which runs."""
        profile = PROFILES[self.paper.profile]
        lines = [f"Profile {profile.name}: {profile.summary}."]
        for name, pictures in self.paper.sets.items():
            counts = sorted({str(r.images) for r in self.results if r.row.pictures == name and r.images})
            if counts:
                lines.append(f"{name}: {pictures.summary}; {' or '.join(counts)} pictures.")
        runs = {run.path: run for result in self.results for run in result.runs}
        lines += [_described(run) for run in runs.values()]
        for why in dict.fromkeys(result.missing for result in self.results if result.missing):
            rows = [f"{r.row.label} ({r.row.recipe or r.row.baseline})" for r in self.results if r.missing == why]
            lines.append(f"Not run, {why}: {', '.join(rows)}.")
        lines += [f"{result.row.label}: {result.row.note}." for result in self.results if result.row.note]
        return lines + [f"{note}." for note in self.paper.notes]

    def to_markdown(self) -> str:
        """Return tables and notes as they stand in the documents."""
        parts = [markdown(self.rows()), markdown(self.claims()), "".join(f"* {note}\n" for note in self.notes())]
        return "\n".join(parts)

    def to_json(self) -> str:
        """Return everything as one line of JSON."""
        rows = [
            {
                "row": result.row.name,
                "label": result.row.label,
                "recipe": result.row.recipe or result.row.baseline,
                "table": result.row.table,
                "pictures": result.row.pictures,
                "images": result.images,
                "published": dict(result.row.published),
                "missing": result.missing,
                "measured": [
                    {k: v if abs(v) < float("inf") else None for k, v in each.items()} for each in result.values
                ],
                "runs": [_facts(run) for run in result.runs],
            }
            for result in self.results
        ]
        claims = []
        for claim in self.paper.claims:
            for metric in claim.metrics:
                published, measured = self.claimed(claim, metric)
                about = {"claim": claim.text, "row": claim.row, "against": claim.against, "by": claim.by}
                claims.append({**about, "metric": metric, "published": published, "measured": measured})
        table = {"paper": self.paper.number, "profile": self.paper.profile, "rows": rows, "claims": claims}
        return json.dumps(table, ensure_ascii=False)

    def recorded(self, result: Result, run: Trained, values: Mapping[str, float]) -> dict[str, Any]:
        """Return what the card of a run is to say besides: the scores of a row, and how long the training took."""
        about = {"data": self.paper.sets[result.row.pictures].summary, "images": result.images}
        score = {
            **about,
            "protocol": self.paper.profile,
            **{k: round(v, 4) for k, v in values.items() if math.isfinite(v)},
        }
        return {"scores": read_card(run.path).scores_with(score), "minutes": run.minutes}

    def _row(self, result: Result) -> list[str]:
        row = result.row
        line = [row.label]
        for number, metric in enumerate(self.paper.columns):
            decimals = self._decimals(metric)
            if self._is_published(metric):
                line.append(f"{row.published[metric]:.{decimals}f}" if metric in row.published else "")
            line.append("not run" if result.missing and not number else _spread(result.of(metric), decimals))
        steps = sorted({run.card.steps for run in result.runs})
        return [
            *line,
            str(len(result.runs) or ""),
            " to ".join(f"{n:,}" for n in {steps[0], steps[-1]}) if steps else "",
        ]

    def _is_published(self, metric: str) -> bool:
        return any(metric in row.published for row in self.paper.rows)

    def _heading(self, metric: str) -> str:
        plain, ending = _split(metric)
        heading = _OTHERS[plain][0] if plain in _OTHERS else PROFILES[self.paper.profile].columns[plain].heading
        return f"{heading} {_ENDINGS[ending]}" if ending else heading

    def _decimals(self, metric: str) -> int:
        plain, ending = _split(metric)
        if ending == WINS:
            return 1
        return _OTHERS[plain][1] if plain in _OTHERS else PROFILES[self.paper.profile].columns[plain].decimals

    def _by_seed(self, name: str) -> dict[int, Mapping[str, float]]:
        """Return the values of a row by seed; those of a baseline, which has none, under -1."""
        result = next(result for result in self.results if result.row.name == name)
        seeds = [run.seed for run in result.runs] or [-1] * len(result.values)
        return dict(zip(seeds, result.values, strict=True))


def _split(metric: str) -> tuple[str, str]:
    ending = next((e for e in _ENDINGS if metric.endswith(e)), "")
    return metric.removesuffix(ending), ending


def _spread(values: Sequence[float], decimals: int, sign: str = "") -> str:
    """Return the mean, with the standard deviation where there are several."""
    if not values:
        return ""
    mean = f"{statistics.fmean(values):{sign}.{decimals}f}"
    return f"{mean} ± {statistics.stdev(values):.{decimals}f}" if len(values) > 1 else mean


def _facts(run: Trained) -> dict[str, Any]:
    card = run.card
    facts = {"weights": run.path.name, "recipe": run.recipe, "seed": run.seed, "steps": card.steps, "data": card.data}
    return {**facts, "device": card.device, "minutes": run.minutes, "changed": _changed(run)}


def _described(run: Trained) -> str:
    facts = _facts(run)
    minutes = f", {facts['minutes']:.1f} min" if facts["minutes"] is not None else ""
    changed = f"; not as the recipe says: {facts['changed']}" if facts["changed"] else ""
    trained = f"{facts['steps']:,} steps on {facts['data']}, {facts['device']}{minutes}"
    return f"{run.recipe}, seed {run.seed}: {trained}{changed}."


def _changed(run: Trained) -> str:
    """Say how a run's recipe differs from the shipped one of its name, apart from the seed; the first difference."""
    try:
        shipped = load_recipe(run.recipe).to_table()
    except UnknownNameError:
        return "no such recipe here"
    shipped["training"] = shipped["training"] | {"seed": run.seed}
    return difference(shipped, dict(run.card.recipe)) if shipped != run.card.recipe else ""
