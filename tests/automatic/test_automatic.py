"""Restoring without naming a model: what each photo shows decides."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import numpy as np
import pytest
import tifffile
from PIL import Image as PillowImage
from test_diagnosis import blurred, clean, compressed, noisy

import imgrestore
import processes
from conftest import SCHEMA, invoke, open_picture, random_model, told
from imgrestore.batch.manifest import MANIFEST
from imgrestore.errors import UsageError
from imgrestore.models.in_turn import InTurn
from imgrestore.weights import cards
from imgrestore.weights.cards import Card
from imgrestore.weights.catalogue import choose
from imgrestore.weights.remedies import Remedies
from imgrestore.weights.storage import save_weights

PICTURE = clean(200, 260)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of photos, one of each kind of damage; it is the current folder."""
    monkeypatch.chdir(tmp_path)
    folder = Path("in")
    folder.mkdir()
    PillowImage.fromarray(PICTURE).save(folder / "clean.png")
    PillowImage.fromarray(noisy(PICTURE, 15)).save(folder / "noisy.png")
    PillowImage.fromarray(blurred(PICTURE, 2)).save(folder / "blurred.png")
    PillowImage.fromarray(noisy(blurred(PICTURE, 2), 15)).save(folder / "both.png")
    PillowImage.fromarray(compressed(PICTURE, 20)).save(folder / "blocks.png")
    return tmp_path


