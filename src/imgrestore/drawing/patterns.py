"""Patterns of lines: gratings, fences and floors in perspective, circles, stars, contours, engravings, streets."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from imgrestore.drawing.canvas import Box, Canvas, Colour, Points, to_levels, to_light
from imgrestore.drawing.colours import contrasting, tone
from imgrestore.drawing.waves import Plane, sine, steepness, stripes, surface
from imgrestore.drawing.words import pick

Pattern = Callable[[np.random.Generator, Plane, Plane], Plane]
"""Takes rows and columns (H, W), counted from the middle, and returns shares in [0, 1]."""


def draw_pattern(rng: np.random.Generator, height: int, width: int) -> NDArray[np.uint8]:
    """Draw a picture of two to seven patterns side by side, uint8 RGB (H, W, 3)."""
    canvas = Canvas(np.zeros((height, width, 3), np.uint8), bool(rng.integers(2)))
    for box in split(rng, canvas.box, int(rng.integers(2, 8)), 160):
        place = canvas.pixels[box.top : box.bottom, box.left : box.right]
        paper, ink = contrasting(rng)
        if rng.random() < 0.2:
            drawing = Canvas(np.full_like(place, paper), canvas.linear)
            pick(rng, (_streets, _signs, _polygons))(rng, drawing, ink)
            place[...] = drawing.pixels
            continue
        y, x = (np.arange(length, dtype=np.float32) - length / 2 for length in place.shape[:2])
        rows, columns = np.meshgrid(y, x, indexing="ij")
        share = pick(rng, PATTERNS)(rng, rows, columns)
        place[...] = _mixed(paper, ink, share, canvas.linear)
    return canvas.pixels


def split(rng: np.random.Generator, box: Box, parts: int, smallest: int) -> list[Box]:
    """Cut a rectangle into parts, across or down at random, none of them narrower than asked for."""
    boxes = [box]
    while len(boxes) < parts:
        largest = max(boxes, key=lambda each: each.width * each.height)
        across = largest.width * rng.uniform(0.7, 1.4) > largest.height
        length = largest.width if across else largest.height
        if length < 2 * smallest:
            break
        at = int(rng.integers(smallest, length - smallest + 1))
        boxes.remove(largest)
        if across:
            middle = largest.left + at
            boxes += [largest._replace(right=middle), largest._replace(left=middle)]
        else:
            middle = largest.top + at
            boxes += [largest._replace(bottom=middle), largest._replace(top=middle)]
    return boxes


def _mixed(paper: Colour, ink: Colour, share: Plane, linear: bool) -> NDArray[np.uint8]:
    ends = np.array([paper, ink], np.uint8)
    if linear:
        light = to_light(ends)
        return to_levels(light[0] + (light[1] - light[0]) * share[..., None])
    levels = ends.astype(np.float32)
    mixed: NDArray[np.uint8] = np.rint(levels[0] + (levels[1] - levels[0]) * share[..., None]).astype(np.uint8)
    return mixed


def _period(rng: np.random.Generator) -> float:
    return float(np.exp(rng.uniform(math.log(2.1), math.log(12))))


def _turned(rng: np.random.Generator, rows: Plane, columns: Plane) -> tuple[Plane, Plane]:
    """Return coordinates along and across a random direction; one in five runs along the pixels."""
    angle = pick(rng, (0, math.pi / 2)) if rng.random() < 0.2 else rng.uniform(0, math.pi)
    return (
        (columns * math.cos(angle) + rows * math.sin(angle)).astype(np.float32),
        (rows * math.cos(angle) - columns * math.sin(angle)).astype(np.float32),
    )


def grating(rng: np.random.Generator, rows: Plane, columns: Plane) -> Plane:
    """Even stripes of 2 to 12 pixels' period at any angle; some are sine waves."""
    period, (along, _) = _period(rng), _turned(rng, rows, columns)
    phase = along / period + np.float32(rng.random())
    if rng.random() < 0.25:
        return sine(phase)
    return stripes(phase, 1 / period, rng.uniform(0.25, 0.75))


