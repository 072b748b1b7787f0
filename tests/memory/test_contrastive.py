"""Contrastive losses: closed forms, limits, invariances, gradients, several processes."""

import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file
from torch import nn
from torch.nn.functional import normalize
from torch.testing import assert_close

from memory.gathered import expected
from neurarium.memory import (
    CLIPLoss,
    CLOOBLoss,
    TwoTower,
    contrastive_objectives,
    contrastive_retrieval,
    hopfield_retrieve,
    info_loob,
    info_nce,
    retrieve_pairs,
    zero_shot_weights,
)
from reference.cloob import authors_cloob

EXACT = {"rtol": 1e-10, "atol": 1e-12}
SEEDS = st.integers(0, 10_000)


def draw(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def unit(*shape, seed=0):
    return normalize(draw(*shape, seed=seed), dim=-1)


def pairs(num=6, width=5, seed=0, noise=0.5):
    """Unit rows that are alike within a pair."""
    shared = draw(num, width, seed=seed)
    return tuple(
        normalize(shared + noise * draw(num, width, seed=seed + place), dim=-1) for place in (1, 2)
    )


def cloob(x, y, beta, temperature):
    u_x, u_y, v_x, v_y = retrieve_pairs(x, y, beta=beta)
    first = info_loob(u_x, u_y, temperature=temperature)
    return first + info_loob(v_y, v_x, temperature=temperature)


@pytest.mark.parametrize("num", [2, 7])
@pytest.mark.parametrize("temperature", [1 / 30, 1.0])
def test_beta_of_zero_retrieves_the_mean_and_the_loss_is_that_of_chance(num, temperature):
    x, y = pairs(num)
    u_x, u_y, v_x, v_y = retrieve_pairs(x, y, beta=0.0)
    for rows, memory in ((u_x, x), (u_y, x), (v_x, y), (v_y, y)):
        assert_close(rows, normalize(memory.mean(0), dim=0).expand_as(rows), **EXACT)
    loss = cloob(x, y, 0.0, temperature)
    assert float(loss) == pytest.approx(2 * temperature * math.log(num - 1), abs=1e-12)


def test_large_beta_retrieves_the_nearest_row():
    x, y = pairs(noise=0.1)
    u_x, u_y, v_x, v_y = retrieve_pairs(x, y, beta=1e5)
    assert_close(u_x, x, **EXACT)
    assert_close(v_y, y, **EXACT)
    assert_close(u_y, x, **EXACT)  # the partner is the nearest
    assert_close(v_x, y, **EXACT)
    for rows in retrieve_pairs(x, x, beta=1e5):
        assert_close(rows, x, **EXACT)
    raw = 2 * info_loob(x, x, temperature=0.1)
    assert_close(CLOOBLoss(beta=1e5, temperature=0.1)(x, x), raw, **EXACT)


def test_both_ways_to_retrieve_are_the_core(monkeypatch):
    """With the association matrices, two of which share a product, and without them."""
    x, y = (rows.requires_grad_() for rows in pairs(7))
    beta = torch.tensor(3.0, dtype=torch.float64, requires_grad=True)
    weights = draw(4, 7, 5, seed=3)
    found = []
    for limit in (7, 6):
        monkeypatch.setattr(contrastive_retrieval, "LARGEST_FORMED", limit)
        rows = retrieve_pairs(x, y, beta=beta)
        gradients = torch.autograd.grad((weights * torch.stack(rows)).sum(), (x, y, beta))
        found.append([*rows, *gradients])
    roles = ((x, x), (y, x), (x, y), (y, y))
    core = [normalize(hopfield_retrieve(states, m, beta=3.0), dim=1) for states, m in roles]
    assert_close(found[0], found[1], **EXACT)
    assert_close(found[0][:4], core, **EXACT)
    half = [rows.detach().bfloat16() for rows in (x, y)]
    exact = retrieve_pairs(*(rows.float() for rows in half))
    assert_close(torch.stack(retrieve_pairs(*half)).float(), torch.stack(exact), rtol=0, atol=0.01)


@pytest.mark.parametrize("masked", [False, True])
def test_chunks_of_logits_give_the_same_loss_and_gradients(masked, monkeypatch):
    x, y = (rows.requires_grad_() for rows in pairs(7))
    tau = torch.tensor(0.2, dtype=torch.float64, requires_grad=True)
    same = draw(7, 7, seed=4) > 0.5
    same[2] = True
    weights = draw(7, seed=5)
    found = []
    for limit in (7, 4):  # at once; two rows at a time
        monkeypatch.setattr(contrastive_objectives, "LARGEST_FORMED", limit)
        losses = info_loob(x, y, temperature=tau, reduction="none", same=same if masked else None)
        gradients = torch.autograd.grad((weights * losses).sum(), (x, y, tau), create_graph=True)
        second = torch.autograd.grad(gradients[0].square().sum(), (x, y, tau))
        found.append([losses, *gradients, *second])
    assert_close(found[0], found[1], **EXACT)


def test_the_sample_itself_is_part_of_the_memory():
    x = torch.eye(3, dtype=torch.float64)
    own, other = math.exp(2.0), 1.0
    row = torch.tensor([own, other, other], dtype=torch.float64) / (own + 2 * other)
    assert_close(retrieve_pairs(x, x, beta=2.0).u_x[0], normalize(row, dim=0), **EXACT)


@pytest.mark.parametrize("beta", [0.3, 8.0])
def test_loss_is_the_authors_formula(beta):
    x, y = pairs(9)
    loss = CLOOBLoss(beta=beta, temperature=1 / 30)
    assert_close(loss(x, y), authors_cloob(x, y, beta, 30.0), **EXACT)
    assert_close(loss(3 * x, 0.1 * y), loss(x, y, normalized=True), **EXACT)


def test_two_pairs_have_one_negative_each():
    x, y = pairs(2)
    k = x @ y.T / 0.2
    expected = 0.2 * (k.flip(1).diagonal() - k.diagonal()).mean()
    assert_close(info_loob(x, y, temperature=0.2), expected, **EXACT)


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS, temperature=st.floats(0.02, 2))
def test_info_nce_is_the_softplus_of_info_loob(seed, temperature):
    x, y = pairs(seed=seed)
    options = {"temperature": temperature, "reduction": "none"}
    nce = info_nce(x, y, symmetric=False, **options)
    loob = info_loob(x, y, scale_by_temperature=False, **options)
    assert_close(nce, nn.functional.softplus(loob, threshold=1e3), **EXACT)
    k = (x @ y.T / temperature).exp()
    others = k.masked_fill(torch.eye(6).bool(), 0).sum(1)
    assert_close(loob, (others / k.diagonal()).log(), **EXACT)
    assert_close(nce, (others / k.diagonal()).log1p(), **EXACT)


