"""A layer with dendrites against tensors of the authors' open wrapper; any fixture of this form."""

import ast
import json
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn
from torch.func import functional_call
from torch.testing import assert_close

from neurarium.neurons import Dendritic

FIXTURES = Path(os.environ.get("NEURARIUM_FIXTURES", Path(__file__).parents[1] / "fixtures"))
META = json.loads((FIXTURES / "perforated-backprop.json").read_text())
CONFIG, TOLERANCE = META["config"], META["tolerance"]
TENSORS = load_file(FIXTURES / "perforated-backprop.safetensors")
COUNT = CONFIG["dendrites"]


def module_of(expression):
    """A module from text such as ``Conv2d(2, 3, (3, 3), padding=1)``, also nested."""
    if not isinstance(expression, ast.Call):
        return ast.literal_eval(expression)
    kind = (
        expression.func.attr if isinstance(expression.func, ast.Attribute) else expression.func.id
    )
    keywords = {keyword.arg: module_of(keyword.value) for keyword in expression.keywords}
    return getattr(nn, kind)(*map(module_of, expression.args), **keywords)


def built():
    """The module that the configuration names."""
    module = module_of(ast.parse(CONFIG["module"], mode="eval").body)
    return Dendritic(
        module.to(getattr(torch, CONFIG["dtype"])),
        neuron_dim=CONFIG["neuron_axis"],
        activation=CONFIG["dendrite_activation"],
    )


def state(count):
    """The authors' parameters of the first ``count`` dendrites under our names."""
    prefix = "param.dendrite_module."
    found = {
        f"module.{k.removeprefix('param.main_module.')}": v
        for k, v in TENSORS.items()
        if k.startswith("param.main_module.")
    }
    neurons = TENSORS["output"].shape[CONFIG["neuron_axis"]]
    for place in range(count):
        for key, value in TENSORS.items():
            start = f"{prefix}layers.{place}."
            if key.startswith(start):
                found[f"dendrites.{place}.{key.removeprefix(start)}"] = value
        weights = TENSORS[f"{prefix}dendrites_to_dendrites.{place}"]
        found[f"between.{place}"] = weights.reshape(place, neurons)
    if count:
        found["top"] = TENSORS[f"param.dendrites_to_top.{count - 1}"]
    return found


def test_output_with_all_dendrites():
    layer = built()
    layer.load_state_dict(state(COUNT))
    assert layer.num_dendrites == COUNT
    assert_close(layer(TENSORS["input"]), TENSORS["output"], **TOLERANCE)


@pytest.mark.parametrize("count", range(1, COUNT + 1))
def test_adding_dendrites_changes_nothing(count):
    """The recorded outputs are equal among themselves, and ours bit for bit."""
    expected = TENSORS["output_0_dendrites"]
    assert torch.equal(TENSORS[f"output_just_after_adding_{count}"], expected)
    layer = built()
    layer.load_state_dict(state(0))
    before = layer(TENSORS["input"])
    for _ in range(count):
        layer.add_dendrite()
    assert torch.equal(layer(TENSORS["input"]), before)


def test_dendrites_one_by_one():
    """s_i written out, and summed."""
    layer = built()
    layer.load_state_dict(state(COUNT))
    outputs = layer.dendrite_outputs(TENSORS["input"])
    expected, total = [], layer.module(TENSORS["input"])
    shape = [1] * total.ndim
    shape[CONFIG["neuron_axis"]] = -1
    for place in range(COUNT):
        start = f"param.dendrite_module.layers.{place}."
        own = {k.removeprefix(start): v for k, v in TENSORS.items() if k.startswith(start)}
        inner = functional_call(layer.module, own, (TENSORS["input"],))
        weights = TENSORS[f"param.dendrite_module.dendrites_to_dendrites.{place}"]
        for weight, earlier in zip(weights, expected, strict=True):
            inner = inner + weight.view(shape) * earlier
        expected.append(getattr(torch, CONFIG["dendrite_activation"])(inner))
        top = TENSORS[f"param.dendrites_to_top.{COUNT - 1}"][place]
        total = total + top.view(shape) * expected[-1]
    assert_close(outputs, expected, **TOLERANCE)
    assert_close(total, TENSORS["output"], **TOLERANCE)
