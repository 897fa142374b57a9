"""``imgrestore evaluate``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imgrestore.cli import console
from imgrestore.cli.evaluate_paper import evaluate_paper
from imgrestore.cli.options import Device, Json, Memory, PrecisionOption, Scale, Tile
from imgrestore.errors import UsageError
from imgrestore.provenance.settings import Settings
from imgrestore.weights.cards import comes_with_package
from imgrestore.weights.catalogue import Choice, choose, labelled

if TYPE_CHECKING:
    from imgrestore.engine.restorer import Restorer
    from imgrestore.evaluation.evaluate import Pair, Restore
    from imgrestore.evaluation.report import Report, Requirement


def evaluate(
    data: Annotated[
        list[Path], typer.Option("--data", "-d", help="Folder of ground-truth images; several with --paper.")
    ],
    model: Annotated[
        list[str] | None, typer.Option("--model", "-m", help="Name or .safetensors file; several are allowed.")
    ] = None,
    paper: Annotated[
        str | None,
        typer.Option(help="000 to 004: measure the rows of a paper whose weights are here, beside its table."),
    ] = None,
    weights: Annotated[
        list[Path] | None,
        typer.Option("--weights", help="With --paper: folder of runs or weights; several are allowed."),
    ] = None,
    lq: Annotated[
        Path | None, typer.Option("--lq", help="Folder of low-quality images with the same names; made if absent.")
    ] = None,
    scale: Scale = None,
    degrade: Annotated[
        list[str] | None,
        typer.Option(help="What makes low-quality images: gaussian-blur:sigma=1.6; several happen in their order."),
    ] = None,
    sigma: Annotated[
        float | None,
        typer.Option(
            help="White noise added last, in levels of 255; by default 25 for denoise, 2 for deblur, "
            "none with --degrade."
        ),
    ] = None,
    classical: Annotated[
        bool, typer.Option("--classical", help="Also measure classical methods, told the noise or the kernel.")
    ] = False,
    protocol: Annotated[str | None, typer.Option(help="y (luma) or rgb; y for upscaling by default.")] = None,
    require: Annotated[
        list[str] | None, typer.Option(help="Fail (exit code 1) unless it holds: 'psnr >= bicubic + 0.3'.")
    ] = None,
    csv: Annotated[bool, typer.Option("--csv", help="Write every score to standard output.")] = False,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Write the table in Markdown to standard output.")
    ] = False,
    record: Annotated[
        bool, typer.Option("--record", help="Write the scores, and the loss of bf16, into the weights' card.")
    ] = False,
    sheets: Annotated[
        Path | None, typer.Option(help="With --paper: folder for a picture of every set, restored by each row.")
    ] = None,
    device: Device = "auto",
    precision: PrecisionOption = "auto",
    tile: Tile = None,
    memory: Memory = None,
    json: Json = False,
) -> None:
    """Measure models against ground truth, beside nearest neighbour and bicubic; or a paper's rows beside its table."""
    if sum((csv, markdown, json)) > 1:
        raise UsageError("--csv, --markdown and --json all write to standard output", hint="use one of them")
    if paper is not None:
        given = model, lq, scale, degrade, sigma, protocol, require, tile, memory
        if any(each is not None for each in given) or classical or csv or precision != "auto":
            raise UsageError("--paper settles what is measured and how", hint="leave out --model and its options")
        evaluate_paper(paper, data, weights or [], device, markdown=markdown, json=json, record=record, sheets=sheets)
        return
    if not model:
        raise UsageError("what is to be measured?", hint="name a --model, or a --paper")
    if len(data) > 1 or weights or sheets:
        raise UsageError("several --data, --weights and --sheets go with --paper", hint="name weights by --model")
    if lq is not None and (degrade or sigma is not None or classical):
        raise UsageError(
            "--lq gives the low-quality images: nothing degrades them", hint="leave out --degrade, --sigma, --classical"
        )
    folder = data[0]
    from imgrestore.engine.prepare import prepare
    from imgrestore.evaluation.evaluate import baselines, classical_methods, standard_protocol
    from imgrestore.evaluation.report import Requirement
    from imgrestore.metrics import PROTOCOLS, all_metrics

    first = choose(model[0], scale)
    choices = labelled([first, *(choose(name, first.scale) for name in model[1:])])
    if not float(first.scale).is_integer():
        raise UsageError(f"scale must be a whole number here, got {first.scale:g}")
    factor = int(first.scale)
    chosen = protocol or standard_protocol(first.entry.task)
    if chosen not in PROTOCOLS:
        raise UsageError(f"no protocol is called {chosen!r}", hint=f"use {' or '.join(PROTOCOLS)}")
    pairs = _pairs(folder, lq, first, factor, degrade or [], sigma)
    also = classical_methods(pairs[0]) if classical else ()
    if classical and not also:
        console.warn("--classical measures nothing here: its methods are for noise alone, or for a blur that is known")
    measured = (*baselines(factor), *also, *choices)
    metrics = tuple(all_metrics())
    requirements = [Requirement.parse(text, metrics, measured) for text in require or []]
    checks = [(each, method) for each in requirements for method in each.checked(list(choices))]

    settings = Settings.of(device=device, precision=precision, tile=tile, memory=memory, guard=False)

    def ready(choice: Choice, **changes: object) -> Restorer:
        return prepare(choice, **(settings.computing | changes))

    restorers = {label: ready(choice) for label, choice in choices.items()}
    ours = {label: restorer.restore_tensor for label, restorer in restorers.items()}

    def methods(pair: Pair) -> dict[str, Restore]:
        return {**baselines(factor), **(classical_methods(pair) if classical else {}), **ours}

    report = _measure(methods, pairs, chosen, metrics)
    name, made = folder.resolve().name, _made(first.entry.task, degrade or [], sigma)
    degraded, about = " ".join([f"degraded for {first.entry.task} x{factor}", *made]), " ".join([name, *made])
    if lq is not None:
        degraded = f"low quality from {lq.resolve().name}"
        about = f"{name}, {degraded}"
    console.say(f"{name}: {len(pairs)} images, {degraded}; protocol {chosen}: {PROTOCOLS[chosen]}")
    console.table(report.rows(), to_stderr=True)
    for wanted, text in ((json, report.to_json), (csv, report.to_csv), (markdown, report.to_markdown)):
        if wanted:
            console.result(text())
    if record:
        for label, choice in choices.items():
            _record(choice, label, report, about, pairs, restorers[label].precision, ready)
    _gate(checks, report)


