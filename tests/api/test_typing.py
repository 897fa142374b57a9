"""What a type checker knows of the calls that users write: mypy reads this file, and pytest runs it."""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any, assert_type

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image as PillowImage
from torch import Tensor

import imgrestore
from imgrestore import Image, Restored, Restorer


def test_results_have_the_type_of_what_is_given(tmp_path: Path) -> None:
    pixels: NDArray[np.uint8] = np.zeros((4, 5, 3), np.uint8)
    image = imgrestore.restore(Image(pixels), "bicubic", 2, max_side=9, crop=(1, 1, 3, 3))
    assert_type(image, Image)
    path = tmp_path / "x.png"
    image.save(path, quality=90)
    assert_type(imgrestore.restore(path, "bicubic"), Image)
    assert_type(imgrestore.restore(str(path), "bicubic"), Image)
    assert_type(imgrestore.restore(path.read_bytes(), model="bicubic", scale=2), Image)
    assert_type(imgrestore.restore(BytesIO(path.read_bytes()), "bicubic"), Image)
    assert_type(imgrestore.restore(PillowImage.new("L", (4, 4)), "bicubic"), PillowImage.Image)
    assert_type(imgrestore.restore(torch.zeros(3, 4, 4), "bicubic"), Tensor)
    assert_type(imgrestore.restore(pixels, "bicubic"), NDArray[Any])
    restorer = imgrestore.load_model("bicubic", 2, device="cpu", memory="1G")
    assert_type(restorer, Restorer)
    assert_type(restorer(path, background="white"), Image)
    assert_type(restorer(torch.zeros(3, 4, 4)), Tensor)
    assert_type(restorer.map([path]), Iterator[Restored[Image]])
    many = imgrestore.restore_many([torch.zeros(3, 4, 4)], restorer)
    assert_type(many, Iterator[Restored[Tensor]])
    assert_type(next(many).image, Tensor | None)
    assert_type(image.array, NDArray[Any])
    assert_type(imgrestore.metrics.psnr(path, image), float)
    assert_type(imgrestore.metrics.ssim([pixels], [pixels]), NDArray[np.float64])
    assert isinstance(imgrestore.metrics.ms_ssim(pixels, pixels), float)
