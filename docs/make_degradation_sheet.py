"""Write docs/degradations.md and docs/images/degradations.png out of the degradations themselves.

Run it after any change to them: ``python docs/make_degradation_sheet.py``. The document is made of their docstrings and
fields; a test compares the two.
"""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, get_args, get_origin

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import AfterValidator
from pydantic.fields import FieldInfo

from imgrestore.codecs import read_image, write_image
from imgrestore.codecs.formats import by_name
from imgrestore.codecs.text import draw_text
from imgrestore.degradations.contract import Degradation
from imgrestore.degradations.streams import Streams
from imgrestore.files import replacing
from imgrestore.image import Image
from imgrestore.parts import registry
from imgrestore.parts.part import RecipeTable

DOCS = Path(__file__).parent

INTRODUCTION = """
# Degradations

A degradation is something that happens to photos: noise, blur, a JPEG file. Training needs them to make low-quality
images out of good ones, and evaluation to measure what a model undoes. A recipe lists them in the order they happen
(here for a model of scale 1; others need one that shrinks, such as `downsample`):

```toml
[[degradation]]
kind = "defocus"
radius = [1, 4]
linear = true

[[degradation]]
kind = "shot-read"

[[degradation]]
kind = "jpeg"
quality = 85
probability = 0.5
```

* **Numbers are drawn anew for each image.** A setting that is a range, such as `[1, 4]`, is drawn evenly between its
  ends (where a degradation draws otherwise, its text says so); a single number stands for itself.
* **`probability`**, which all of them have, is the share of the images that it happens to; it is 1 by default.
* **Everything is repeatable.** Each image has a stream of random numbers of its own, so the same seed and number give
  the same image, whatever others are in its batch, on the CPU as on a GPU (but for roundings).
* **Any image will do:** grey or RGB, of any size. Values are on the scale from 0 (black) to 1 (white); "grey levels"
  are steps of 1 / 255. No blur shifts an image, and what it needs from beyond the edges is the image mirrored there.
* **They work where the images are,** on a GPU for the whole batch at once and without waiting for it. On the CPU,
  `jpeg` (also within `two-pass`), `median-blur` and `bilateral` are left to OpenCV, which is many times as fast there
  and gives the same but for roundings. Only `webp` is OpenCV's everywhere, and takes images off a GPU: its blocks are
  predicted from each other, one after the other, which leaves a GPU nothing to do at once.

From Python: `Defocus(radius=(1, 4))(image, Streams.seeded(7, range(len(image))))` with `image` a float tensor (N, C, H,
W) in [0, 1] and `Streams` from `imgrestore.degradations.streams`. To add one, add a file to
`src/imgrestore/degradations/`.

![Every degradation on the same small crop, each pixel shown as four](images/degradations.png)

The crop is from [circuit.jpg](images/circuit.jpg) (CC0), and some settings are stronger than the defaults, to be seen.
"""

SECTIONS = {
    "Noise": (
        "gaussian",
        "camera",
        "shot-read",
        "poisson",
        "chroma-noise",
        "grain",
        "speckle",
        "impulse",
        "hot-pixels",
        "salt-pepper",
        "colour-replace",
        "colour-gauss",
        "offset-wrap",
    ),
    "Blur and sharpening": (
        "gaussian-blur",
        "anisotropic-blur",
        "box-blur",
        "defocus",
        "motion-blur",
        "camera-shake",
        "measured-blur",
        "ringing",
        "sharpen",
        "median-blur",
        "bilateral",
    ),
    "Film and prints": ("dust", "scratches", "halftone"),
    "Resolution": ("downsample", "random-resize"),
    "Files": ("jpeg", "webp", "quantize"),
    "Light and place": ("darken", "brighten", "clip", "binarise", "rotate", "identity"),
    "Combinations": ("regional", "one-of", "two-pass"),
}