def _pairs(
    data: Path, lq: Path | None, choice: Choice, scale: int, degrade: list[str], sigma: float | None
) -> list[Pair]:
    from imgrestore.evaluation import evaluate as evaluation

    if lq is not None:
        return evaluation.paired_folders(lq, data, scale)
    if degrade:
        degradations = [*map(evaluation.parse_degradation, degrade), *evaluation.white_noise(sigma)]
    else:
        degradations = evaluation.standard_degradations(choice.entry.task, scale, sigma)
    return evaluation.degraded_pairs(data, degradations, scale)


def _made(task: str, degrade: list[str], sigma: float | None) -> list[str]:
    """Return what tables and cards say of how low-quality images were made, beyond the task."""
    from imgrestore.evaluation.evaluate import STANDARD_BLUR, STANDARD_SIGMA

    level = STANDARD_SIGMA.get(task) if sigma is None and not degrade else sigma
    happened = [STANDARD_BLUR] if task == "deblur" and not degrade else degrade
    return [*happened, *([] if level is None else [f"sigma {level:g}"])]


def _measure(
    methods: Callable[[Pair], dict[str, Restore]], pairs: list[Pair], protocol: str, metrics: Sequence[str]
) -> Report:
    from imgrestore.evaluation.evaluate import evaluate
    from imgrestore.evaluation.report import Report, Score

    scores: list[Score] = []
    with console.meter("measuring", len(pairs), "images") as meter:
        for pair in pairs:
            scores += evaluate(methods(pair), [pair], protocol, metrics)  # type: ignore[arg-type]
            meter.advance(1)
    return Report(scores, protocol)


def _record(
    choice: Choice,
    label: str,
    report: Report,
    data: str,
    pairs: list[Pair],
    measured: str,
    ready: Callable[..., Restorer],
) -> None:
    """Write the scores into the card of the weights, and what bf16 costs on the same images."""
    from imgrestore.evaluation.evaluate import card_score
    from imgrestore.weights.storage import update_card

    if choice.weights is None or choice.card is None or choice.before:
        console.warn(f"{label} has no weights of its own, so there is no card to record scores in")
        return
    if comes_with_package(choice.weights):
        console.warn(f"{label} comes with the package: nothing is recorded in it, but in a copy that --model names")
        return
    if choice.scale != choice.network_scale:
        console.warn(f"{label} is a {choice.network_scale:g}x network; scores at {choice.scale:g}x are not recorded")
        return
    psnr = {measured: report.mean(label, "psnr")}
    for precision in sorted({"fp32", "bf16"} - psnr.keys()):
        psnr[precision] = _mean_psnr(ready(choice, precision=precision), pairs, report.protocol)
    score = card_score(report, label, data, len(pairs))
    loss = max(choice.card.bf16_loss_db or 0.0, round(psnr["fp32"] - psnr["bf16"], 4))
    update_card(choice.weights, scores=choice.card.scores_with(score), bf16_loss_db=loss)
    console.say(f"recorded in {choice.weights.name}; bf16 costs {psnr['fp32'] - psnr['bf16']:.4f} dB here")


def _mean_psnr(restorer: Restorer, pairs: list[Pair], protocol: str) -> float:
    report = _measure(lambda _: {"model": restorer.restore_tensor}, pairs, protocol, ("psnr",))
    return report.mean("model", "psnr")


def _gate(checks: list[tuple[Requirement, str]], report: Report) -> None:
    """End with exit code 1 unless every method meets the requirements that are about it."""
    failed = False
    for requirement, method in checks:
        met, comparison = requirement.check(report, method)
        failed |= not met
        tell = console.say if met else console.line  # a failed gate is an error, which is never kept quiet
        tell(f"{'met' if met else 'not met'}: {comparison} ({requirement.text})")
    if failed:
        raise typer.Exit(1)
