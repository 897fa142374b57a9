"""The command that measures speed and memory."""

import runpy
import sys
from pathlib import Path

import torch

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "performance.md"
TABLES = ("machine", "networks", "restore", "starts")


def run(program: str, arguments: list[str], monkeypatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    monkeypatch.setattr(sys, "argv", [program, *arguments])
    threads = torch.get_num_threads()
    try:
        runpy.run_path(str(ROOT / "benchmarks" / program), run_name="__main__")
    finally:
        torch.set_num_threads(threads)


def test_every_table_has_its_place(tmp_path: Path, monkeypatch, capsys) -> None:
    document = tmp_path / "performance.md"
    marked = [f"<!-- measured: {each} -->\nold\n<!-- /measured -->\n" for each in TABLES]
    document.write_text("".join(["before\n", *marked]))
    arguments = ["--models", "resnet-sr:2", "--megapixels", "0.02", "--rounds", "1", "--update", str(document)]
    run("engine.py", arguments, monkeypatch)
    written = document.read_text()
    assert "old" not in written and written.startswith("before\n")
    assert "| resnet-sr:2 | fp32 | 1 |" in written and "| `imgrestore --help` |" in written
    printed = capsys.readouterr().out
    assert all(line in printed for line in written.splitlines() if line.startswith("|"))
    assert all(f"<!-- measured: {each} -->" in DOCUMENT.read_text() for each in TABLES)


def test_sizes_that_have_no_weights_are_measured_too(tmp_path: Path, monkeypatch) -> None:
    document = tmp_path / "models.md"
    document.write_text("<!-- measured: sizes -->\n<!-- /measured -->\n")
    arguments = ["--sizes", "resnet-denoise:1:16x1", "--megapixels", "0.01", "--rounds", "1", "--update", str(document)]
    run("networks.py", arguments, monkeypatch)
    assert "| `resnet-denoise` 1x | 1 of 16 |" in document.read_text()
    assert "<!-- measured: sizes -->" in (ROOT / "docs" / "models.md").read_text()
