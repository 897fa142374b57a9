"""The command that measures every shipped model."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest
from PIL import Image as PillowImage

ROOT = Path(__file__).parents[2]
OTHER = "<!-- /measured -->\nafter\n<!-- measured: deblur -->\n<!-- /measured -->\n"
DOCUMENT = f"before\n<!-- measured: denoise -->\nold\n{OTHER}"


@pytest.fixture
def quality(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    spec = importlib.util.spec_from_file_location("quality", ROOT / "benchmarks" / "quality.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["quality"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["quality"]


def test_tables_of_the_sets_that_are_there(quality, tmp_path: Path, photo, monkeypatch, capsys) -> None:
    (tmp_path / "B100").mkdir()
    for name in ("a", "b", "c"):
        PillowImage.fromarray(photo(64, 72, seed=ord(name))).save(tmp_path / "B100" / f"{name}.png")
    (tmp_path / "CBSD68.txt").write_text("two of them\nc.png\nb.png\n")
    document, scores = tmp_path / "models.md", tmp_path / "scores.json"
    document.write_text(DOCUMENT)
    arguments = ["quality.py", str(tmp_path), "--tables", "denoise", "--json", str(scores), "--update", str(document)]
    monkeypatch.setattr(sys, "argv", arguments)
    quality.main()
    table = capsys.readouterr().out
    assert "| method | CBSD68 sigma 15 | CBSD68 sigma 25 | CBSD68 sigma 50 | CBSD68 sigma 0 |" in table
    assert "McMaster" not in table and "| inf |" in table and "| non-local means, told sigma |" in table
    written = document.read_text()
    assert written.startswith("before\n<!-- measured: denoise -->\n\n| method |") and "\nold\n" not in written
    assert written.endswith(OTHER)
    known = json.loads(scores.read_text())
    models = table.count("| `")
    assert models and all("(2 images)" in key for key in known) and len(known) == 4 * (1 + models) + 3

    monkeypatch.setattr(quality, "evaluate", lambda *_: pytest.fail("all of this is known"))
    quality.main()
    assert capsys.readouterr().out == table and document.read_text() == written
