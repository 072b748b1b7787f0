"""Synthetic gradients: truncation without, exactness with an oracle, bootstrapping, sharing."""

import copy
import math
import runpy
import warnings
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from neurarium.memory import (
    NeuralMemoryCell,
    NeuralMemoryNetwork,
    SyntheticGradient,
    SyntheticGradientTrainer,
    step_together,
)
from neurarium.memory.synthetic_gradients_episode import by_role, detach

DOUBLE = torch.float64
ROOT = Path(__file__).resolve().parents[2]
BATCH, LENGTH = 3, 7


def network(seed=0, **kwargs):
    torch.manual_seed(seed)
    cell = NeuralMemoryCell(2, 4, num_slots=3, dtype=DOUBLE, **kwargs)
    return NeuralMemoryNetwork(cell, nn.Linear(4, 1, dtype=DOUBLE))


def batch(seed=1, length=LENGTH, size=BATCH):
    generator = torch.Generator().manual_seed(seed)
    x, y = (torch.randn(size, length, n, generator=generator, dtype=DOUBLE) for n in (2, 1))
    return x, y


def all_parameters(model):
    return [p.detach().clone() for p in model.parameters()]


def same(first, second):
    return all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def random_feedback(model, interface="state", **kwargs):
    torch.manual_seed(5)
    feedback = SyntheticGradient.for_cell(
        model.cell, interface=interface, hidden_features=6, **kwargs
    )
    for parameter in feedback.parameters():
        nn.init.normal_(parameter, std=0.5)
    return feedback


class Recorder:
    """Sums the gradients that an optimiser with learning rate 0 is given."""

    def __init__(self, parameters):
        self.parameters = list(parameters)
        self.optimizer = torch.optim.SGD(self.parameters, lr=0.0)
        self.total = [torch.zeros_like(p) for p in self.parameters]
        self.optimizer.register_step_pre_hook(self.add)

    def add(self, *_):
        self.total = [
            t if p.grad is None else t + p.grad
            for t, p in zip(self.total, self.parameters, strict=True)
        ]


def recorded(model, feedback, **kwargs):
    """Gradients of controllers and of the rest, summed over the episode, with nothing updated."""
    fast = Recorder(p for group in model.controllers().values() for p in group)
    rest = [*model.head.parameters(), model.cell.initial_memory]
    slow = Recorder(rest)
    if feedback is not None:
        kwargs["feedback_optimizer"] = torch.optim.SGD(feedback.parameters(), lr=0.0)
    trainer = SyntheticGradientTrainer(
        model,
        feedback,
        fast_optimizer=fast.optimizer,
        slow_optimizer=slow.optimizer,
        max_norm=None,
        **kwargs,
    )
    return trainer, fast, slow


def true_gradients(model, data):
    """Back-propagation through the whole episode."""
    x, y = data
    loss = (model(x) - y).square().mean(2).sum(1).mean()
    names = [p for group in model.controllers().values() for p in group]
    rest = [*model.head.parameters(), model.cell.initial_memory]
    found = torch.autograd.grad(loss, [*names, *rest])
    return found[: len(names)], found[len(names) :]


def truncated(model, data, chunk, fast, slow, num_steps):
    """Truncated back-propagation written out: fast a chunk, slow an episode, both clipped at 1."""
    x, y = data
    for _ in range(num_steps):
        state = model.init_state(len(x))
        for optimizer in (fast, slow):
            optimizer.zero_grad()
        for start in range(0, x.shape[1], chunk):
            output, state = model(x[:, start : start + chunk], state=state, return_state=True)
            loss = (output - y[:, start : start + chunk]).square().mean(2).sum(1).mean()
            loss.backward()
            nn.utils.clip_grad_norm_(fast.param_groups[0]["params"], 1.0)
            fast.step()
            fast.zero_grad()
            state = type(state)(*(part.detach() for part in state))
        nn.utils.clip_grad_norm_(slow.param_groups[0]["params"], 1.0)
        slow.step()


def optimizers(model):
    fast = [p for group in model.controllers().values() for p in group]
    slow = [*model.head.parameters(), model.cell.initial_memory]
    return torch.optim.Adam(fast, 3e-2), torch.optim.Adam(slow, 1e-2)


