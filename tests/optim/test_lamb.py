"""LAMB: the textbook's numbers, its exact step length, and an optimizer's contract."""

import copy
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from neurarium.optim import Lamb
from reference.lamb import TextbookLamb

SHAPES = [(3, 4), (5,), (6, 6), (), (2, 3, 2)]


def make_params(seed, scale=1.0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    params = [torch.randn(s, generator=generator, dtype=dtype) * scale for s in SHAPES]
    params[1].zero_()
    return [nn.Parameter(p) for p in params]


def set_gradients(params, seed):
    generator = torch.Generator().manual_seed(seed)
    for p in params:
        p.grad = torch.randn(p.shape, generator=generator, dtype=p.dtype)


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    scale=st.sampled_from([1e-3, 1.0, 30.0]),
    weight_decay=st.sampled_from([0.0, 0.1]),
    max_weight_norm=st.sampled_from([0.5, 10.0, math.inf]),
    trust_clip=st.sampled_from([None, 1.0]),
    betas=st.sampled_from([(0.9, 0.999), (0.0, 0.5)]),
)
def test_equals_the_textbook(seed, scale, weight_decay, max_weight_norm, trust_clip, betas):
    settings = {
        "lr": 0.02,
        "betas": betas,
        "weight_decay": weight_decay,
        "max_weight_norm": max_weight_norm,
        "trust_clip": trust_clip,
    }
    ours, theirs = make_params(seed, scale), make_params(seed, scale)
    optimizer, textbook = Lamb(ours, **settings), TextbookLamb(theirs, **settings)
    for step in range(4):
        set_gradients(ours, seed + step)
        set_gradients(theirs, seed + step)
        if step == 1:  # a parameter that sits out a step falls behind in t, and only that one
            ours[2].grad = theirs[2].grad = None
        optimizer.step()
        textbook.step()
    for p, q in zip(ours, theirs, strict=True):
        torch.testing.assert_close(p, q, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("scale", [0.01, 1.0, 100.0])
def test_every_step_is_as_long_as_the_weights(scale):
    """‖w′ - w‖ = lr √(1-β₂ᵗ)/(1-β₁ᵗ) min(‖w‖, 10), whatever the gradient."""
    params = make_params(3, scale)
    optimizer = Lamb(params, lr=0.01)
    for t in range(1, 6):
        set_gradients(params, t)
        before = [p.detach().clone() for p in params]
        optimizer.step()
        correction = math.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        for p, old in zip(params, before, strict=True):
            if old.norm() > 0:
                expected = 0.01 * correction * min(old.norm().item(), 10.0)
                assert (p.detach() - old).norm().item() == pytest.approx(expected, rel=1e-9)


def test_tensors_that_start_at_zero_take_ratio_one():
    weight = nn.Parameter(torch.zeros(3, dtype=torch.float64))
    weight.grad = torch.tensor([1.0, -2.0, 4.0], dtype=torch.float64)
    Lamb([weight], lr=0.1).step()
    # m/√v is (1-β₁)/√(1-β₂) in size, and the correction is its inverse: a step of lr per element
    torch.testing.assert_close(
        weight.detach(), torch.tensor([-0.1, 0.1, -0.1], dtype=torch.float64), rtol=1e-4, atol=0
    )


def test_weights_without_gradient_signal_stay():
    weight = nn.Parameter(torch.tensor([3.0, 4.0]))
    weight.grad = torch.zeros(2)
    Lamb([weight], weight_decay=0.0).step()  # the update's norm is zero: no division by it
    assert weight.tolist() == [3.0, 4.0]


def test_half_precision_norms_do_not_overflow():
    weight = nn.Parameter(torch.full((400, 400), 300.0, dtype=torch.float16))  # ‖w‖ = 120 000
    weight.grad = torch.ones_like(weight)
    Lamb([weight], lr=0.1, max_weight_norm=math.inf, weight_decay=0.0).step()
    assert weight.isfinite().all()
    assert weight[0, 0].item() == pytest.approx(300.0 * (1 - 0.1 * math.sqrt(1e-3) / 0.1), rel=1e-2)


def test_state_dict_resumes_bit_for_bit():
    whole, cut = make_params(7), make_params(7)
    straight, first = Lamb(whole, lr=0.02), Lamb(cut, lr=0.02)
    for step in range(6):
        set_gradients(whole, step)
        straight.step()
        if step == 3:
            state = copy.deepcopy(first.state_dict())
            cut = [nn.Parameter(p.detach().clone()) for p in cut]
            first = Lamb(cut, lr=99.0)
            first.load_state_dict(state)
        set_gradients(cut, step)
        first.step()
    assert all(torch.equal(p, q) for p, q in zip(whole, cut, strict=True))


def test_groups_closure_and_scheduler():
    params = make_params(9)
    groups = [{"params": params[:1], "lr": 0.0}, {"params": params[2:3]}]
    optimizer = Lamb(groups, lr=0.1)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=2)
    before = [p.detach().clone() for p in params]

    def closure():
        optimizer.zero_grad()
        loss = sum(p.square().sum() for p in params)
        loss.backward()
        return loss

    loss = optimizer.step(closure)
    assert loss.item() == pytest.approx(sum(b.square().sum().item() for b in before))
    assert torch.equal(params[0], before[0])
    assert not torch.equal(params[2], before[2])
    scheduler.step()
    scheduler.step()
    assert optimizer.param_groups[1]["lr"] == pytest.approx(0.0, abs=1e-12)


def test_trains_where_the_optimum_is_known():
    torch.manual_seed(0)
    x = torch.randn(64, 3)
    model = nn.Linear(3, 1, bias=False)
    target = x @ torch.tensor([[1.0], [-2.0], [0.5]])
    optimizer = Lamb(model.parameters(), lr=0.1, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=300)
    for _ in range(300):
        optimizer.zero_grad()
        (model(x) - target).square().mean().backward()
        optimizer.step()
        schedule.step()
    expected = torch.tensor([[1.0, -2.0, 0.5]])
    torch.testing.assert_close(model.weight.detach(), expected, rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"lr": -1.0}, r"lr must not be negative: got -1\.0"),
        ({"betas": (0.9, 1.0)}, r"betas must lie in \[0, 1\): got \(0\.9, 1\.0\)"),
        ({"eps": -1e-6}, "eps must not be negative"),
        ({"weight_decay": float("nan")}, "weight_decay must not be negative: got nan"),
        ({"max_weight_norm": 0.0}, r"max_weight_norm must be positive: got 0\.0"),
        ({"trust_clip": 0.0}, r"trust_clip must be positive or None: got 0\.0"),
    ],
)
def test_settings_out_of_range(setting, message):
    with pytest.raises(ValueError, match=message):
        Lamb([nn.Parameter(torch.ones(2))], **setting)


def test_gradients_of_another_kind():
    table = nn.Embedding(4, 2, sparse=True)
    table(torch.tensor([1])).sum().backward()
    with pytest.raises(RuntimeError, match="gradients must be dense and real: got sparse"):
        Lamb(table.parameters()).step()
