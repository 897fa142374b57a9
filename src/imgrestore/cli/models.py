"""``imgrestore models``."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from imgrestore.cli import console
from imgrestore.cli.commands import Commands
from imgrestore.cli.help import Explained
from imgrestore.cli.options import Json
from imgrestore.cli.plugins import with_origins
from imgrestore.errors import WeightsError
from imgrestore.files import content_hash
from imgrestore.parts import registry
from imgrestore.parts.plugins import PACKAGE, Source
from imgrestore.weights.cards import Card, estimator_weights, guard_weights, read_card, shipped, weights_folder
from imgrestore.weights.catalogue import DEFAULT_MODELS, find

app = typer.Typer(help="What models there are.", no_args_is_help=True, rich_markup_mode=None, cls=Commands)


_GROUPS = {
    "photos": "For photos",
    "papers": "The papers' networks: what a paper describes, trained as it says, to be measured beside its tables",
}
"""Headings of the list of models, by what its records call the group."""

_COLUMNS = ["model", "task", "scale", "weights", "PSNR", "unrestored", "measured on", "licence"]


@app.command("list", cls=Explained, short_help="List models and weights with their scores.")
def list_models(json: Json = False) -> None:
    """List all models and weights with task, scales, licence and measured scores: what restores photos first."""
    cards = {key: read_card(path) for key, path in shipped().items()}
    for group, heading in _GROUPS.items():
        rows, sources = [_COLUMNS], list[Source]()
        for entry in _in_order(entry for entry in registry.models().values() if _group(entry) == group):
            own = {key: card for key, card in cards.items() if card.model == entry.name}
            if json:
                console.record(_facts(entry, own))
                continue
            rows += _rows(entry, own)
            sources += [entry.source] * max(1, len(own))
        if not json:
            console.result(heading)
            console.table(with_origins(rows, sources))


def _group(entry: registry.ModelEntry) -> str:
    return "papers" if entry.reproduces else "photos"


def _in_order(entries: Iterable[registry.ModelEntry]) -> list[registry.ModelEntry]:
    """Sort models: what a task takes by itself, what has weights, what needs none, what is yet to be trained."""
    there = {read_card(path).model for path in shipped().values()}
    defaults = DEFAULT_MODELS.values()
    return sorted(
        entries, key=lambda each: (each.name not in defaults, each.name not in there, each.trained, each.name)
    )


def _rows(entry: registry.ModelEntry, cards: dict[tuple[str, int], Card]) -> list[list[str]]:
    rows = []
    for (name, factor), card in cards.items():
        score = card.scores[0] if card.scores else {}
        unrestored = next((score[base] for base in ("bicubic_psnr", "input_psnr") if base in score), None)
        rows.append(
            [
                name,
                entry.task,
                f"{factor}x",
                "shipped",
                f"{score['psnr']:.2f}" if "psnr" in score else "",
                "" if unrestored is None else f"{unrestored:.2f}",
                f"{score['data']}, {score['protocol']}" if score else "",
                card.licence,
            ]
        )
    if rows:
        return rows
    factors = ", ".join(f"{factor}x" for factor in entry.scales) or "any"
    needed = "to be trained" if entry.trained else "none needed"
    return [[entry.name, entry.task, factors, needed, "", "", "", entry.licence]]


@app.command(cls=Explained)
def info(name: Annotated[str, typer.Argument(help="A model, or a .safetensors file.")], json: Json = False) -> None:
    """Show everything known of a model and its weights."""
    if name.endswith(".safetensors"):
        card = read_card(Path(name))
        cards = {(card.model, card.scale): card}
        entry = card.entry(Path(name))
    else:
        entry, available = find(name)
        cards = {key: read_card(path) for key, path in shipped().items() if path in available.values()}
    if json:
        console.record(_facts(entry, cards))
        return
    console.result(f"{entry.name}: {entry.summary}")
    console.result(f"task {entry.task}; from {entry.paper or 'no paper'}")
    if entry.source is not PACKAGE:
        console.result(f"of the plugin {entry.source.name}")
    for (own, scale), card in cards.items():
        console.result(f"\n{own} {scale}x: {card.steps} steps on {card.device}, {card.licence}")
        console.result(f"  trained on {card.data}, recipe {card.recipe.get('name', '?')}, dimensions {card.dimensions}")
        for score in card.scores:
            metrics = ", ".join(f"{k} {v:.4f}" for k, v in score.items() if isinstance(v, float))
            console.result(f"  {score['data']} ({score['protocol']}): {metrics}")
        if card.bf16_loss_db is not None:
            console.result(f"  bf16 costs {card.bf16_loss_db:.4f} dB")


@app.command(cls=Explained, short_help="Check every shipped weights file.")
def verify() -> None:
    """Check every shipped weights file: hash, card, shapes, finite numbers."""
    from imgrestore.automatic.estimator import estimator
    from imgrestore.engine.guard import judge
    from imgrestore.weights.storage import load_weights

    listed = _listed_sums()
    for name in listed:
        if not (weights_folder() / name).is_file():
            missing = f"{weights_folder() / name}: is missing, but SHA256SUMS lists it"
            raise WeightsError(missing, hint="install imgrestore again")
    loaders = dict.fromkeys(shipped().values(), load_weights)
    for path, load in (loaders | {estimator_weights(): estimator, guard_weights(): judge}).items():
        name, found = path.relative_to(weights_folder()).as_posix(), content_hash(path)
        if listed.get(name) != found:
            raise WeightsError(f"{path}: its SHA-256 is not the one in SHA256SUMS", hint="install imgrestore again")
        load(path)
        console.result(f"ok {name} {found}")


def _listed_sums() -> dict[str, str]:
    lines = (weights_folder() / "SHA256SUMS").read_text(encoding="ascii").splitlines()
    return {name: digest for digest, _, name in (line.partition("  ") for line in lines)}


def _facts(entry: registry.ModelEntry, cards: dict[tuple[str, int], Card]) -> dict[str, object]:
    return {
        "model": entry.name,
        "group": _group(entry),
        "summary": entry.summary,
        "task": entry.task,
        "scales": list(entry.scales) or "any",
        "licence": entry.licence,
        "from": entry.source.name,
        "paper": entry.paper,
        "weights": [
            {
                "name": name,
                "scale": scale,
                "licence": card.licence,
                "steps": card.steps,
                "device": card.device,
                "scores": card.scores,
                "bf16_loss_db": card.bf16_loss_db,
            }
            for (name, scale), card in cards.items()
        ],
    }
