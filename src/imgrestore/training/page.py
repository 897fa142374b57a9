"""What a person looks at: sample pictures, curves, and one page with both that needs no other file."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment
from torch import Tensor

from imgrestore.evaluation.sheet import draw_grid, save_sheet
from imgrestore.files import write_atomically
from imgrestore.image.resampling import resize
from imgrestore.training.curves import draw_curves
from imgrestore.training.run import Record, Run

SHOWN = 4
"""How many held-out pictures are shown."""

Sample = tuple[Tensor, Tensor, Tensor]
"""A degraded, a restored and a true picture."""

_SIDE = 256


def draw_samples(run: Run, step: int, samples: Sequence[Sample]) -> None:
    """Write the middle of some held-out pictures, side by side: degraded, restored, truth."""
    if not samples:
        return
    crops = [_middle(*sample) for sample in samples]
    sheet = draw_grid(dict(zip(("degraded", "restored", "truth"), zip(*crops, strict=True), strict=True)))
    folder = run.folder / "samples"
    folder.mkdir(exist_ok=True)
    save_sheet(sheet, folder / f"step-{step:07d}.png")


def _middle(lq: Tensor, restored: Tensor, gt: Tensor) -> list[Tensor]:
    """Return the middle of a degraded, a restored and a true picture."""
    height, width = gt.shape[1:]
    pictures = [lq if lq.shape == gt.shape else resize(lq, (height, width), "nearest"), restored, gt]
    side = min(_SIDE, height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return [picture[:, top : top + side, left : left + side] for picture in pictures]


def draw_run(run: Run, state: str) -> None:
    """Draw the curves of a run and the page that shows all of it.

    Args:
        run: Its folder.
        state: ``"running"``, ``"stopped"`` or ``"finished"``.
    """
    records = run.records()
    curves = draw_curves(records)
    write_atomically(run.folder / "curves.png", curves)
    pictures = sorted((run.folder / "samples").glob("step-*.png"))
    facts = {
        "name": run.name,
        "state": state,
        "curves": _embedded(curves),
        "samples": [(int(p.stem.removeprefix("step-")), _embedded(p.read_bytes())) for p in _spread(pictures)],
        "measurements": [_shown(record) for record in records if "model_psnr" in record],
        "last": next((record for record in reversed(records) if "loss" in record), {}),
        "recipe": run.recipe.read_text(encoding="utf-8"),
    }
    page = Environment(autoescape=True).from_string(_PAGE).render(facts)
    write_atomically(run.folder / "run.html", page.encode())


def _spread(pictures: list[Path]) -> list[Path]:
    """Return the newest pictures and the first one."""
    return pictures if len(pictures) <= SHOWN else [pictures[0], *pictures[-3:]]


def _shown(record: Record) -> dict[str, str]:
    hidden = ("protocol",)
    return {
        key.replace("_", " "): f"{value:.4g}" if isinstance(value, float) else str(value)
        for key, value in record.items()
        if key not in hidden
    }


def _embedded(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
{% if state == "running" %}<meta http-equiv="refresh" content="30">{% endif %}
<title>{{ name }}</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 62rem; padding: 0 1rem; color: #222; }
img { max-width: 100%; }
table { border-collapse: collapse; display: block; overflow-x: auto; }
td, th { padding: .2rem .7rem; border-bottom: 1px solid #ddd; text-align: right; white-space: nowrap; }
pre { background: #f5f5f5; padding: 1rem; overflow-x: auto; }
figure { margin: 1rem 0; }
</style>
</head>
<body>
<h1>{{ name }}</h1>
<p>{{ state|capitalize }}{% if state == "running" %} (this page renews itself){% endif %}{% if last %},
step {{ last.step }}, loss {{ "%.5g"|format(last.loss) }}, learning rate {{ "%.3g"|format(last.learning_rate) }},
{{ last.steps_per_second }} steps per second{% endif %}.</p>
<figure><img src="{{ curves }}" alt="Loss, learning rate and PSNR over the steps"></figure>
{% if measurements %}
<h2>On held-out images</h2>
<table>
<tr>{% for key in measurements[-1] %}<th>{{ key }}</th>{% endfor %}</tr>
{% for row in measurements %}<tr>{% for key in measurements[-1] %}<td>{{ row[key] }}</td>{% endfor %}</tr>
{% endfor %}</table>
{% for step, picture in samples|reverse %}
<figure><figcaption>Step {{ step }}</figcaption>
<img src="{{ picture }}" alt="Degraded, restored and true pictures at step {{ step }}"></figure>
{% endfor %}{% endif %}
<h2>Recipe</h2>
<pre>{{ recipe }}</pre>
</body>
</html>
"""
