import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from imgrestore.image.regions import Span, blended_spans, exact_spans


def total(spans: list[Span], length: int) -> np.ndarray:
    weights = np.zeros(length)
    for span in spans:
        assert 0 <= span.start <= span.keep_start < span.keep_stop <= span.stop <= length
        weights[span.keep_start : span.keep_stop] += span.weights
    return weights


@given(length=st.integers(1, 500), tile=st.integers(1, 200), halo=st.integers(0, 30))
def test_exact_tiles_keep_each_sample_once_with_its_context(length: int, tile: int, halo: int) -> None:
    spans = exact_spans(length, tile, halo)
    assert np.array_equal(total(spans, length), np.ones(length))
    for span in spans:
        assert span.start == max(0, span.keep_start - halo)
        assert span.stop == min(length, span.keep_stop + halo)


@given(block=st.integers(2, 64), extra=st.integers(0, 400), data=st.data())
def test_blended_weights_sum_to_one(block: int, extra: int, data: st.DataObject) -> None:
    overlap = data.draw(st.integers(0, block - 1))
    spans = blended_spans(block + extra, block, overlap)
    assert all(span.stop - span.start == block for span in spans)
    assert abs(total(spans, block + extra) - 1).max() < 1e-6


def test_ramps_and_count_of_paper_001() -> None:
    spans = blended_spans(256, 18, 4)
    assert len(spans) ** 2 == 324
    inner = spans[1].weights
    assert np.allclose(inner[:4], [0.2, 0.4, 0.6, 0.8])
    assert np.allclose(inner[-4:], [0.8, 0.6, 0.4, 0.2])
    assert np.allclose(inner[4:-4], 1)
    assert np.allclose(spans[0].weights[:4], 1), "the image's own border counts fully"