SHOWN: dict[str, dict[str, Any]] = {
    "gaussian": {"sigma": 0.15},
    "camera": {"iso": 12800, "sensor": 4e-5, "smoothed": 1},
    "shot-read": {"shot": 0.012},
    "poisson": {"peak": 30},
    "chroma-noise": {"luma": 0.03, "chroma": 0.08, "grain": 2},
    "grain": {"sigma": 0.12, "size": 1.5, "one_plane": 0},
    "speckle": {"sigma": 0.3},
    "impulse": {"amount": 0.1, "random_valued": 1, "per_channel": 1},
    "hot-pixels": {"amount": 0.005},
    "salt-pepper": {"amount": 0.2},
    "colour-replace": {"amount": 0.2},
    "gaussian-blur": {"sigma": 2},
    "anisotropic-blur": {"sigma_x": 4, "sigma_y": 0.5, "angle": 60},
    "box-blur": {"size": 7},
    "defocus": {"radius": 4},
    "motion-blur": {"length": 14, "angle": 30},
    "camera-shake": {"size": 16},
    "ringing": {"cutoff": 1.1},
    "sharpen": {"radius": 1.5, "amount": 3},
    "median-blur": {"size": 7},
    "dust": {"specks": 20, "hairs": 4, "bright": 1},
    "scratches": {"density": 10, "opacity": [0.6, 1], "upright": 0, "bright": 1},
    "halftone": {"pitch": 5, "black": 0},
    "downsample": {"scale": 4},
    "random-resize": {"factor": 0.2, "kernels": ["bilinear"]},
    "jpeg": {"quality": 10},
    "webp": {"quality": 5},
    "quantize": {"bits": 2},
    "rotate": {"angle": 25},
    "regional": {"inside": [{"kind": "gaussian-blur", "sigma": 3}], "shape": "ellipse", "area": 0.35},
    "two-pass": {"scale": 1},
}
"""Settings for the picture: strong enough to be seen."""

NOT_SHOWN = ("measured-blur", "one-of")
"""What depends on the user's files, or looks like another one."""

LEFT, TOP, SIDE, ZOOM, COLUMNS = 56, 0, 92, 2, 8
GAP, LINE = 6, 20


def document() -> str:
    """Return the text of docs/degradations.md."""
    parts = [INTRODUCTION.strip(), *_overview()]
    for section, names in sections().items():
        parts += [f"## {section}", *(text for name in names for text in _described(name))]
    return "\n\n".join(parts) + "\n"


def sections() -> dict[str, tuple[str, ...]]:
    """Return all kinds by section; those that no section names come last."""
    named = {name for names in SECTIONS.values() for name in names}
    others = tuple(name for name in registry.entries("degradation") if name not in named)
    return {**SECTIONS, **({"More": others} if others else {})}


def _overview() -> Iterator[str]:
    lines = ["| kind | what | random | stays in [0, 1] |", "|---|---|---|---|"]
    for name in (name for names in sections().values() for name in names):
        part = _load(name)
        facts = " | ".join("yes" if fact else "no" for fact in (part.random, part.keeps_range))
        lines.append(f"| [`{name}`](#{name}) | {_markdown(_docstring(part)[0])} | {facts} |")
    yield "\n".join(lines)


def _described(name: str) -> Iterator[str]:
    part = _load(name)
    summary, rest = _docstring(part)
    yield f"### {name}"
    yield _markdown(summary)
    for paragraph in rest.split("\n\n") if rest else ():
        yield textwrap.fill(_markdown(paragraph), 120, break_long_words=False, break_on_hyphens=False)
    rows = list(_settings(part))
    if rows:
        yield "\n".join(["| setting | default | allowed | meaning |", "|---|---|---|---|", *rows])


def _settings(table: type[RecipeTable] | RecipeTable, prefix: str = "") -> Iterator[str]:
    """Write a row for each field of a table, and for each field of the tables it holds."""
    fields = (table if isinstance(table, type) else type(table)).model_fields
    for name, field in fields.items():
        if name == "probability":
            continue
        default = field.default if isinstance(table, type) else getattr(table, name)
        if isinstance(default, RecipeTable):
            yield f"| `{prefix}{name}` | | a table | {field.description}: |"
            yield from _settings(default, f"{prefix}{name}.")
        else:
            shown = "required" if field.is_required() else f"`{_toml(default)}`"
            yield f"| `{prefix}{name}` | {shown} | {_allowed(field)} | {field.description} |"