def test_zero_feedback_is_truncation_written_out():
    reference, ours, without = network(), network(), network()
    truncated(reference, batch(), 3, *optimizers(reference), num_steps=5)
    zero = SyntheticGradient.for_cell(ours.cell)
    for model, feedback in ((ours, zero), (without, None)):
        fast, slow = optimizers(model)
        trainer = SyntheticGradientTrainer(
            model,
            feedback,
            chunk_size=3,
            warmup=0,
            fast_optimizer=fast,
            slow_optimizer=slow,
            feedback_optimizer=feedback and torch.optim.SGD(zero.parameters(), lr=0.0),
        )
        for _ in range(5):
            trainer.step(batch())
    assert trainer.num_feedback_updates == 0
    assert same(all_parameters(ours), all_parameters(without))  # bit for bit
    for mine, theirs in zip(ours.parameters(), reference.parameters(), strict=True):
        assert_close(mine, theirs, rtol=0, atol=1e-12)
    assert not same(all_parameters(ours), all_parameters(network()))


class Oracle(nn.Module):
    """The true gradient of what follows each boundary, by unrolling to the end."""

    def __init__(self, model, data, chunk):
        super().__init__()
        self.scale = nn.Parameter(torch.zeros((), dtype=DOUBLE))
        x, y = data
        state, self.answers = model.init_state(len(x)), []
        for end in range(chunk, x.shape[1], chunk):
            _, after = model(x[:, end - chunk : end], state=state, return_state=True)
            state = detach(after, requires_grad=True)
            rest = (model(x[:, end:], state=state) - y[:, end:]).square().mean(2).sum()
            self.answers.append(
                by_role(
                    type(after)(*torch.autograd.grad(rest, list(state), materialize_grads=True))
                ).values()
            )
        self.calls = 0

    def forward(self, *features, condition=None):
        if not torch.is_grad_enabled():  # a prediction that is used, not one that is learned from
            self.calls += 1
            return tuple(self.answers[self.calls - 1])
        return tuple(self.scale * feature for feature in features)


@pytest.mark.parametrize("separate", [False, True])
@pytest.mark.parametrize("chunk", [1, 3, 5])
def test_with_true_future_gradients_chunks_add_up_to_the_whole(chunk, separate):
    model, data = network(separate_write_attention=separate), batch()
    oracle = Oracle(model, data, chunk)
    trainer, fast, slow = recorded(model, oracle, chunk_size=chunk, warmup=0)
    trainer.step(data)
    controllers, rest = true_gradients(model, data)
    assert oracle.calls == math.ceil(LENGTH / chunk) - 1
    assert_close(fast.total, list(controllers), rtol=0, atol=1e-10)
    assert_close(slow.total, list(rest), rtol=0, atol=1e-10)
    # and without them they do not
    trainer, fast, _ = recorded(network(separate_write_attention=separate), None, chunk_size=chunk)
    trainer.step(data)
    assert max((a - b).abs().max() for a, b in zip(fast.total, controllers, strict=True)) > 1e-3


class EmissionOracle(nn.Module):
    """The true gradients of all emissions, times the batch."""

    def __init__(self, model, data):
        super().__init__()
        self.scale = nn.Parameter(torch.zeros((), dtype=DOUBLE))
        x, y = data
        emitted, _ = model.cell.unroll(x)
        output = model.head(torch.stack(emitted.output, 1))
        loss = (output - y).square().mean(2).sum()
        steps = (emitted.read_hidden, emitted.output, emitted.write_hidden)
        self.answers = [
            torch.stack(
                torch.autograd.grad(
                    loss, group, retain_graph=True, allow_unused=True, materialize_grads=True
                ),
                1,
            )
            for group in steps
        ]

    def forward(self, *features, condition=None):
        if not torch.is_grad_enabled():
            return tuple(self.answers)
        return tuple(self.scale * feature for feature in features)


@pytest.mark.parametrize("separate", [False, True])
def test_controllers_cut_apart_learn_as_a_whole_from_true_gradients(separate):
    model, data = network(separate_write_attention=separate), batch()
    trainer, fast, slow = recorded(
        model, EmissionOracle(model, data), interface="controller", chunk_size=LENGTH, warmup=0
    )
    trainer.step(data)
    controllers, rest = true_gradients(model, data)
    assert_close(fast.total, list(controllers), rtol=0, atol=1e-10)
    assert_close(slow.total, list(rest), rtol=0, atol=1e-10)


