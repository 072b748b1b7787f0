"""The neural memory: its equations, what a write does, slots in any order, gradients, bad input."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from neurarium.memory import NeuralMemoryCell, NeuralMemoryNetwork
from neurarium.memory.memory_network import lstm_update
from reference.memory_network import unroll

DOUBLE = torch.float64


def cell_of(num_slots=4, memory_size=5, seed=0, **kwargs):
    torch.manual_seed(seed)
    cell = NeuralMemoryCell(3, memory_size, num_slots=num_slots, dtype=DOUBLE, **kwargs)
    with torch.no_grad():
        for parameter in cell.parameters():
            parameter.mul_(3)  # far from the linear regime
    return cell


@pytest.mark.parametrize("kwargs", [{}, {"separate_write_attention": True}, {"output_size": 7}])
def test_equations_written_out(kwargs):
    cell = cell_of(attention_scale=0.7, **kwargs)
    x = torch.randn(2, 6, 3, dtype=DOUBLE)
    emitted, state = cell.unroll(x)
    outputs, attentions, memory = unroll(cell, x)
    assert_close(torch.stack(emitted.output, 1), outputs, rtol=0, atol=1e-12)
    assert_close(torch.stack(emitted.attention, 1), attentions, rtol=0, atol=1e-12)
    assert_close(state.memory, memory, rtol=0, atol=1e-12)
    weights = torch.randn_like(outputs)
    ours = torch.autograd.grad((weights * torch.stack(emitted.output, 1)).sum(), cell.parameters())
    theirs = torch.autograd.grad((weights * outputs).sum(), cell.parameters())
    for mine, reference in zip(ours, theirs, strict=True):
        assert_close(mine, reference, rtol=0, atol=1e-10)


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan"), float("inf")])
def test_a_scale_that_is_none(scale):
    with pytest.raises(ValueError, match="attention_scale must be positive and finite: got"):
        NeuralMemoryCell(3, 4, attention_scale=scale)


def test_attention_is_scaled_by_the_root_of_the_width_unless_told():
    assert NeuralMemoryCell(3, 16).attention_scale == 0.25
    assert NeuralMemoryCell(3, 16, attention_scale=2.0).attention_scale == 2.0


def test_slots_before_the_first_step_are_drawn_small_and_differ():
    cell = NeuralMemoryCell(2, 64, num_slots=32)
    assert cell.initial_memory.std().item() == pytest.approx(0.1, rel=0.1)
    assert len(cell.initial_memory.unique(dim=0)) == 32


def test_one_hot_attention_replaces_one_slot_and_leaves_the_others_bit_for_bit():
    cell = cell_of(attention_scale=1e6)
    emitted, state = cell.unroll(torch.randn(3, 1, 3, dtype=DOUBLE))
    attention, written = emitted.attention[0], emitted.write_hidden[0]
    assert set(attention.unique().tolist()) == {0.0, 1.0}
    for row, memory in enumerate(state.memory):
        slot = int(attention[row].argmax())
        others = [s for s in range(4) if s != slot]
        assert torch.equal(memory[slot], written[row])
        assert torch.equal(memory[others], cell.initial_memory[others])


def test_uniform_attention_moves_every_slot_by_one_share():
    cell = cell_of(attention_scale=1e-300)
    emitted, state = cell.unroll(torch.randn(2, 1, 3, dtype=DOUBLE))
    expected = 0.75 * cell.initial_memory + emitted.write_hidden[0][:, None] / 4
    assert_close(state.memory, expected, rtol=0, atol=1e-15)


def test_slots_may_be_permuted():
    cell, x = cell_of(), torch.randn(2, 6, 3, dtype=DOUBLE)
    start = cell.init_state(2)
    order = torch.tensor([2, 0, 3, 1])
    emitted, state = cell.unroll(x, start)
    other, permuted = cell.unroll(x, start._replace(memory=start.memory[:, order]))
    assert_close(torch.stack(other.output), torch.stack(emitted.output), rtol=0, atol=1e-12)
    assert_close(permuted.memory, state.memory[:, order], rtol=0, atol=1e-12)
    assert not torch.allclose(permuted.memory, state.memory, atol=1e-3)


def test_attention_is_a_distribution_and_one_slot_is_read_whole():
    cell = cell_of()
    emitted, _ = cell.unroll(torch.randn(2, 5, 3, dtype=DOUBLE))
    total = torch.stack(emitted.attention).sum(-1)
    assert_close(total, torch.ones_like(total), rtol=0, atol=1e-15)
    single = cell_of(num_slots=1)
    emitted, _ = single.unroll(torch.randn(2, 2, 3, dtype=DOUBLE))
    assert torch.equal(emitted.read[0], single.initial_memory.expand(2, -1))
    assert torch.equal(emitted.read[1], emitted.write_hidden[0])


@pytest.mark.parametrize("separate", [False, True])
def test_gradients_of_a_step(separate):
    cell = cell_of(num_slots=2, memory_size=2, separate_write_attention=separate)
    x = torch.randn(2, 3, dtype=DOUBLE, requires_grad=True)
    state = [part.detach().clone().requires_grad_() for part in cell.init_state(2)]
    state[0].data.normal_()

    def step(x, *state):
        output, after = cell(x, type(cell.init_state(1))(*state))
        return output, *after

    assert torch.autograd.gradcheck(step, (x, *state))
    assert torch.autograd.gradgradcheck(step, (x, *state))


def test_the_sequence_is_what_its_steps_are():
    torch.manual_seed(0)
    network = NeuralMemoryNetwork(cell_of(), nn.Linear(5, 2, dtype=DOUBLE))
    x = torch.randn(2, 6, 3, dtype=DOUBLE)
    whole, last = network(x, return_state=True)
    state, rows = network.init_state(2), []
    for t in range(6):
        row, state = network.step(x[:, t], state)
        rows.append(row)
    assert_close(torch.stack(rows, 1), whole, rtol=0, atol=1e-12)
    assert_close(state.memory, last.memory, rtol=0, atol=1e-12)
    first, middle = network(x[:, :2], return_state=True)
    second = network(x[:, 2:], state=middle)
    assert_close(torch.cat([first, second], 1), whole, rtol=0, atol=1e-12)
    changed = x.clone()
    changed[:, 4:] += 1
    assert torch.equal(network(changed)[:, :4], whole[:, :4])


def test_replay_repeats_the_emissions_and_cuts_controllers_apart():
    cell, x = cell_of(), torch.randn(2, 4, 3, dtype=DOUBLE)
    _, state = cell.unroll(torch.randn(2, 3, 3, dtype=DOUBLE))
    emitted, _ = cell.unroll(x, state)
    again = cell.replay(x, emitted, state)
    for mine, steps in zip(
        again, (emitted.read_hidden, emitted.output, emitted.write_hidden), strict=True
    ):
        assert_close(mine, torch.stack(steps, 1), rtol=0, atol=1e-12)
    roles = cell.controllers()
    for name, part in zip(("read", "output", "write"), again, strict=True):
        others = [p for role, group in roles.items() if role != name for p in group]
        found = torch.autograd.grad(
            part.sum(), [*roles[name], *others], allow_unused=True, retain_graph=True
        )
        assert all(gradient.any() for gradient in found[: len(roles[name])])
        assert all(gradient is None for gradient in found[len(roles[name]) :])


def test_the_fused_step_is_an_lstm():
    lstm = nn.LSTMCell(3, 4, dtype=DOUBLE)
    x, h, c = (torch.randn(2, size, dtype=DOUBLE) for size in (3, 4, 4))
    gates = nn.functional.linear(x, lstm.weight_ih, lstm.bias_ih + lstm.bias_hh)
    found = lstm_update(gates + h @ lstm.weight_hh.T, c)
    assert_close(found, lstm(x, (h, c)), rtol=0, atol=1e-14)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda n: n(torch.randn(2, 0, 3)), ValueError, "x must have the shape .*got .2, 0, 3"),
        (lambda n: n(torch.randn(2, 5, 4)), ValueError, r"\(batch >= 1, time >= 1, 3\)"),
        (
            lambda n: n(torch.ones(2, 5, 3).long()),
            TypeError,
            "dtype torch.float32: got torch.int64",
        ),
        (lambda n: n([1.0]), TypeError, "x must be a tensor: got list"),
        (
            lambda n: n(torch.randn(2, 5, 3), state=n.init_state(3)),
            ValueError,
            r"state.read_hidden must have the shape \[2, 4\]: got \[3, 4\]",
        ),
        (
            lambda n: n(torch.randn(2, 5, 3), state=torch.zeros(2)),
            TypeError,
            "state must be a NeuralMemoryState: got Tensor",
        ),
        (lambda n: n.init_state(0), ValueError, "batch_size must be at least 1: got 0"),
    ],
)
def test_bad_input(call, error, message):
    network = NeuralMemoryNetwork(NeuralMemoryCell(3, 4, num_slots=2), nn.Linear(4, 1))
    with pytest.raises(error, match=message):
        call(network)
