import json
import math
import tomllib
from pathlib import Path

import pytest
import torch
from PIL import Image as PillowImage
from torch import Tensor
from typer.testing import CliRunner

from imgrestore.cli.app import app
from imgrestore.errors import InputError, UnknownNameError
from imgrestore.evaluation.papers import (
    CONTROL,
    MEAN_CODE,
    WINS,
    Claim,
    Paper,
    PictureSet,
    Row,
    find_paper,
    measure,
    numbers,
    places,
)
from imgrestore.evaluation.papers.measure import SHOWN, Measurement, Result
from imgrestore.evaluation.papers.pictures import Material
from imgrestore.evaluation.papers.table import PaperTable
from imgrestore.evaluation.papers.trained import Trained, find_weights
from imgrestore.evaluation.sheet import draw_grid
from imgrestore.metrics.profiles import PROFILES
from imgrestore.models.contract import RestorationModel
from imgrestore.recipes import shipped_recipes
from imgrestore.recipes.recipe import load_recipe
from imgrestore.weights.cards import Card, read_card, shipped
from imgrestore.weights.storage import save_weights

DEVICE = torch.device("cpu")
NUMBERS = numbers()


def test_there_are_five_papers() -> None:
    assert NUMBERS == ["000", "001", "002", "003", "004"]
    with pytest.raises(UnknownNameError, match="no paper is named '005'"):
        find_paper("005")


@pytest.mark.parametrize("number", NUMBERS)
def test_every_paper_is_whole(number: str) -> None:
    paper = find_paper(number)
    columns = PROFILES[paper.profile].columns
    known = {*columns, "kl_nats", "silhouette"}
    names = [row.name for row in paper.rows]
    assert len(set(names)) == len(names)
    for row in paper.rows:
        assert row.pictures in paper.sets and bool(row.recipe) != bool(row.baseline)
        assert {key.removesuffix(WINS) for key in row.published} <= known and bool(row.published) <= bool(row.table)
    for claim in paper.claims:
        assert claim.row in names and (claim.against in names or not claim.against) and set(claim.metrics) <= known
    for metric in paper.columns:
        assert metric.removesuffix(WINS).removesuffix(CONTROL).removesuffix(MEAN_CODE) in known
    material = Material(paper, [])
    for name in paper.sets:
        with pytest.raises(InputError, match="no folder holds"):
            material.count(name)


def test_published_claims_follow_from_published_rows() -> None:
    def published(number: str, text: str, metric: str) -> float | None:
        paper = find_paper(number)
        claim = next(claim for claim in paper.claims if claim.text == text)
        return PaperTable(paper, [Result(row, missing="no weights") for row in paper.rows]).claimed(claim, metric)[0]

    assert published("000", "Proposed - original: similarity up, errors up", "ms_ssim") == pytest.approx(0.054)
    assert published("001", "Conv AE: several decoders beat one", "psnr") == 93.33
    assert published("002", "STFT + SSIM - SSIM alone", "psnr") == pytest.approx(0.55)
    sfl = "SFL over pixel loss: the high bands halved, the low one as it was"
    assert [published("003", sfl, f"sfl_{band}") for band in ("08", "16", "32")] == pytest.approx(
        [0.375, 0.466, 0.978], abs=5e-4
    )
    assert published("004", "ResNet - nearest neighbour, x4", "psnr") == pytest.approx(1.01)
    assert published("004", "ResNet - bicubic, x4", "psnr") is None


def test_recipes_are_listed_with_their_paper() -> None:
    shown = CliRunner().invoke(app, ["recipes", "list"], env={"COLUMNS": "200"}).stdout
    assert "001, table 1: Conv AE" in shown
    assert places()["fourier-ae"].startswith("000, table 1: Proposed")
    shown = CliRunner().invoke(app, ["recipes", "show", "block-ae-multi"]).stdout
    assert shown.startswith("# paper 001, table 1: Conv AE\n")


class Darker(RestorationModel):
    """Blocks of 8 pixels made a little darker: bright ones by one factor, the rest by another."""

    native_size, overlap, stages = 8, 2, ("joint", "cluster", "per-cluster")

    def __init__(self, factors: tuple[float, float]) -> None:
        super().__init__()
        self.factors = torch.tensor(factors)

    def forward(self, lq: Tensor) -> Tensor:
        return self.outputs(lq)["restored"]

    def outputs(self, lq: Tensor) -> dict[str, Tensor]:
        code = lq.mean((2, 3))
        return {"restored": lq * self.factors[self.cluster_of(code)][:, None, None, None], "code": code}

    def cluster_of(self, code: Tensor) -> Tensor:
        return (code.mean(1) > 0.5).long()

    def control(self) -> RestorationModel:
        return Darker((0.9, 0.9))