def test_before_warm_up_cut_controllers_learn_by_back_propagation():
    model, data = network(), batch()
    feedback = random_feedback(model, "controller")
    trainer, fast, slow = recorded(model, feedback, interface="controller", warmup=2)
    trainer.step(data)
    controllers, rest = true_gradients(model, data)
    assert_close(fast.total, list(controllers), rtol=0, atol=1e-12)
    assert_close(slow.total, list(rest), rtol=0, atol=1e-12)
    trainer.step(data)
    before = [total.clone() for total in fast.total]
    trainer.step(data)  # from here on by their own synthetic gradients
    added = [a - b for a, b in zip(fast.total, before, strict=True)]
    assert max((a - c).abs().max() for a, c in zip(added, controllers, strict=True)) > 1e-2


def test_a_controller_learns_from_its_own_feedback_alone():
    model, data = network(), batch()
    feedback = random_feedback(model, "controller")
    with torch.no_grad():
        for role in ("read", "write"):
            for parameter in feedback.networks[role].parameters():
                parameter.zero_()
    trainer, fast, _ = recorded(model, feedback, interface="controller", warmup=0)
    trainer.step(data)
    moved = {}
    start = 0
    for name, group in model.controllers().items():
        moved[name] = any(total.any() for total in fast.total[start : start + len(group)])
        start += len(group)
    assert moved == {"read": False, "output": True, "write": False}