def fence(rng: np.random.Generator, rows: Plane, columns: Plane) -> Plane:
    """Parallel bars that run away from the viewer, with rails across them now and then."""
    along, across = _turned(rng, rows, columns)
    reach = max(rows.shape)
    depth = 1 + rng.uniform(0.3, 0.9) * across / reach * pick(rng, (-1, 1)) * 1.6
    depth = np.maximum(depth, 0.08)
    posts = along / (rng.uniform(8, 50) * depth)
    share = stripes(posts, steepness(posts), rng.uniform(0.2, 0.6))
    if rng.random() < 0.5:
        rails = np.log(depth) * rng.uniform(4, 14)
        share = np.maximum(share, stripes(rails, steepness(rails), rng.uniform(0.1, 0.3)))
    return share


def floor(rng: np.random.Generator, rows: Plane, columns: Plane) -> Plane:
    """A checkered or tiled floor, flat or in perspective."""
    along, across = _turned(rng, rows, columns)
    slope = rng.uniform(0.3, 1.1) / max(rows.shape) * (rng.random() < 0.6)
    depth = np.maximum(1 + slope * across * 1.6, 0.06)
    cell = math.exp(rng.uniform(math.log(5), math.log(60)))
    u, v = ((axis / (cell * depth)).astype(np.float32) for axis in (along, across))
    fine_u, fine_v = steepness(u), steepness(v)
    if rng.random() < 0.5:
        half = np.float32(0.5)
        a, b = stripes(u * half, fine_u * half), stripes(v * half, fine_v * half)
        return a + b - 2 * a * b
    width = rng.uniform(0.06, 0.25)
    return np.maximum(stripes(u, fine_u, width), stripes(v, fine_v, width))


def circles(rng: np.random.Generator, rows: Plane, columns: Plane) -> Plane:
    """Rings around a place, evenly spaced, or closer and closer up to the pixels' limit: a zone plate."""
    height, width = rows.shape
    radius = np.hypot(rows - rng.uniform(-0.6, 0.6) * height, (columns - rng.uniform(-0.6, 0.6) * width))
    if rng.random() < 0.5:
        period = _period(rng)
        return stripes(radius / period, 1 / period, rng.uniform(0.25, 0.75))
    finest = rng.uniform(0.25, 0.5)
    phase = radius * radius * np.float32(finest / (2 * radius.max()))
    if rng.random() < 0.5:
        return sine(phase)
    return stripes(phase, radius * np.float32(finest / radius.max()))


def star(rng: np.random.Generator, rows: Plane, columns: Plane) -> Plane:
    """Rays from a place, as in a Siemens star."""
    rays = int(rng.integers(8, 100))
    y, x = rows - rng.uniform(-0.3, 0.3) * rows.shape[0], columns - rng.uniform(-0.3, 0.3) * rows.shape[1]
    phase = np.arctan2(y, x) * np.float32(rays / (2 * np.pi))
    return stripes(phase, rays / (2 * np.pi * np.maximum(np.hypot(y, x), 0.5)), rng.uniform(0.3, 0.7))


def contours(rng: np.random.Generator, rows: Plane, columns: Plane) -> Plane:
    """Lines of equal height, as on a map."""
    hills = surface(rng, rows.shape, rng.uniform(60, 220)) + surface(rng, rows.shape, rng.uniform(25, 60)) * 0.15
    phase = hills * np.float32(rng.uniform(3, 9))
    slope = steepness(phase)
    lines = stripes(phase, slope, np.minimum(slope * rng.uniform(0.9, 2.2), 0.6))
    return lines * np.clip(2 - slope * 5, 0, 1)


def engraving(rng: np.random.Generator, rows: Plane, columns: Plane) -> Plane:
    """A soft picture by lines of varying width, bent a little, crossed where it is dark."""
    period = rng.uniform(3, 10)
    tones = 0.45 + 0.22 * surface(rng, rows.shape, rng.uniform(50, 150))
    share = np.zeros_like(rows)
    for threshold in (0.0, 0.35)[: int(rng.integers(1, 3))]:
        along, across = _turned(rng, rows, columns)
        phase = along / period + rng.uniform(0, 2.5) * np.sin(across / rng.uniform(30, 120))
        duty = np.clip(tones - threshold, 0.05, 0.85)
        share = np.maximum(share, stripes(phase.astype(np.float32), steepness(phase), duty))
    return share