def _toml(value: Any) -> str:
    """Write a default as it would stand in a recipe, rounded to three digits."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, tuple):
        alike = len(value) == 2 and value[0] == value[1]
        return _toml(value[0]) if alike else f"[{', '.join(map(_toml, value))}]"
    return f"{value:.3g}" if value < 1000 else f"{value:.0f}"


def _allowed(field: FieldInfo) -> str:
    """Say in words what a field takes."""
    annotation = field.annotation
    if get_origin(annotation) is tuple and get_args(annotation)[-1] is Ellipsis:
        inner = get_args(annotation)[0]
        words = "names of files" if inner is str else _choices(inner) or "degradations"
        return f"a list of {words}"
    if _choices(annotation):
        return _choices(annotation)
    if annotation is bool:
        return "`true`, `false`"
    limits: dict[str, Any] = {}
    for rule in field.metadata:
        if isinstance(rule, AfterValidator):
            limits |= inspect.getclosurevars(rule.func).nonlocals  # of `within`
        for sign in ("ge", "gt", "le", "lt"):
            if hasattr(rule, sign):
                limits[sign] = getattr(rule, sign)
    low = limits.get("low", limits.get("ge", limits.get("gt")))
    high = limits.get("high", limits.get("le", limits.get("lt")))
    kind = "whole numbers" if annotation is int else "a number" if annotation is float else "a number or range"
    if high is None:
        return f"{kind} from {low:g} up" if "ge" in limits else f"{kind} above {low:g}"
    return f"{kind} from {_toml(low)} to {_toml(high)}"


def _choices(annotation: Any) -> str:
    values = [value for value in get_args(annotation) if isinstance(value, str)]
    return ", ".join(f'`"{value}"`' for value in values)


@cache
def _load(name: str) -> type[Degradation]:
    part: type[Degradation] = registry.find("degradation", name).load()
    return part


def _docstring(part: type[Degradation]) -> tuple[str, str]:
    summary, _, rest = inspect.cleandoc(part.__doc__ or "").partition("\n")
    return summary, rest.strip()


def _markdown(text: str) -> str:
    """Turn a docstring into Markdown: code in single ticks, and no sign taken for emphasis."""
    pieces = text.split("``")
    words = [piece.replace("*", "\\*").replace("<", "\\<") if i % 2 == 0 else piece for i, piece in enumerate(pieces)]
    return "`".join(words)


def sheet() -> NDArray[np.uint8]:
    """Draw every degradation on one crop, uint8 RGB (H, W, 3)."""
    pixels = read_image(DOCS / "images" / "circuit.jpg").rgb8()[TOP : TOP + SIDE, LEFT : LEFT + SIDE]
    crop = torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255
    cells = {"original": pixels}
    for name in (name for names in sections().values() for name in names if name not in NOT_SHOWN):
        part = Degradation.model_validate({"kind": name, **SHOWN.get(name, {})})
        degraded = (part(crop, Streams.seeded(7)).clamp(0, 1) * 255).round().byte()
        cells[name] = degraded[0].permute(1, 2, 0).numpy()
    rows = -(-len(cells) // COLUMNS)
    width, height = SIDE * ZOOM + GAP, SIDE * ZOOM + LINE + GAP
    canvas = np.full((rows * height + GAP, COLUMNS * width + GAP, 3), 250, dtype=np.uint8)
    for i, (name, cell) in enumerate(cells.items()):
        top, left = i // COLUMNS * height + GAP, i % COLUMNS * width + GAP
        zoom = SIDE * ZOOM // cell.shape[0]
        canvas[top : top + SIDE * ZOOM, left : left + SIDE * ZOOM] = cell.repeat(zoom, axis=0).repeat(zoom, axis=1)
        draw_text(canvas, top + SIDE * ZOOM, left, name, 30, size=14)
    return canvas


def main() -> None:
    """Write the document and the picture."""
    (DOCS / "degradations.md").write_text(document(), encoding="utf-8")
    form = by_name("png")
    assert form is not None
    with replacing(DOCS / "images" / "degradations.png") as temporary:
        write_image(Image(sheet()).stream(), temporary, form)


if __name__ == "__main__":
    main()