@pytest.mark.parametrize("chunk", [LENGTH, LENGTH + 3])
def test_a_chunk_as_long_as_the_episode_is_back_propagation(chunk):
    model, data = network(), batch()
    trainer, fast, slow = recorded(model, random_feedback(model), chunk_size=chunk, warmup=0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        step = trainer.step(data)
    controllers, rest = true_gradients(model, data)
    assert_close(fast.total, list(controllers), rtol=0, atol=1e-12)
    assert_close(slow.total, list(rest), rtol=0, atol=1e-12)
    assert math.isnan(step.feedback_loss)
    said = [str(w.message) for w in caught]
    assert said == (
        ["chunk_size exceeds the sequence, which is trained as a whole: 10 and 7"]
        if chunk > LENGTH
        else []
    )


class Decay(nn.Module):
    """h' = a h + x: the state is the output."""

    def __init__(self, a):
        super().__init__()
        self.a = nn.Parameter(torch.tensor(a, dtype=DOUBLE))

    def init_state(self, batch_size):
        return (torch.zeros(batch_size, 1, dtype=DOUBLE),)

    def forward(self, x, *, state, return_state):
        (h,), steps = state, []
        for t in range(x.shape[1]):
            h = self.a * h + x[:, t]
            steps.append(h)
        return torch.stack(steps, 1), (h,)


class Linear(nn.Module):
    """g = s h."""

    def __init__(self):
        super().__init__()
        self.s = nn.Parameter(torch.zeros((), dtype=DOUBLE))

    def forward(self, feature, *, condition=None):
        return (self.s * feature,)


@pytest.mark.parametrize(("a", "chunk"), [(0.8, 1), (0.8, 3), (0.9, 5)])
def test_bootstrapping_converges_to_the_closed_form(a, chunk):
    """l = h²/2: the gradient of all that follows is a²/(1 - a²) h, whatever the chunk."""
    torch.manual_seed(0)
    model, feedback = Decay(a), Linear()
    trainer = SyntheticGradientTrainer(
        model,
        feedback,
        chunk_size=chunk,
        loss=lambda output, target: output.square()[..., 0] / 2,
        fast_optimizer=torch.optim.SGD(model.parameters(), lr=0.0),
        feedback_optimizer=torch.optim.SGD(feedback.parameters(), lr=0.02),
        warmup=0,
    )
    x = torch.randn(64, 400 * chunk, 1, dtype=DOUBLE)
    found = []
    feedback.s.register_hook(lambda _: found.append(feedback.s.item()))
    trainer.step((x, x))
    assert len(found) == 399
    tail = torch.tensor(found[200:-30]).mean().item()  # at its end the episode has no future
    assert tail == pytest.approx(a**2 / (1 - a**2), rel=0.05)


def test_targets_have_no_graph_and_the_feedback_loss_leaves_the_model_alone():
    seen = []

    class Spy(SyntheticGradientTrainer):
        def learn_feedback(self, features, condition, goals, tally):
            seen.extend([*features, condition, *goals])
            super().learn_feedback(features, condition, goals, tally)

    for interface in ("state", "controller"):
        with_it, without = network(), network()
        chunk = 3 if interface == "state" else LENGTH
        feedback = random_feedback(with_it, interface)
        before = all_parameters(feedback)
        for model, net in ((with_it, feedback), (without, None)):
            trainer = Spy(
                model, net, interface=interface if net else "state", chunk_size=chunk, warmup=10**9
            )
            trainer.step(batch())
        assert not same(before, all_parameters(feedback))
        assert same(all_parameters(with_it), all_parameters(without))
    assert len(seen) > 10
    assert not any(tensor.requires_grad for tensor in seen if tensor is not None)


def test_the_batch_size_does_not_change_what_is_predicted():
    once, twice = network(), network()
    models = []
    for model, size in ((once, 1), (twice, 2)):
        feedback = random_feedback(model)
        trainer = SyntheticGradientTrainer(model, feedback, chunk_size=2, warmup=0)
        trainer.step(tuple(part.repeat(size, 1, 1) for part in batch()))
        models.append([*all_parameters(model), *all_parameters(feedback)])
    for mine, theirs in zip(*models, strict=True):
        assert_close(mine, theirs, rtol=0, atol=1e-9)


def test_feedback_starts_at_zero_and_treats_slots_alike():
    feedback = SyntheticGradient({"read": 3, "memory": 2}, condition_size=2, slots=["memory"])
    read, memory, condition = torch.randn(4, 3), torch.randn(4, 5, 2), torch.randn(4, 2)
    assert not any(g.any() for g in feedback(read, memory, condition=condition))
    for parameter in feedback.parameters():
        nn.init.normal_(parameter)
    order = torch.tensor([3, 1, 0, 4, 2])
    _, plain = feedback(read, memory, condition=condition)
    _, permuted = feedback(read, memory[:, order], condition=condition)
    assert_close(permuted, plain[:, order])
    assert len(plain[0].unique(dim=0)) == 5  # no gradient stands for all slots
    other = memory.clone()
    other[:, 0] += 1
    assert not torch.allclose(feedback(read, other, condition=condition)[1][:, 1:], plain[:, 1:])
    many = feedback(
        *(p.expand(6, *p.shape) for p in (read, memory)), condition=condition.expand(6, 4, 2)
    )
    assert_close(many[1][5], plain)


def test_it_learns_the_gradient_and_says_how_well():
    """On one batch, with a model that stands still, the cosine goes from zero towards one."""
    model, data = network(), batch(size=2)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(4)  # else episodes hardly differ in what is carried
    feedback = SyntheticGradient.for_cell(model.cell)
    trainer, _, _ = recorded(model, feedback, chunk_size=4, warmup=10**9)
    trainer.feedback_optimizer = torch.optim.Adam(feedback.parameters(), 2e-2)
    first = trainer.step(data)
    assert first.cosine == 0
    for _ in range(120):
        last = trainer.step(data)
    assert last.cosine > 0.8
    assert last.feedback_loss < 0.05 * first.feedback_loss
    assert last.loss == first.loss
    assert trainer.num_feedback_updates == 121


def test_networks_share_one_feedback_network():
    """It gets the sum of the losses, and makes one step a chunk for all."""
    models = [network(seed) for seed in (0, 1)]
    data = [batch(2), batch(3, length=4)]
    shared = random_feedback(models[0])
    reference = copy.deepcopy(shared)
    optimizer = torch.optim.SGD(shared.parameters(), lr=0.1)
    trainers = [
        SyntheticGradientTrainer(
            m, shared, chunk_size=2, feedback_optimizer=optimizer, warmup=10**9
        )
        for m in models
    ]
    alone = [copy.deepcopy(m) for m in models]
    total = [torch.zeros_like(p) for p in reference.parameters()]
    for model, part in zip(alone, data, strict=True):
        net = copy.deepcopy(reference)
        spy = SyntheticGradientTrainer(
            model,
            net,
            chunk_size=2,
            feedback_optimizer=torch.optim.SGD(net.parameters(), lr=0.0),
            warmup=10**9,
        )
        episode = spy.episode(part)
        next(episode)
        next(episode)  # the second chunk teaches the first boundary
        total = [t + p.grad for t, p in zip(total, net.parameters(), strict=True)]
    episodes = [t.episode(d) for t, d in zip(trainers, data, strict=True)]
    for episode in episodes:
        next(episode)
        next(episode)
    assert_close([p.grad for p in shared.parameters()], total, rtol=0, atol=1e-12)
    shared.load_state_dict(reference.state_dict())
    steps = step_together(trainers, data)
    assert len(steps) == 2
    assert all(step.feedback_loss > 0 for step in steps)
    assert [t.num_feedback_updates for t in trainers] == [3, 3]  # four chunks beside two
    assert not same(all_parameters(shared), all_parameters(reference))


class RNN(nn.Module):
    """An LSTM as a user would wrap it: a plain tuple as state."""

    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(2, 4, batch_first=True, dtype=DOUBLE)
        self.out = nn.Linear(4, 1, dtype=DOUBLE)

    def init_state(self, batch_size):
        return tuple(torch.zeros(2, batch_size, 4, dtype=DOUBLE))

    def forward(self, x, *, state, return_state):
        found, state = self.lstm(x, tuple(part[None] for part in state))
        return self.out(found), tuple(part[0] for part in state)


def test_any_recurrent_model_that_returns_its_state():
    torch.manual_seed(0)
    model = RNN()
    feedback = SyntheticGradient({"state": 8}, dtype=DOUBLE)
    trainer = SyntheticGradientTrainer(model, feedback, chunk_size=2, warmup=2)
    losses = [trainer.step(batch()).loss for _ in range(40)]
    assert losses[-1] < 0.9 * losses[0]
    assert trainer.num_feedback_updates == 120
    before = all_parameters(model)
    with trainer.adapt((batch()[0], torch.full((BATCH, LENGTH, 1), math.nan)), 2):
        assert not same(before, all_parameters(model))
    assert same(before, all_parameters(model))


def test_a_prediction_that_is_no_number_is_left_out_and_counted():
    model, plain = network(), network()
    feedback = random_feedback(model)
    with torch.no_grad():
        feedback.networks["memory"][2].bias.fill_(math.nan)
    step = SyntheticGradientTrainer(model, feedback, chunk_size=2, warmup=0).step(batch())
    SyntheticGradientTrainer(plain, chunk_size=2).step(batch())
    assert step.num_skipped == 3
    assert math.isnan(step.feedback_loss)
    assert same(all_parameters(model), all_parameters(plain))


@pytest.mark.parametrize("interface", ["state", "controller"])
def test_adaptation_is_undone_bit_for_bit(interface):
    model = network()
    feedback = random_feedback(model, interface, error_size=1)
    trainer = SyntheticGradientTrainer(
        model, feedback, chunk_size=3, interface=interface, warmup=0, error=torch.sub
    )
    trainer.step(batch())
    before, moments = all_parameters(model), copy.deepcopy(trainer.fast_optimizer.state_dict())
    learned = all_parameters(feedback)
    x, y = batch(9)
    revealed = torch.ones(BATCH, LENGTH, dtype=torch.bool)
    revealed[:, -1] = False
    hidden = y.masked_fill(~revealed[..., None], math.nan)
    adapted = {}
    for num_steps in (1, 2):
        with trainer.adapt((x, hidden), num_steps, revealed=revealed) as changed:
            assert changed is model
            adapted[num_steps] = all_parameters(model)
        assert same(before, all_parameters(model))
    other = hidden + 1
    with trainer.adapt((x, other), 1, revealed=revealed):
        assert not same(adapted[1], all_parameters(model))  # what is revealed is used
    with pytest.raises(KeyError), trainer.adapt((x, hidden), revealed=revealed):
        raise KeyError
    assert same(before, all_parameters(model))
    assert same(learned, all_parameters(feedback))
    assert not same(adapted[1], adapted[2])
    slow = [*model.head.parameters(), model.cell.initial_memory]
    assert not any(p.grad is not None and p.grad.isnan().any() for p in slow)
    state = trainer.fast_optimizer.state_dict()["state"]
    for key, value in moments["state"].items():
        assert all(torch.equal(value[name], state[key][name]) for name in value)


@pytest.mark.parametrize("interface", ["state", "controller"])
def test_adaptation_where_one_tests_without_gradients(interface):
    model = network()
    feedback = random_feedback(model, interface)
    trainer = SyntheticGradientTrainer(model, feedback, interface=interface, warmup=0)
    trainer.step(batch())
    x, hidden = batch(2)[0], torch.full((BATCH, LENGTH, 1), math.nan)
    before = all_parameters(model)
    with trainer.adapt((x, hidden)):
        usual = all_parameters(model)
    with torch.no_grad(), trainer.adapt((x, hidden)):
        assert not torch.is_grad_enabled()
        assert same(usual, all_parameters(model))
    assert not same(usual, before)
    with torch.no_grad():
        feedback.networks["read"][2].bias.fill_(math.nan)
    with (
        pytest.warns(UserWarning, match=r"feedback is not finite: \d predictions were left out"),
        trainer.adapt((x, hidden)),
    ):
        assert same(before, all_parameters(model))


def test_a_frozen_feedback_network_is_used_and_left_alone():
    model, plain = network(), network()
    feedback = random_feedback(model).requires_grad_(False)
    learned = all_parameters(feedback)
    trainer = SyntheticGradientTrainer(model, feedback, chunk_size=3, warmup=0)
    step = trainer.step(batch())
    SyntheticGradientTrainer(plain, chunk_size=3).step(batch())
    assert math.isfinite(step.cosine)
    assert same(learned, all_parameters(feedback))
    assert not same(all_parameters(model), all_parameters(plain))


def test_labels_do_not_leak():
    model = network()
    trainer = SyntheticGradientTrainer(
        model, random_feedback(model, error_size=1), warmup=0, error=torch.sub
    )
    trainer.step(batch())
    x, y = batch(2)
    with (
        pytest.raises(ValueError, match=r"NaN, or negative classes.*got 21 that leak"),
        trainer.adapt((x, y)),
    ):
        pass
    revealed = torch.ones(BATCH, LENGTH, dtype=torch.bool)
    with (
        pytest.raises(ValueError, match="must be given where the task reveals them: got 21"),
        trainer.adapt((x, y * math.nan), revealed=revealed),
    ):
        pass
    labels = torch.zeros(BATCH, LENGTH, dtype=torch.int64)
    with pytest.raises(ValueError, match="21 that leak"), trainer.adapt((x, labels)):
        pass


def test_untrained_feedback_warns():
    model = network()
    trainer = SyntheticGradientTrainer(model, SyntheticGradient.for_cell(model.cell))
    x, y = batch()
    with (
        pytest.warns(UserWarning, match="feedback is untrained: 0 updates"),
        trainer.adapt((x, y * math.nan)),
    ):
        pass
    with (
        pytest.raises(RuntimeError, match="feedback must be given to adapt"),
        SyntheticGradientTrainer(network()).adapt((x, y)),
    ):
        pass


class Bare(nn.Linear):
    """Its state is no tuple."""

    def __init__(self):
        super().__init__(2, 2)

    def init_state(self, batch_size):
        return torch.zeros(batch_size, 2)


def wide():
    return SyntheticGradient.for_cell(NeuralMemoryCell(2, 6))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"chunk_size": 0}, ValueError, "chunk_size must be at least 1: got 0"),
        ({"chunk_size": 2.0}, TypeError, "chunk_size must be a whole number: got 2.0"),
        (
            {"interface": "both"},
            ValueError,
            "interface must be 'state' or 'controller': got 'both'",
        ),
        ({"warmup": -1}, ValueError, "warmup must be at least 0: got -1"),
        ({"max_norm": -1.0}, ValueError, "max_norm must be positive: got -1.0"),
        (
            {"feedback": SyntheticGradient({"read": 8, "write": 8, "memory": 4})},
            ValueError,
            "feedback must have the model's roles in slots, memory: got none",
        ),
        (
            {"feedback": SyntheticGradient.for_cell(NeuralMemoryCell(2, 4), error_size=1)},
            ValueError,
            "condition_size 4, the width of what is read: got 5; to show an error too, give error",
        ),
        (
            {"model": Bare()},
            TypeError,
            r"init_state\(\) must return a tuple of tensors: got Tensor",
        ),
        (
            {"feedback": wide()},
            ValueError,
            "widths read 8, write 8, memory 4: got read 12, write 12, memory 6",
        ),
        ({"model": RNN(), "interface": "controller"}, TypeError, "must be a NeuralMemoryNetwork"),
        ({"model": nn.Linear(2, 2)}, TypeError, r"model must have init_state\(\): got Linear"),
    ],
)
def test_bad_arguments(arguments, error, message):
    arguments = {"model": network(), **arguments}
    with pytest.raises(error, match=message):
        SyntheticGradientTrainer(**arguments)


