import itertools
import math
from importlib.util import find_spec
from types import SimpleNamespace

import numpy as np
import pytest

from imgrestore.drawing import fonts
from imgrestore.drawing.canvas import Box, Canvas, to_levels, to_light
from imgrestore.drawing.charts import fitted
from imgrestore.drawing.fonts import find_fonts
from imgrestore.drawing.icons import draw_icon
from imgrestore.drawing.pages import BLOCKS, Sheet
from imgrestore.drawing.patterns import PATTERNS, split
from imgrestore.drawing.picture import Drawing
from imgrestore.drawing.screens import CONTENTS, Theme
from imgrestore.drawing.waves import sine, stripes, surface
from imgrestore.drawing.words import SCRIPTS, Vocabulary, code_lines

WHITE, BLACK = (255, 255, 255), (0, 0, 0)


@pytest.fixture
def only_matplotlib(monkeypatch: pytest.MonkeyPatch):
    """Take all packages of fonts away but the one that is always there."""
    monkeypatch.setattr(fonts, "find_spec", lambda name: find_spec(name) if name == "matplotlib" else None)
    find_fonts.cache_clear()
    yield
    find_fonts.cache_clear()


def blank(height: int = 300, width: int = 400) -> Canvas:
    return Canvas(np.full((height, width, 3), 255, np.uint8), linear=True)


def test_a_number_is_one_picture() -> None:
    numbers = (0, 1, 3)
    first = [Drawing(number).draw() for number in numbers]
    fonts._open.cache_clear()
    find_fonts.cache_clear()
    again = [Drawing(number).draw() for number in reversed(numbers)][::-1]
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert [Drawing(number).kind for number in numbers] == ["page", "screen", "pattern"]
    for number, picture in zip(numbers, first, strict=True):
        assert picture.dtype == np.uint8 and picture.shape == (*Drawing(number).size, 3) and picture.std() > 10
    assert not np.array_equal(first[0], Drawing(15).draw()), "of the same kind and size"


def test_with_the_fonts_that_are_always_there(only_matplotlib: None) -> None:
    found = find_fonts()
    assert {family.package for family in found.families} == {"matplotlib"}
    assert {script.name for script in found.scripts} >= {"latin", "western", "central", "greek", "cyrillic"}
    assert "han" not in {script.name for script in found.scripts}
    assert all(Drawing(number).draw().std() > 10 for number in (0, 1, 3))
    assert Drawing(7).name == f"drawn/0007-page-{found.digest}"


def test_other_fonts_are_told_apart(only_matplotlib: None, monkeypatch: pytest.MonkeyPatch) -> None:
    digest = find_fonts().digest
    find_fonts.cache_clear()
    assert find_fonts().digest == digest
    find_fonts.cache_clear()
    monkeypatch.setattr(fonts, "features", SimpleNamespace(version=lambda name: "another"))
    assert find_fonts().digest != digest


def test_bold_and_slanted_fonts_are_found(only_matplotlib: None) -> None:
    for family in find_fonts().families:
        styles = {family.font(12, bold, italic).path for bold, italic in itertools.product((False, True), repeat=2)}
        assert len(styles) == 4


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_words_are_of_their_script(script) -> None:
    rng = np.random.default_rng(0)
    entries = Vocabulary.of(rng, script).entries
    allowed = set(script.letters + script.letters.upper())
    assert all(word and set(word) <= allowed | set("Ss") for word in entries) and len(set(entries)) > 100
    assert all(words[-1][-1] in ".?!" for words in (Vocabulary.of(rng, script).sentence(rng) for _ in range(9)))


def test_programs_have_the_lines_asked_for() -> None:
    rng = np.random.default_rng(0)
    lines = code_lines(rng, Vocabulary.of(rng, SCRIPTS[0]), 60)
    assert len(lines) == 60
    assert {kind for line in lines for kind, _ in line} == {"plain", "keyword", "text", "remark"}


def test_texts_are_cut_between_words() -> None:
    font = find_fonts().families[0].font(12)
    text = "one two three four"
    for width in range(0, 140, 7):
        part = fitted(text, font, width)
        assert font.getlength(part) <= width and (part == "" or (text + " ").startswith(part + " "))
    assert fitted(text, font, 1000) == text
    assert 0 < len(fitted("かきくけこさしすせそ", font, 50)) < 10


def test_what_is_covered_by_half_is_mixed_in_light_or_in_levels() -> None:
    mask = np.full((1, 1), 128, np.uint8)
    for linear, level in ((True, 187), (False, 127)):
        canvas = Canvas(np.full((1, 1, 3), 255, np.uint8), linear)
        canvas.cover(mask, 0, 0, BLACK)
        assert canvas.pixels.tolist() == [[[level] * 3]]
    levels = np.arange(256, dtype=np.uint8)
    assert np.array_equal(to_levels(to_light(levels)), levels)


def test_shapes_cover_their_area_and_may_lie_beyond_the_edge() -> None:
    canvas = Canvas(np.full((64, 64, 3), 255, np.uint8), linear=False)
    canvas.ellipse(Box(10, 12, 50, 52), BLACK)
    area = (255 - canvas.pixels[..., 0].astype(float)).sum() / 255
    assert area == pytest.approx(math.pi * 20**2, rel=0.01)
    canvas.ellipse(Box(-30, -30, 10, 10), BLACK)
    canvas.stroke([(-500, 60), (900, 61)], 2, BLACK)
    canvas.text(60, 70, "Word", find_fonts().families[0].font(20), BLACK)
    canvas.text(-90, 30, "Word", find_fonts().families[0].font(20), BLACK)
    assert canvas.pixels[0, 0].max() == 0 and canvas.pixels[60, ::63].max() < 40


