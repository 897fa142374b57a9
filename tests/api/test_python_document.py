"""The examples of docs/python.md, run one after the other as a reader would."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

DOCUMENT = Path(__file__).parents[2] / "docs/python.md"


def test_every_example_runs(
    tmp_path: Path, photo, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    examples = re.findall(r"^```python\n(.*?)^```$", DOCUMENT.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert len(examples) >= 8
    monkeypatch.chdir(tmp_path)
    noisy = photo(48, 64) + np.random.default_rng(0).normal(0, 5, (48, 64, 3))
    PillowImage.fromarray(noisy.clip(0, 255).astype(np.uint8)).save("photo.jpg", quality=95)
    names: dict[str, object] = {}
    for number, example in enumerate(examples, 1):
        exec(compile(example, f"{DOCUMENT.name}, example {number}", "exec"), names)
    printed = capsys.readouterr().out
    for said in re.findall(r"print\(error.*?\)  # (.*?)(?: …)?$", "\n".join(examples), re.MULTILINE):
        assert said in printed
    assert "missing.jpg: cannot be read" in printed
    assert {path.name for path in tmp_path.iterdir()} == {"photo.jpg", "denoised.jpg", "restored.png", "photo.tif"}
