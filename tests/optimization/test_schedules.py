import math

import pytest
import torch

from imgrestore.optimization.optimizers import Adam, Adamw, Lion, Sgd
from imgrestore.optimization.schedules import Constant, Cosine, Exponential, Plateau, Triangular2


def test_triangular2_of_paper_002() -> None:
    schedule = Triangular2(lowest=0.1, half_cycle=2000)
    rates = {step: 1e-3 * schedule.factor(step, 0, []) for step in (0, 1000, 2000, 4000, 6000, 8000, 10000)}
    assert rates == pytest.approx(
        {0: 1e-4, 1000: 5.5e-4, 2000: 1e-3, 4000: 1e-4, 6000: 5.5e-4, 8000: 1e-4, 10000: 3.25e-4}
    )


def test_exponential_of_paper_001() -> None:
    assert Exponential(rate=0.9, interval=1000).factor(57_000, 0, []) * 1e-3 == pytest.approx(2.466e-6, rel=1e-3)
    assert Exponential(rate=0.9, interval=1000).factor(500, 0, []) == pytest.approx(0.9**0.5)
    assert Exponential(rate=0.9, interval=1000, staircase=True).factor(1999, 0, []) == pytest.approx(0.9)


def test_cosine_rises_and_falls() -> None:
    schedule = Cosine(warmup=2, final=0.1)
    assert schedule.factor(0, 0.0, []) == pytest.approx(0.5) and schedule.factor(1, 0.0, []) == pytest.approx(1)
    assert schedule.factor(50, 0.5, []) == pytest.approx(0.55) and schedule.factor(99, 1.0, []) == pytest.approx(0.1)
    assert Constant().factor(123, 0.4, []) == 1


def test_plateau_reduces_on_the_fourth_bad_measurement() -> None:
    schedule, losses = Plateau(rate=0.9, patience=3), [1.0, 0.9, 0.95, 0.9, 0.91, 0.9, 0.92, 0.9, 0.9, 0.9]
    factors = [schedule.factor(0, 0, [("mse", loss) for loss in losses[:n]]) for n in range(len(losses) + 1)]
    assert factors == pytest.approx([1] * 6 + [0.9] * 4 + [0.81])


@pytest.mark.parametrize("threshold", [1e-4, 0.05])
def test_plateau_agrees_with_pytorch(threshold: float) -> None:
    losses = [0.06 + math.exp(-0.05 * i) + 0.05 * math.sin(7 * i) for i in range(120)]  # above zero
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=3, threshold=threshold)
    ours, history = Plateau(rate=0.5, patience=3, threshold=threshold), []
    for loss in losses:
        theirs.step(loss)
        history.append(("mse", loss))
        if optimizer.param_groups[0]["lr"] > 1e-7:
            assert ours.factor(0, 0, history) == pytest.approx(optimizer.param_groups[0]["lr"])
    assert ours.factor(0, 0, history) < 0.1


def test_plateau_wants_losses_below_zero_to_fall_too() -> None:
    schedule = Plateau(rate=0.5, patience=1, threshold=0.01)
    assert schedule.factor(0, 0, [("psnr", loss) for loss in (-30.0, -30.1, -30.2)]) == 0.5
    assert schedule.factor(0, 0, [("psnr", loss) for loss in (-30.0, -31.0, -32.0)]) == 1


def test_plateau_forgets_the_best_when_other_losses_count() -> None:
    schedule = Plateau(rate=0.5, patience=1)
    assert schedule.factor(0, 0, [("a", 0.1), ("a", 0.2), ("b", 0.5), ("b", 0.4), ("b", 0.3)]) == 1
    assert schedule.factor(0, 0, [("a", 0.1), ("a", 0.2), ("a", 0.5), ("a", 0.4), ("a", 0.3)]) == 0.25


def test_one_step_of_lion_by_hand() -> None:
    weight = torch.nn.Parameter(torch.tensor([1.0, -2.0, 3.0]))
    optimizer = Lion(learning_rate=0.1, betas=(0.9, 0.5), weight_decay=0.5).build([weight], torch.tensor(0.1))
    weight.grad = torch.tensor([2.0, -4.0, 0.0])
    optimizer.step()
    assert weight.tolist() == pytest.approx([0.95 - 0.1, -1.9 + 0.1, 2.85])
    weight.grad = torch.tensor([-20.0, 1.0, 1.0])  # momentum is (1, -2, 0): directions -1.1, -1.7, 0.1
    optimizer.step()
    assert weight.tolist() == pytest.approx([0.85 * 0.95 + 0.1, -1.8 * 0.95 + 0.1, 2.85 * 0.95 - 0.1])
    assert optimizer.state[weight]["momentum"].tolist() == pytest.approx([-9.5, -0.5, 0.5])


@pytest.mark.parametrize("part", [Adam(), Adamw(), Sgd(learning_rate=0.02, momentum=0.5), Lion(learning_rate=1e-2)])
def test_every_optimiser_descends_and_its_state_can_be_stored(part) -> None:
    weight = torch.nn.Parameter(torch.tensor([3.0, -2.0]))
    optimizer = part.build([weight], torch.tensor(part.learning_rate))
    for _ in range(300):
        optimizer.zero_grad()
        weight.square().sum().backward()
        optimizer.step()
    assert weight.square().sum() < 11
    states = optimizer.state_dict()["state"].values()
    assert all(isinstance(value, torch.Tensor) for state in states for value in state.values() if value is not None)


@pytest.mark.parametrize("part", [Adam(), Adamw(), Sgd(momentum=0.5), Lion()])
def test_a_step_that_found_infinity_changes_nothing(part) -> None:
    weight = torch.nn.Parameter(torch.tensor([3.0, -2.0]))
    optimizer = part.build([weight], torch.tensor(0.1))
    optimizer.found_inf = torch.zeros(())
    weight.grad = torch.tensor([1.0, 2.0])
    optimizer.step()
    before = [weight.detach().clone(), *(value.clone() for value in optimizer.state[weight].values())]
    weight.grad = torch.tensor([torch.inf, torch.nan])
    optimizer.found_inf.fill_(1)
    optimizer.step()
    assert all(torch.equal(a, b) for a, b in zip(before, [weight, *optimizer.state[weight].values()], strict=True))
