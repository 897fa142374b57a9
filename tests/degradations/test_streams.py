"""Random numbers: as they are distributed, independent of one another, and the same for ever and everywhere."""

import math

import pytest
import torch
from torch import Tensor

from imgrestore.degradations.streams import Streams

MANY = 500_000


def test_known_numbers() -> None:
    """What every version has to draw: runs and measurements are repeated with a later one."""
    streams = Streams.seeded(5, [0, 1, -7])
    assert streams.keys.tolist() == [-2692019474744508008, 745549056939675307, 3921180604285325592]
    assert streams.uniform().tolist() == pytest.approx([0.9478156, 0.6350934, 0.5716327], abs=1e-7)
    assert streams.normal(2).flatten().tolist() == pytest.approx(
        [0.4853531, -0.2856299, -1.6302799, 0.8824799, -0.5241947, 0.8256344], abs=1e-6
    )
    assert streams.integers(1000, 2).tolist() == [[912, 125], [978, 351], [205, 368]]
    assert streams.fork().integers(2**31).tolist() == [1490904662, 520339663, 1057999418]
    assert streams.poisson(torch.tensor([[0.5, 3], [20, 1e5], [7, 900]])).tolist() == [
        [0.0, 4.0],
        [15.0, 100355.0],
        [9.0, 890.0],
    ]


def test_the_hash_is_that_of_splitmix() -> None:
    """The numbers of the generator whose state begins at 1234567, as published with its code."""
    state = Streams(torch.tensor([1234567]))
    published = [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431]
    assert [number % 2**64 for number in state._hashes(4)[0].tolist()] == published


def test_even_numbers() -> None:
    drawn = Streams.seeded(0, [3, 4]).uniform((2, 6), MANY)
    assert drawn.shape == (2, MANY) and drawn.min() >= 2 and drawn.max() <= 6
    for each in drawn.double():
        assert each.mean() == pytest.approx(4, abs=0.01) and each.var() == pytest.approx(16 / 12, rel=0.005)
        assert each.histc(20, 2, 6).sub(MANY / 20).abs().max() < 5 * math.sqrt(MANY / 20)
    logs = Streams.seeded(0).log_uniform((0.01, 100), MANY).double().log10()
    assert logs.mean() == pytest.approx(0, abs=0.01) and logs.var() == pytest.approx(16 / 12, rel=0.005)


def test_normal_numbers() -> None:
    drawn = Streams.seeded(1).normal(MANY)[0].double()
    assert bool(drawn.isfinite().all()) and 4.3 < drawn.abs().max() < 4.5
    for power, moment in ((1, 0), (2, 1), (3, 0), (4, 3), (6, 15)):
        assert (drawn**power).mean() == pytest.approx(moment, abs=6 * math.sqrt(MOMENTS[2 * power] / MANY))
    shares = (drawn.sort().values - torch.special.ndtri((torch.arange(MANY).double() + 0.5) / MANY))[1000:-1000]
    assert shares.abs().max() < 0.03


MOMENTS = {2 * k: math.prod(range(1, 2 * k, 2)) for k in range(1, 7)}
"""Of the normal distribution, by their order."""


def test_whole_numbers() -> None:
    drawn = Streams.seeded(2).integers(7, MANY)[0]
    assert drawn.dtype == torch.int64 and set(drawn.unique().tolist()) == set(range(7))
    assert drawn.bincount().sub(MANY / 7).abs().max() < 5 * math.sqrt(MANY / 7)
    largest = Streams.seeded(2).integers(2**31, MANY)[0]
    assert largest.min() >= 0 and 2**31 * 0.999 < largest.max() < 2**31
    assert Streams.seeded(2, range(3)).integers(9, 0).shape == (3, 0)


@pytest.mark.parametrize("mean", [0, 1e-3, 0.3, 2, 5.9, 6.1, 30, 1000, 1e6])
def test_counts(mean: float) -> None:
    drawn = Streams.seeded(3).poisson(torch.full((1, MANY), mean))[0].double()
    assert torch.equal(drawn, drawn.round()) and drawn.min() >= 0
    error = math.sqrt(mean / MANY)
    assert drawn.mean() == pytest.approx(mean, abs=5 * error + 1e-3)
    assert drawn.var() == pytest.approx(mean, rel=0.02, abs=5 * error)
    if mean >= 0.3:
        skewness = ((drawn - drawn.mean()) ** 3).mean() / drawn.var() ** 1.5
        assert skewness == pytest.approx(mean**-0.5, abs=0.05)
    none = (drawn == 0).double().mean()
    assert none == pytest.approx(math.exp(-mean), abs=5 * math.sqrt(math.exp(-mean) / MANY) + 1e-3)


def test_what_happens_happens_as_often_as_it_should() -> None:
    streams = Streams.seeded(4, range(100_000))
    for share in (0.02, 0.5, 0.9):
        assert streams.happens(share).double().mean() == pytest.approx(share, abs=0.006)
    assert not streams.happens(0).any() and streams.happens(1).all()
    shares = torch.tensor([0.2, 0.7]).repeat(50_000)
    assert streams.happens(shares)[1::2].double().mean() == pytest.approx(0.7, abs=0.01)


def correlation(a: Tensor, b: Tensor) -> float:
    return float(torch.corrcoef(torch.stack([a, b]).double())[0, 1])


