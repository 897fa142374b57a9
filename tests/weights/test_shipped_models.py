"""The weights that come with the package, on a photo that training never saw."""

import itertools
from pathlib import Path

import pytest
import torch

from conftest import shift
from imgrestore.codecs import read_image
from imgrestore.engine.prepare import prepare
from imgrestore.errors import UsageError
from imgrestore.evaluation.evaluate import Pair, parse_degradation, standard_degradations, to_tensor, white_noise
from imgrestore.image import Image
from imgrestore.image.resampling import resize
from imgrestore.metrics.protocols import psnr
from imgrestore.parts.registry import find_model
from imgrestore.weights.cards import read_card, shipped, weights_folder
from imgrestore.weights.catalogue import PAPER_MODELS, choose
from imgrestore.weights.storage import load_weights

PHOTO = Path(__file__).parents[2] / "docs" / "images" / "circuit.jpg"
PAPERS = sorted(name for (name, _), path in shipped().items() if path.parent != weights_folder())
SHIPPED = sorted(key for key in shipped() if key[0] not in PAPERS)
LARGER = {"fourier-ae-small": 5, "block-ae-multi": 7, "resnet4x": 2}
"""Megabytes of weights worth more than one: what papers 000, 001 and 004 propose."""
WORN = {"resnet-sr-real"}
"""Models for photos that are noisy and compressed; what is flat under noise they know less well."""
WEAR = [*white_noise(10), parse_degradation("jpeg:quality=80")]
BROAD = {"unet-denoise": 36}
"""Models that have learnt damage which looks like texture, and the PSNR that a finely textured photo without any keeps:
`auto` takes them only where it sees such damage."""
UNTOUCHED = {"denoise": 40, "deblur": 38}
"""PSNR that a photo without noise or blur has to keep."""


@pytest.fixture(scope="module")
def photo_pixels():
    return read_image(PHOTO).rgb8()[100:388, 200:520]


def test_shipped_weights_cover_the_default_model() -> None:
    assert {("resnet-sr", 2), ("resnet-sr", 4)} <= shipped().keys()


@pytest.mark.parametrize(("name", "scale"), SHIPPED)
def test_cards_say_what_the_weights_are(name: str, scale: int) -> None:
    model, card = load_weights(shipped()[name, scale])
    assert model.scale == scale == card.scale
    assert card.licence and card.steps and card.device and card.data and card.recipe
    assert card.scores and card.bf16_loss_db is not None
    for score in card.scores:
        if scale == 1:
            least = 0.4 if "shake" in score["data"] else 2.5  # blind, a long shake is hardly undone
            assert score["psnr"] > score["input_psnr"] + least
        else:
            assert score["psnr"] > score["bicubic_psnr"] > score["nearest_psnr"]


@pytest.mark.parametrize(("name", "scale"), SHIPPED)
def test_better_than_no_network_without_shift_or_tint(name: str, scale: int, photo_pixels) -> None:
    degradations = standard_degradations(choose(name).entry.task, scale)
    degradations += WEAR if name in WORN else []
    degradations += (
        [parse_degradation("quantize")] if name in BROAD else []
    )  # they know noise as files keep it: clipped
    lq, gt = Pair.degraded("circuit", lambda: photo_pixels, degradations, scale).load()
    restored = prepare(choose(name, scale), device="cpu").restore_tensor(lq)
    unrestored = resize(lq, (gt.shape[1], gt.shape[2]))
    protocol = "rgb" if scale == 1 else "y"
    least = 0.1 if name in WORN else 0.4
    assert psnr(restored, gt, protocol, scale) > psnr(unrestored, gt, protocol, scale) + least
    reference = gt if scale == 1 else unrestored  # clipped noise is brighter than what it hides
    assert (restored.mean(dim=(1, 2)) - reference.mean(dim=(1, 2))).abs().max() < 1 / 255
    assert max(abs(offset) for offset in shift(restored, gt if scale == 1 else unrestored)) < 0.02 * scale


def test_worn_photos_are_better_enlarged_by_weights_that_know_them(photo_pixels) -> None:
    degradations = [*standard_degradations("upscale", 4), *WEAR]
    lq, gt = Pair.degraded("circuit", lambda: photo_pixels, degradations, 4).load()
    clean, real = (
        prepare(choose(name, 4), device="cpu").restore_tensor(lq) for name in ("resnet-sr", "resnet-sr-real")
    )
    assert psnr(real, gt, "y", 4) > psnr(clean, gt, "y", 4) + 0.3


