"""The command that measures speed and memory."""

import runpy
import sys
from pathlib import Path

import torch

ROOT = Path(__file__).parent.parent
DOCUMENT = ROOT / "docs" / "performance.md"
TABLES = ("machine", "networks", "restore", "starts")


def test_every_table_has_its_place(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    document = tmp_path / "performance.md"
    marked = [f"<!-- measured: {each} -->\nold\n<!-- /measured -->\n" for each in TABLES]
    document.write_text("".join(["before\n", *marked]))
    arguments = ["--models", "resnet-sr:2", "--megapixels", "0.02", "--rounds", "1", "--update", str(document)]
    monkeypatch.setattr(sys, "argv", ["engine.py", *arguments])
    threads = torch.get_num_threads()
    try:
        runpy.run_path(str(ROOT / "benchmarks" / "engine.py"), run_name="__main__")
    finally:
        torch.set_num_threads(threads)
    written = document.read_text()
    assert "old" not in written and written.startswith("before\n")
    assert "| resnet-sr:2 | fp32 | 1 |" in written and "| `imgrestore --help` |" in written
    printed = capsys.readouterr().out
    assert all(line in printed for line in written.splitlines() if line.startswith("|"))
    assert all(f"<!-- measured: {each} -->" in DOCUMENT.read_text() for each in TABLES)
