"""Images and models made for the tests; nothing is downloaded."""

import io
import json
import shutil
import struct
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image as PillowImage
from torch import Tensor
from typer.testing import CliRunner

from imgrestore.cli.app import app
from imgrestore.errors import ImgrestoreError, UsageError
from imgrestore.models.contract import RestorationModel
from imgrestore.parts import registry
from processes import adopt_orphans, end_all

torch.set_num_threads(1)
adopt_orphans()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the fuzz test run longer, and on other files, by hand."""
    parser.addoption("--fuzz-seconds", type=int, default=60, help="how long files are damaged and read")
    parser.addoption("--fuzz-seed", type=int, default=0, help="which damage is done")


@pytest.fixture(autouse=True)
def no_process_is_left() -> Iterator[None]:
    """End what a test has left running, however it ended, and say so."""
    yield
    left = end_all()
    assert not left, f"left running: {left}"


@pytest.fixture(autouse=True, scope="session")
def cache_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what the tests measure out of the user's cache folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


LONG = ("test_training.py", "test_instruction_sets.py", "test_fuzz.py")
"""Files whose tests begin first, so that none of them is left for one process at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes long, and leave out what needs a GPU where there is none."""
    items.sort(key=lambda item: item.path.name not in LONG)
    if not torch.cuda.is_available():
        for item in items:
            if item.get_closest_marker("cuda"):
                item.add_marker(pytest.mark.skip(reason="there is no GPU"))


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=pytest.mark.cuda)])
def device(request: pytest.FixtureRequest) -> torch.device:
    """Return each device in turn: what is tested on a GPU is rehearsed on the CPU."""
    return torch.device(request.param)


@pytest.fixture
def photo() -> Callable[..., NDArray[np.uint8]]:
    """Return a maker of photo-like uint8 RGB pictures: smooth shades, edges and texture, the same for each seed."""

    return lambda height=96, width=128, seed=0: _photo(height, width, seed).copy()


@lru_cache(64)
def _photo(height: int, width: int, seed: int) -> NDArray[np.uint8]:
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    picture = np.zeros((height, width, 3))
    for channel in range(3):
        a, b, phase = rng.uniform(0.01, 0.2, 3)
        picture[..., channel] = 110 + 60 * np.sin(a * x + b * y + 10 * phase)
    for _ in range(6):
        cy, cx, radius = rng.uniform(0, height), rng.uniform(0, width), rng.uniform(4, 4 + max(height, width) / 4)
        picture[np.hypot(y - cy, x - cx) < radius] = rng.uniform(0, 255, 3)
    texture = rng.normal(0, 6, (height, width, 1))
    return np.clip(picture + texture, 0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def six_photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of six small photos, one of them in a sub-folder, for all tests that leave it as it is."""
    folder = tmp_path_factory.mktemp("six") / "photos"
    (folder / "more").mkdir(parents=True)
    for i in range(6):
        name = f"more/{i}.png" if i == 5 else f"{i}.png"
        PillowImage.fromarray(_photo(100 + i, 120, seed=i)).save(folder / name)
    return folder


@pytest.fixture
def photo_folder(tmp_path: Path, six_photos: Path) -> Path:
    """Return a test's own copy of the folder of six small photos."""
    return Path(shutil.copytree(six_photos, tmp_path / "photos"))


@pytest.fixture
def mnist_folder(tmp_path: Path) -> Path:
    """Return a folder with seven digit-like pictures in MNIST's format."""
    folder = tmp_path / "digits"
    folder.mkdir()
    y, x = np.mgrid[0:28, 0:28]
    rings = [np.hypot(y - 14, x - 12 - i / 2) for i in range(7)]
    pixels = np.stack([255 * (abs(ring - 6) < 2) for ring in rings]).astype(np.uint8)
    header = struct.pack(">4i", 0x803, *pixels.shape)
    (folder / "train-images-idx3-ubyte").write_bytes(header + pixels.tobytes())
    return folder


def open_picture(path: Path) -> PillowImage.Image:
    """Open an image by Pillow without leaving a file open."""
    return PillowImage.open(io.BytesIO(path.read_bytes()))


DOCUMENT = Path(__file__).parents[1] / "docs" / "cli.md"
SCHEMA = json.loads((DOCUMENT.parent / "schemas" / "restore.json").read_text("utf-8"))
"""What a JSON record of an image holds, as the documents say."""

SMALLER = {"resnet4x": {"width": 8}}
"""Dimensions of models that are slow as they are; none of them changes how far a model reaches."""


def told(stderr: str) -> list[str]:
    """Return what a command said, without how far it was, which slow machines say more often."""
    return [line for line in stderr.splitlines() if not line.startswith("restoring: ")]


def invoke(*arguments: str | Path) -> tuple[int, str, str]:
    """Run a command in this process; return its exit code, standard output and standard error."""
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    error = result.exception
    if isinstance(error, ImgrestoreError):
        return (2 if isinstance(error, UsageError) else 1), result.stdout, f"{error} {error.hint}"
    if error and not isinstance(error, SystemExit):
        raise error
    return result.exit_code, result.stdout, result.stderr


def restore(*arguments: str | Path) -> tuple[int, list[dict[str, object]], str]:
    """Restore in this process and return the exit code, the JSON records and what was said."""
    result = CliRunner().invoke(app, ["restore", *map(str, arguments), "--json"])
    if isinstance(result.exception, ImgrestoreError):
        return 1, [], f"{result.exception} {result.exception.hint}"
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, [json.loads(line) for line in result.stdout.splitlines()], result.stderr


def statuses(records: list[dict[str, object]]) -> list[str]:
    return [f"{Path(str(record['input'])).name} {record['status']}" for record in records]


def shift(moved: Tensor, reference: Tensor) -> tuple[float, float]:
    """Return by how many pixels a picture is moved against another, by least squares on the gradients."""
    moved, reference = (x[:, 8:-8, 8:-8].double() for x in (moved, reference))
    dy, dx = torch.gradient(reference, dim=(1, 2))
    gradients = torch.stack([dy.flatten(), dx.flatten()], dim=1)
    solution = torch.linalg.lstsq(gradients, (reference - moved).flatten()[:, None]).solution
    return float(solution[0]), float(solution[1])


def random_model(name: str, scale: int, **dimensions: int) -> RestorationModel:
    """Build a registered model with random numbers everywhere, so that every tap of it matters."""
    torch.manual_seed(0)
    model: RestorationModel = registry.find_model(name).load()(scale=scale, **SMALLER.get(name, {}), **dimensions)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.04)
    return model.eval()


MODEL_VARIANTS = [
    pytest.param(name, scale, id=f"{name}-x{scale}")
    for name, entry in registry.models().items()
    for scale in (entry.scales or (1, 2, 3))
]

EXACT_VARIANTS = [variant for variant in MODEL_VARIANTS if not registry.find_model(variant.values[0]).fixed_size]
"""Models whose tiles equal the whole image; the others work on blocks of one size."""
