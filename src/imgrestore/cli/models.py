"""``imgrestore models``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from imgrestore.cli import console
from imgrestore.cli.options import Json
from imgrestore.errors import WeightsError
from imgrestore.files import content_hash
from imgrestore.parts import registry
from imgrestore.weights.cards import Card, estimator_weights, read_card, shipped, weights_folder
from imgrestore.weights.catalogue import find

app = typer.Typer(help="What models there are.", no_args_is_help=True, rich_markup_mode=None)


@app.command("list")
def list_models(json: Json = False) -> None:
    """List all models and weights with task, scales, licence and measured scores."""
    cards = {key: read_card(path) for key, path in shipped().items()}
    rows = [["model", "task", "scale", "weights", "PSNR", "unrestored", "measured on", "licence"]]
    for entry in registry.models().values():
        own = {key: card for key, card in cards.items() if card.model == entry.name}
        if json:
            console.record(_facts(entry, own))
            continue
        for (name, factor), card in own.items():
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
        if not own:
            factors = ", ".join(f"{factor}x" for factor in entry.scales) or "any"
            needed = "to be trained" if entry.trained else "none needed"
            rows.append([entry.name, entry.task, factors, needed, "", "", "", entry.licence])
    if not json:
        console.table(rows)


@app.command()
def info(name: Annotated[str, typer.Argument(help="A model, or a .safetensors file.")], json: Json = False) -> None:
    """Show everything known of a model and its weights."""
    if name.endswith(".safetensors"):
        card = read_card(Path(name))
        cards = {(card.model, card.scale): card}
        entry = registry.find_model(card.model)
    else:
        entry, available = find(name)
        cards = {key: read_card(path) for key, path in shipped().items() if path in available.values()}
    if json:
        console.record(_facts(entry, cards))
        return
    console.result(f"{entry.name}: {entry.summary}")
    console.result(f"task {entry.task}; from {entry.paper or 'no paper'}")
    for (own, scale), card in cards.items():
        console.result(f"\n{own} {scale}x: {card.steps} steps on {card.device}, {card.licence}")
        console.result(f"  trained on {card.data}, recipe {card.recipe.get('name', '?')}, dimensions {card.dimensions}")
        for score in card.scores:
            metrics = ", ".join(f"{k} {v:.4f}" for k, v in score.items() if isinstance(v, float))
            console.result(f"  {score['data']} ({score['protocol']}): {metrics}")
        if card.bf16_loss_db is not None:
            console.result(f"  bf16 costs {card.bf16_loss_db:.4f} dB")


@app.command()
def verify() -> None:
    """Check every shipped weights file: hash, card, shapes, finite numbers."""
    from imgrestore.automatic.estimator import estimator
    from imgrestore.weights.storage import load_weights

    listed = _listed_sums()
    for name in listed:
        if not (weights_folder() / name).is_file():
            missing = f"{weights_folder() / name}: is missing, but SHA256SUMS lists it"
            raise WeightsError(missing, hint="install imgrestore again")
    for path in [*shipped().values(), estimator_weights()]:
        name, found = path.relative_to(weights_folder()).as_posix(), content_hash(path)
        if listed.get(name) != found:
            raise WeightsError(f"{path}: its SHA-256 is not the one in SHA256SUMS", hint="install imgrestore again")
        estimator(path) if path == estimator_weights() else load_weights(path)
        console.result(f"ok {name} {found}")


def _listed_sums() -> dict[str, str]:
    lines = (weights_folder() / "SHA256SUMS").read_text(encoding="ascii").splitlines()
    return {name: digest for digest, _, name in (line.partition("  ") for line in lines)}


def _facts(entry: registry.ModelEntry, cards: dict[tuple[str, int], Card]) -> dict[str, object]:
    return {
        "model": entry.name,
        "summary": entry.summary,
        "task": entry.task,
        "scales": list(entry.scales) or "any",
        "licence": entry.licence,
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
