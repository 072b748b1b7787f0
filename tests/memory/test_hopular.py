"""Exact properties of Hopular: memory, self-exclusion, limits, cache, persistence."""

import copy
import json
import subprocess
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.testing import assert_close

from neurarium.memory import (
    AttributeLayout,
    Hopular,
    HopularBlock,
    HopularLookup,
    load_reference_state_dict,
    mask_targets,
)
from reference.hopular import ReferenceHopular

SIZES, TARGETS = [1, 3, 1, 2], [3]
NO_DROPOUT = {"input_dropout": 0.0, "lookup_dropout": 0.0, "output_dropout": 0.0}


def random_rows(layout, num_rows, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    columns = []
    for i, size in enumerate(layout.sizes):
        if i in layout.discrete:
            category = torch.randint(size, (num_rows,), generator=generator)
            columns.append(nn.functional.one_hot(category, size).to(dtype))
        else:
            columns.append(torch.randn(num_rows, size, generator=generator, dtype=dtype))
    return layout.encode(torch.cat(columns, 1))


def build(dtype=torch.float64, num_rows=9, **arguments):
    torch.manual_seed(0)
    given = {"embed_dim": 8, "num_layers": 2, "num_heads": 2, **NO_DROPOUT, **arguments}
    model = Hopular(SIZES, TARGETS, dtype=dtype, **given)
    model.set_memory(random_rows(model.layout, num_rows, dtype=dtype))
    return model.eval()


@pytest.fixture
def model():
    return build()


@pytest.fixture
def queries(model):
    return mask_targets(random_rows(model.layout, 5, seed=1), model.layout)


def with_memory(model, memory, ids=None):
    model.set_memory(memory, ids)
    return model


def flip_target(memory, row):
    """Exchange the two classes of one row; the target's values are the columns before the last."""
    memory = memory.clone()
    memory[row, -3:-1] = memory[row, -3:-1].flip(0)
    return memory


def test_number_of_parameters_of_the_published_configuration():
    model = Hopular([1] * 5 + [4] * 5, [9], embed_dim=32, num_layers=4, num_heads=8)
    assert sum(p.numel() for p in model.parameters()) == 1_684_921


def test_initialisation_is_uniform_within_one_over_root_fan_in():
    torch.manual_seed(0)
    model = Hopular([1] * 20 + [30], [20], embed_dim=32, num_layers=1)
    width = 21 * 32
    lookup = model.blocks[0].sample_lookup
    for parameter in (lookup.query.weight, lookup.key_value.bias, lookup.out.weight):
        bound = width**-0.5
        assert parameter.abs().max() <= bound
        assert parameter.std().item() == pytest.approx(bound / 3**0.5, rel=0.1)
    weight = model.embedding.input_weight.detach()
    assert weight[:40].abs().max() <= 2**-0.5
    assert weight[:40].std().item() == pytest.approx(2**-0.5 / 3**0.5, rel=0.1)
    assert weight[40:].abs().max() <= 31**-0.5
    assert model.embedding.position_embedding.abs().max() <= 32**-0.5
    before = [p.clone() for p in model.parameters()]
    model.reset_parameters()
    assert not torch.equal(before[0], next(model.parameters()))


def test_every_parameter_fills_its_range_of_one_over_root_fan_in():
    """Biases too; only norms are 1 and 0."""
    torch.manual_seed(0)
    model = Hopular([1] * 9 + [3] * 3, [11], embed_dim=32, num_layers=2)
    width, embed_dim = 12 * 32, 32
    for reset in (False, True):
        if reset:
            for parameter in model.parameters():
                nn.init.constant_(parameter, 7.0)
            model.reset_parameters()
        for name, parameter in model.named_parameters():
            weights = parameter.detach()
            if "norm" in name:
                assert (weights == float(name.endswith("weight"))).all(), name
                continue
            if name.startswith("embedding.input"):
                narrow = weights[: 18 if name.endswith("weight") else 9]
                ranges = [(narrow, 2), (weights[len(narrow) :], 4)]
            else:
                whole_row = "sample_lookup" in name or "summarization" in name
                ranges = [(weights, width if whole_row else embed_dim)]
            for part, fan_in in ranges:
                bound = fan_in**-0.5
                assert 0.75 * bound < part.abs().max() <= bound, name
                assert part.std().item() == pytest.approx(bound / 3**0.5, rel=0.35), name


def test_equals_the_authors_sequence_of_layers_with_its_memory():
    layout = AttributeLayout(SIZES, TARGETS)
    torch.manual_seed(0)
    memory = random_rows(layout, 9)
    reference = ReferenceHopular(
        SIZES, layout.discrete, memory, embed_dim=8, num_heads=2, num_blocks=2, **NO_DROPOUT
    ).double()
    model = Hopular(
        SIZES, TARGETS, embed_dim=8, num_heads=2, num_layers=2, dtype=torch.float64, **NO_DROPOUT
    )
    load_reference_state_dict(model, reference.state_dict())
    assert torch.equal(model.memory, memory)
    rows, ids = mask_targets(memory[:4], layout), torch.arange(4)
    assert_close(model(rows, ids), reference(rows, ids))
    assert_close(model.eval()(rows), reference.eval()(rows))


def test_order_and_duplication_of_the_memory_change_nothing(model, queries):
    memory, ids = model.memory.clone(), torch.arange(9)
    expected = model(queries, ids[:5])
    order = torch.randperm(9)
    assert_close(with_memory(model, memory[order], order)(queries, ids[:5]), expected)
    twice = with_memory(model, memory.repeat(2, 1), ids.repeat(2))
    assert_close(twice(queries, ids[:5]), expected)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 12), st.data())