def test_letters_without_smooth_edges_are_black_or_white() -> None:
    font = find_fonts().families[0].font(11)
    for smooth in (True, False):
        canvas = blank(30, 120)
        canvas.text(3.4, 20, "Wordy", font, BLACK, smooth)
        assert (len(np.unique(canvas.pixels)) > 2) == smooth and canvas.pixels.min() == 0


@pytest.mark.parametrize("period", [2.05, 2.6, 3.3, 5, 8, 12, 20])
@pytest.mark.parametrize("angle", [0, 17, 45, 71])
def test_stripes_have_their_own_frequency_and_its_harmonics_alone(period: float, angle: float) -> None:
    y, x = np.mgrid[0:256, 0:256].astype(np.float32)
    direction = np.array([math.sin(math.radians(angle)), math.cos(math.radians(angle))])
    phase = ((direction[0] * y + direction[1] * x) / period).astype(np.float32)
    window = np.outer(np.blackman(256), np.blackman(256))
    shares = stripes(phase, 1 / period, 0.4)
    energy = np.abs(np.fft.fft2((shares - shares.mean()) * window)) ** 2
    places = np.stack(np.meshgrid(np.fft.fftfreq(256), np.fft.fftfreq(256), indexing="ij"), axis=-1)
    near = np.zeros((256, 256), bool)
    for harmonic in range(1, int(0.5 * period) + 1):
        for sign in (1, -1):
            away = places - sign * harmonic * direction / period
            near |= np.hypot(*np.moveaxis(away - np.rint(away), -1, 0)) < 5 / 256
        if harmonic == 1:
            first = energy[near].sum()
    assert first > 0.5 * energy.sum()
    assert energy[~near].sum() < (1e-3 if period < 14 else 2e-2) * energy.sum()


def test_stripes_finer_than_pixels_are_an_even_tone() -> None:
    phase = np.arange(400, dtype=np.float32).reshape(20, 20) * np.float32(0.7)
    assert np.allclose(stripes(phase, 0.7, 0.3), 0.3)
    assert sine(np.array([[0, 0.5, 1]], np.float32)).tolist() == [[1, 0, 1]]


def test_a_surface_is_as_soft_as_asked_for() -> None:
    for grain in (8, 40):
        hills = surface(np.random.default_rng(1), (300, 400), grain)
        assert hills.shape == (300, 400) and 0.4 < hills.std() < 1.4
        assert np.abs(np.diff(hills)).mean() * grain < 2


@pytest.mark.parametrize("pattern", sorted(set(PATTERNS), key=lambda p: p.__name__), ids=lambda p: p.__name__)
def test_patterns_are_shares_and_not_flat(pattern) -> None:
    rows, columns = np.meshgrid(*(np.arange(n, dtype=np.float32) - n / 2 for n in (200, 240)), indexing="ij")
    for seed in range(8):
        shares = pattern(np.random.default_rng(seed), rows, columns)
        assert shares.shape == (200, 240) and shares.min() >= 0 and shares.max() <= 1
        assert np.ptp(shares) > 0.1


def test_a_rectangle_is_parted_without_gaps() -> None:
    boxes = split(np.random.default_rng(3), Box(2, 3, 500, 400), 5, 100)
    covered = np.zeros((400, 500), int)
    for box in boxes:
        covered[box.top : box.bottom, box.left : box.right] += 1
        assert min(box.width, box.height) >= 100
    assert len(boxes) == 5 and (covered[3:, 2:] == 1).all() and not covered[:3].any() and not covered[:, :2].any()


@pytest.mark.parametrize("block", dict.fromkeys(BLOCKS), ids=lambda block: block.__name__.strip("_"))
def test_what_stands_on_a_page_stays_in_its_place(block) -> None:
    """No line runs over the edge of its column, where it would be cut off or run into another one."""
    box = Box(60, 60, 340, 440)
    for seed in range(12):
        rng, canvas = np.random.default_rng(seed), blank(500, 400)
        family = find_fonts().choose(rng, "sans", "serif")
        block(rng, Sheet(canvas, WHITE, BLACK, BLACK, 1, True, family, family), box)
        outside = canvas.pixels.copy()
        outside[box.top - 12 : box.bottom + 12, box.left - 12 : box.right + 12] = 255
        assert (outside == 255).all(), f"seed {seed}"
        assert canvas.pixels.min() < 128


@pytest.mark.parametrize("content", CONTENTS, ids=lambda content: content.__name__.strip("_"))
def test_what_is_in_a_window_stays_in_its_place(content) -> None:
    box = Box(60, 60, 340, 440)
    for seed in range(12):
        rng, canvas = np.random.default_rng(seed), blank(500, 400)
        words = Vocabulary.of(rng, SCRIPTS[0])
        font = find_fonts().choose(rng, "sans").font(12)
        content(rng, Theme(canvas, words, font, True, WHITE, WHITE, BLACK, BLACK, BLACK, 2), box)
        outside = canvas.pixels.copy()
        outside[box.top - 4 : box.bottom + 4, box.left - 4 : box.right + 4] = 255
        assert (outside == 255).all(), f"seed {seed}"
        assert canvas.pixels.min() < 128


def test_icons_fill_their_square() -> None:
    for seed in range(20):
        canvas = blank(40, 40)
        draw_icon(canvas, np.random.default_rng(seed), Box(8, 8, 32, 32), BLACK, (120, 120, 120))
        outside = canvas.pixels.copy()
        outside[7:34, 7:34] = 255
        assert (outside == 255).all() and canvas.pixels.min() < 60