def weave(rng: np.random.Generator, rows: Plane, columns: Plane) -> Plane:
    """Two crossing gratings: cloth, netting, bricks."""
    along, across = _turned(rng, rows, columns)
    one, other = rng.uniform(3, 14, 2)
    a = stripes(along / one, 1 / one, rng.uniform(0.3, 0.7))
    if rng.random() < 0.4:  # bricks: every second row is moved by half a brick
        row = across / other
        bricks = along / (3 * other) + 0.5 * (np.floor(row) % 2)
        return np.maximum(stripes(bricks, 1 / (3 * other), 0.08), stripes(row, 1 / other, 0.22))
    b = stripes(across / other, 1 / other, rng.uniform(0.3, 0.7))
    return np.maximum(a, b) if rng.random() < 0.5 else a * b


PATTERNS: tuple[Pattern, ...] = (grating, grating, fence, fence, floor, circles, star, contours, engraving, weave)


def _curve(rng: np.random.Generator, box: Box, wildness: float) -> Points:
    """Return places on a smooth random line through a rectangle."""
    count = 60
    turning = np.cumsum(rng.normal(0, wildness, count)) * 0.3 + rng.uniform(0, 2 * np.pi)
    step = math.hypot(box.width, box.height) / count
    x = rng.uniform(0, box.width) + np.cumsum(np.cos(turning)) * step - 0.3 * box.width * np.cos(turning[0])
    y = rng.uniform(0, box.height) + np.cumsum(np.sin(turning)) * step - 0.3 * box.height * np.sin(turning[0])
    return [*zip(x.tolist(), y.tolist(), strict=True)]


def _streets(rng: np.random.Generator, canvas: Canvas, ink: Colour) -> None:
    """A map: water, a net of streets with dark edges, dashed paths."""
    box = canvas.box
    water = np.clip(surface(rng, (box.height, box.width), 120) * 60 - 30, 0, 1)
    canvas.cover(np.rint(water * 255).astype(np.uint8), 0, 0, tone(rng, 0.55, 0.85))
    roads = [(_curve(rng, box, pick(rng, (0.02, 0.15, 0.5))), float(rng.uniform(1.5, 9))) for _ in range(24)]
    inner = tone(rng, 0.8, 1.0) if rng.random() < 0.7 else ink
    for points, width in roads:
        canvas.stroke(points, width + 2, ink)
    for points, width in roads:
        canvas.stroke(points, width, inner)
    for _ in range(8):
        points = _curve(rng, box, 0.3)
        for begin in range(0, len(points) - 1, 2):
            canvas.stroke(points[begin : begin + 2], 1.2, ink)


def _signs(rng: np.random.Generator, canvas: Canvas, ink: Colour) -> None:
    """Rows of signs that no script has: a few strokes each."""
    size = float(rng.uniform(9, 36))
    width = max(0.9, size * rng.uniform(0.05, 0.14))
    for top in np.arange(size * 0.4, canvas.box.height - size, size * 1.35):
        for left in np.arange(size * 0.4, canvas.box.width - size, size * 1.12):
            if rng.random() < 0.08:
                continue
            for _ in range(rng.integers(2, 6)):
                places = rng.integers(0, 4, (int(rng.integers(2, 4)), 2)) / 3 * size
                canvas.stroke([(left + x, top + y) for x, y in places.tolist()], width, ink)


def _polygons(rng: np.random.Generator, canvas: Canvas, ink: Colour) -> None:
    """Stars, triangles, discs and rings one over the other, with sharp edges."""
    box = canvas.box
    for _ in range(rng.integers(15, 50)):
        x, y, radius = rng.uniform(0, box.width), rng.uniform(0, box.height), float(np.exp(rng.uniform(1.5, 4.3)))
        colour = ink if rng.random() < 0.4 else tone(rng, 0, 1)
        around = Box(*(round(edge) for edge in (x - radius, y - radius, x + radius, y + radius)))
        form = rng.integers(4)
        if form == 0:
            canvas.ellipse(around, colour, width=rng.uniform(1, 3) * (rng.random() < 0.6))
        elif form == 1:
            canvas.stroke([(x, y), (x + radius * rng.normal(), y + radius * rng.normal())], rng.uniform(1, 5), colour)
        else:
            corners = int(rng.integers(3, 12))
            inner = rng.uniform(0.3, 1)
            angles = rng.uniform(0, 6.3) + np.arange(2 * corners) * np.pi / corners
            radii = np.where(np.arange(2 * corners) % 2, radius * inner, radius)
            canvas.polygon(
                [*zip((x + radii * np.cos(angles)).tolist(), (y + radii * np.sin(angles)).tolist(), strict=True)],
                colour,
            )
