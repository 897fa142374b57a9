import os
import sys
from pathlib import Path

import pytest

import processes
from imgrestore.errors import ExistsError, OutputError
from imgrestore.files import TEMPORARY_PREFIX, remove_leftovers, replacing, write_atomically


def test_old_content_stays_when_writing_fails(tmp_path: Path) -> None:
    target = tmp_path / "x"
    target.write_text("old")
    with pytest.raises(RuntimeError), replacing(target) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert target.read_text() == "old" and [path.name for path in tmp_path.iterdir()] == ["x"]


def test_success_replaces_all_at_once(tmp_path: Path) -> None:
    target = tmp_path / "x"
    target.write_text("old")
    with replacing(target) as temporary:
        assert temporary.parent == tmp_path and temporary.name.startswith(TEMPORARY_PREFIX)
        temporary.write_text("new")
        assert target.read_text() == "old"
    assert target.read_text() == "new" and [path.name for path in tmp_path.iterdir()] == ["x"]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write_atomically(tmp_path / "link", b"content")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "real").read_bytes() == b"content"


def test_new_files_have_the_usual_permissions(tmp_path: Path) -> None:
    write_atomically(tmp_path / "x", b"")
    (tmp_path / "usual").touch()
    assert (tmp_path / "x").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_what_is_replaced_hands_on_its_permissions(tmp_path: Path) -> None:
    (tmp_path / "x").touch(0o600)
    write_atomically(tmp_path / "x", b"new")
    assert (tmp_path / "x").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("links", [True, False])
def test_what_appears_meanwhile_stays(links: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unsupported(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    if not links:
        monkeypatch.setattr("os.link", unsupported)
    (tmp_path / "link").symlink_to("y")
    for name in ("x", "link"):
        with replacing(tmp_path / name, overwrite=False) as temporary:
            temporary.write_text("ours")
        with pytest.raises(ExistsError, match="exists already"), replacing(tmp_path / name, overwrite=False):
            raise AssertionError("nothing is made in vain")
    with pytest.raises(ExistsError), replacing(tmp_path / "z", overwrite=False) as temporary:
        temporary.write_text("ours")
        (tmp_path / "z").write_text("theirs")
    found = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert found == {"x": "ours", "link": "ours", "y": "ours", "z": "theirs"}


def test_leftovers_of_the_dead_are_removed_and_of_the_living_kept(tmp_path: Path) -> None:
    dead = processes.start([sys.executable, "-c", ""])
    dead.wait()
    with replacing(tmp_path / "x") as temporary:
        temporary.touch()
        leftover = tmp_path / temporary.name.replace(f"-{os.getpid()}-", f"-{dead.pid}-")
        elsewhere = tmp_path / f"{TEMPORARY_PREFIX}00000000-{dead.pid}-abcd.png"
        strange = tmp_path / temporary.name.replace(f"-{os.getpid()}-", f"-{10**30}-")
        for path in (leftover, elsewhere, strange):
            path.touch()
        remove_leftovers(tmp_path)
        assert temporary.exists() and elsewhere.exists() and strange.exists() and not leftover.exists()
    remove_leftovers(tmp_path / "missing")


def test_a_process_of_somebody_else_keeps_no_leftover_of_the_dead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kill(process: int, number: int) -> None:
        raise PermissionError if process == 1 else ProcessLookupError

    monkeypatch.setattr("os.kill", kill)
    with replacing(tmp_path / "x") as temporary:
        temporary.touch()
        names = [temporary.name.replace(f"-{os.getpid()}-", f"-{process}-") for process in (2, 1, 3)]
        for name in names:
            (tmp_path / name).touch()
        monkeypatch.setattr("pathlib.Path.glob", lambda folder, pattern: iter([folder / name for name in names]))
        remove_leftovers(tmp_path)
        assert [(tmp_path / name).exists() for name in names] == [False, True, False]


def test_long_names_and_missing_folders(tmp_path: Path) -> None:
    write_atomically(tmp_path / ("x" * 251 + ".png"), b"content")
    with pytest.raises(OutputError, match="cannot be written"):
        write_atomically(tmp_path / "missing" / "x", b"")
