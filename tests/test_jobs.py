import os
from pathlib import Path

import pytest
from PIL import Image as PillowImage

from imgrestore.batch.inputs import STREAM
from imgrestore.batch.manifest import Attempt, Manifest
from imgrestore.batch.names import Template
from imgrestore.batch.plan import plan
from imgrestore.batch.request import Request
from imgrestore.errors import OutputError, UsageError
from imgrestore.image.sizes import Target
from imgrestore.provenance.settings import Settings
from imgrestore.weights.catalogue import choose, labelled, task_model

BICUBIC = choose("bicubic", 2)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, photo) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("a.jpg", "b.png", "scans/c.tif", "scans/deep/d.webp", "scans/e.bmp"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        PillowImage.fromarray(photo(20, 30)).save(name)
    Path("scans/notes.txt").write_text("no image")
    Path("scans/.hidden.png").write_bytes(Path("b.png").read_bytes())
    return tmp_path


def destinations(*inputs: str, **options: object) -> list[str]:
    planned = plan(Request([Path(name) for name in inputs], **options), BICUBIC)
    assert not planned.failures
    return [str(job.destination) for job in planned.jobs]


def test_names_of_outputs(here: Path) -> None:
    assert destinations("a.jpg", "b.png") == ["a_bicubic_2x.jpg", "b_bicubic_2x.png"]
    assert destinations("a.jpg", output=Path("x.png")) == ["x.png"]
    assert destinations("a.jpg", "b.png", output=Path("out")) == ["out/a.jpg", "out/b.png"]
    assert destinations("scans", output=Path("out")) == ["out/c.tif", "out/e.png"]
    assert destinations("scans", output=Path("out"), recursive=True) == ["out/c.tif", "out/e.png", "out/deep/d.webp"]
    assert destinations("a.jpg", output=Path("out.d"), settings=Settings(format="png")) == ["out.d"]
    assert destinations("a.jpg", output=Path("out/"), settings=Settings(format="webp")) == ["out/a.webp"]
    assert destinations("a.jpg", output=STREAM) == ["-"]
    assert destinations("scans/e.bmp") == ["scans/e_bicubic_2x.png"]
    assert destinations("a.jpg", output=Path("out.d"), into_folder=True) == ["out.d/a.jpg"]
    Path("b.png").rename("wrong.jpg")
    assert destinations("wrong.jpg") == ["wrong_bicubic_2x.png"], "the name follows the content"


def test_an_original_is_never_taken_for_an_earlier_result(here: Path) -> None:
    folder = Path("d")
    folder.mkdir()
    for name in ("a.png", "a.bmp"):
        PillowImage.open("b.png").save(folder / name)
    for overwrite in (False, True):
        with pytest.raises(UsageError, match=r"would both be written to d/a\.png"):
            destinations("d", output=folder, overwrite=overwrite)


def test_what_the_manifest_knows_is_no_original(here: Path) -> None:
    folder = Path("d")
    folder.mkdir()
    for name in ("a.png", "a.jpg"):
        PillowImage.open("b.png").save(folder / name)
    with pytest.raises(UsageError, match="would both be written"):
        destinations("d", output=folder, settings=Settings(format="jpeg"), overwrite=True)
    manifest = Manifest(folder)
    manifest.append(Attempt("done", str(folder / "a.png"), output="a.jpg"))
    manifest.close()
    assert destinations("d", output=folder, settings=Settings(format="jpeg"), overwrite=True) == ["d/a.jpg"]


def test_a_name_needs_a_folder(here: Path) -> None:
    template = Template("{stem}_x{ext}")
    assert destinations("a.jpg", output=Path("out"), template=template) == ["out/a_x.jpg"]
    for output in (Path("x.png"), STREAM):
        with pytest.raises(UsageError, match="--name names results in folders"):
            destinations("a.jpg", output=output, template=template)


def test_standard_input_goes_to_standard_output(here: Path) -> None:
    content = Path("a.jpg").read_bytes()
    planned = plan(Request([STREAM], stdin=content), BICUBIC)
    assert planned.jobs[0].destination == STREAM and planned.jobs[0].form.name == "jpeg"
    assert destinations("-", stdin=content, output=Path("x.png")) == ["x.png"]


def test_the_output_folder_inside_the_input_folder_is_not_an_input(here: Path) -> None:
    (here / "scans" / "out").mkdir()
    (here / "scans" / "out" / "old.png").write_bytes(Path("b.png").read_bytes())
    found = destinations("scans", output=Path("scans/out"), recursive=True)
    assert "scans/out/out/old.png" not in found and len(found) == 3


@pytest.mark.parametrize(
    ("inputs", "options", "error", "message"),
    [
        (["scans/deep/../deep/.."], {"output": Path("scans")}, UsageError, "would overwrite an input"),
        (["a.jpg"], {"output": Path("a.jpg"), "overwrite": True}, UsageError, "would overwrite an input"),
        (["a.jpg"], {"output": Path("x.gif")}, UsageError, "cannot tell the format"),
        (["a.jpg"], {"settings": Settings(format="gif")}, UsageError, "cannot write the format"),
        (["a.jpg", "b.png"], {"output": STREAM}, UsageError, "several results"),
        (["a.jpg", "b.png"], {"output": Path("scans/notes.txt")}, UsageError, "names a file"),
        (["a.jpg", "b.png"], {"output": Path("new.jpg")}, UsageError, "names a file"),
        (
            ["a.jpg"],
            {"output": Path("x.png"), "settings": Settings(format="jpeg")},
            UsageError,
            "not the name of a jpeg file",
        ),
        (["scans/e.bmp", "scans/deep/e.bmp"], {"output": Path("out")}, UsageError, "would both be written"),
        ([], {}, UsageError, "no input"),
    ],
)
def test_requests_that_make_no_sense(here: Path, inputs, options, error, message: str) -> None:
    Path("scans/deep/e.bmp").write_bytes(Path("scans/e.bmp").read_bytes())
    with pytest.raises(error, match=message):
        plan(Request([Path(name) for name in inputs], **options), BICUBIC)


def test_an_input_that_is_given_twice_is_done_once(here: Path) -> None:
    Path("link").symlink_to("scans")
    for inputs in (["scans", "scans/c.tif"], ["scans/e.bmp", "link", "scans/../scans"]):
        assert sorted(destinations(*inputs, output=Path("out"))) == ["out/c.tif", "out/e.png"]
        assert len(destinations(*inputs, "scans/deep/..")) == 2
    assert destinations("scans", "scans/deep/d.webp", recursive=True).count("scans/deep/d_bicubic_2x.webp") == 1
    Path("scans/c_bicubic_2x.tif").write_bytes(Path("scans/c.tif").read_bytes())
    with pytest.raises(OutputError, match=r"c_bicubic_2x\.tif: exists already"):
        destinations("scans")
    with pytest.raises(UsageError, match="would overwrite an input"):
        destinations("scans", "scans/c_bicubic_2x.tif")


def test_existing_outputs_need_permission(here: Path) -> None:
    Path("a_bicubic_2x.jpg").touch()
    with pytest.raises(OutputError, match="exists already"):
        destinations("a.jpg", "b.png")
    assert len(destinations("a.jpg", "b.png", overwrite=True)) == 2


def test_a_folder_without_images(here: Path) -> None:
    Path("empty/below").mkdir(parents=True)
    Path("empty/below/x.png").write_bytes(Path("b.png").read_bytes())
    failures = plan(Request([Path("empty"), Path("a.jpg")]), BICUBIC).failures
    assert len(failures) == 1 and "holds no image; -r searches" in str(failures[0][1])


def test_what_a_format_cannot_hold_is_known_before(here: Path, photo) -> None:
    PillowImage.new("RGBA", (9000, 9)).save("alpha.png")
    for name, message in (("jpeg", "transparency"), ("webp", "too large for webp")):
        planned = plan(Request([Path("alpha.png"), Path("b.png")], settings=Settings(format=name)), BICUBIC)
        assert len(planned.jobs) == 1 and message in str(planned.failures[0][1])


def test_bad_files_fail_alone(here: Path) -> None:
    Path("bad.jpg").write_text("text")
    Path("n" * 245 + ".png").write_bytes(Path("b.png").read_bytes())
    bad = [Path("bad.jpg"), Path("missing.jpg"), Path("n" * 245 + ".png"), Path("o" * 300)]
    planned = plan(Request([*bad, Path("a.jpg")]), BICUBIC)
    assert len(planned.jobs) == 1
    messages = " ".join(str(error) for _, error in planned.failures)
    for part in ("bad.jpg: not an image", "missing.jpg: no such file", "too long a name", "File name too long"):
        assert part in messages


def test_results_of_an_earlier_run_are_not_inputs_of_the_next(here: Path) -> None:
    first = destinations("scans")
    for name in first:
        Path(name).write_bytes(Path("b.png").read_bytes())
    assert destinations("scans", overwrite=True) == first


def test_outputs_that_are_not_ordinary_files_are_left_alone(here: Path) -> None:
    os.mkfifo("pipe.png")
    for target in (Path("pipe.png"), Path("/dev/null")):
        with pytest.raises(OutputError, match="not an ordinary file"):
            destinations("a.jpg", output=target, overwrite=True, settings=Settings(format="png"))
    assert Path("pipe.png").is_fifo()
    os.mkfifo("scans/pipe")
    assert len(destinations("scans")) == 2, "a pipe in a folder is not waited for"


def test_models_of_one_name_keep_apart(tmp_path: Path) -> None:
    assert list(labelled([BICUBIC, choose("nearest", 2)])) == ["bicubic", "nearest"]
    small, large = choose("resnet-sr", 2), choose("resnet-sr", 4)
    names = ["resnet-sr (resnet-sr-x2.safetensors)", "resnet-sr (resnet-sr-x4.safetensors)"]
    assert list(labelled([small, large])) == names
    with pytest.raises(UsageError, match="two models are called"):
        labelled([small, small])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_folders_that_cannot_be_written_to(here: Path) -> None:
    Path("scans").chmod(0o500)
    with pytest.raises(OutputError, match="cannot be written to"):
        destinations("scans/c.tif")
    Path("scans").chmod(0o700)


def test_choices_of_model_and_scale(tmp_path: Path) -> None:
    assert (choose("resnet-sr").network_scale, choose("resnet-sr").scale) == (4, 4)
    assert choose("resnet-sr", 2).network_scale == 2
    assert (choose("resnet-sr", 3).network_scale, choose("resnet-sr", 3).scale) == (4, 3)
    assert choose("resnet-sr", 1.5).network_scale == 2
    assert choose("bicubic", 0.5).scale == 0.5
    with pytest.raises(UsageError, match="enlarges at most 4 times, not 8"):
        choose("resnet-sr", 8)
    for bad in (0, -1, 65, float("nan")):
        with pytest.raises(UsageError, match="scale must be"):
            choose("bicubic", bad)
    assert task_model("upscale") == "resnet-sr"


@pytest.mark.parametrize(
    ("target", "size"),
    [
        (Target(), (60, 40)),
        (Target(width=45), (45, 30)),
        (Target(height=30), (45, 30)),
        (Target(width=90, height=30), (45, 30)),
        (Target(max_side=50), (50, 33)),
        (Target(max_side=500), (60, 40)),
        (Target(min_side=50), (75, 50)),
        (Target(min_side=50, max_side=70), (70, 47)),
    ],
)
def test_target_sizes_keep_the_proportions(target: Target, size: tuple[int, int], here: Path) -> None:
    (job,) = plan(Request([Path("a.jpg")], settings=Settings(**vars(target))), BICUBIC).jobs
    assert job.settings.size == job.result_size == size
    told = "2x" if target == Target() else f"{size[0]}x{size[1]}"
    assert job.destination == Path(f"a_bicubic_{told}.jpg"), "it states no factor that is not its own"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"width": 0}, "--width must be at least 1"),
        ({"max_side": 3, "min_side": 4}, "is more than --max-side"),
        ({"width": 3, "max_side": 4}, "fix the size"),
    ],
)
def test_targets_that_make_no_sense(changes: dict[str, int], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Target(**changes)


def test_patterns_of_names(here: Path) -> None:
    assert destinations("a.jpg", template=Template("{stem}@{scale}x-{width}x{height}{ext}")) == ["a@2x-60x40.jpg"]
    assert destinations("scans/e.bmp", template=Template("{name}.{model}{ext}")) == ["scans/e.bmp.bicubic.png"]
    assert destinations("a.jpg", output=Path("out"), template=Template("new {stem}{ext}")) == ["out/new a.jpg"]
    assert destinations("a.jpg", settings=Settings(width=45)) == ["a_bicubic_45x30.jpg"]
    Path("{model}.png").write_bytes(Path("b.png").read_bytes())
    assert destinations("{model}.png") == ["{model}_bicubic_2x.png"], "braces in names of inputs are just braces"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{stm}{ext}", "did you mean 'stem'"),
        ("{stem", "must end in|stands alone"),
        ("x{ext}", "would call all outputs alike"),
        ("{stem}.png", "must end in"),
        ("../{stem}{ext}", "names, not folders"),
    ],
)
def test_patterns_that_cannot_name_outputs(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Template(text)
