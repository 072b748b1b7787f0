"""CLOOB's loss against tensors of the authors' functions; holds for any fixture of this form."""

import json
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch.testing import assert_close

from neurarium.memory import CLIPLoss, CLOOBLoss, info_loob, info_nce, retrieve_pairs

FIXTURES = Path(os.environ.get("NEURARIUM_FIXTURES", Path(__file__).parents[1] / "fixtures"))
CONFIG = json.loads((FIXTURES / "cloob.json").read_text())["config"]
TENSORS = load_file(FIXTURES / "cloob.safetensors")
TOLERANCE = {"rtol": 1e-9, "atol": 1e-11}
BETA, INV_TAU = CONFIG["beta_hopfield"], CONFIG["inv_tau"]


@pytest.fixture
def pair():
    return (TENSORS[name].clone().requires_grad_() for name in ("image", "text"))


def test_inputs_are_what_the_configuration_says(pair):
    for rows in pair:
        assert rows.shape == (CONFIG["batch"], CONFIG["embed_dim"])


def test_all_four_retrievals(pair):
    x, y = pair
    found = retrieve_pairs(x, y, beta=BETA)
    for ours, theirs in (("u_x", "xx"), ("u_y", "xy"), ("v_x", "yx"), ("v_y", "yy")):
        assert_close(getattr(found, ours), TENSORS[f"retrieved_{theirs}"], **TOLERANCE)
    for ours, rows in zip(found, CLOOBLoss(beta=BETA).retrieve(x, y), strict=True):
        assert_close(ours, rows, rtol=0, atol=0)


def pair_of():
    return TENSORS["image"], TENSORS["text"]


def test_each_term():
    u_x, u_y, v_x, v_y = retrieve_pairs(*pair_of(), beta=BETA)
    image = info_loob(u_x, u_y, temperature=1 / INV_TAU)
    text = info_loob(v_y, v_x, temperature=1 / INV_TAU)
    assert_close(image, TENSORS["infoloob_image_term"], **TOLERANCE)
    assert_close(text, TENSORS["infoloob_text_term"], **TOLERANCE)
    raw, whole = (
        info_loob(u_x, u_y, temperature=1 / INV_TAU, scale_by_temperature=s) for s in (False, True)
    )
    assert_close(raw, INV_TAU * whole, **TOLERANCE)


def test_info_loob_of_raw_embeddings():
    x, y = pair_of()
    for name, rows in (("xy", (x, y)), ("yx", (y, x))):
        found = info_loob(*rows, temperature=1 / INV_TAU)
        assert_close(found, TENSORS[f"infoloob_no_hopfield_{name}"], **TOLERANCE)


@pytest.mark.parametrize(
    "learned",
    [
        False,
        pytest.param(
            True, marks=pytest.mark.skipif(INV_TAU < 1, reason="a temperature above 1 is constant")
        ),
    ],
)
def test_loss_and_its_gradients(pair, learned):
    x, y = pair
    loss = CLOOBLoss(
        beta=BETA,
        temperature=1 / INV_TAU,
        learn_temperature=learned,
        min_temperature=min(0.01, 1 / INV_TAU),
        dtype=torch.float64,
    )
    found = loss(x, y, normalized=True)
    assert_close(found, TENSORS["cloob_loss"], **TOLERANCE)
    found.backward()
    assert_close(x.grad, TENSORS["cloob_grad_image"], **TOLERANCE)
    assert_close(y.grad, TENSORS["cloob_grad_text"], **TOLERANCE)
    if learned:  # the logarithm is what is learned: dL/ds = inv_tau dL/d inv_tau
        expected = INV_TAU * TENSORS["cloob_grad_inv_tau"]
        assert_close(loss.temperature.log_inverse.grad, expected, **TOLERANCE)


def test_gradient_of_the_inverse_temperature(pair):
    inv_tau = torch.tensor(float(INV_TAU), dtype=torch.float64, requires_grad=True)
    u_x, u_y, v_x, v_y = retrieve_pairs(*pair, beta=BETA)
    terms = (info_loob(a, b, temperature=1 / inv_tau) for a, b in ((u_x, u_y), (v_y, v_x)))
    sum(terms).backward()
    assert_close(inv_tau.grad, TENSORS["cloob_grad_inv_tau"], **TOLERANCE)


def test_clip_loss():
    found = info_nce(*pair_of(), temperature=1 / INV_TAU)
    assert_close(found, TENSORS["clip_loss"], **TOLERANCE)
    loss = CLIPLoss(temperature=1 / INV_TAU, learn_temperature=False)
    assert_close(loss(*pair_of()), TENSORS["clip_loss"], **TOLERANCE)