def test_evaluation_of_a_row_does_not_depend_on_its_batch(num_rows, data):
    model = build()
    rows = mask_targets(random_rows(model.layout, num_rows, seed=3), model.layout)
    chosen = data.draw(st.lists(st.integers(0, num_rows - 1), min_size=1, max_size=8))
    with torch.no_grad():
        assert_close(model(rows[chosen]), model(rows)[chosen], rtol=1e-12, atol=1e-12)


def test_the_querys_own_target_has_no_influence(model):
    raw = random_rows(model.layout, 5, seed=1).requires_grad_()
    out = model(mask_targets(raw, model.layout))
    out.square().sum().backward()
    assert torch.equal(raw.grad[:, -3:], torch.zeros(5, 3, dtype=raw.dtype))
    assert raw.grad[:, :-3].abs().sum() > 0
    flipped = raw.detach().clone()
    flipped[:, -3:-1] = flipped[:, -3:-1].flip(1)
    assert torch.equal(model(mask_targets(flipped, model.layout)), out)


def test_self_exclusion_is_by_row_id(model):
    """The batch is shuffled: positions in it and in the memory disagree."""
    memory = model.memory.clone()
    ids = torch.tensor([7, 2, 5])
    rows = mask_targets(memory[ids], model.layout)
    changed = flip_target(memory, row=2)
    for training in (True, False):
        model.train(training)
        before, after = (with_memory(model, m)(rows, ids) for m in (memory, changed))
        assert torch.equal(before[1], after[1])
        assert not torch.allclose(before[[0, 2]], after[[0, 2]])
    before, after = (with_memory(model, m).eval()(rows) for m in (memory, changed))
    assert not torch.allclose(before[1], after[1])


def test_all_rows_of_the_memory_as_batch_and_no_row_to_look_at(model):
    memory = model.memory.clone()
    rows = mask_targets(memory, model.layout)
    assert model.train()(rows, torch.arange(9)).isfinite().all()
    lone = with_memory(model, memory[:2], torch.zeros(2, dtype=torch.int64))
    for training in (True, False):
        assert lone.train(training)(rows[:1], torch.tensor([0])).isfinite().all()


def test_a_state_that_may_look_at_nothing_retrieves_zeros():
    lookup = HopularLookup(8, 2, dropout=0.0, dtype=torch.float64)
    states = torch.randn(2, 8, dtype=torch.float64)
    stored = lookup.store(torch.randn(3, 8, dtype=torch.float64))
    attn_mask = torch.tensor([[False] * 3, [True] * 3])
    for training in (True, False):
        out = lookup.train(training)(states, stored, attn_mask=attn_mask)
        assert_close(out[0], lookup.norm(states)[0] + lookup.out.bias)
        assert_close(out[1], lookup(states, stored)[1])