def gradients_of_positives(alignment):
    """dL/dk_ii of both losses where the positive logit is ``alignment`` and the others are 0."""
    found = []
    for loss in (info_loob, info_nce):
        anchors = (alignment * torch.eye(4, dtype=torch.float64)).requires_grad_()
        options = {"scale_by_temperature": False} if loss is info_loob else {"symmetric": False}
        loss(anchors, torch.eye(4, dtype=torch.float64), temperature=1.0, **options).backward()
        found.append(float(anchors.grad[0, 0]))
    return found


def test_info_loob_does_not_saturate_and_info_nce_does():
    weak, strong = gradients_of_positives(0.0), gradients_of_positives(40.0)
    assert weak[0] == strong[0] == -1 / 4
    assert weak[1] == pytest.approx(-(1 - 1 / 4) / 4)
    assert abs(strong[1]) < 1e-15


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS, beta=st.floats(0.1, 20))
def test_invariances(seed, beta):
    x, y = pairs(seed=seed)
    for loss in (CLOOBLoss(beta=beta, temperature=0.1), CLIPLoss(temperature=0.1).double()):
        value = loss(x, y).detach()
        order = torch.randperm(6, generator=torch.Generator().manual_seed(seed)).roll(1)
        assert_close(loss(x[order], y[order]).detach(), value, **EXACT)
        assert_close(loss(y, x).detach(), value, rtol=1e-7, atol=1e-9)
        rotation = torch.linalg.qr(draw(5, 5, seed=seed)).Q
        assert_close(loss(x @ rotation, y @ rotation).detach(), value, **EXACT)
        assert abs(loss(x, y.roll(1, 0)).detach() - value) > 1e-6  # other pairs, another loss


def test_swapping_the_kinds_swaps_the_terms():
    x, y = pairs()
    there, back = retrieve_pairs(x, y, beta=8.0), retrieve_pairs(y, x, beta=8.0)
    assert_close(there.u_x, back.v_y, **EXACT)
    assert_close(there.u_y, back.v_x, **EXACT)
    first = info_loob(there.u_x, there.u_y, temperature=0.1)
    assert_close(first, info_loob(back.v_y, back.v_x, temperature=0.1), **EXACT)
    assert abs(first - info_loob(there.u_y, there.u_x, temperature=0.1)) > 1e-4  # a direction


