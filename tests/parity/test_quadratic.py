"""Quadratic residual blocks against tensors of the authors' networks; any fixture of this form."""

import json
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch.testing import assert_close

from neurarium.baselines import ResidualBlock
from neurarium.neurons import to_quadratic

FIXTURES = Path(os.environ.get("NEURARIUM_FIXTURES", Path(__file__).parents[1] / "fixtures"))
META = json.loads((FIXTURES / "quadratic.json").read_text())
CONFIG, TOLERANCE = META["config"], META["tolerance"]
TENSORS = load_file(FIXTURES / "quadratic.safetensors")
DTYPE = getattr(torch, CONFIG["dtype"])
VARIANTS = sorted({name.partition(".")[0] for name in TENSORS})
BRANCHES = {"r": "linear", "g": "interaction", "b": "square"}


def ours(name):
    """The name of a parameter of the authors' block in ours."""
    module, _, kind = name.rpartition(".")
    if name == "alpha1":
        return "scale"
    if module.startswith("bn"):
        return f"{module.replace('bn', 'norm')}.{kind}"
    return f"{module[:-1]}.{BRANCHES[module[-1]]}_{kind}"


def of(variant, group):
    prefix = f"{variant}.{group}."
    return {k.removeprefix(prefix): v for k, v in TENSORS.items() if k.startswith(prefix)}


def new_block(variant):
    block = ResidualBlock(
        CONFIG["in_channels"],
        CONFIG["out_channels"],
        stride=CONFIG["stride"],
        rezero=variant == "rezero",
        bias=True,
        dtype=DTYPE,
    )
    return to_quadratic(block, mode="compact" if variant == "compact" else "full")


def built(variant):
    block = new_block(variant)
    state = {ours(k): v for k, v in of(variant, "param").items()}
    missing, unexpected = block.load_state_dict(state, strict=False)
    assert not unexpected
    assert all("running" in name or "num_batches" in name for name in missing)
    return block


@pytest.mark.parametrize("variant", VARIANTS)
def test_training_mode_with_all_gradients(variant):
    block = built(variant)
    x = TENSORS[f"{variant}.input"].clone().requires_grad_()
    out = block(x)
    assert_close(out, TENSORS[f"{variant}.train.output"], **TOLERANCE)
    out.backward(TENSORS[f"{variant}.grad_output"])
    assert_close(x.grad, TENSORS[f"{variant}.train.grad_input"], **TOLERANCE)
    expected = {ours(k): v for k, v in of(variant, "grad").items()}
    found = {name: p.grad for name, p in block.named_parameters()}
    assert_close(found, expected, **TOLERANCE)
    for name, value in of(variant, "buffer_after_train").items():
        module, _, kind = name.partition(".")
        buffer = getattr(getattr(block, module.replace("bn", "norm")), kind)
        assert_close(buffer.to(value.dtype), value, **TOLERANCE)


@pytest.mark.parametrize("variant", VARIANTS)
def test_evaluation_mode(variant):
    block = built(variant)
    x = TENSORS[f"{variant}.input"].clone().requires_grad_()
    block(x)
    out = block.eval()(x)
    assert_close(out, TENSORS[f"{variant}.eval.output"], **TOLERANCE)
    out.backward(TENSORS[f"{variant}.grad_output"])
    assert_close(x.grad, TENSORS[f"{variant}.eval.grad_input"], **TOLERANCE)


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_quadratic_branches_start_where_the_authors_do(variant):
    start = dict(new_block(variant).named_parameters())
    for name, value in of(variant, "init").items():
        assert_close(start[ours(name)].data, value, rtol=0, atol=0)