def test_two_rows_retrieve_each_other_when_themselves_are_forbidden():
    lookup = HopularLookup(8, 2, dropout=0.0, dtype=torch.float64)
    stored = torch.randn(2, 8, dtype=torch.float64)
    attn_mask = ~torch.eye(2, dtype=torch.bool)
    for training in (True, False):
        lookup.train(training)
        values = lookup.store(stored).values
        expected = lookup.norm(stored) + lookup.out(values.flip(-2).transpose(0, 1).flatten(1))
        assert_close(lookup(stored, lookup.store(stored), attn_mask=attn_mask), expected)


def test_gradients_flow_through_the_memory():
    block = HopularBlock(3, 8, 2, dropout=0.0, dtype=torch.float64)
    rows = torch.randn(4, 24, dtype=torch.float64, requires_grad=True)
    memory = torch.randn(5, 24, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x, y: block(x, y, x), (rows, memory))
    block.eval()
    assert torch.autograd.gradcheck(lambda x, y: block(x, y, x), (rows, memory))


def test_gradients_in_evaluation_reach_the_embedding_through_the_memory(model, queries):
    """A cached memory must not cut them off."""
    with torch.no_grad():
        model(queries)
    model(queries).sum().backward()
    with_grad = model.embedding.input_weight.grad.clone()
    model.zero_grad()
    model.train()(queries, torch.full((5,), -1)).sum().backward()
    assert_close(with_grad, model.embedding.input_weight.grad)


def test_the_feature_half_stores_the_original_row_not_the_running_state():
    block = HopularBlock(3, 8, 2, dropout=0.0)
    state, memory, origin, other = torch.randn(4, 4, 24)
    assert not torch.allclose(block(state, memory, origin), block(state, memory, other))
    attended = block.sample_lookup(state, block.sample_lookup.store(memory)).unflatten(1, (3, 8))
    stored = block.feature_lookup.store(origin.unflatten(1, (3, 8)))
    assert_close(block(state, memory, origin), block.feature_lookup(attended, stored).flatten(1))


def test_scaling_factor_zero_averages_and_infinity_picks_the_best_match():
    lookup = HopularLookup(8, 2, scaling_factor=0.0, dropout=0.0, dtype=torch.float64).eval()
    states = torch.randn(3, 8, dtype=torch.float64)
    stored = lookup.store(torch.randn(6, 8, dtype=torch.float64))
    mean = lookup.out(stored.values.mean(-2).flatten())
    assert_close(lookup(states, stored) - lookup.norm(states), mean.expand(3, 8))

    sharp = HopularLookup(8, 2, scaling_factor=1e9, dropout=0.0, dtype=torch.float64).eval()
    stored = sharp.store(torch.randn(6, 8, dtype=torch.float64))
    query = sharp.query(sharp.norm(states)).unflatten(-1, (2, 4)).transpose(0, 1)
    best = (query @ stored.keys.mT).argmax(-1)
    picked = torch.stack([stored.values[h, best[h]] for h in range(2)], dim=1).flatten(1)
    assert_close(sharp(states, stored), sharp.norm(states) + sharp.out(picked))


def test_nadaraya_watson_with_normalised_keys_and_a_value_map_that_selects_the_target():
    """App. A.6: the retrieval is Y softmax(β Zᵀ z)."""
    lookup = HopularLookup(6, 1, scaling_factor=3.0, dropout=0.0, dtype=torch.float64).eval()
    stored = torch.randn(7, 6, dtype=torch.float64)
    with torch.no_grad():
        for linear in (lookup.query, lookup.out):
            linear.weight.copy_(torch.eye(6))
            linear.bias.zero_()
        select_target = torch.zeros(6, 6)
        select_target[0, 5] = 1
        lookup.key_value.weight.copy_(torch.cat([torch.eye(6), select_target]))
        lookup.key_value.bias.zero_()
    z, keys = lookup.norm(torch.randn(2, 6, dtype=torch.float64)), lookup.norm(stored)
    expected = torch.softmax(3 / 6**0.5 * z @ keys.T, -1) @ keys[:, 5]
    retrieved = lookup(z, lookup.store(stored)) - lookup.norm(z)
    assert_close(retrieved[:, 0], expected)
    assert_close(retrieved[:, 1:], torch.zeros(2, 5, dtype=torch.float64))


