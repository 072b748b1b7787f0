"""AF-KAN against the authors' networks; holds for any fixture of this form."""

import json
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch.testing import assert_close

from neurarium.neurons import KAN

FIXTURES = Path(os.environ.get("NEURARIUM_FIXTURES", Path(__file__).parents[1] / "fixtures"))
META = json.loads((FIXTURES / "af-kan.json").read_text())
TENSORS = load_file(FIXTURES / "af-kan.safetensors")
NAMES = {
    "phase_low": "low",
    "phase_high": "high",
    "temperature": "temperature",
    "base_weight": "weight",
    "norm.weight": "norm.weight",
    "norm.bias": "norm.bias",
}
SCORER = {"multistep": "gk_linear", "global_attn": "gk_linear", "spatial_attn": "conv1d"}


def network(spec):
    """Our network, and our name of each of their parameters that it has."""
    config = META["config"] | spec
    norm = config.get("norm_type", "layer")
    model = KAN(
        config["width"],
        layer="af",
        grid_size=config["grid_size"],
        order=config["spline_order"],
        activation=config.get("base_activation", "silu"),
        combine=config.get("func", "quad1"),
        feature_norm="batch" if config.get("func_norm", True) else None,
        reduction=config["method"].removesuffix("_attn"),
        norm=norm if norm in ("layer", "batch") else None,
        dtype=getattr(torch, config["dtype"]),
    )
    scorer = SCORER[spec["method"]]
    names = NAMES | {f"{scorer}.{kind}": f"scorer.{kind}" for kind in ("weight", "bias")}
    ours = {}
    for theirs in spec["used_parameters"]:
        _, place, leaf = theirs.split(".", 2)
        ours[theirs] = f"layers.{place}.{names[leaf]}"
    return model, ours


@pytest.mark.parametrize("case", META["cases"])
def test_parity(case):
    spec = META["cases"][case]
    model, names = network(spec)
    state = {ours: TENSORS[f"{case}.param.{theirs}"] for theirs, ours in names.items()}
    missing, unexpected = model.load_state_dict(state, strict=False)
    assert not unexpected
    own = dict(model.named_parameters())  # none that the published layer does not use
    assert not set(missing) & set(own), missing
    assert sum(p.numel() for p in model.parameters()) == spec["parameters_that_receive_gradient"]
    x = TENSORS["input"].clone().requires_grad_()
    features = model.layers[0].window_features(x)
    assert_close(features.detach(), TENSORS[f"{case}.features_layer0"], **META["tolerance"])
    output = model(x)
    assert_close(output.detach(), TENSORS[f"{case}.output"], **META["tolerance"])
    output.backward(TENSORS["grad_output"])
    assert_close(x.grad, TENSORS[f"{case}.grad_input"], **META["tolerance"])
    found = dict(model.named_parameters())
    for theirs, ours in names.items():
        wanted = TENSORS[f"{case}.grad.{theirs}"]
        assert_close(
            found[ours].grad, wanted, **META["tolerance"], msg=lambda m, n=theirs: f"{n}: {m}"
        )