def test_streams_depend_on_nothing_but_themselves() -> None:
    """Neighbours in an image, channels, images, seeds, forks: none tells anything about another."""
    limit = 5 / math.sqrt(MANY)
    draws = [Streams.seeded(seed, [0, 1]).normal(MANY) for seed in (0, 1)]
    draws += [Streams.seeded(0, [0, 1]).fork().normal(MANY)]
    rows = torch.cat(draws)
    for each in (rows.double(), rows.double().square()):
        assert (torch.corrcoef(each) - torch.eye(6)).abs().max() < limit
    for lag in (1, 2, 3, 64, MANY // 2):
        assert abs(correlation(rows[0, lag:], rows[0, :-lag])) < 2 * limit
        assert abs(correlation(rows[0, lag:].abs(), rows[0, :-lag].abs())) < 2 * limit
    firsts = Streams.seeded(0, range(MANY)).uniform()
    assert abs(correlation(firsts[1:], firsts[:-1])) < limit and firsts.double().var() == pytest.approx(
        1 / 12, rel=0.01
    )


def test_an_image_is_given_the_same_in_any_batch() -> None:
    def all_kinds(streams: Streams) -> list[Tensor]:
        mean = torch.full((len(streams), 5), 9.0)
        drawn = [streams.uniform((1, 2), 3), streams.normal(3, 3), streams.integers(50, 7), streams.poisson(mean)]
        return [*drawn, streams.happens(0.5), streams.fork().normal(1), streams.normal(2)]

    together = all_kinds(Streams.seeded(8, range(6)))
    for number in (0, 4):
        alone = all_kinds(Streams.seeded(8, [number]))
        assert all(torch.equal(one[0], many[number]) for one, many in zip(alone, together, strict=True))


def test_picked_and_copied_streams_go_on_where_they_were() -> None:
    streams = Streams.seeded(9, range(4))
    streams.normal(5)
    mask = torch.tensor([True, False, True, False])
    picked, numbered, copied = streams.pick(mask), streams.pick(torch.tensor([2])), streams.copy()
    rest = streams.normal(6)
    assert torch.equal(picked.normal(6), rest[mask]) and torch.equal(numbered.normal(6), rest[2:3])
    assert torch.equal(copied.normal(6), rest) and len(picked) == 2 and len(copied) == 4
    assert torch.equal(copied.normal(6), streams.normal(6))


def test_the_first_numbers_are_the_same_however_many_are_drawn() -> None:
    for draw in (lambda streams, k: streams.normal(k), lambda streams, k: streams.uniform((0, 1), k)):
        few, many = draw(Streams.seeded(12, range(3)), 7), draw(Streams.seeded(12, range(3)), 1000)
        assert torch.equal(few, many[:, :7])


def test_parts_of_images_have_streams_of_their_own() -> None:
    few, many = Streams.seeded(13, range(3)).split(2), Streams.seeded(13, range(3)).split(9)
    assert len(few) == 6 and len(many) == 27
    assert torch.equal(few.normal(5).view(3, 2, 5), many.normal(50).view(3, 9, 50)[:, :2, :5])
    assert abs(correlation(*Streams.seeded(14).split(2).normal(MANY))) < 5 / math.sqrt(MANY)


def test_how_much_a_fork_gives_changes_nothing() -> None:
    streams, other = Streams.seeded(10, range(2)), Streams.seeded(10, range(2))
    streams.fork().normal(1000)
    other.fork()
    assert torch.equal(streams.normal(4), other.normal(4))


def test_the_extremes_of_the_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    """The least and the largest numbers of 32 bits, and 0, give nothing infinite and nothing outside its bounds."""
    halves = [-(2**31), -(2**31) + 1, -1, 0, 1, 2**31 - 1]
    bits = torch.tensor([[(high << 32) + (low & 0xFFFFFFFF) for high in halves for low in halves]])
    monkeypatch.setattr(Streams, "_hashes", lambda self, count: bits[:, :count].clone())
    streams = Streams.seeded(0)
    normal = streams.normal(144)
    assert bool(normal.isfinite().all()) and 4.3 < normal.abs().max() < 4.5
    unit = streams.uniform((0, 1), 72)
    assert unit.min() == 0 and unit.max() < 1
    drawn = streams.integers(10, 72)
    assert drawn.min() == 0 and drawn.max() == 9
    assert bool(streams.poisson(torch.full((1, 72), 3.0)).isfinite().all())


@pytest.mark.parametrize("seed", [-(2**63), 2**64 - 1, 0])
def test_any_seed_will_do(seed: int) -> None:
    assert Streams.seeded(seed, [2**63 - 1, -(2**63)]).uniform().unique().numel() == 2


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_a_gpu_draws_the_same() -> None:
    here, there = (Streams.seeded(11, torch.arange(3, device=device)) for device in ("cpu", "cuda"))
    assert torch.equal(here.keys, there.keys.cpu())
    assert torch.equal(here.uniform((0, 1), 99), there.uniform((0, 1), 99).cpu())
    assert torch.equal(here.integers(77, 99), there.integers(77, 99).cpu())
    assert torch.allclose(here.normal(99), there.normal(99).cpu(), atol=1e-4)
    mean = torch.rand(3, 1000) * 30
    assert (here.poisson(mean) != there.poisson(mean.cuda()).cpu()).float().mean() < 1e-3
