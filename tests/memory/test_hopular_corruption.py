"""Masking, corruption, loss and annealing of Hopular."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F
from torch.testing import assert_close

from neurarium.memory import (
    AttributeLayout,
    Hopular,
    corrupt_attributes,
    feature_loss_weight,
    hopular_loss,
    mask_targets,
    score_targets,
)
from neurarium.memory.hopular_dropout import bit_dropout
from reference.hopular import reference_loss


def random_values(layout, num_rows, generator):
    columns = []
    for i, size in enumerate(layout.sizes):
        if i in layout.discrete:
            category = torch.randint(size, (num_rows,), generator=generator)
            columns.append(F.one_hot(category, size).double())
        else:
            columns.append(torch.randn(num_rows, 1, generator=generator).double() * 3)
    return torch.cat(columns, 1)


@pytest.fixture
def layout():
    return AttributeLayout([1, 4, 1, 2], targets=[3])


@pytest.fixture
def rows(layout):
    return layout.encode(random_values(layout, 20_000, torch.Generator().manual_seed(0)))


def corrupt(rows, layout, **arguments):
    return corrupt_attributes(rows, layout, generator=torch.Generator().manual_seed(1), **arguments)


def test_encode_and_values_are_inverse(layout, rows):
    values = layout.values(rows)
    assert torch.equal(layout.encode(values), rows)
    assert rows[:, layout.mask_columns].sum() == 0
    assert layout.mask_columns.tolist() == [1, 6, 8, 11]


def test_shares_of_masked_replaced_and_unchanged_cells(layout, rows):
    corrupted, selected = corrupt(rows, layout, mask_prob=0.1, replace_prob=0.3)
    assert selected.all()
    masked = corrupted[:, layout.mask_columns[:3]].mean(0)
    assert_close(masked, torch.full((3,), 0.1).double(), rtol=0, atol=0.01)
    changed = (corrupted[:, 0] != rows[:, 0]).double().mean()
    assert changed.item() == pytest.approx(0.4, abs=0.015)
    discrete = (corrupted[:, 2:6] != rows[:, 2:6]).any(1).double().mean()
    assert discrete.item() == pytest.approx(0.1 + 0.3 * 3 / 4, abs=0.015)


def test_replacements_are_standard_normal_or_uniform_one_hot(layout, rows):
    corrupted, _ = corrupt(rows, layout, mask_prob=0.0, replace_prob=1.0)
    for column in (0, 7):
        assert corrupted[:, column].mean().item() == pytest.approx(0, abs=0.03)
        assert corrupted[:, column].std().item() == pytest.approx(1, abs=0.03)
    one_hot = corrupted[:, 2:6]
    assert torch.equal(one_hot.sum(1), torch.ones(len(rows)).double())
    assert_close(one_hot.mean(0), torch.full((4,), 0.25).double(), rtol=0, atol=0.015)
    assert corrupted[:, layout.mask_columns[:3]].sum() == 0


def test_masked_values_are_zero_with_their_bit_set(layout, rows):
    corrupted, _ = corrupt(rows, layout, mask_prob=1.0, replace_prob=0.0)
    expected = torch.zeros(layout.num_encoded).double()
    expected[layout.mask_columns] = 1
    assert torch.equal(corrupted, expected.expand(len(rows), -1))


def test_targets_are_always_masked_and_never_noised(layout, rows):
    expected = mask_targets(rows, layout)
    for select_prob in (0.0, 0.5, 1.0):
        corrupted, selected = corrupt(rows, layout, select_prob=select_prob, mask_prob=0.0)
        assert torch.equal(corrupted[:, -3:], expected[:, -3:])
        assert selected[:, 3].all()
        share = selected[:, :3].double().mean().item()
        assert share == pytest.approx(select_prob, abs=0.01)
    assert torch.equal(corrupt(rows, layout, select_prob=0.0).encoded, expected)


def test_missing_cells_stay_blank_and_out_of_the_loss(layout, rows):
    missing = torch.zeros(len(rows), 4, dtype=torch.bool)
    missing[::2, 1] = True
    blank = rows.clone()
    blank[::2, 2:7] = 0
    corrupted, selected = corrupt(blank, layout, missing=missing, mask_prob=0.5, replace_prob=0.5)
    assert corrupted[::2, 2:7].abs().sum() == 0
    assert not selected[::2, 1].any()
    assert selected[1::2].all()


def test_what_stands_in_a_missing_cell_has_no_influence(layout, rows):
    missing = torch.rand(len(rows), 4, generator=torch.Generator().manual_seed(2)) < 0.3
    gone = missing[:, layout.encoded_attribute]
    gone[:, layout.mask_columns] = False
    blank, full = rows.masked_fill(gone, 0), rows.masked_fill(gone, 7.0)
    first, second = (corrupt(x, layout, missing=missing, mask_prob=0.2) for x in (blank, full))
    assert torch.equal(first.encoded, second.encoded)
    assert torch.equal(first.selected, ~missing)
    expected = mask_targets(rows, layout)[:, -3:]
    assert torch.equal(first.encoded[:, -3:], expected)  # known or not, a target is masked


def test_equal_generators_draw_equal_corruption(layout, rows):
    first, second = (corrupt(rows, layout).encoded for _ in range(2))
    assert torch.equal(first, second)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"mask_prob": -0.1}, r"mask_prob must lie in \[0, 1\]: got -0.1"),
        ({"select_prob": 1.5}, r"select_prob must lie in \[0, 1\]: got 1.5"),
        ({"mask_prob": 0.7, "replace_prob": 0.6}, r"mask_prob \+ replace_prob must be at most 1"),
    ],
)
def test_bad_probabilities(layout, rows, arguments, message):
    with pytest.raises(ValueError, match=message):
        corrupt_attributes(rows[:2], layout, **arguments)


# --- loss -------------------------------------------------------------------------------------


@st.composite
def tables(draw):
    sizes = draw(st.lists(st.integers(1, 4), min_size=1, max_size=6))
    discrete = [i for i, size in enumerate(sizes) if size > 1 or draw(st.booleans())]
    targets = draw(st.sets(st.integers(0, len(sizes) - 1), min_size=1))
    return AttributeLayout(sizes, sorted(targets), discrete), draw(st.integers(0, 2**31))


@settings(max_examples=60, deadline=None)
@given(tables(), st.floats(0, 1))
def test_loss_and_gradient_equal_the_attribute_by_attribute_loop(table, weight):
    layout, seed = table
    generator = torch.Generator().manual_seed(seed)
    target = random_values(layout, 7, generator)
    selected = torch.rand(7, layout.num_attributes, generator=generator) < 0.5
    if not selected.any():
        selected[0, 0] = True
    prediction = torch.randn(target.shape, generator=generator).double().requires_grad_()
    ours = hopular_loss(prediction, target, selected, layout, feature_weight=weight).total
    (mine,) = torch.autograd.grad(ours, prediction)
    theirs = reference_loss(
        prediction, target, selected, layout.sizes, layout.discrete, layout.targets, weight
    ).squeeze()
    (expected,) = torch.autograd.grad(theirs, prediction)
    assert_close(ours, theirs)
    assert_close(mine, expected)


def test_numbers_before_a_narrow_category_are_not_taken_for_categories():
    """The padding of narrow attributes must not be chosen as the true category."""
    layout = AttributeLayout([1, 2, 3], targets=[2])
    values = torch.tensor([[9.0, 0, 1, 0, 0, 1]])
    loss = hopular_loss(torch.zeros(1, 6), values, torch.tensor([[True] * 3]), layout)
    assert loss.target.item() == pytest.approx(math.log(3))
    assert loss.feature.item() == pytest.approx((81 + math.log(2)) / 2)
    assert score_targets(values, values, layout.is_target[None], layout).accuracy == 1


def test_without_a_selected_feature_or_target_the_other_term_stands_alone(layout):
    values = random_values(layout, 5, torch.Generator().manual_seed(0))
    prediction = torch.zeros_like(values)
    targets_only = layout.is_target.expand(5, -1)
    loss = hopular_loss(prediction, values, targets_only, layout, feature_weight=0.9)
    assert_close(loss.total, loss.target)
    loss = hopular_loss(prediction, values, ~targets_only, layout, feature_weight=0.1)
    assert_close(loss.total, loss.feature)


def test_a_missing_cell_spreads_neither_value_nor_gradient(layout):
    values = random_values(layout, 5, torch.Generator().manual_seed(0))
    selected = torch.ones(5, 4, dtype=torch.bool)
    selected[2, 0] = False
    prediction = torch.zeros_like(values).requires_grad_()
    expected = hopular_loss(prediction, values, selected, layout).total
    values[2, 0] = 1e200
    loss = hopular_loss(prediction, values, selected, layout).total
    assert_close(loss, expected)
    loss.backward()
    assert prediction.grad.isfinite().all()
    assert prediction.grad[2, 0] == 0


@pytest.mark.parametrize("weight", [0.0, 1.0])
def test_gradient_of_the_summarisation_at_the_ends_of_the_annealing(weight):
    """γ = 1 leaves the target's rows of the output map without gradient, γ = 0 the features'."""
    torch.manual_seed(0)
    model = Hopular([1, 3, 2], [2], embed_dim=8, num_layers=1, num_heads=2)
    layout = model.layout
    values = random_values(layout, 6, torch.Generator().manual_seed(0)).float()
    model.set_memory(layout.encode(values))
    corrupted = corrupt(model.memory, layout)
    prediction = model(corrupted.encoded, torch.arange(6))
    hopular_loss(
        prediction, values, corrupted.selected, layout, feature_weight=weight
    ).total.backward()
    gradient = model.summarization.linear.weight.grad
    silent, active = (slice(4, 6), slice(0, 4)) if weight else (slice(0, 4), slice(4, 6))
    assert gradient[silent].abs().sum() == 0
    assert (gradient[active].abs().sum(1) > 0).all()


def test_evaluation_in_original_units():
    layout = AttributeLayout([1, 2, 1], targets=[0, 1, 2])
    target = torch.tensor([[0.0, 1, 0, 1.0], [1.0, 0, 1, 0.0]])
    prediction = torch.tensor([[1.0, 3, 1, 1.0], [1.0, 3, 1, 2.0]])
    scale = torch.tensor([10.0, 0.0, 0.5])
    every = torch.ones(2, 3, dtype=torch.bool)
    score = score_targets(prediction, target, every, layout, scale=scale)
    entropy = math.log1p(math.exp(-2)) / 2 + (math.log1p(math.exp(-2)) + 2) / 2
    expected = (100 * 0.5 + entropy + 0.25 * 2) / 3
    assert score.loss.item() == pytest.approx(expected, rel=1e-6)
    assert score.accuracy == 0.5
    numeric = AttributeLayout([1], targets=[0])
    assert score_targets(target[:, :1], target[:, :1], every[:, :1], numeric).accuracy.isnan()


def test_feature_weight_is_a_cosine_between_start_and_end():
    assert feature_loss_weight(0, 500) == 1
    assert feature_loss_weight(500, 500) == pytest.approx(0)
    assert feature_loss_weight(125, 500) == pytest.approx((1 + 0.5**0.5) / 2)
    assert feature_loss_weight(250, 500, start=0.5, end=0.1) == pytest.approx(0.3)


# --- dropout ----------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [0.01, 0.1, 0.5, 0.9])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_bit_dropout_keeps_the_right_share_and_the_mean(rate, dtype):
    torch.manual_seed(0)
    x = torch.ones(200_001, dtype=dtype)
    out = bit_dropout(x, rate, True).double()
    kept = out != 0
    assert kept.double().mean().item() == pytest.approx(1 - rate, abs=0.004)
    assert_close(out[kept], torch.full_like(out[kept], 1 / (1 - rate)), rtol=5e-3, atol=0)
    neighbours = (kept[1:] & kept[:-1]).double().mean().item()
    assert neighbours == pytest.approx((1 - rate) ** 2, abs=0.006)


def test_bit_dropout_drops_the_same_cells_from_the_gradient():
    torch.manual_seed(0)
    x = torch.ones(1000, requires_grad=True)
    out = bit_dropout(x, 0.3, True)
    out.sum().backward()
    assert torch.equal(x.grad, out.detach())
    assert bit_dropout(x, 0.3, False) is x