def test_tied_values_are_a_function_of_the_keys_with_fewer_parameters():
    lookup = HopularLookup(8, 2, tie_value=True, dropout=0.0, dtype=torch.float64).eval()
    states, rows = torch.randn(2, 3, 8, dtype=torch.float64)
    stored = lookup.store(rows)
    assert stored.values is stored.keys
    query = lookup.query(lookup.norm(states)).unflatten(-1, (2, 4)).transpose(0, 1)
    weights = torch.softmax(query @ stored.keys.mT / 2, -1)
    values = stored.keys @ lookup.value_map
    expected = lookup.norm(states) + lookup.out((weights @ values).transpose(0, 1).flatten(1))
    assert_close(lookup(states, stored), expected)
    untied = HopularLookup(8, 2)
    assert sum(p.numel() for p in lookup.parameters()) < sum(p.numel() for p in untied.parameters())


def test_missing_and_masked_cells_differ(model):
    masked = mask_targets(random_rows(model.layout, 1), model.layout)
    missing = masked.clone()
    missing[:, -3:] = 0
    assert not torch.allclose(model(masked), model(missing))


def test_memory_ratio_draws_part_of_the_memory_before_embedding_it_in_training_only():
    model = build(memory_ratio=0.5, num_rows=10)
    seen = []
    handle = model.embedding.register_forward_hook(lambda _, args, out: seen.append(len(args[0])))
    rows, ids = mask_targets(model.memory[:3], model.layout), torch.arange(3)
    outputs = [
        model.train()(rows, ids, generator=torch.Generator().manual_seed(seed))
        for seed in (0, 0, 1)
    ]
    assert seen == [3 + 5] * 3
    assert torch.equal(outputs[0], outputs[1])
    assert not torch.allclose(outputs[0], outputs[2])
    handle.remove()
    model.eval()
    assert_close(model(rows), with_memory(build(num_rows=10), model.memory)(rows))


def test_ablations_without_self_exclusion_and_with_the_memory_read_once():
    model = build(exclude_self=False)
    rows = mask_targets(model.memory[:3], model.layout)
    assert_close(model.train()(rows, torch.arange(3)), build().eval()(rows))
    assert_close(model.train()(rows), build().eval()(rows))
    once, always = build(reread_memory=False), build()
    origin = always.embedding(rows)
    stored = always.blocks[0].sample_lookup.store(always.embedding(always.memory))
    state = always.blocks[0].refine(origin, stored, origin)
    state = always.blocks[1].refine_features(state, origin)
    assert_close(once(rows), always.summarization(state))


# --- the cache of the projected memory ---------------------------------------------------------


def test_cached_prediction_equals_an_uncached_forward():
    model = build(torch.float32)
    rows = mask_targets(random_rows(model.layout, 5, 1, torch.float32), model.layout)
    uncached = model(rows).detach()
    with torch.no_grad():
        for _ in range(2):
            assert_close(model(rows), uncached, rtol=0, atol=1e-6)


def ema_through_data(model):
    for parameter in model.parameters():
        parameter.data.mul_(0.9).add_(0.01)


def through_numpy(model):
    model.blocks[1].sample_lookup.key_value.weight.detach().numpy()[0, 0] += 1.0


def optimiser_step(model):
    loss = model.train()(model.memory, torch.arange(len(model.memory))).square().sum()
    loss.backward()
    torch.optim.SGD(model.parameters(), lr=0.1).step()
    model.eval()


def load_other_weights(model):
    torch.manual_seed(7)
    other = Hopular(SIZES, TARGETS, embed_dim=8, num_layers=2, num_heads=2, dtype=torch.float64)
    other.set_memory(random_rows(other.layout, 12, seed=5))
    model.load_state_dict(other.state_dict())


def another_memory(model):
    model.set_memory(random_rows(model.layout, 4, seed=6))


def swapped_parameter(model):
    lookup = model.blocks[0].sample_lookup
    lookup.norm.weight = nn.Parameter(lookup.norm.weight.detach() * 2)


