"""What must be the same on a GPU as on the CPU; each test is rehearsed on the CPU first."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from conftest import random_model
from imgrestore.datasets.gathered import Gathered, obstacle
from imgrestore.datasets.pairs import Pairs
from imgrestore.datasets.samples import Samples, Share, orders
from imgrestore.degradations.contract import Degradation
from imgrestore.degradations.downsample import Downsample
from imgrestore.degradations.gaussian import Gaussian
from imgrestore.degradations.jpeg_codec import through_file
from imgrestore.degradations.streams import Streams
from imgrestore.engine.restorer import Restorer
from imgrestore.parts import registry
from imgrestore.recipes.recipe import Recipe, load_recipe
from imgrestore.training.data import read_data
from imgrestore.training.loop import train
from imgrestore.training.options import Options
from imgrestore.training.plan import Plan
from imgrestore.training.run import Run
from imgrestore.training.step import Step
from imgrestore.training.taking import FromLoader, OnDevice
from imgrestore.weights.storage import load_weights

CPU = torch.device("cpu")
TINY = ["width=8", "blocks=1", "patch=12", "batch=4", "images=1", "precision=fp32", "warmup=2", "learning_rate=1e-4"]


def tiny(*changes: str) -> Recipe:
    return load_recipe("resnet-sr-x2", [*TINY, "ema=0.9", "every=10", *changes])


def psnr(a: torch.Tensor, b: torch.Tensor) -> float:
    return float(-10 * (a - b).square().mean().log10())


# Restoring


@pytest.mark.parametrize(("name", "scale"), [("resnet-sr", 4), ("resnet-denoise", 1), ("block-ae", 1)])
def test_the_engine_gives_what_it_gives_on_the_cpu(name: str, scale: int, device: torch.device, photo) -> None:
    model = random_model(name, scale)
    lq = torch.from_numpy(photo(60, 75)).permute(2, 0, 1).float() / 255
    expected = Restorer(model, precision="fp32").restore_tensor(lq)
    for precision, least in (("fp32", 90), ("bf16", 40), ("fp16", 55)):
        restored = Restorer(model, device=device, precision=precision).restore_tensor(lq)
        assert psnr(restored, expected) > least, precision


def test_tiles_equal_the_whole(device: torch.device, photo) -> None:
    model = random_model("resnet-sr", 2)
    lq = torch.from_numpy(photo(80, 70)).permute(2, 0, 1).float() / 255
    whole = Restorer(model, device=device, tile=512).restore_tensor(lq)
    assert (Restorer(model, device=device, tile=24).restore_tensor(lq) - whole).abs().max() < 1e-5


@pytest.mark.cuda
def test_tiles_are_halved_when_the_memory_of_the_gpu_runs_out() -> None:
    model, device = random_model("resnet-denoise", 1), torch.device("cuda")
    lq = torch.rand(3, 2048, 2048)
    expected = Restorer(model, device=device, tile=256).restore_tensor(lq)
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(device).total_memory
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + 2**29) / total)
    try:
        restorer = Restorer(model, device=device, tile=2048)
        restored = restorer.restore_tensor(lq)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert any("tiles halved" in notice for notice in restorer.notices)
    assert (restored - expected).abs().max() < 1e-4


# Batches

SETTINGS = {
    "downsample": {"scale": 2},
    "two-pass": {"scale": 2},
    "regional": {"inside": [{"kind": "gaussian-blur"}]},
    "one-of": {"among": [{"kind": "gaussian-blur", "probability": 0.5}, {"kind": "salt-pepper", "probability": 0.4}]},
}
KINDS = sorted(registry.entries("degradation").keys() - {"measured-blur"})


@pytest.mark.cuda
@pytest.mark.parametrize("kind", KINDS)
def test_degradations_draw_the_same_on_every_device(kind: str, photo) -> None:
    part = Degradation.model_validate({"kind": kind, **SETTINGS.get(kind, {})})
    image = torch.from_numpy(photo(96, 96)).permute(2, 0, 1)[None].float().expand(6, -1, -1, -1) / 255
    ours, theirs = (
        part(image.to(device), Streams.seeded(1, torch.arange(6, device=device))).cpu() for device in ("cuda", "cpu")
    )
    assert psnr(ours, theirs) > (38 if kind == "two-pass" else 45), "files made of files differ by more"


class _Watching(TorchDispatchMode):
    """Notes what a GPU would be kept waiting by, which a CUDA graph does not allow."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if "lift_fresh" in str(func) or "check_errors" in str(func):  # numbers that come from the host; asked by it
            self.seen.append(str(func))
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "webp"])
def test_degradations_on_a_gpu_wait_for_nothing(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tensors without numbers, which say that they lie on a GPU: to read them or to count by them is an error."""
    part = Degradation.model_validate({"kind": kind, **SETTINGS.get(kind, {})})
    image = torch.full((2, 3, 32, 32), 0.5)
    part(image, Streams.seeded(0, range(2)))  # what is kept has been made before
    through_file(image, torch.ones(2), ["4:2:0"], torch.zeros(2))
    monkeypatch.setattr(FakeTensor, "is_cuda", property(lambda tensor: True), raising=False)
    with FakeTensorMode(allow_non_fake_inputs=True):
        image, streams = torch.rand(2, 3, 32, 32), Streams.seeded(0, torch.arange(2))
        with _Watching() as watching:
            part(image, streams)
    assert not watching.seen


def test_batches_are_the_same_on_every_device(device: torch.device, photo_folder: Path) -> None:
    data = read_data(tiny("steps=1"), photo_folder, 2**30)
    assert obstacle(data.samples) == ""
    for share in (Share(data.samples), Share(data.samples, 1, 3)):
        gathered = Gathered.of(share, device)
        for number in range(4):
            for ours, theirs in zip(gathered[torch.tensor(number, device=device)], share[number], strict=True):
                assert ours.device.type == device.type and (ours.cpu() - theirs).abs().max() <= 1e-6 + 1 / 255 * (
                    device.type == "cuda"
                )


def test_an_epoch_sees_every_sample_once_in_the_same_order_on_every_device(device: torch.device) -> None:
    ours = orders(5, torch.tensor([0, 1, 7], device=device), 1000).cpu()
    assert torch.equal(ours, orders(5, torch.tensor([0, 1, 7]), 1000))
    assert torch.equal(ours.sort(dim=1).values, torch.arange(1000).expand(3, -1))
    assert all(float((ours[0] == each).float().mean()) < 0.02 for each in ours[1:])


def test_pairs_are_gathered_as_they_are_sliced(device: torch.device, tmp_path: Path, photo) -> None:
    from PIL import Image as PillowImage

    for name in ("gt", "lq"):
        (tmp_path / name).mkdir()
    for i in range(3):
        pixels = photo(80 + 4 * i, 64, seed=i)
        PillowImage.fromarray(pixels).save(tmp_path / "gt" / f"{i}.png")
        PillowImage.fromarray(pixels[::2, ::2]).save(tmp_path / "lq" / f"{i}.png")
    dataset = Pairs(patch=9, context=1, batch=5)
    pictures = dataset.find(tmp_path, 2, 2**30).pictures
    share = Share(Samples(dataset, pictures, [Gaussian(sigma=(0, 0))], 2, 3))
    for number in range(3):
        ours, theirs = Gathered.of(share, device)[torch.tensor(number, device=device)], share[number]
        assert all(torch.allclose(a.cpu(), b) for a, b in zip(ours, theirs, strict=True))


def test_what_keeps_batches_on_the_cpu_is_told(photo_folder: Path) -> None:
    def told(*changes: str, cache: int = 2**30) -> str:
        recipe = load_recipe("resnet-sr-x2", ["images=1", *changes])
        return obstacle(read_data(recipe, photo_folder, cache).samples)

    assert "--cache" in told("patch=12", cache=1000)
    assert "of the kind images" in told("data.kind=images", "size=32")
    assert "webp" in told("patch=12", 'data.transform=[{kind="webp"}]')


# Training


def stepped(recipe: Recipe, folder: Path, device: torch.device, steps: int, captured: bool) -> Step:
    data = read_data(recipe, folder, 2**30)
    share = Share(data.samples)
    step = Step(recipe, Plan.of(recipe, len(data.samples), 1).stage(0), device)
    lines: list[str] = []
    taking = (
        OnDevice(step, Gathered.of(share, device), lines.append) if captured else FromLoader(step, share, 0, workers=0)
    )
    for number in range(steps):
        step.prepare(number, (0,), 1e-4 * (number + 1))
        taking()
    taking.close()
    assert not lines, "a graph could be made"
    return step


def test_steps_with_their_data_are_those_of_the_loader(device: torch.device, photo_folder: Path) -> None:
    recipe = tiny("steps=12", "accumulate=2")
    ours = stepped(recipe, photo_folder, device, 8, captured=True)
    theirs = stepped(recipe, photo_folder, CPU, 8, captured=False)
    assert int(ours.number) == int(theirs.number) == 8
    assert ours.read() == pytest.approx(theirs.read(), rel=1e-3)
    for a, b in ((ours.model, theirs.model), (ours.result, theirs.result)):
        for one, other in zip(a.state_dict().values(), b.state_dict().values(), strict=True):
            assert (one.cpu() - other).abs().max() < 1e-4


def test_a_step_that_cannot_be_captured_is_taken_all_the_same(
    photo_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken:
        """As torch leaves a capture in which something failed: by another error, and without giving back the stream."""

        def __init__(self, graph: object, stream: object) -> None:
            pass

        def __enter__(self) -> None:
            monkeypatch.setattr(Gathered, "__getitem__", refusing)

        def __exit__(self, *error: object) -> None:
            monkeypatch.setattr(Gathered, "__getitem__", making)
            raise RuntimeError("operation failed due to a previous error during capture")

    def refusing(gathered: Gathered, number: torch.Tensor) -> None:
        raise RuntimeError("cannot copy from the CPU\nand more")

    streams, making = [], Gathered.__getitem__
    for name, stand_in in {
        "CUDAGraph": object,
        "graph": Broken,
        "current_stream": lambda: "the stream before",
        "set_stream": streams.append,
    }.items():
        monkeypatch.setattr(torch.cuda, name, stand_in)
    recipe, lines = tiny("steps=9"), []
    step = stepped(recipe, photo_folder, CPU, 0, captured=True)
    taking = OnDevice(step, Gathered.of(Share(read_data(recipe, photo_folder, 2**30).samples), CPU), lines.append)
    taking._capturing = True
    for number in range(6):
        step.prepare(number, (0,), 1e-4)
        taking()
    assert int(step.number) == 6 and streams == ["the stream before"]
    assert len(lines) == 1 and lines[0].endswith("no graph can be made of them: cannot copy from the CPU")


def test_a_failing_step_changes_nothing_on_any_device(device: torch.device, photo_folder: Path) -> None:
    recipe = tiny("steps=20", "clip=0", "optimizer.kind=sgd")
    step = stepped(recipe, photo_folder, device, 0, captured=True)
    taking = OnDevice(step, Gathered.of(Share(read_data(recipe, photo_folder, 2**30).samples), device), print)
    for number in range(12):
        step.prepare(number, (0,), 1e38 if number == 6 else 1e-4)
        taking()
        if number == 6:
            before = {name: tensor.clone() for name, tensor in step.model.state_dict().items()}
    with pytest.raises(Exception, match="step 8: the l"):
        step.read()
    assert all(torch.equal(before[name], tensor) for name, tensor in step.model.state_dict().items())


def test_a_run_can_be_stopped_and_resumed(device: torch.device, photo_folder: Path, tmp_path: Path) -> None:
    recipe = tiny("steps=16", "log_every=4")
    for piece in ("whole", "first", "second"):
        stops = iter([False] * 7 + [True])
        stopped = (lambda stops=stops: next(stops)) if piece == "first" else lambda: False
        options = Options(device, resume=piece == "second")
        folder = tmp_path / ("whole" if piece == "whole" else "pieces")
        assert [p.step for p in train(recipe, photo_folder, folder, options, stopped=stopped)]
    weights = [load_weights(Run(tmp_path / name, recipe.name).weights)[0].state_dict() for name in ("whole", "pieces")]
    assert all(torch.allclose(weights[0][name], weights[1][name], atol=1e-4) for name in weights[0])


@pytest.mark.cuda
def test_bf16_learns_too(photo_folder: Path, tmp_path: Path) -> None:
    recipe = tiny("steps=200", "precision=bf16", "learning_rate=1e-3", "log_every=20")
    losses = [
        progress.record["loss"]
        for progress in train(recipe, photo_folder, tmp_path / "run", Options(torch.device("cuda")))
        if "loss" in progress.record
    ]
    assert losses[-1] < 0.9 * losses[0]


def test_downsampling_is_the_same_from_one_device_to_the_next(device: torch.device, photo) -> None:
    """Its matrices are kept on each device."""
    image = torch.from_numpy(photo(64, 48)).permute(2, 0, 1)[None].float() / 255
    for _ in range(2):
        made = Downsample(scale=2)(image.to(device), Streams.seeded(0, torch.arange(1, device=device)))
        assert torch.allclose(made.cpu(), Downsample(scale=2)(image, Streams.seeded(0)), atol=1e-6)