@pytest.fixture(autouse=True)
def _models(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every weights file hold a model that says by its seed how dark it paints."""

    def load(path: Path) -> tuple[RestorationModel, Card]:
        card = read_card(path)
        return Darker((1 - 0.01 * card.recipe["training"]["seed"], 0.95)).eval(), card

    monkeypatch.setattr(measure, "load_weights", load)


def saved(folder: Path, name: str, seed: int, learned: int, **more: object) -> Path:
    """Save a card as a run of a recipe on a folder of pictures leaves it."""
    recipe = load_recipe("block-ae-multi", [f"seed={seed}", "model.block=6", "validation.images=2"])
    table = {**recipe.to_table(), "name": name, **more}
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.safetensors"
    save_weights(path, {}, Card("block-ae", recipe.dimensions, table, f"x ({learned} images)", steps=10 + seed))
    return path


def test_of_weights_of_one_seed_the_longest_run_counts(tmp_path: Path) -> None:
    saved(tmp_path / "a", "one", 1, 4)
    saved(tmp_path / "b", "one", 2, 4)
    (saved(tmp_path / "c", "one", 2, 4)).rename(tmp_path / "c" / "best.safetensors")
    (tmp_path / "b" / "checkpoint.safetensors").write_bytes(b"not weights")
    (tmp_path / "b" / "log.jsonl").write_text('{"step": 1, "minutes": 0.5}\n{"step": 2, "minutes": 1.5}\n{"step"')
    found = find_weights([tmp_path])
    assert sorted(found["one"]) == [1, 2] and found["one"][2].path.parent.name == "b"
    assert found["one"][2].minutes == 1.5 and found["one"][1].minutes is None
    with pytest.raises(InputError, match="no such folder"):
        find_weights([tmp_path / "nowhere"])


@pytest.fixture
def paper() -> Paper:
    """Return a paper of two trained rows and two baselines on tiny pictures."""
    pictures = PictureSet(
        "small", "small photos", {"kind": "images", "size": 16}, [{"kind": "gaussian", "sigma": 0.1}], "held-out"
    )
    rows = [
        Row("input", "Input", "small", "table 1", baseline="input", published={"psnr": 20.0}),
        Row("ours", "Ours", "small", "table 1", recipe="ours", published={"psnr": 22.0, "psnr_wins": 75.0}),
        Row("other", "Other", "small", recipe="other"),
    ]
    claims = [
        Claim("better than nothing", "ours", ["psnr"], "input"),
        Claim("two beat one", "ours", ["psnr"], by="wins"),
        Claim("better than the other", "ours", ["psnr"], "other", "ratio"),
    ]
    columns = ["psnr", "psnr_control", "psnr_wins", "silhouette"]
    return Paper("009", "Nobody", "p001", columns, {"small": pictures}, rows, claims, ["A note"])


def test_rows_are_measured_on_what_was_held_out(paper: Paper, photo_folder: Path, tmp_path: Path) -> None:
    for seed in (1, 2):
        saved(tmp_path / str(seed), "ours", seed, learned=4)
    measurement = Measurement(Material(paper, [photo_folder]), find_weights([tmp_path]), DEVICE)
    first, again = list(measurement.results()), list(measurement.results())
    baseline, ours, other = first
    assert baseline.images == ours.images == 2 and other.missing == "no weights"
    assert baseline.of("psnr")[0] == pytest.approx(20, abs=0.8)
    assert [run.seed for run in ours.runs] == [1, 2] and ours.of("psnr")[0] != ours.of("psnr")[1]
    for values in ours.values:
        assert values["psnr"] != values["psnr_control"] and values["psnr_wins"] in (0, 50, 100)
        assert -1 <= values["silhouette"] <= 1
    assert [result.values for result in again] == [result.values for result in first], "nothing is left to chance"
    table = PaperTable(paper, first)
    rows = table.rows()
    assert rows[0][:3] == ["row", "PSNR, paper", "PSNR"] and rows[2][1] == "22.00" and " ± " in rows[2][2]
    assert rows[3][2] == "not run"
    assert [line[0] for line in table.measured()] == ["row", "Input", "Ours"], "what was not run is named in the notes"
    published, measured = table.claimed(paper.claims[0], "psnr")
    assert published == 2 and measured == pytest.approx([p - baseline.of("psnr")[0] for p in ours.of("psnr")])
    assert table.claims()[3][3] == "not run"
    assert "Not run, no weights: Other (other)." in table.notes() and "A note." in table.notes()
    markdown = table.to_markdown()
    assert "| Ours | 22.00 |" in markdown and "75.0" in markdown
    facts = json.loads(table.to_json())
    assert facts["rows"][1]["runs"][1]["steps"] == 12 and facts["claims"][0]["published"] == 2


def test_pictures_to_look_at_show_every_row(paper: Paper, photo_folder: Path, tmp_path: Path) -> None:
    saved(tmp_path, "ours", 1, learned=4)
    measurement = Measurement(Material(paper, [photo_folder]), find_weights([tmp_path]), DEVICE)
    ((name, shown),) = measurement.pictures(list(measurement.results()))
    assert name == "small" and list(shown) == ["input", "Ours: control", "Ours", "truth"]
    assert {len(pictures) for pictures in shown.values()} == {2}, "as many as were held out, and no more than are shown"
    assert SHOWN > 2
    for pictures in shown.values():
        assert {tuple(picture.shape) for picture in pictures} == {(3, 16, 16)}
    assert not any(torch.equal(shown["Ours"][i], shown["Ours: control"][i]) for i in range(2))
    sheet = draw_grid(shown)
    corner = shown["truth"][1].mul(255).round().to(torch.uint8).permute(1, 2, 0).numpy()
    enlarged = corner.repeat(10, 0).repeat(10, 1)
    assert (sheet[-8 - 160 : -8, -8 - 160 : -8] == enlarged).all(), "the last picture, ten times as large"


def test_runs_that_saw_other_pictures(paper: Paper, photo_folder: Path, tmp_path: Path) -> None:
    saved(tmp_path / "a", "ours", 1, learned=400)
    saved(tmp_path / "b", "other", 1, learned=4)
    material = Material(paper, [photo_folder])
    results = list(Measurement(material, find_weights([tmp_path]), DEVICE).results())
    assert [result.images for result in results] == [6, 6, 0], "a folder that was not learned from is measured whole"
    assert results[2].missing == "other.safetensors held out 2 of the pictures, the first row 0"
    saved(tmp_path / "a", "ours", 1, learned=6, validation={"images": 0})
    results = list(Measurement(material, find_weights([tmp_path / "a"]), DEVICE).results())
    assert results[1].missing == "ours.safetensors learned from all of these pictures"


def test_claims_compare_equal_seeds() -> None:
    paper = find_paper("002")

    def result(row: Row) -> Result:
        seeds = {"stft": (0, 1), "ssim": (1, 2)}.get(row.name, ())
        runs = [Trained(Path("x"), Card("m", {}, {"training": {"seed": seed}})) for seed in seeds]
        return Result(row, runs, [{"psnr": (10.0 if row.name == "stft" else 5.0) + 2 * seed} for seed in seeds], 1)

    table = PaperTable(paper, [result(row) for row in paper.rows])
    claim = paper.claims[0]
    assert table.claimed(claim, "psnr")[1] == [10 - 8, 12 - 7], "seed 0 has no counterpart: against the mean of 7 and 9"


def test_a_folder_serves_the_most_particular_kind_of_data(photo_folder: Path, tmp_path: Path, photo) -> None:
    PillowImage.fromarray(photo(3, 1024)).save(tmp_path / "train.png")
    material = Material(find_paper("004"), [tmp_path, photo_folder])
    assert material.count("clean") == 3 and material.count("pets-x4") == 6
    (_, (lq, gt)) = next(iter(material.batches("pets-x4", 0)))
    assert lq.shape[1:] == (3, 90, 90) and gt.shape[1:] == (3, 360, 360)


def test_evaluate_paper(photo_folder: Path, tmp_path: Path) -> None:
    path = saved(tmp_path / "run", "block-ae-multi", 3, learned=4)
    words = ["evaluate", "--paper", "001", "--data", str(photo_folder), "--weights", str(tmp_path), "--device", "cpu"]
    done = CliRunner().invoke(app, [*words, "--markdown", "--record"])
    assert done.exit_code == 0, done.stderr
    assert "| Conv AE | 29.07 |" in done.stdout and "not as the recipe says: model.block: 18, now 6" in done.stdout
    assert "Not run, no weights: Conv AE, one decoder, by itself (block-ae)" in done.stdout
    score = read_card(path).scores[0]
    assert score["protocol"] == "p001" and score["images"] == 2 and math.isfinite(score["uqi_paper001"])
    kept = {file: file.read_bytes() for file in shipped().values()}
    alone = CliRunner().invoke(app, [*words[:5], "--device", "cpu", "--record"])
    assert alone.exit_code == 0 and "Conv AE + N-cut" in alone.stderr, alone.stderr
    assert all(file.read_bytes() == before for file, before in kept.items()), "shipped weights stay what they are"
    for wrong in (["--paper", "007"], ["--model", "bicubic"]):
        assert CliRunner().invoke(app, [*words, *wrong]).exit_code != 0
    assert CliRunner().invoke(app, ["evaluate", "--data", str(photo_folder)]).exit_code != 0


def test_every_recipe_of_a_paper_has_a_row() -> None:
    tables = {name: tomllib.loads(path.read_text(encoding="utf-8")) for name, path in shipped_recipes().items()}
    assert {name for name, table in tables.items() if table.get("paper", "")[:3] in NUMBERS} <= places().keys()
