"""What a long batch costs and survives: memory over 500 images, eight kills, very large files, a very full folder.

    python benchmarks/soak.py [memory] [kills] [large] [folder] [--images 500] [--model bicubic] [--scale 2]

Without names all four are run. Pictures are made in a temporary folder. Peaks are those of the child process, as the
system counts them (``ru_maxrss``). Large files go through ``bicubic`` and through a network, which takes minutes.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from engine import picture, process
from imgrestore.batch.manifest import MANIFEST, Manifest
from imgrestore.codecs import write_image
from imgrestore.codecs.formats import by_name
from imgrestore.image import BAND, Header, ImageStream, Pixels

PEAKS = """
import re, sys
from imgrestore.cli import app, outcome
report, peaks = outcome.Outcome.report, []
def watched(self, record):
    report(self, record)
    status = open("/proc/self/status").read()
    peaks.append([int(re.search(name + r":\\s+(\\d+)", status)[1]) for name in ("VmHWM", "VmRSS")])
outcome.Outcome.report = watched
try:
    app.main()
finally:
    print(*(f"{count}:{peaks[count - 1][0]}:{peaks[count - 1][1]}" for count in (50, len(peaks))), file=sys.__stderr__)
"""


def write(stream: ImageStream, path: Path, format_name: str) -> None:
    """Write a picture."""
    form = by_name(format_name)
    assert form is not None
    write_image(stream, path, form)


def photos(folder: Path, count: int) -> None:
    """Make photo-like pictures of three formats; the same 40 come again, so that later ones need no more."""
    folder.mkdir()
    for i in range(count):
        chance = random.Random(i % 40)
        name = ("jpeg", "png", "tiff")[i % 40 % 3]
        image = picture(chance.randrange(200, 400), chance.randrange(200, 400))
        write(image.stream(), folder / f"{i:03}.{name}", name)


def large(width: int, height: int) -> ImageStream:
    """Give a picture of any height, without ever holding it."""

    def bands() -> Iterator[Pixels]:
        rng = np.random.default_rng(0)
        across = np.sin(np.arange(width) / 60)[None, :, None]
        for top in range(0, height, BAND):
            rows = np.arange(top, min(top + BAND, height))[:, None, None]
            shades = 120 + 60 * across * np.cos(rows / 80) + np.array([0, 20, 40])
            yield (shades + rng.normal(0, 4, shades.shape)).clip(0, 255).astype(np.uint8)

    return ImageStream(Header(width, height, 3, np.dtype(np.uint8)), bands())


def command(*arguments: str | Path) -> list[str]:
    """Return the command line of a restoration."""
    return ["-q", "restore", *map(str, arguments)]


def contents(folder: Path) -> dict[str, bytes]:
    """Return all files but the manifest."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != MANIFEST}


def memory(folder: Path, options: list[str]) -> None:
    """Compare the peak after all images with the one after 50."""
    done = subprocess.run(
        [sys.executable, "-c", PEAKS, *command(folder / "in", "-o", folder / "whole", *options)],
        stderr=subprocess.PIPE,
        text=True,
        check=True,
    )
    early, late = ([int(number) for number in word.split(":")] for word in done.stderr.split()[-2:])
    print(
        f"memory: peak {early[1] / 1e3:.0f} MB after {early[0]} images, {late[1] / 1e3:.0f} MB after {late[0]} "
        f"({late[1] / early[1] - 1:+.2%}); in use {early[2] / 1e3:.0f} and {late[2] / 1e3:.0f} MB"
    )


def kills(folder: Path, options: list[str]) -> None:
    """Kill a batch eight times at random and compare what it leaves in the end with an uninterrupted one."""
    out = folder / "out"
    chance = random.Random(1)
    arguments = command(folder / "in", "-o", out, "--resume", *options)
    total = len(list((folder / "in").iterdir()))
    moments = []
    while len(moments) < 8:
        done = count(out)
        wanted = done + chance.uniform(0.3, 1) * (total - done) / (9 - len(moments))
        child = subprocess.Popen([sys.executable, "-m", "imgrestore", *arguments], stderr=subprocess.DEVNULL)
        while child.poll() is None and count(out) < wanted:
            time.sleep(0.05)
        time.sleep(chance.uniform(0, 0.2))
        child.kill()
        if child.wait() == 0:
            raise SystemExit("the batch was done before it could be killed: give more --images")
        moments.append(count(out))
    process(arguments)
    same = contents(out) == contents(folder / "whole")
    print(f"kills: SIGKILL after {moments} of {total} images; outputs {'identical' if same else 'DIFFERENT'}")
    if not same:
        raise SystemExit(1)


def count(out: Path) -> int:
    """Return how many images the manifest calls done."""
    return Manifest(out).path.read_bytes().count(b'"status":"done"') if (out / MANIFEST).exists() else 0


def restored(folder: Path, what: str, size: tuple[int, int], format_name: str, *options: str) -> None:
    """Restore one file and print time and peak."""
    source, out = folder / f"large.{format_name}", folder / f"restored.{format_name}"
    write(large(*size), source, format_name)
    wall, peak = process(command(source, "-o", out, "--memory", "1G", *options))
    megapixels = size[0] * size[1] / 1e6
    print(f"{what} {options[1]}: {megapixels:.0f} megapixels, {wall:.0f} s, peak {peak:.0f} MB", flush=True)
    for path in (source, out):
        path.unlink()


def full_folder(folder: Path, files: int = 100_000) -> None:
    """Plan a folder of very many images."""
    many = folder / "many"
    photos(many, 1)
    content = next(many.iterdir()).read_bytes()
    for i in range(files):
        (many / f"{i}.jpg").write_bytes(content)
    wall, peak = process(command(many, "-o", folder / "new", "-n", "--model", "bicubic"))
    print(f"folder: {files} images planned in {wall:.0f} s ({wall / files * 1e3:.2f} ms each), peak {peak:.0f} MB")


def main() -> None:
    """Run what was named."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("parts", nargs="*", metavar="memory kills large folder")
    parser.add_argument("--images", type=int, default=500)
    parser.add_argument("--model", default="bicubic", help="of the batch")
    parser.add_argument("--scale", default="2", help="of the batch")
    given = parser.parse_args()
    options = ["--model", given.model, "--scale", given.scale]
    wanted = given.parts or ["memory", "kills", "large", "folder"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if {"memory", "kills"} & set(wanted):
            photos(folder / "in", given.images)
            memory(folder, options)
        if "kills" in wanted:
            kills(folder, options)
        if "large" in wanted:
            for model in ("bicubic", "resnet-denoise"):
                restored(folder, "TIFF x1", (16_000, 12_500), "tiff", "--model", model, "--scale", "1")
            for model in ("bicubic", "resnet-sr"):
                restored(folder, "PNG x2", (8_200, 6_100), "png", "--model", model, "--scale", "2")
        if "folder" in wanted:
            full_folder(folder)


if __name__ == "__main__":
    main()
