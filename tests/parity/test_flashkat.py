"""The group rational function against the authors' kernels; holds for any fixture of this form.

They take the slope of |x| at 0 as +1, we as 0: there their gradient is smaller by g · a_0 · |b_1|.
"""

import json
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch.testing import assert_close

from neurarium.neurons import GroupRational, group_rational
from neurarium.neurons.rational_tables import STARTS

FIXTURES = Path(os.environ.get("NEURARIUM_FIXTURES", Path(__file__).parents[1] / "fixtures"))
FIXTURE = json.loads((FIXTURES / "flashkat.json").read_text())
TENSORS = load_file(FIXTURES / "flashkat.safetensors")
CONFIG = FIXTURE["config"]
GRADIENTS = FIXTURE["tolerance"]["gradients"]
each = pytest.mark.parametrize("case", FIXTURE["cases"])


def build(case):
    numerator, denominator = (
        TENSORS[f"{case}.weight_{part}"] for part in ("numerator", "denominator")
    )
    module = GroupRational(
        CONFIG["shape"][-1],
        num_groups=CONFIG["groups"],
        degrees=tuple(CONFIG["order"]),
        shared_numerator=FIXTURE["cases"][case]["numerator_rows"] == 1,
        shared_denominator=FIXTURE["cases"][case]["denominator_rows"] == 1,
        backend="eager",
        dtype=torch.float64,
    )
    module.load_state_dict({"numerator": numerator, "denominator": denominator})
    return module


@each
def test_output_and_gradients(case):
    module = build(case)
    x, gradient = TENSORS["input"].clone().requires_grad_(), TENSORS["grad_output"]
    assert x.shape[-1] // CONFIG["groups"] == CONFIG["group_size"]
    out = module(x)
    assert_close(out, TENSORS[f"{case}.output"], **FIXTURE["tolerance"]["output"])
    out.backward(gradient)
    a_0 = module.numerator.detach().expand(CONFIG["groups"], -1)[:, :1]
    b_1 = module.denominator.detach().expand(CONFIG["groups"], -1)[:, :1].abs()
    per_channel = (a_0 * b_1).repeat(1, CONFIG["group_size"]).flatten()
    theirs = TENSORS[f"{case}.grad_input"].double()
    at_zero = (x.detach() == 0) * gradient * per_channel
    assert at_zero.count_nonzero() or not per_channel[0]
    assert_close(x.grad, theirs + at_zero, **GRADIENTS)
    for part in ("numerator", "denominator"):
        ours = getattr(module, part).grad
        assert_close(ours, TENSORS[f"{case}.grad_weight_{part}"].double(), **GRADIENTS)


@each
def test_gradients_of_the_released_convention_in_double_precision(case):
    """Closed forms and autograd agree far beyond the kernels' float32."""
    found = []
    for route in ("ours", "autograd"):
        x = TENSORS["input"].clone().requires_grad_()
        a, b = (
            TENSORS[f"{case}.weight_{part}"].clone().requires_grad_()
            for part in ("numerator", "denominator")
        )
        if route == "ours":
            out = group_rational(x, a, b, num_groups=CONFIG["groups"], backend="eager")
        else:
            grouped = x.unflatten(-1, (CONFIG["groups"], -1))
            wide = [c.expand(CONFIG["groups"], -1) for c in (a, b)]
            p = sum(wide[0][:, i, None] * grouped**i for i in range(a.shape[1]))
            signed = wide[1] * torch.where(wide[1] < 0, -1.0, 1.0)
            q = 1 + sum(signed[:, i, None] * grouped.abs() ** (i + 1) for i in range(b.shape[1]))
            out = (p / q).flatten(-2)
        out.backward(TENSORS["grad_output"])
        found.append((out.detach(), x.grad, a.grad, b.grad))
    assert_close(*found, rtol=1e-11, atol=1e-11)


def test_tables_that_ship_are_the_published_ones():
    for name, start in STARTS.items():
        case = f"init_{name}"
        if case not in FIXTURE["cases"] or name == "tanh":  # the published tanh is less exact
            continue
        numerator = torch.tensor([start.numerator], dtype=torch.float64)
        assert_close(numerator, TENSORS[f"{case}.weight_numerator"], rtol=1e-6, atol=1e-12)
        denominator = TENSORS[f"{case}.weight_denominator"].abs()
        expected = torch.tensor([start.denominator], dtype=torch.float64).expand_as(denominator)
        assert_close(expected, denominator, rtol=1e-6, atol=1e-12)
