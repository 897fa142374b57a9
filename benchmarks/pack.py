"""Make a smaller copy of a folder of training photos, to take to a machine that little may be sent to.

    python benchmarks/pack.py photos/ packed/ --mib 16

Every photo is shrunk, which sharpens it too, and written as WebP: as large as the size of the whole copy allows, but
not smaller than what a batch is cut from.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from imgrestore.codecs import find_images, read_image, write_image
from imgrestore.codecs.formats import by_name
from imgrestore.codecs.options import SaveOptions
from imgrestore.image import Image
from imgrestore.image.resampling import resize

SIDES = (2048, 1536, 1280, 1024, 896, 768, 640, 512, 448, 384)
"""Longest sides that are tried, in pixels."""

QUALITY = 92

TRIED = 16
"""Photos that a size is judged by."""


def pack(source: Path, target: Path, bytes_given: int) -> tuple[int, int]:
    """Copy all photos of a folder, as large as they may be.

    Args:
        source: The folder.
        target: A folder for the copies, which is made.
        bytes_given: How large they may be together.

    Returns:
        The longest side of the copies, and their size in bytes.

    Raises:
        SystemExit: Not even the smallest copies fit.
    """
    paths = find_images(source)
    target.mkdir(parents=True, exist_ok=True)
    some = paths[:: max(1, len(paths) // TRIED)]
    for side in SIDES:
        expected = sum(_copy(path, target, number, side) for number, path in enumerate(some)) * len(paths) / len(some)
        if expected > bytes_given:
            continue
        size = sum(_copy(path, target, number, side) for number, path in enumerate(paths))
        if size <= bytes_given:
            return side, size
    raise SystemExit(f"{len(paths)} photos do not fit into {bytes_given / 2**20:.0f} MiB; give fewer")


def _copy(path: Path, target: Path, number: int, side: int) -> int:
    """Write a copy of a photo and return its size."""
    pixels = torch.from_numpy(read_image(path).rgb8()).permute(2, 0, 1).float()
    height, width = pixels.shape[1:]
    factor = min(1.0, side / max(height, width))
    if factor < 1:
        pixels = resize(pixels, (round(height * factor), round(width * factor)), "lanczos")
    levels = pixels.round().clamp(0, 255).byte().permute(1, 2, 0).contiguous().numpy()
    copy, form = target / f"{number:05d}.webp", by_name("webp")
    assert form is not None, "WebP is always there"
    write_image(Image(levels).stream(), copy, form, SaveOptions(quality=QUALITY))
    return copy.stat().st_size


def main() -> None:
    """Pack a folder and say how."""
    parser = argparse.ArgumentParser(description="Make a smaller copy of a folder of training photos.")
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--mib", type=float, default=16, help="how large the copy may be")
    given = parser.parse_args()
    side, size = pack(given.source, given.target, int(given.mib * 2**20))
    print(f"{given.target}: {size / 2**20:.1f} MiB, photos of {side} pixels at most")


if __name__ == "__main__":
    main()
