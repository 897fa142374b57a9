"""All that programs can read keeps to docs/schemas, which leaves nothing of it out."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from PIL import Image as PillowImage

from conftest import invoke
from imgrestore.batch.manifest import MANIFEST
from imgrestore.evaluation.papers import find_paper
from imgrestore.evaluation.papers.measure import Result
from imgrestore.evaluation.papers.table import PaperTable
from imgrestore.evaluation.papers.trained import find_weights
from imgrestore.weights.cards import weights_folder

SCHEMAS = Path(__file__).parents[2] / "docs" / "schemas"


def schema(name: str) -> dict[str, Any]:
    return json.loads((SCHEMAS / f"{name}.json").read_text("utf-8"))


def strict(part: Any) -> Any:
    """Return a schema that takes no fields but those it names."""
    if isinstance(part, list):
        return [strict(each) for each in part]
    if not isinstance(part, dict):
        return part
    inner = {key: strict(value) for key, value in part.items()}
    return {"additionalProperties": False} | inner if "required" in inner and "properties" in inner else inner


def check(name: str, text: str) -> list[dict[str, Any]]:
    """Check lines of JSON, and return them."""
    found = [json.loads(line) for line in text.splitlines()]
    assert found
    for record in found:
        jsonschema.validate(record, strict(schema(name)))
    return found


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, photo) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("in").mkdir()
    PillowImage.fromarray(photo(40, 50)).save("in/a.png")
    Path("in/text.png").write_text("no image")
    return tmp_path


@pytest.mark.parametrize("path", sorted(SCHEMAS.glob("*.json")), ids=lambda path: path.stem)
def test_schemas_are_schemas(path: Path) -> None:
    jsonschema.Draft202012Validator.check_schema(json.loads(path.read_text("utf-8")))
    assert f"(schemas/{path.name})" in (SCHEMAS.parent / "cli.md").read_text("utf-8")


def test_what_restore_prints_and_writes(here: Path) -> None:
    code, stdout, _ = invoke("restore", "in", "-o", "out", "-m", "resnet-denoise", "--json")
    assert code == 1 and {record["status"] for record in check("restore", stdout)} == {"done", "failed"}
    lines = check("manifest", Path("out", MANIFEST).read_text())
    assert [line["status"] for line in lines] == ["failed", "writing", "done"]
    for arguments in (["-m", "bicubic"], ["-t", "auto"], ["-o", "out", "-m", "resnet-denoise", "--resume"]):
        check("restore", invoke("restore", "in", *arguments, "--json", "-n")[1])


def test_lists() -> None:
    check("models", invoke("models", "list", "--json")[1])
    check("models", invoke("models", "info", "sfl-cae", "--json")[1])
    check("recipes", invoke("recipes", "list", "--json")[1])


def test_what_files_say(here: Path) -> None:
    assert invoke("restore", "in/a.png", "-o", "b.png", "-m", "unsharp")[0] == 0
    made, plain = (check("info", invoke("info", name, "--json")[1])[0] for name in ("b.png", "in/a.png"))
    assert made["made_by"]["model"] == "unsharp" and plain["made_by"] is None
    (found,) = check("verify", invoke("verify", "b.png", "-i", "in/a.png", "--json")[1])
    assert found["identical"] is True


def test_what_was_measured(here: Path) -> None:
    Path("in/text.png").unlink()
    check("evaluate", invoke("evaluate", "-m", "unsharp", "-d", "in", "--json")[1])
    paper = find_paper("003")
    runs = find_weights([weights_folder() / "papers"])
    results = [
        Result(row, tuple(runs[row.recipe].values()), ({"psnr": 20.5, "ssim": float("inf")},), 2, "")
        if row.recipe in runs
        else Result(row, (), (), 0, "no weights")
        for row in paper.rows
    ]
    assert any(result.runs for result in results)
    check("evaluate-paper", PaperTable(paper, results).to_json())


def test_the_log_of_a_training_run(photo_folder: Path, tmp_path: Path) -> None:
    changes = "width=8", "blocks=1", "patch=12", "warmup=2", "batch=2", "images=1", "log_every=1", "steps=2"
    code, stdout, _ = invoke(
        "train", "--recipe", "resnet-sr-x2", "-d", photo_folder, "-o", tmp_path / "run", "--workers", "0",
        "--device", "cpu", "--json", *(word for change in changes for word in ("--set", change)),
    )  # fmt: skip
    logged = check("train", (tmp_path / "run" / "log.jsonl").read_text())
    assert code == 0 and {"loss" in record for record in logged} == {True, False}
    assert check("train", stdout)