def test_gradients_stay_finite_as_the_temperature_falls():
    x, y = (rows.requires_grad_() for rows in pairs())
    norms = []
    for temperature in (1e-1, 1e-3, 1e-6):
        (gradient,) = torch.autograd.grad(CLOOBLoss(temperature=temperature)(x, y), x)
        norms.append(float(gradient.norm()))
    assert 0 < min(norms) < max(norms) < 10 * min(norms)


def test_gradients_in_float64():
    x, y = draw(4, 3), draw(4, 3, seed=1)
    options = {"learn_temperature": True, "learn_beta": True, "dtype": torch.float64}
    loss = CLOOBLoss(beta=3.0, temperature=0.3, **options)
    names = [name for name, _ in loss.named_parameters()]
    assert names == ["log_beta", "temperature.log_inverse"]

    def of(x, y, *values):
        given = dict(zip(names, values, strict=True))
        return torch.func.functional_call(loss, given, (x, y))

    inputs = (x, y, *(p.detach() for p in loss.parameters()))
    assert torch.autograd.gradcheck(of, [value.clone().requires_grad_() for value in inputs])
    for targets in ("identity", "soft"):

        def contrast(x, y, temperature, targets=targets):
            return info_nce(x, y, temperature=temperature, targets=targets)

        tau = torch.tensor(0.3, dtype=torch.float64)
        assert torch.autograd.gradcheck(
            contrast, [value.clone().requires_grad_() for value in (x, y, tau)]
        )


def test_gradients_flow_through_the_memory():
    """y is nothing but memory in v_x, x nothing but state; each has the derivative of its role."""
    x, y = (rows.requires_grad_() for rows in pairs())
    weights = draw(6, 5, seed=9)
    textbook = normalize(torch.softmax(8.0 * x @ y.T, 1) @ y, dim=1)
    expected = torch.autograd.grad((weights * textbook).sum(), (x, y))
    found = torch.autograd.grad((weights * retrieve_pairs(x, y, beta=8.0).v_x).sum(), (x, y))
    assert_close(found, expected, **EXACT)
    assert min(float(gradient.norm()) for gradient in found) > 0.1


def test_pairs_that_show_the_same_are_no_negatives():
    x, y = pairs()
    y[1] = y[0]
    same = (y @ y.T) > 1 - 1e-9
    k = x @ y.T / 0.1
    options = {"temperature": 0.1, "same": same, "reduction": "none"}
    loob = info_loob(x, y, scale_by_temperature=False, **options)
    assert_close(loob[0], k[0, 2:].logsumexp(0) - k[0, 0], **EXACT)
    nce = info_nce(x, y, symmetric=False, **options)
    left = torch.tensor([0, 2, 3, 4, 5])
    assert_close(nce[0], k[0, left].logsumexp(0) - k[0, 0], **EXACT)
    alone = torch.eye(6, dtype=torch.bool)
    for loss in (CLOOBLoss(), CLIPLoss().double()):
        assert_close(loss(x, y, same=alone), loss(x, y), **EXACT)
        assert not torch.equal(loss(x, y, same=same), loss(x, y))


def test_an_anchor_without_negatives_counts_as_zero_and_has_no_gradient():
    x, y = (rows.requires_grad_() for rows in pairs(3))
    same = torch.tensor([[1, 1, 1], [1, 1, 0], [1, 0, 1]]).bool()
    losses = info_loob(x, y, temperature=0.1, same=same, reduction="none")
    assert losses[0] == 0
    losses.sum().backward()
    assert (x.grad[0] == 0).all()
    assert x.grad.isfinite().all()
    assert y.grad.isfinite().all()


def test_soft_targets_are_distributions_that_share_among_similar_pairs():
    x, y = pairs(4, noise=0.0)
    tau = 0.5
    likeness = tau * (x @ x.T + y @ y.T) / 2
    weights = torch.softmax(likeness, 1)
    assert_close(weights.sum(1), torch.ones(4, dtype=torch.float64), **EXACT)
    k = x @ y.T / tau
    expected = -(weights * (k.log_softmax(1) + k.T.log_softmax(1))).sum(1).mean() / 2
    assert_close(info_nce(x, y, temperature=tau, targets="soft"), expected, **EXACT)
    assert_close(
        info_nce(y, x, temperature=tau, targets="soft"),
        info_nce(x, y, temperature=tau, targets="soft"),
        **EXACT,
    )
    aligned = torch.eye(4, dtype=torch.float64)
    assert info_nce(aligned, aligned, temperature=0.02) < 1e-12


