"""The manifest: whole lines, whatever happens while one is written, and several writers."""

import json
import multiprocessing
import resource
import signal
from pathlib import Path

import pytest

from imgrestore.batch.manifest import MANIFEST, Attempt, Manifest, fingerprint, read_line
from imgrestore.errors import OutputError
from imgrestore.files import remove_leftovers


def entry(name: str, status: str = "done", **more: object) -> Attempt:
    return Attempt(status, f"/in/{name}", output=name, **more)


def lines(folder: Path) -> list[dict[str, object]]:
    content = (folder / MANIFEST).read_bytes()
    assert content.endswith(b"\n")
    return [json.loads(line) for line in content.splitlines()]


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    manifest = Manifest(folder)
    assert not folder.exists(), "reading makes nothing"
    manifest.append(entry("a.png", size=3, mtime_ns=7, sha256="x"))
    manifest.append(entry("b\n\udcff.png", "failed", error="torn"))
    manifest.append(entry("c.png", "writing", output_size=9))
    manifest.close()
    again = Manifest(folder)
    assert again.last("a.png", "") == entry("a.png", size=3, mtime_ns=7, sha256="x")
    assert again.last("b\n\udcff.png", "").error == "torn", "names that are no text survive"
    assert again.last("c.png", "") is None, "an output that was about to get its name may not be there"
    made = [again.made(name) for name in ("a.png", "b\n\udcff.png", "c.png", "d.png")]
    assert [of and of.input for of in made] == ["/in/a.png", None, "/in/c.png", None]
    remove_leftovers(folder)
    assert (folder / MANIFEST).exists()


@pytest.mark.parametrize("torn", [b'{"status": "do', b"x" * 200_000, b"\x00\xff", b'{"status":"done","input":"/in/z"}'])
def test_a_torn_last_line_is_ignored_and_cut_off(tmp_path: Path, torn: bytes) -> None:
    manifest = Manifest(tmp_path)
    manifest.append(entry("a.png"))
    with (tmp_path / MANIFEST).open("ab") as file:
        file.write(torn)
    again = Manifest(tmp_path)
    assert again.last("a.png", "") is not None and again.last(None, "/in/z") is None
    manifest.append(entry("b.png"))
    assert [line["output"] for line in lines(tmp_path)] == ["a.png", "b.png"]


@pytest.mark.parametrize(
    "line",
    [b"", b"[]", b"null", b'{"status":"done"}', b'{"status":"gone","input":"x"}', b'{"status":"done","input":1}',
     b'{"status":"done","input":"x","output":[]}', b"[" * 100_000, b"\xff"],
)  # fmt: skip
def test_lines_that_are_no_entries_are_ignored(tmp_path: Path, line: bytes) -> None:
    assert read_line(line) is None
    (tmp_path / MANIFEST).write_bytes(line + b"\n" + entry("a.png").line())
    assert Manifest(tmp_path).last("a.png", "") is not None


def test_fields_of_later_versions_are_ignored() -> None:
    assert read_line(b'{"status":"done","input":"x","colour":1}') == Attempt("done", "x")


def test_a_full_disk_leaves_whole_lines(tmp_path: Path) -> None:
    manifest = Manifest(tmp_path)
    manifest.append(entry("a.png"))
    size = (tmp_path / MANIFEST).stat().st_size
    limits, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 50, limits[1]))
    try:
        with pytest.raises(OutputError, match="cannot be written"):
            manifest.append(entry("b.png"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert manifest.last("b.png", "") is None
    manifest.append(entry("c.png"))
    assert [line["output"] for line in lines(tmp_path)] == ["a.png", "c.png"]


def _write_many(folder: Path, who: int) -> None:
    manifest = Manifest(folder)
    for i in range(50):
        manifest.append(entry(f"{who}-{i}", error="e" * (i * 37)))


def test_two_runs_write_into_one_manifest(tmp_path: Path) -> None:
    processes = [multiprocessing.get_context("fork").Process(target=_write_many, args=(tmp_path, i)) for i in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert {line["output"] for line in lines(tmp_path)} == {f"{who}-{i}" for who in range(3) for i in range(50)}


def test_a_manifest_that_is_no_file(tmp_path: Path) -> None:
    (tmp_path / MANIFEST).mkdir()
    with pytest.raises(OutputError, match="not an ordinary file"):
        Manifest(tmp_path)


def test_a_fingerprint_does_not_depend_on_the_order() -> None:
    assert fingerprint({"a": 1, "b": 2.0}) == fingerprint({"b": 2.0, "a": 1}) != fingerprint({"a": 1, "b": 2.5})