CHANGES = [
    ema_through_data,
    through_numpy,
    optimiser_step,
    load_other_weights,
    another_memory,
    swapped_parameter,
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_the_cache_is_never_stale(model, queries, change):
    with torch.no_grad():
        before = model(queries)
    change(model)
    with torch.no_grad():
        after = model(queries)
    assert not torch.allclose(before, after)
    assert_close(after, model(queries).detach())


def test_the_cache_is_used_until_something_changes(model, queries):
    calls = []
    model.embedding.register_forward_hook(lambda _, args, out: calls.append(len(args[0])))
    with torch.no_grad():
        model(queries), model(queries[:2])
        assert calls == [5, 9, 2]
        model.train().eval()(queries)
        assert calls == [5, 9, 2, 5, 9]
    frozen = model.requires_grad_(False)
    frozen(queries)
    assert calls[-1] == 5


def test_a_memory_cached_under_inference_mode_serves_gradients_of_the_input(model, queries):
    with torch.inference_mode():
        model(queries)
    model.requires_grad_(False)
    rows = queries.clone().requires_grad_()
    model(rows).sum().backward()
    assert rows.grad.abs().sum() > 0


# --- persistence ------------------------------------------------------------------------------


def test_state_dict_restores_predictions_and_memory_bit_for_bit(model, queries):
    with torch.no_grad():
        expected = model(queries)
        fresh = build(num_rows=2)
        fresh.load_state_dict(model.state_dict())
        assert torch.equal(fresh(queries), expected)
        twin = copy.deepcopy(model)
        assert torch.equal(twin(queries), expected)
        another_memory(twin)
        assert torch.equal(model(queries), expected)


@pytest.mark.slow
def test_save_pretrained_predicts_bit_equal_in_a_new_process(tmp_path, queries):
    model = build(scaling_factor=10.0, tie_value=True, memory_ratio=0.7, reread_memory=False)
    with torch.no_grad():
        expected = model(queries)
    model.save_pretrained(tmp_path)
    script = (
        "import sys, json, torch; from neurarium.memory import Hopular\n"
        "model = Hopular.from_pretrained(sys.argv[1]).eval()\n"
        "rows = torch.tensor(json.load(sys.stdin), dtype=torch.float64)\n"
        "with torch.no_grad(): print(json.dumps(model(rows).tolist()))"
    )
    run = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        input=json.dumps(queries.tolist()),
        capture_output=True,
        text=True,
        check=True,
    )
    assert torch.equal(
        torch.tensor(json.loads(run.stdout.splitlines()[-1]), dtype=torch.float64), expected
    )


@pytest.mark.slow
@pytest.mark.parametrize("training", [False, True])
def test_captured_as_one_graph(queries, training):
    model = build(num_layers=1, memory_ratio=1.0 - 0.5 * training).train(training)
    ids = torch.arange(5) if training else None
    out = torch.compile(model, fullgraph=True, backend="aot_eager")(queries, ids)
    if training:
        out.sum().backward()
        assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
    else:
        assert_close(out, model(queries))


def test_bfloat16():
    model = build(torch.float32)
    rows = mask_targets(random_rows(model.layout, 5, 1, torch.float32), model.layout)
    expected = model(rows)
    half = model.bfloat16()(rows.bfloat16()).float()
    assert_close(half, expected, rtol=0.05, atol=0.05)


# --- bad input --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_heads": 3}, r"num_heads must divide embed_dim: got 3 and 8"),
        ({"num_heads": 0}, r"num_heads must divide embed_dim: got 0 and 8"),
        ({"attribute_sizes": [1, 0]}, r"attribute_sizes must be positive integers: got \[1, 0\]"),
        ({"attribute_sizes": []}, r"attribute_sizes must be positive integers: got \[\]"),
        ({"targets": []}, r"targets must name at least one attribute: got \[\]"),
        ({"targets": [4]}, r"targets must be positions from 0 to 3: got \[4\]"),
        ({"discrete": [-1]}, r"discrete must be positions from 0 to 3: got \[-1\]"),
        ({"discrete": [3]}, r"numeric attributes must have size 1: got \[1\] with more"),
        ({"scaling_factor": -1.0}, r"scaling_factor must be finite and >= 0: got -1.0"),
        ({"scaling_factor": float("inf")}, r"scaling_factor must be finite"),
        ({"lookup_dropout": 1.0}, r"lookup_dropout must lie in \[0, 1\): got 1.0"),
        ({"memory_ratio": 0.0}, r"memory_ratio must lie in \(0, 1\]: got 0.0"),
        ({"num_layers": 0}, r"num_layers must be at least 1: got 0"),
    ],
)
def test_bad_arguments(arguments, message):
    good = {"attribute_sizes": SIZES, "targets": TARGETS, "embed_dim": 8, "num_heads": 2}
    with pytest.raises(ValueError, match=message):
        Hopular(**{**good, **arguments})