def test_feedback_for_a_cell_refuses_what_does_not_exist():
    cell = network().cell
    with pytest.raises(ValueError, match="must be 'state' or 'controller': got 'both'"):
        SyntheticGradient.for_cell(cell, interface="both")
    with pytest.raises(ValueError, match="error_size must be at least 1: got -1"):
        SyntheticGradient.for_cell(cell, error_size=-1)


def test_every_parameter_has_one_optimizer():
    model = network()
    everything = torch.optim.SGD(model.parameters(), lr=0.1)
    head = torch.optim.SGD(model.head.parameters(), lr=0.1)
    with pytest.raises(ValueError, match=r"share no parameter: got head.* in both"):
        SyntheticGradientTrainer(model, fast_optimizer=everything, slow_optimizer=head)
    with pytest.raises(ValueError, match=r"hold every parameter: got none of cell\.initial_memory"):
        SyntheticGradientTrainer(
            model,
            fast_optimizer=torch.optim.SGD(model.controllers()["read"], lr=0.1),
            slow_optimizer=head,
        )
    assert SyntheticGradientTrainer(model, fast_optimizer=everything).slow_optimizer is None


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        (torch.zeros(2, 3), TypeError, r"batch must be \(inputs, targets\): got Tensor"),
        (
            (torch.zeros(2, 0, 2), torch.zeros(2, 0, 1)),
            ValueError,
            "inputs must have the shape .*time >= 1",
        ),
        (
            (torch.zeros(2, 4, 2), torch.zeros(2, 3, 1)),
            ValueError,
            r"targets must have the batch and time of inputs, \[2, 4\]: got \[2, 3\]",
        ),
    ],
)
def test_bad_batches(data, error, message):
    with pytest.raises(error, match=message):
        SyntheticGradientTrainer(network()).step(data)