@pytest.mark.parametrize("shape", [(), (1,), (1, 1)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_one_number_may_be_a_tensor_of_any_shape(shape, dtype):
    x, y = (rows.float() for rows in pairs())
    number = torch.full(shape, 0.25, dtype=dtype)
    for loss in (info_loob, info_nce):
        for reduction in ("mean", "none"):
            found = loss(x, y, temperature=number, reduction=reduction)
            assert_close(found, loss(x, y, temperature=0.25, reduction=reduction))
    found = torch.stack(retrieve_pairs(x, y, beta=number))
    assert_close(found, torch.stack(retrieve_pairs(x, y, beta=0.25)))


def test_reductions():
    x, y = pairs()
    for loss in (info_loob, info_nce):
        each = loss(x, y, temperature=0.2, reduction="none")
        assert each.shape == (6,)
        assert_close(loss(x, y, temperature=0.2), each.mean(), **EXACT)
        assert_close(loss(x, y, temperature=0.2, reduction="sum"), each.sum(), **EXACT)


def test_learned_temperature_starts_where_it_is_told_and_is_clamped():
    loss = CLIPLoss(dtype=torch.float64)
    assert float(loss.temperature().detach()) == pytest.approx(1 / 14.3)
    for value, bound in ((-1.0, 1.0), (9.0, 0.01)):
        nn.init.constant_(loss.temperature.log_inverse, value)
        loss.clamp_()
        assert float(loss.temperature().detach()) == pytest.approx(bound)
    loss.reset_parameters()
    assert float(loss.temperature().detach()) == pytest.approx(1 / 14.3)
    fixed = CLOOBLoss()
    fixed.clamp_()
    assert fixed.temperature() == 1 / 30
    assert not list(fixed.parameters())
    assert not fixed.state_dict()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_computed_in_float32(dtype):
    x, y = (rows.to(dtype) for rows in pairs(64, 16))
    for loss in (CLOOBLoss(temperature=0.01), CLIPLoss(temperature=0.01)):
        found = loss(x, y)
        assert found.dtype == dtype
        assert_close(found, loss(x.float(), y.float()).to(dtype), rtol=0, atol=0)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            mixed = loss(x.float(), y.float())
        assert mixed.dtype == torch.float32
        assert_close(mixed, loss(x.float(), y.float()), rtol=0, atol=0)


def test_gathered_batch_of_one_process_is_the_batch():
    x, y = pairs()
    assert_close(CLOOBLoss(gather=True)(x, y), CLOOBLoss()(x, y), rtol=0, atol=0)


@pytest.mark.slow
def test_two_processes_train_as_one(tmp_path):
    script = Path(__file__).with_name("gathered.py")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    run = subprocess.run(
        [*command, str(script), str(tmp_path)],
        env=os.environ | {"PYTHONWARNINGS": "ignore"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stderr[:6000]
    single = expected()
    for rank in range(2):
        found = load_file(tmp_path / f"{rank}.out")
        assert found.keys() == single.keys()
        for name, value in single.items():
            assert_close(
                found[name], value, rtol=1e-10, atol=1e-13, msg=lambda m, n=name: f"{n}: {m}"
            )
        refused = (tmp_path / f"{rank}.txt").read_text()
        assert "same shape in every process: got [3, 6], [2, 6]" in refused
        assert "differentiated once" in refused


def test_towers_give_unit_rows_of_their_encoders():
    encoder_x, encoder_y = nn.Linear(3, 4).double(), nn.Embedding(9, 5).double()
    towers = TwoTower(encoder_x, encoder_y, 4, features_y=5, dtype=torch.float64)
    x, y = draw(6, 3), torch.arange(6)
    found = towers(x, y)
    assert_close(found.x, normalize(encoder_x(x), dim=1), **EXACT)
    weight = towers.projection_y.weight
    assert_close(found.y, normalize(encoder_y(y) @ weight.T, dim=1), **EXACT)
    assert_close(towers.embed_y(y), found.y, **EXACT)


def test_zero_shot_weights_average_templates_of_unit_length():
    table = nn.Embedding.from_pretrained(draw(6, 3) * torch.arange(1, 7)[:, None])
    prompts = [torch.tensor([0, 1, 2]), torch.tensor([3]), torch.tensor([4, 5])]
    found = zero_shot_weights(table, prompts)
    for row, tokens in zip(found, prompts, strict=True):
        rows = table.weight[tokens]
        mean = (rows / rows.norm(dim=1, keepdim=True)).mean(0)
        assert_close(row, mean / mean.norm(), **EXACT)


FLOATS = torch.ones(3, 2)


@pytest.mark.parametrize("kind", [CLOOBLoss, CLIPLoss])
@pytest.mark.parametrize(
    ("x", "y", "error", "sentence"),
    [
        (FLOATS[:1], FLOATS[:1], ValueError, "at least 2 pairs: got 1"),
        (FLOATS, FLOATS[:2], ValueError, r"shape of x, \[3, 2\]: got \[2, 2\]"),
        (FLOATS, torch.ones(3, 4), ValueError, r"shape of x, \[3, 2\]: got \[3, 4\]"),
        (FLOATS, torch.arange(3), TypeError, "y must hold embeddings in floating point"),
        (FLOATS, FLOATS.double(), TypeError, "dtype of x, torch.float32: got torch.float64"),
        (FLOATS[0], FLOATS[0], ValueError, r"x must have shape \(pairs, features\)"),
        (FLOATS.tolist(), FLOATS, TypeError, "x must be a tensor: got list"),
        (FLOATS.triu(), FLOATS, ValueError, "x must have rows that are not all zeros.*row 2"),
        (FLOATS, FLOATS.tril(-1), ValueError, "y must have rows that are not all zeros.*row 0"),
    ],
)
def test_bad_pairs(kind, x, y, error, sentence):
    with pytest.raises(error, match=sentence):
        kind()(x, y)


def test_rows_that_are_said_to_have_unit_length_are_checked():
    x, y = pairs()
    with pytest.raises(ValueError, match=r"length 1 with normalized=True: got length 1.002 in row"):
        CLOOBLoss()(x, 1.002 * y, normalized=True)
    CLOOBLoss()(x, 1.0005 * y, normalized=True)
    half = x.bfloat16(), y.bfloat16()
    CLOOBLoss()(*half, normalized=True)


@pytest.mark.parametrize(
    ("call", "error", "sentence"),
    [
        (lambda x: info_loob(x, x, temperature=0.0), ValueError, "positive and finite: got 0.0"),
        (lambda x: info_loob(x, x, temperature="1"), TypeError, "must be a number: got str"),
        (lambda x: info_loob(x, x, temperature=x), ValueError, r"one number: got shape \[6, 5\]"),
        (lambda x: info_loob(x, x[:1], temperature=1.0), ValueError, "shape of anchors"),
        (lambda x: info_loob(x, x, temperature=1.0, reduction="max"), ValueError, "got 'max'"),
        (
            lambda x: info_loob(x, x, temperature=1.0, same=torch.eye(6)),
            TypeError,
            "same must be bool",
        ),
        (
            lambda x: info_nce(x, x, temperature=1.0, same=torch.eye(5).bool()),
            ValueError,
            r"same must have shape \[6, 6\]",
        ),
        (lambda x: info_nce(x, x, temperature=1.0, targets="hard"), ValueError, "got 'hard'"),
        (
            lambda x: info_nce(x, x, temperature=1.0, targets="soft", same=torch.eye(6).bool()),
            ValueError,
            "same must be None with soft targets",
        ),
        (lambda x: retrieve_pairs(x, x, beta=-1.0), ValueError, "beta must be finite"),
        (lambda x: retrieve_pairs(x, x, beta="8"), TypeError, "beta must be a number: got str"),
        (lambda x: retrieve_pairs(x, x, beta=x), ValueError, r"one number: got shape \[6, 5\]"),
        (
            lambda x: retrieve_pairs(x, x, beta=torch.tensor(8)),
            TypeError,
            "beta must be floating point: got torch.int64",
        ),
        (lambda x: CLOOBLoss(beta=0), ValueError, "beta must be positive and finite: got 0"),
        (lambda x: zero_shot_weights(nn.Identity(), []), ValueError, "at least one class"),
        (lambda x: zero_shot_weights(nn.Identity(), ["a 3"]), TypeError, "tokenise texts first"),
        (lambda x: zero_shot_weights(nn.Identity(), [x[:0]]), ValueError, "at least one prompt"),
        (
            lambda x: zero_shot_weights(nn.Identity(), [x, x[:, 1:]]),
            ValueError,
            r"shape \[5\], as the first class: got \[4\]; pad",
        ),
        (
            lambda x: zero_shot_weights(lambda rows: rows.sum(1), [x, x]),
            ValueError,
            r"one row for each prompt, shape \(12, E\): got \[12\]",
        ),
        (
            lambda x: TwoTower(nn.Identity(), nn.Identity(), 4)(x, x),
            ValueError,
            r"encoder_x must return shape \[6, 4\]: got \[6, 5\]",
        ),
        (
            lambda x: TwoTower(nn.Identity(), nn.Identity(), 5)(x, x[1:]),
            ValueError,
            "one partner for each of x",
        ),
    ],
)
def test_bad_arguments(call, error, sentence):
    with pytest.raises(error, match=sentence):
        call(unit(6, 5))