def test_bad_memory(model):
    memory = model.memory
    with pytest.raises(
        ValueError, match=r"encoded must have shape \(rows >= 1, 11\): got \[0, 11\]"
    ):
        model.set_memory(memory[:0])
    with pytest.raises(ValueError, match="encoded must be finite"):
        model.set_memory(memory * torch.nan)
    with pytest.raises(ValueError, match="encoded must have all mask bits 0"):
        model.set_memory(mask_targets(memory, model.layout))
    with pytest.raises(
        ValueError, match=r"ids must be 9 integers, one per row: got torch.int64 \[2\]"
    ):
        model.set_memory(memory, torch.arange(2))


def test_bad_calls(model, queries):
    unset = Hopular(SIZES, TARGETS, embed_dim=8, num_heads=2, dtype=torch.float64)
    with pytest.raises(RuntimeError, match=r"memory must be set before forward: call set_memory"):
        unset(queries)
    with pytest.raises(ValueError, match="ids must be given in training"):
        model.train()(queries)
    with pytest.raises(ValueError, match="ids must be 5 integers"):
        model(queries, torch.rand(5))
    with pytest.raises(ValueError, match=r"encoded must have shape \(rows, 11\): got \[5, 10\]"):
        model(queries[:, 1:])
    model.set_memory(model.memory[:1])
    with pytest.raises(ValueError, match="memory must hold at least 2 rows"):
        model(queries[:1], torch.tensor([0]))
    with pytest.raises(ValueError, match=r"origin must have shape \(rows, 24\): got \[2, 8\]"):
        HopularBlock(3, 8, 2)(torch.randn(2, 24), torch.randn(3, 24), torch.randn(2, 8))


def test_reference_weights_that_do_not_fit(model):
    layout = AttributeLayout(SIZES, TARGETS)
    reference = ReferenceHopular(
        SIZES, layout.discrete, random_rows(layout, 3), embed_dim=8, num_heads=2, num_blocks=2
    )
    state = reference.state_dict()
    with pytest.raises(ValueError, match="state_dict must hold nothing else: got 'extra'"):
        load_reference_state_dict(model, {**state, "extra": torch.zeros(1)})
    short = {k: v for k, v in state.items() if "feature_norm" not in k}
    with pytest.raises(ValueError, match=r"state_dict must hold 'hopular_blocks.0.feature_norm"):
        load_reference_state_dict(model, short)
    with pytest.raises(ValueError, match="state_dict must fit the module"):
        load_reference_state_dict(build(embed_dim=4), state)
    with pytest.raises(TypeError, match="module must have a released counterpart: got Linear"):
        load_reference_state_dict(nn.Linear(1, 1), state)


def test_block_as_a_layer_of_a_users_own_model():
    """A user's regressor that looks up its support set; it must learn a nearest-row rule."""

    class Lookup(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = nn.Linear(2, 16)
            self.answer = nn.Linear(1, 16)
            self.block = HopularBlock(num_attributes=2, embed_dim=16, num_heads=4, dropout=0.0)
            self.head = nn.Linear(32, 1)

        def row(self, x, y):
            return torch.cat([self.embed(x), self.answer(y)], dim=1)

        def forward(self, x, support_x, support_y):
            state = self.row(x, torch.zeros(len(x), 1))
            return self.head(self.block(state, self.row(support_x, support_y), state))

    torch.manual_seed(0)
    model = Lookup()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(300):  # every episode has its own linear rule, so only the memory can answer
        x = torch.randn(24, 2)
        y = x @ torch.randn(2, 1)
        loss = (model(x[:8], x[8:], y[8:]) - y[:8]).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    errors, baseline = [], []
    with torch.no_grad():
        for _ in range(50):
            x = torch.randn(24, 2)
            y = x @ torch.randn(2, 1)
            errors.append((model(x[:8], x[8:], y[8:]) - y[:8]).square().mean())
            baseline.append(y[:8].square().mean())
    assert torch.stack(errors).mean() < 0.6 * torch.stack(baseline).mean()