@pytest.mark.parametrize(("name", "scale"), [key for key in SHIPPED if choose(key[0]).entry.task in UNTOUCHED])
def test_clean_photos_stay_as_they_are(name: str, scale: int, photo_pixels) -> None:
    clean, task = to_tensor(photo_pixels), choose(name).entry.task
    if task == "deblur":  # the corners of the board are out of focus; at a third of its size nothing is
        clean = resize(clean, (clean.shape[1] // 3, clean.shape[2] // 3)).clamp(0, 1)
    restored = prepare(choose(name, scale), device="cpu").restore_tensor(clean)
    assert psnr(restored, clean) >= BROAD.get(name, UNTOUCHED[task])


@pytest.mark.parametrize("damage", ["salt-pepper:amount=0.03", "grain:sigma=0.08,size=0.5", "chroma-noise:chroma=0.07"])
def test_the_broad_denoiser_knows_what_the_default_one_does_not(damage: str, photo_pixels) -> None:
    lq, gt = Pair.degraded("circuit", lambda: photo_pixels[:192, :192], [parse_degradation(damage)], 1).load()
    default, broad = (
        psnr(prepare(choose(name), device="cpu").restore_tensor(lq), gt) for name in ("resnet-denoise", "unet-denoise")
    )
    assert broad > default + 1 and broad > psnr(lq, gt) + 2


def test_the_measure_of_shift_sees_a_shift() -> None:
    picture = resize(torch.rand(3, 30, 30, generator=torch.Generator().manual_seed(0)), (240, 240))
    assert shift(picture, picture) == pytest.approx((0, 0), abs=1e-9)
    moved = 0.9 * picture + 0.1 * picture.roll(1, dims=2)
    assert shift(moved, picture) == pytest.approx((0, 0.1), abs=0.01)


@pytest.mark.parametrize(("name", "scale"), SHIPPED)
def test_flat_areas_stay_flat(name: str, scale: int) -> None:
    """Within a level up to the corners, whatever the colour; greys within a third of one.

    Files hold nothing below black or above white.
    """
    restorer = prepare(choose(name, scale), device="cpu")
    side = 2 * restorer.model.halo + 12
    for colour in itertools.product((0.0, 0.5, 1.0), repeat=3):
        flat = torch.tensor(colour)[:, None, None]
        error = (restorer.restore_tensor(flat.expand(3, side, side)).clamp(0, 1) - flat).abs().max() * 255
        grey, coloured = (0.5, 3.2) if name in WORN else (0.34, 2.5 if name in BROAD else 1.3)
        assert error < (grey if len(set(colour)) == 1 else coloured), f"{colour}: {error:.2f} levels"


@pytest.mark.parametrize("name", PAPERS)
def test_weights_of_the_papers_restore_a_photo_by_their_name(name: str, photo_pixels, tmp_path: Path) -> None:
    (path,) = (path for (known, _), path in shipped().items() if known == name)
    card = read_card(path)
    seed = card.recipe["training"]["seed"]
    assert name == card.recipe["name"] + (f"-seed{seed}" if seed else "")
    assert "paper" in card.licence and card.minutes and card.scores and card.steps
    assert path.stat().st_size < LARGER.get(name, 1) * 1e6
    choice = choose(name)
    assert (choice.name, choice.model, choice.weights) == (name, name, path)
    crop = Image(photo_pixels[:70, :90])
    restored = prepare(choice, device="cpu").restore(crop)
    assert restored.pixels.shape == (70 * card.scale, 90 * card.scale, 3) and restored.pixels.std() > 1


def test_models_of_the_papers_have_weights_without_saying_which() -> None:
    for model, recipe in PAPER_MODELS.items():
        assert find_model(model).paper.startswith("00")
        assert choose(model).name == recipe


def test_networks_of_one_size_do_not_work_in_turn() -> None:
    for names in ("mnist-vae+resnet-denoise", "resnet-denoise+cae-small"):
        with pytest.raises(UsageError, match="these models cannot work in turn"):
            choose(names)


def test_weights_files_work_in_turn_like_names(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = shipped()["resnet-denoise", 1]
    Path("a+b.safetensors").write_bytes(path.read_bytes())
    assert choose("a+b.safetensors").name == "a+b"
    for names in (f"resnet-denoise+{path}", f"{path}+resnet-denoise"):
        assert [step.weights for step in choose(names).steps] == [path, path]
