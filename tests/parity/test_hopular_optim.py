"""The authors' optimisation, step by step: LAMB on the fast weights, the slow running copy."""

import json
import os
import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from neurarium.optim import Lamb, ema_model

FOLDER = Path(os.environ.get("NEURARIUM_FIXTURES", Path(__file__).parents[1] / "fixtures"))
FIXTURE = json.loads((FOLDER / "hopular.json").read_text())
TENSORS = load_file(FOLDER / "hopular.safetensors")


def setting(pattern, published):
    """Numbers from the fixture's own sentence on these tensors, else the published ones."""
    sentences = " ".join(v for k, v in FIXTURE["tensors"].items() if k.startswith("optim"))
    found = re.search(pattern, sentences)
    return tuple(map(float, found.groups())) if found else published


@pytest.mark.skipif("optim.w0" not in TENSORS, reason="this fixture has no optimiser steps")
def test_fast_and_slow_weights_of_every_step():
    names = sorted({m[1] for k in TENSORS if (m := re.fullmatch(r"optim\.grad_(\w+?)\d+", k))})
    steps = sum(k.startswith(f"optim.grad_{names[0]}") for k in TENSORS)
    assert names
    assert steps
    model = nn.ParameterDict({n: nn.Parameter(TENSORS[f"optim.{n}0"].clone()) for n in names})
    optimizer = Lamb(
        model.parameters(),
        lr=setting(r"lr ([\d.e-]+)", (0.01,))[0],
        betas=setting(r"betas ([\d.]+)/([\d.]+)", (0.9, 0.999)),
        eps=setting(r"eps ([\d.e-]+)", (1e-6,))[0],
        weight_decay=setting(r"weight decay ([\d.]+)", (0.1,))[0],
    )
    slow = ema_model(model, decay=1 - setting(r"alpha ([\d.]+)", (0.005,))[0])
    for step in range(steps):
        for name in names:
            model[name].grad = TENSORS[f"optim.grad_{name}{step}"].clone()
        optimizer.step()
        slow.update_parameters(model)
        for name in names:
            for weights, key in ((model, name), (slow.module, f"slow_{name}")):
                torch.testing.assert_close(
                    weights[name].detach(),
                    TENSORS[f"optim.{key}{step + 1}"],
                    rtol=1e-8,
                    atol=1e-9,
                    msg=lambda text, key=key, step=step: f"{key} after step {step + 1}: {text}",
                )