@pytest.fixture(autouse=True)
def denoising(tmp_path_factory, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Ship the weights of this version, but for deblurring, whether there are any or not."""
    folder = tmp_path_factory.mktemp("without")
    for path in cards.weights_folder().glob("*.safetensors"):
        if not path.name.startswith("resnet-deblur"):
            (folder / path.name).symlink_to(path)
    (folder / "automatic").symlink_to(cards.weights_folder() / "automatic")
    monkeypatch.setattr(cards, "weights_folder", lambda: folder)
    cards.shipped.cache_clear()
    yield
    cards.shipped.cache_clear()


@pytest.fixture
def deblurring(tmp_path_factory, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Ship weights for a small deblurring model, and a denoiser that has learnt JPEG, as a later version may."""
    folder = tmp_path_factory.mktemp("weights")
    taught = {"resnet-denoise": ["gaussian", "jpeg"], "resnet-deblur": ["gaussian-blur"]}
    for name, kinds in taught.items():
        dimensions = {"scale": 1, "width": 8, "blocks": 1}
        model = random_model(name, **dimensions)
        recipe = {"degradation": [{"kind": kind} for kind in kinds]}
        save_weights(folder / f"{name}.safetensors", model.state_dict(), Card(name, dimensions, recipe))
    (folder / "automatic").symlink_to(cards.weights_folder() / "automatic")
    monkeypatch.setattr(cards, "weights_folder", lambda: folder)
    cards.shipped.cache_clear()
    yield
    cards.shipped.cache_clear()


def restore(*arguments: str | Path) -> tuple[int, dict[str, dict[str, object]], str]:
    """Restore and return the exit code, the records by the input's stem, and what was said."""
    code, stdout, said = invoke("restore", *arguments, "--json")
    records = [json.loads(line) for line in stdout.splitlines()]
    for record in records:
        jsonschema.validate(record, SCHEMA)
    return code, {Path(str(record["input"])).stem: record for record in records}, said


@pytest.mark.parametrize("task", [[], ["--task", "auto"]])
def test_a_noisy_photo_is_denoised_as_by_name(task: list[str], here: Path) -> None:
    code, records, said = restore("in/noisy.png", *task)
    assert code == 0 and said.count("\n") == 1
    assert "in/noisy.png -> in/noisy_restored.png" in said and ": found noise of sigma 12: denoised\n" in said
    assert records["noisy"]["model"] == "resnet-denoise" and records["noisy"]["did"] == ["denoise"]
    assert records["noisy"]["found"]["noise"] == pytest.approx(15, rel=0.25)
    assert invoke("restore", "in/noisy.png", "--task", "denoise", "-o", "named.png")[0] == 0
    assert Path("named.png").read_bytes() == Path("in/noisy_restored.png").read_bytes(), "stamp and all"
    code, stdout, said = invoke("verify", "in/noisy_restored.png", "--input", "in/noisy.png")
    assert code == 0 and "identical" in stdout and not told(said)


def test_a_clean_photo_is_left_alone(here: Path) -> None:
    code, records, said = restore("in/clean.png")
    assert code == 0 and said == "in/clean.png: found no damage: left alone\n"
    assert records["clean"]["status"] == "left" and records["clean"]["output"] is None
    assert records["clean"]["did"] == [] and records["clean"]["found"]["damage"] == []
    assert len(list(Path("in").iterdir())) == 5 and [path.name for path in Path().iterdir()] == ["in"]


@pytest.mark.parametrize("output", ["copy.png", "folder/", "-"])
def test_a_clean_photo_is_copied_where_an_output_is_asked_for(output: str, here: Path) -> None:
    content = Path("in/clean.png").read_bytes()
    if output == "-":
        command = [sys.executable, "-m", "imgrestore", "restore", "-", "-o", "-"]
        done = processes.run(command, input=content, capture_output=True)
        code, said, written = done.returncode, done.stderr.decode(), done.stdout
    else:
        code, _, said = invoke("restore", "in/clean.png", "-o", output)
        written = next(Path().glob("*/clean.png" if output == "folder/" else output)).read_bytes()
    assert code == 0 and ": found no damage: copied as it is" in said and written == content


@pytest.mark.parametrize(
    ("output", "options"),
    [
        ("x.tif", []),
        ("x.png", ["--depth", "16"]),
        ("x.png", ["--crop", "10,20,30,40"]),
        ("x.png", ["--strip-metadata"]),
    ],
)
def test_a_clean_photo_that_must_change_keeps_its_pixels(output: str, options: list[str], here: Path) -> None:
    code, records, said = restore("in/clean.png", "-o", output, *options)
    assert code == 0 and "found no damage: saved with the pixels it has" in said and records["clean"]["did"] == []
    written = tifffile.imread(output) if output == "x.tif" else np.asarray(open_picture(Path(output)))
    if "--depth" not in options:
        assert np.array_equal(written, PICTURE[20:60, 10:40] if "--crop" in options else PICTURE)
    if "--strip-metadata" not in options:
        assert "identical" in invoke("verify", output, "--input", "in/clean.png")[1]


def test_what_no_model_treats_is_told(here: Path) -> None:
    code, records, said = restore("in/blurred.png")
    assert code == 0 and records["blurred"]["status"] == "left" and not Path("in/blurred_restored.png").exists()
    assert said == "in/blurred.png: found blur of 2.2 pixels: left alone; no model for blur comes with this version\n"
    code, records, said = restore("in/both.png")
    assert records["both"]["did"] == ["denoise"] and records["both"]["found"]["damage"] == ["noise", "blur"]
    assert said.endswith("pixels: denoised; no model for blur comes with this version\n")
    code, stdout, said = invoke("restore", "in/blurred.png", "--task", "deblur")
    assert code == 2 and "no model for the task 'deblur' comes with this version" in said and stdout == ""


def test_blocks_of_jpeg_are_made_smoother_and_the_photo_truer(here: Path) -> None:
    code, records, said = restore("in/blocks.png")
    assert code == 0 and said.endswith(": found JPEG of quality 21: denoised\n")
    assert records["blocks"]["model"] == "resnet-denoise" and records["blocks"]["found"]["damage"] == ["jpeg"]
    before, after = (np.asarray(open_picture(Path(f"in/blocks{end}.png")), float) for end in ("", "_restored"))
    assert np.square(after - PICTURE).mean() < 0.9 * np.square(before - PICTURE).mean()


def test_blur_is_treated_once_there_are_weights(here: Path, deblurring: None) -> None:
    code, records, said = restore("in", "-o", "out", "--precision", "fp32")
    assert code == 0 and "no model" not in said
    assert {name: record["did"] for name, record in records.items()} == {
        "clean": [],
        "noisy": ["denoise"],
        "blurred": ["deblur"],
        "both": ["denoise", "deblur"],
        "blocks": ["denoise"],
    }
    assert records["both"]["model"] == "resnet-denoise+resnet-deblur"
    assert Path("out/clean.png").read_bytes() == Path("in/clean.png").read_bytes()
    for name in ("noisy", "blurred", "both", "blocks"):
        code, stdout, said = invoke("verify", f"out/{name}.png", "--input", f"in/{name}.png")
        assert code == 0 and "identical" in stdout and not told(said)
    assert invoke("restore", "in/blurred.png", "--task", "deblur", "-o", "named.png", "--precision", "fp32")[0] == 0
    assert Path("named.png").read_bytes() == Path("out/blurred.png").read_bytes()


def test_models_in_turn_are_exact_in_tiles_and_crops(here: Path, deblurring: None) -> None:
    options = ["in/both.png", "--precision", "fp32", "--strength", "0.7"]
    assert restore(*options, "-o", "whole.png")[0] == restore(*options, "-o", "tiles.png", "--tile", "20")[0] == 0
    assert restore(*options, "-o", "part.png", "--crop", "31,45,60,50", "--tile", "16")[0] == 0
    whole, tiles, part = (np.asarray(open_picture(Path(name))) for name in ("whole.png", "tiles.png", "part.png"))
    assert np.array_equal(whole, tiles) and np.array_equal(part, whole[45:95, 31:91])
    named = ["--model", "resnet-denoise+resnet-deblur", "--precision", "fp32", "--strength", "0.7"]
    assert invoke("restore", "in/both.png", "-o", "named.png", *named)[0] == 0
    assert Path("named.png").read_bytes() == Path("whole.png").read_bytes()
    assert invoke("verify", "part.png", "--input", "in/both.png")[0] == 0


def test_models_that_cannot_work_in_turn() -> None:
    for names in ("resnet-sr+resnet-denoise", "bicubic+resnet-denoise", "resnet-denoise+nearest"):
        with pytest.raises(UsageError, match="cannot work in turn"):
            choose(names)
    with pytest.raises(ValueError, match="finite reach"):
        InTurn([random_model("resnet-sr", 2), random_model("resnet-denoise", 1)])


def test_a_batch_goes_on_where_it_stopped(here: Path) -> None:
    Path("in/cut.png").write_bytes(Path("in/noisy.png").read_bytes()[:20000])
    code, records, said = restore("in", "-o", "out")
    assert code == 1 and records["cut"]["error_code"] == "damaged" and records["cut"]["model"] == "auto"
    assert "error: in/cut.png" in said and [r["status"] for r in records.values()].count("done") == 5
    Path("out/clean.png").unlink()
    code, records, _ = restore("in", "-o", "out", "--resume")
    statuses = {name: record["status"] for name, record in records.items()}
    assert code == 1 and statuses == {"clean": "done", "cut": "failed"} | dict.fromkeys(
        ("noisy", "blurred", "both", "blocks"), "skipped"
    )
    assert len((Path("out") / MANIFEST).read_text().splitlines()) > 10


def test_new_weights_make_old_results_stale(here: Path, monkeypatch: pytest.MonkeyPatch, request) -> None:
    restore("in/blurred.png", "-o", "out/")
    request.getfixturevalue("deblurring")
    code, records, _ = restore("in/blurred.png", "-o", "out/", "--resume")
    assert code == 0 and records["blurred"]["status"] == "done" and records["blurred"]["did"] == ["deblur"]


def test_folders_beside_their_inputs(here: Path) -> None:
    code, _, said = restore("in")
    assert code == 0 and "3 of 5 restored, 2 left alone" in said
    restored = {path.name for path in Path("in").glob("*_restored*")}
    assert restored == {"both_restored.png", "noisy_restored.png", "blocks_restored.png"}


def test_a_dry_run_says_what_would_be_done(here: Path) -> None:
    Path("in/cut.png").write_bytes(Path("in/noisy.png").read_bytes()[:20000])
    code, stdout, stderr = invoke("restore", "in", "--dry-run")
    lines = stdout.splitlines()
    assert code == 1 and "in/cut.png" in stderr and len(lines) == 5
    assert (
        "in/clean.png -> in/clean_restored.png (260x200 -> 260x200, png): found no damage: nothing to restore" in lines
    )
    assert any("in/noisy.png" in line and line.endswith("denoised") for line in lines)
    assert not list(Path("in").glob("*_restored*"))


def test_a_dry_run_in_json_says_what_the_run_says(here: Path) -> None:
    Path("in/cut.png").write_bytes(Path("in/noisy.png").read_bytes()[:20000])
    same = ("input", "output", "width", "height", "model", "scale", "found", "did", "error", "error_code")
    for output in ([], ["-o", "out"]):
        _, planned, _ = restore("in", *output, "--dry-run")
        _, done, _ = restore("in", *output)
        assert {name: [r[key] for key in same] for name, r in planned.items()} == {
            name: [r[key] for key in same] for name, r in done.items()
        }
        statuses = {record["status"] for record in planned.values()}
        assert statuses == ({"planned", "failed"} if output else {"planned", "failed", "left"})
        for path in Path("in").glob("*_restored.png"):
            path.unlink()
    _, again, _ = restore("in", "-o", "out", "--resume", "--dry-run")
    assert {record["status"] for record in again.values()} == {"skipped", "failed"}
    assert again["cut"]["error_code"] == "damaged"


@pytest.mark.parametrize(
    ("option", "name"),
    [
        (["--scale", "2"], "clean_restored_2x.png (260x200 -> 520x400, png)"),
        (["--task", "auto", "--scale", "4"], "clean_restored_4x.png (260x200 -> 1040x800, png)"),
        (["--max-side", "300"], "clean_restored_300x231.png (260x200 -> 300x231, png)"),
        (["--width", "300"], "clean_restored_300x231.png (260x200 -> 300x231, png)"),
    ],
)
def test_a_size_means_enlarging(option: list[str], name: str, here: Path) -> None:
    code, stdout, _ = invoke("restore", "in/clean.png", *option, "--dry-run")
    assert code == 0 and stdout == f"in/clean.png -> in/{name}: found no damage: to be enlarged by resnet-sr\n"


def test_each_photo_is_enlarged_as_its_damage_asks(here: Path) -> None:
    code, records, said = restore("in", "-o", "out", "--scale", "2", "--precision", "fp32")
    assert code == 0 and {record["width"] for record in records.values()} == {520}
    assert {name: record["model"] for name, record in records.items()} == {
        "clean": "resnet-sr",
        "noisy": "resnet-denoise+resnet-sr",
        "blurred": "resnet-sr",
        "both": "resnet-denoise+resnet-sr",
        "blocks": "resnet-sr-real",
    }
    assert records["noisy"]["did"] == ["denoise", "upscale"] and records["clean"]["did"] == ["upscale"]
    assert "found JPEG of quality 21: enlarged by resnet-sr-real\n" in said
    assert "found noise of sigma 12: denoised and enlarged by resnet-sr\n" in said
    for name in records:
        code, stdout, _ = invoke("verify", f"out/{name}.png", "--input", f"in/{name}.png")
        assert code == 0 and "identical" in stdout
    named = ["-m", "resnet-sr-real", "--scale", "2", "--precision", "fp32", "-o", "x.png"]
    assert invoke("restore", "in/blocks.png", *named)[0] == 0
    assert Path("x.png").read_bytes() == Path("out/blocks.png").read_bytes(), "stamp and all"
    Path("out/noisy.png").unlink()
    _, records, _ = restore("in", "-o", "out", "--scale", "2", "--precision", "fp32", "--resume")
    statuses = {name: record["status"] for name, record in records.items()}
    assert statuses == {"noisy": "done"} | dict.fromkeys(("clean", "blurred", "both", "blocks"), "skipped")
    again = restore("in", "-o", "out", "--scale", "3", "--precision", "fp32", "--resume", "-n")[1]
    assert {record["status"] for record in again.values()} == {"planned"}


@pytest.mark.parametrize(
    ("damage", "models"),
    [
        ({}, "resnet-sr"),
        ({"jpeg": -10}, "resnet-sr-real"),
        ({"jpeg": -60, "blur": 0, "noise": 0.02}, "resnet-sr-real"),
        ({"jpeg": -60, "noise": 0.1}, "resnet-denoise+resnet-sr"),
        ({"jpeg": -60, "grain": 0}, "unet-denoise+resnet-sr"),
        ({"noise": 0.02}, "resnet-denoise+resnet-sr"),
        ({"noise": 0.43}, "unet-denoise+resnet-sr"),
        ({"enlarged": 0}, "resnet-sr"),
    ],
)
def test_what_enlarges(damage: dict[str, float], models: str) -> None:
    choice = Remedies.shipped(3).against(damage)
    assert choice is not None and choice.name == models and choice.scale == 3


@pytest.mark.parametrize(
    ("damage", "model"),
    [
        ({"noise": 0.2}, "resnet-denoise"),
        ({"noise": 0.43}, "unet-denoise"),
        ({"jpeg": -40}, "resnet-denoise"),
        ({"jpeg": -10}, "unet-denoise"),
        ({"noise": 0.1, "jpeg": -40}, "resnet-denoise"),
        ({"noise": 0.1, "scratches": 0}, "unet-denoise"),
    ],
)
def test_the_denoiser_has_learnt_noise_as_strong(damage: dict[str, float], model: str) -> None:
    choice = Remedies.shipped().against(damage)
    assert choice is not None and choice.name == model


def test_a_scale_of_one_keeps_the_size(here: Path) -> None:
    assert "found no damage: left alone" in invoke("restore", "in/clean.png", "--scale", "1")[2]


def test_the_diagnosis_tells_what_would_be_done(here: Path) -> None:
    stdout = invoke("info", "in/blocks.png", "--diagnose")[1]
    assert "to restore: resnet-denoise; to enlarge: resnet-sr-real\n" in stdout
    models = json.loads(invoke("info", "in/clean.png", "--diagnose", "--json")[1])["models"]
    assert models == {"restore": None, "enlarge": "resnet-sr"}


def test_every_task_has_its_model(here: Path, deblurring: None) -> None:
    assert [choose(step).entry.task for step in ("resnet-denoise", "resnet-deblur")] == ["denoise", "deblur"]
    assert Remedies.shipped().treated >= {"noise", "jpeg", "blur"}
    assert Remedies.shipped().against({}) is None and Remedies({}).against({"noise": 0.1}) is None


@pytest.mark.parametrize(
    ("part", "knows"),
    [
        ({"kind": "gaussian"}, False),
        ({"kind": "jpeg"}, True),
        ({"kind": "one-of", "among": [{"kind": "regional", "inside": [{"kind": "jpeg"}]}]}, True),
        ({"kind": "two-pass"}, True),
    ],
)
def test_jpeg_is_left_to_a_denoiser_that_has_met_it(
    part: dict[str, object], knows: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dimensions = {"scale": 1, "width": 8, "blocks": 1}
    card = Card("resnet-denoise", dimensions, {"degradation": [{"kind": "quantize"}, part]})
    save_weights(tmp_path / "resnet-denoise.safetensors", random_model(card.model, **dimensions).state_dict(), card)
    monkeypatch.setattr(cards, "weights_folder", lambda: tmp_path)
    cards.shipped.cache_clear()
    assert ("jpeg" in Remedies.shipped().treated) == knows
    cards.shipped.cache_clear()


def test_deep_grey_and_transparent_photos(here: Path) -> None:
    tifffile.imwrite("deep.tif", noisy(PICTURE, 15).astype(np.uint16) * 257, photometric="rgb")
    PillowImage.fromarray(noisy(PICTURE, 15)[..., 1]).save("grey.png")
    alpha = np.full((*PICTURE.shape[:2], 1), 255, np.uint8)
    PillowImage.fromarray(np.concatenate([noisy(PICTURE, 15), alpha], axis=2)).save("alpha.png")
    tifffile.imwrite("linear.tif", ((noisy(PICTURE, 15) / 255) ** 2.2).astype(np.float32), photometric="rgb")
    for name in ("deep.tif", "grey.png", "alpha.png", "linear.tif"):
        code, records, said = restore(name)
        (record,) = records.values()
        assert code == 0 and record["did"] == ["denoise"], said
        assert invoke("verify", str(record["output"]), "--input", name)[0] == 0


def test_the_same_from_python(here: Path) -> None:
    damaged = noisy(PICTURE, 15)
    assert np.array_equal(imgrestore.restore(damaged, "auto"), imgrestore.restore(damaged, "resnet-denoise"))
    assert np.array_equal(imgrestore.restore(PICTURE, "auto"), PICTURE)
    assert np.array_equal(imgrestore.restore("in/clean.png", "auto").pixels, PICTURE)
    for pixels, model in ((PICTURE, "resnet-sr"), (damaged, "resnet-denoise+resnet-sr")):
        assert np.array_equal(imgrestore.restore(pixels, "auto", 2), imgrestore.restore(pixels, model, 2))
    assert imgrestore.restore(PICTURE, width=300).shape == (231, 300, 3)
    (result,) = imgrestore.restore_many([compressed(PICTURE, 20)], scale=2)
    assert result.image is not None and result.found == "found JPEG of quality 21: enlarged by resnet-sr-real"
    with pytest.raises(imgrestore.ImgrestoreError, match=r"keeps .* size"):
        imgrestore.load_model("auto")(PICTURE, width=300)


def test_mistakes_in_the_diagnosis_fail_one_photo(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from imgrestore.automatic import treatment

    real = treatment.diagnose

    def failing(picture):
        if picture.header.width == 77:
            raise RuntimeError("a mistake")
        return real(picture)

    monkeypatch.setattr(treatment, "diagnose", failing)
    PillowImage.fromarray(PICTURE[:, :77]).save("in/odd.png")
    code, records, said = restore("in", "-o", "out")
    assert code == 1 and "in/odd.png" in said and records["odd"]["status"] == "failed"
    assert [record["status"] for record in records.values()].count("done") == 5