def test_losses_and_networks_that_do_not_fit():
    x, y = batch()
    with pytest.raises(ValueError, match=r"loss must return one number a step, \[3, 5\]: got \[\]"):
        SyntheticGradientTrainer(network(), loss=nn.functional.mse_loss).step((x, y))
    with pytest.raises(FloatingPointError, match="loss must be finite: got nan"):
        SyntheticGradientTrainer(network()).step((x, y * math.nan))
    first, second = network(), network(1)
    feedback = random_feedback(first)
    trainers = [SyntheticGradientTrainer(m, feedback) for m in (first, second)]
    with pytest.raises(ValueError, match="must share one feedback and one feedback_optimizer"):
        step_together(trainers, [batch(), batch()])
    with pytest.raises(ValueError, match="trainers must be at least one: got none"):
        step_together([], [])
    with pytest.raises(ValueError, match="batches must be one a trainer: got 1 for 2"):
        step_together(trainers, [batch()])


def test_training_goes_on_bit_for_bit_from_what_was_saved():
    model = network()
    feedback = random_feedback(model)
    trainer = SyntheticGradientTrainer(model, feedback, chunk_size=3, warmup=3)
    trainer.step(batch(1))
    twin, second = copy.deepcopy(model), copy.deepcopy(feedback)
    other = SyntheticGradientTrainer(twin, second, chunk_size=3, warmup=3)
    other.load_state_dict(copy.deepcopy(trainer.state_dict()))
    for seed in (2, 3):
        assert trainer.step(batch(seed)) == other.step(batch(seed))
    assert same(all_parameters(model), all_parameters(twin))
    assert same(all_parameters(feedback), all_parameters(second))
    without = SyntheticGradientTrainer(network())
    with pytest.raises(ValueError, match=r"fast_optimizer, slow_optimizer: got .*feedback_optim"):
        without.load_state_dict(trainer.state_dict())


def test_the_example_learns(capsys):
    main = runpy.run_path(str(ROOT / "examples" / "learn_in_context.py"))["main"]
    found = main(20)
    assert found["after"][10] < 0.95 * found["before"][10]
    assert "cosine" in capsys.readouterr().out
