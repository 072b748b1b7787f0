"""A layer with dendrites against tensors of the authors' open wrapper; any fixture of this form."""

import json
import os
import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn
from torch.testing import assert_close

from neurarium.neurons import Dendritic

FIXTURES = Path(os.environ.get("NEURARIUM_FIXTURES", Path(__file__).parents[1] / "fixtures"))
META = json.loads((FIXTURES / "perforated-backprop.json").read_text())
CONFIG, TOLERANCE = META["config"], META["tolerance"]
TENSORS = load_file(FIXTURES / "perforated-backprop.safetensors")
COUNT = CONFIG["dendrites"]


def built():
    """The module that the configuration names."""
    kind, arguments = re.fullmatch(r"(\w+)\((.*)\)", CONFIG["module"]).groups()
    module = getattr(nn, kind)(*(int(a) for a in arguments.split(",")))
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
    """s_i written out."""
    layer = built()
    layer.load_state_dict(state(COUNT))
    outputs = layer.dendrite_outputs(TENSORS["input"])
    expected = []
    for place in range(COUNT):
        start = f"param.dendrite_module.layers.{place}."
        total = TENSORS["input"] @ TENSORS[f"{start}weight"].T + TENSORS[f"{start}bias"]
        weights = TENSORS[f"param.dendrite_module.dendrites_to_dendrites.{place}"]
        for weight, earlier in zip(weights, expected, strict=True):
            total = total + weight * earlier
        expected.append(total.sigmoid())
    assert_close(outputs, expected, **TOLERANCE)
