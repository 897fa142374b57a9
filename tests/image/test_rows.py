import numpy as np
import pytest
import torch
from torch.nn.functional import avg_pool2d

from imgrestore.image.rows import RowWindow, mirrored, rebanded, with_context, without_edges


def test_window_gives_rows_and_forgets_them() -> None:
    image = torch.arange(40.0).reshape(1, 20, 2)
    window = RowWindow(image.split([3, 9, 1, 7], dim=1))
    assert torch.equal(window.take(0, 4), image[:, 0:4])
    assert torch.equal(window.take(2, 13), image[:, 2:13])
    assert torch.equal(window.take(12, 20), image[:, 12:20])
    with pytest.raises(ValueError, match="gone"):
        window.take(2, 4)
    with pytest.raises(ValueError, match="ends at row 20"):
        window.take(15, 21)


def test_window_holds_no_more_than_was_asked_for() -> None:
    window = RowWindow(torch.rand(1, 10, 2) for _ in range(1000))
    for top in range(0, 9000, 30):
        window.take(top, top + 45)
        assert sum(band.shape[-2] for band in window._held) <= 45 + 10


def test_rebanded_cuts_at_multiples() -> None:
    image = torch.rand(3, 150, 2)
    bands = list(rebanded(image.split([100, 50], dim=1)))
    assert [band.shape[1] for band in bands] == [64, 64, 22]
    assert torch.equal(torch.cat(bands, dim=1), image)


@pytest.mark.parametrize("height", [1, 5, 64, 65, 200])
def test_a_filter_in_bands_equals_the_filter(height: int) -> None:
    def blur(rows: torch.Tensor) -> torch.Tensor:
        return avg_pool2d(rows[None], 7, stride=1, padding=3, count_include_pad=False)[0]

    image = torch.rand(2, height, 30)
    whole = torch.cat(list(with_context(iter([image]), height, 3, blur)), dim=1)
    cut = torch.cat(list(with_context(image.split(9, dim=1), height, 3, blur)), dim=1)
    assert torch.equal(whole, cut)
    assert torch.allclose(whole, blur(image), atol=1e-6)


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (4, 3), (90, 20), (200, 9)])
def test_an_image_goes_on_mirrored_beyond_its_edges(size: tuple[int, int]) -> None:
    image = torch.rand(3, *size, generator=torch.Generator().manual_seed(0))
    larger = torch.cat(list(mirrored(image.split(13, dim=1), *size, edge=16)), dim=1)
    expected = np.pad(image.numpy(), ((0, 0), (16, 16), (16, 16)), mode="reflect")
    assert np.array_equal(larger.numpy(), expected)
    again = torch.cat(list(without_edges(larger.split(10, dim=1), 16, *size)), dim=1)
    assert torch.equal(again, image)
