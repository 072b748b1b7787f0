"""Dendrites: perforation, the objective, candidates, the trainer's cycle, bad input."""

import copy
import gc
import inspect
import runpy
import warnings
import weakref
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from neurarium.neurons import (
    DendriteTrainer,
    Dendritic,
    correlation_objective,
    dendrite_parameters,
    neuron_parameters,
    to_dendritic,
)
from neurarium.neurons.dendrite_candidates import CandidatePool, is_rowwise, train_pool
from neurarium.neurons.dendrite_objective import covariance
from neurarium.neurons.dendrite_recording import Recording


def grown(module, count=2, **arguments):
    """A layer with dendrites that all matter."""
    torch.manual_seed(0)
    layer = Dendritic(module, **arguments).double()
    for _ in range(count):
        layer.add_dendrite()
    with torch.no_grad():
        for weight in (layer.top, *layer.between):
            weight.normal_()
    return layer


CONV = nn.Sequential(nn.Conv2d(2, 3, 3, padding=1), nn.BatchNorm2d(3))


@pytest.mark.parametrize(
    ("module", "shape", "dim"),
    [(nn.Linear(4, 3), (5, 4), 1), (nn.Linear(4, 3), (2, 5, 4), -1), (CONV, (2, 2, 5, 5), 1)],
    ids=["linear", "sequence", "convolution"],
)
def test_no_error_flows_through_dendrites(module, shape, dim):
    """Property 3: the gradient of x is that of the module alone; without perforation it is not."""
    layer = grown(copy.deepcopy(module), neuron_dim=dim)
    x = torch.randn(shape, dtype=torch.float64, requires_grad=True)
    out = layer(x)
    gradient = torch.randn_like(out)
    (found,) = torch.autograd.grad(out, x, gradient)
    (expected,) = torch.autograd.grad(layer.module(x), x, gradient)
    assert_close(found, expected)
    layer.perforate = False
    (through,) = torch.autograd.grad(layer(x), x, gradient)
    assert (through - expected).abs().max() > 1e-3


def test_what_learns():
    layer = grown(nn.Linear(4, 3), neuron_dim=-1)
    layer(torch.randn(5, 4, dtype=torch.float64)).square().sum().backward()
    assert all(p.grad is not None for p in neuron_parameters(layer))
    assert all(p.grad is None and not p.requires_grad for p in dendrite_parameters(layer))
    assert {id(p) for p in neuron_parameters(layer)} == {
        id(p) for p in (layer.top, *layer.module.parameters())
    }


def test_formula_on_a_convolution():
    layer = grown(nn.Conv2d(2, 3, 3), activation="tanh").eval()
    x = torch.randn(2, 2, 6, 6, dtype=torch.float64)
    first = layer.dendrites[0](x).tanh()
    weight = layer.between[1].view(1, 3, 1, 1)
    second = (layer.dendrites[1](x) + weight * first).tanh()
    top = layer.top.view(2, 1, 3, 1, 1)
    assert_close(layer(x), layer.module(x) + top[0] * first + top[1] * second)


def test_removal_saving_and_copying():
    """Property 7."""
    layer = grown(nn.Linear(4, 3), neuron_dim=-1)
    x = torch.randn(5, 4, dtype=torch.float64)
    state, out = copy.deepcopy(layer.state_dict()), layer(x)
    fresh = Dendritic(nn.Linear(4, 3), neuron_dim=-1).double()
    fresh.load_state_dict(state)
    assert torch.equal(fresh(x), out)
    out.sum().backward()
    assert torch.equal(copy.deepcopy(layer)(x), out)
    first = layer.top.detach()[:1]
    layer.keep_dendrites(1)
    assert torch.equal(layer.top, first)
    layer.keep_dendrites(0)
    assert torch.equal(layer(x), layer.module(x))
    assert not list(dendrite_parameters(layer))
    fresh.load_state_dict(layer.state_dict())
    assert fresh.num_dendrites == 0


def test_dendrites_stay_in_evaluation_mode():
    layer = grown(copy.deepcopy(CONV)).train()
    assert not any(part.training for part in layer.dendrites.modules())
    before = copy.deepcopy(layer.dendrites.state_dict())
    layer(torch.randn(4, 2, 5, 5, dtype=torch.float64))
    assert_close(dict(layer.dendrites.state_dict()), dict(before), rtol=0, atol=0)


def test_a_forward_without_a_backward_leaves_nothing_behind():
    layer, record = Dendritic(nn.Linear(4, 3)), Recording()
    layer.observe(record.add)
    x = torch.randn(5, 4)
    alive = weakref.ref(x)
    layer(x)
    del x
    gc.collect()
    assert alive() is None
    assert not record.inputs
    layer.eval()(torch.randn(5, 4)).sum().backward()  # property 10
    assert not record.inputs


@pytest.mark.parametrize("shape", [(20, 3), (4, 3, 5, 2)])
def test_gradient_of_the_objective(shape):
    """Properties 5 and 8: −sign(Cov)(e − ē)/P, and finite differences of Σ|Cov|."""
    torch.manual_seed(0)
    s, e = torch.randn(2, *shape, dtype=torch.float64)
    s.requires_grad_()
    loss, running = correlation_objective(s, e)
    (gradient,) = torch.autograd.grad(loss, s)
    assert running.covariance.shape == (3,)
    dims = [d for d in range(len(shape)) if d != 1]
    view = (1, 3, *[1] * (len(shape) - 2))
    sign = running.covariance.sign().view(view)
    positions = s.numel() / 3
    assert_close(gradient, -sign * (e - e.mean(dims, keepdim=True)) / positions)
    index = (1, 2, *[1] * (len(shape) - 2))
    with torch.no_grad():
        total = []
        for step in (1e-6, -1e-6):
            moved = s.clone()
            moved[index] += step
            total.append(covariance(moved, e).abs().sum())
    assert gradient[index].item() == pytest.approx((-(total[0] - total[1]) / 2e-6).item(), rel=1e-4)


def test_signs_come_from_many_batches():
    """A batch against the trend does not turn the direction."""
    e = torch.tensor([[1.0], [-1.0]])
    trend, noise = torch.tensor([[2.0], [-2.0]]), torch.tensor([[-0.5], [0.5]])
    running = None
    for _ in range(5):
        _, running = correlation_objective(trend, e, running)
    noise.requires_grad_()
    loss, after = correlation_objective(noise, e, running)
    loss.backward()
    assert after.covariance > 0
    assert noise.grad[0] < 0 < noise.grad[1]  # up where the error is positive
    assert running.covariance.item() == pytest.approx(2.0)
    weights = (0.9 * (1 - 0.9**5), 0.1)
    expected = (weights[0] * 2.0 - weights[1] * 0.5) / sum(weights)
    assert after.covariance.item() == pytest.approx(expected)


def test_mean_errors_come_from_many_batches_too():
    """The gradient at s is −sign · (e − mean e)/N, with the average of 1 and 5 as it is weighed."""
    first = torch.tensor([[0.0], [2.0]])
    _, running = correlation_objective(torch.tensor([[-1.0], [1.0]]), first)
    s = torch.tensor([[-1.0], [1.0]], requires_grad=True)
    second = torch.tensor([[4.0], [6.0]])
    loss, after = correlation_objective(s, second, running)
    loss.backward()
    mean = (0.9 * 0.1 * 1 + 0.1 * 5) / 0.19
    assert after.mean_error.item() == pytest.approx(mean)
    assert_close(s.grad, -(second - mean) / 2)


def test_a_linear_candidate_reaches_the_direction_of_least_squares():
    """Property 6: on whitened inputs, covariance is greatest along (XᵀX)⁻¹ Xᵀe."""
    torch.manual_seed(0)
    x = torch.randn(200, 4, dtype=torch.float64)
    x = x - x.mean(0)
    x = x @ torch.linalg.inv(torch.linalg.cholesky(x.T @ x / 200)).T
    e = (x @ torch.tensor([1.0, -2.0, 0.5, 0.0], dtype=torch.float64) + torch.randn(200))[:, None]
    unit = nn.Linear(4, 1).double()
    optimizer, running = torch.optim.SGD(unit.parameters(), 0.1), None
    for _ in range(300):
        optimizer.zero_grad()
        loss, running = correlation_objective(unit(x), e, running)
        loss.backward()
        optimizer.step()
    best = torch.linalg.lstsq(x, e).solution
    bound = torch.corrcoef(torch.stack([(x @ best)[:, 0], e[:, 0]]))[0, 1]
    with torch.no_grad():
        found = torch.corrcoef(torch.stack([unit(x)[:, 0], e[:, 0]]))[0, 1].abs()
    assert found.item() == pytest.approx(bound.item(), rel=2e-3)


@pytest.mark.parametrize("num_inputs", [2, 20, 300])
def test_default_candidates_reach_the_greatest_covariance(num_inputs):
    """That of a step along the direction of least squares, where inputs and errors are normal.

    Adam turns the direction of a linear unit, whose covariance has no greatest value; that of a
    sigmoid has one, and steps must be of a size to get there.
    """
    torch.manual_seed(0)
    x = torch.randn(1500, num_inputs)
    e = x @ torch.randn(num_inputs, 2) / num_inputs**0.5 + torch.randn(1500, 2)
    rate = inspect.signature(DendriteTrainer).parameters["candidate_lr"].default
    pool = CandidatePool(Dendritic(nn.Linear(num_inputs, 2)), size=4, lr=rate)
    train_pool(pool, x, e, num_epochs=20, patience=10, batch_size=256)
    step = (x @ torch.linalg.lstsq(x, e).solution > 0).float()
    assert (pool.best > 0.9 * covariance(step, e)).all()


def test_each_neuron_keeps_its_best_candidate():
    torch.manual_seed(0)
    layer = grown(nn.Linear(4, 6), neuron_dim=-1, count=1)
    x, e = torch.randn(300, 4).double(), torch.randn(300, 6).double()
    pool = CandidatePool(layer, size=3, lr=0.02)
    train_pool(pool, x, e, num_epochs=5, patience=5, batch_size=64)
    with torch.no_grad():
        earlier = layer.dendrite_outputs(x)
        made = layer.respond(pool.best_dendrite, pool.best_between, x, earlier)
        assert_close(covariance(made, e).abs(), pool.best)
        for member, between in zip(pool.members, pool.between, strict=True):
            now = covariance(layer.respond(member, between, x, earlier), e).abs()
            assert (pool.best >= now).all()


@pytest.mark.parametrize(
    ("module", "neuron_dim", "ndim", "expected"),
    [
        (CONV, 1, 4, True),
        (CONV, -3, 4, True),
        (CONV, -1, 4, False),
        (nn.Linear(2, 2), -1, 3, True),
        (nn.Linear(2, 2), 1, 2, True),
        (nn.Linear(2, 2), 1, 3, False),  # neurons along time
        (nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)), 1, 2, True),
        (nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)), -1, 3, False),  # a norm along time
        (nn.Sequential(nn.Linear(2, 2), nn.Identity()), -1, 3, True),
        (nn.Sequential(nn.Linear(2, 2), nn.LayerNorm(2)), -1, 2, False),
        (nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2)), -1, 2, False),
        (nn.Sequential(nn.BatchNorm1d(2), nn.Linear(2, 2)), -1, 2, False),
    ],
)
def test_which_neurons_have_rows_of_their_own(module, neuron_dim, ndim, expected):
    assert is_rowwise(module, neuron_dim, ndim) == expected


def test_candidates_of_time_steps_are_kept_whole():
    """As many time steps as features: rows of weights are of features all the same."""
    torch.manual_seed(0)
    layer = Dendritic(nn.Linear(4, 5), neuron_dim=1)
    x, e = torch.randn(300, 5, 4), torch.randn(300, 5, 5)
    layer(x)
    pool = CandidatePool(layer, size=3, lr=0.2)
    train_pool(pool, x, e, num_epochs=5, patience=5, batch_size=64)
    with torch.no_grad():
        made = layer.respond(pool.best_dendrite.eval(), pool.best_between, x, [])
    assert_close(covariance(made, e).abs(), pool.best)


def test_candidates_are_kept_whole_where_neurons_share_weights():
    """What is kept computes what was measured, here with a norm of the inputs before the layer."""
    torch.manual_seed(0)
    layer = Dendritic(nn.Sequential(nn.BatchNorm1d(4), nn.Linear(4, 4)), neuron_dim=-1)
    x, e = torch.randn(300, 4), torch.randn(300, 4)
    pool = CandidatePool(layer, size=3, lr=0.2)
    train_pool(pool, x, e, num_epochs=5, patience=5, batch_size=64)
    with torch.no_grad():
        kept = pool.best_dendrite.eval()
        made = layer.respond(kept, pool.best_between, x, [])
    assert_close(covariance(made, e).abs(), pool.best)


def spirals(count=97):
    turns = torch.arange(count) / 16 * torch.pi
    radius = 6.5 * (104 - torch.arange(count)) / 104
    one = torch.stack([radius * turns.sin(), radius * turns.cos()], 1)
    return torch.cat([one, -one]) / 6.5, torch.arange(2).repeat_interleave(count)


def problem(passes=1):
    x, y = spirals()

    def train(model, optimizer):
        model.train()
        order = torch.cat([torch.randperm(len(x)) for _ in range(passes)])
        for batch in order.split(97):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x[batch]), y[batch]).backward()
            optimizer.step()

    def validate(model):
        return -nn.functional.cross_entropy(model(x), y).item()

    return train, validate


def network():
    torch.manual_seed(0)
    return to_dendritic(
        nn.Sequential(nn.Linear(2, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Linear(8, 2))
    )


def trainer_of(model, **arguments):
    settings = {"patience": 5, "max_epochs": 30, "candidate_epochs": 20, "pool_size": 2}
    settings |= arguments
    return DendriteTrainer(model, lambda p: torch.optim.Adam(p, 0.02), **settings)


@pytest.mark.slow
def test_two_spirals_get_easier_with_every_cycle():
    """Property 9."""
    train, validate = problem(passes=4)
    model, report = trainer_of(
        network(), max_dendrites=2, patience=15, max_epochs=40, candidate_epochs=60,
        candidate_batch=97,
    ).fit(train, validate)  # fmt: skip
    assert validate(model.eval()) == pytest.approx(report.best_score)
    first, *later = report.phases
    assert all(kept for *_, kept in later)
    assert report.best_score > first[2] + 0.02
    assert report.num_dendrites == 2
    assert report.num_epochs == len(report.scores) == sum(epochs for _, epochs, *_ in report.phases)


def test_nothing_of_the_network_changes_while_dendrites_learn():
    """Property 4, buffers of the batch norm too."""
    train, validate = problem()
    model = network()
    trainer = trainer_of(model)
    trainer.train_neurons(train, validate, [])
    x = spirals()[0]
    before, out = copy.deepcopy(model.state_dict()), model.eval()(x)
    trainer.set_phase("dendrite", train)
    first = trainer.candidate_step()
    steps = [trainer.candidate_step() for _ in range(20)]
    assert steps[-1].covariance > first.covariance
    assert_close(dict(model.state_dict()), dict(before), rtol=0, atol=0)
    trainer.accept()
    assert torch.equal(model.eval()(x), out)
    assert all(layer.num_dendrites == 1 for layer in trainer.layers.values())
    trainer.reject()
    assert_close(dict(model.state_dict()), dict(before), rtol=0, atol=0)


def test_later_dendrites_leave_earlier_ones_alone_and_learn_to_read_them():
    """Property 4 with a dendrite that has learned; and v ends where it is measured best."""
    train, validate = problem()
    model = network()
    trainer = trainer_of(model)
    trainer.train_neurons(train, validate, [])
    trainer.grow(train)
    trainer.train_neurons(train, validate, [])
    before = copy.deepcopy(model.state_dict())
    assert all((layer.top != 0).all() for layer in trainer.layers.values())
    trainer.set_phase("dendrite", train)
    for _ in range(20):
        trainer.candidate_step()
    assert_close(dict(model.state_dict()), dict(before), rtol=0, atol=0)
    best = {name: pool.best_between.clone() for name, pool in trainer._pools.items()}
    measured = {name: pool.best.clone() for name, pool in trainer._pools.items()}
    seen = dict(trainer._records)
    trainer.accept()
    for name, layer in trainer.layers.items():
        assert best[name].abs().min() > 0.01
        assert torch.equal(layer.between[1], best[name])
        x, errors = seen[name]
        with torch.no_grad():
            found = covariance(layer.dendrite_outputs(x)[1], errors, neuron_dim=layer.neuron_dim)
        assert_close(found.abs(), measured[name])


def test_rejecting_goes_back_by_one():
    train, validate = problem()
    model = network()
    trainer = trainer_of(model, max_epochs=2)
    trainer.train_neurons(train, validate, [])
    trainer.grow(train)
    trainer.train_neurons(train, validate, [])
    before = copy.deepcopy(model.state_dict())
    trainer.grow(train)
    trainer.reject()
    assert trainer.num_dendrites == 1
    assert_close(dict(model.state_dict()), dict(before), rtol=0, atol=0)
    with pytest.raises(RuntimeError, match="dendrites must be accepted before they are rejected"):
        trainer.reject()


def test_recorded_errors_are_those_of_the_loss():
    train, validate = problem()
    model = network()
    trainer = trainer_of(model)
    trainer.train_neurons(train, validate, [])
    torch.manual_seed(3)
    trainer.set_phase("dendrite", train)
    inputs, errors = trainer._records["3"]
    torch.manual_seed(3)
    x, y = spirals()
    order = torch.randperm(len(x))
    expected = []
    for batch in order.split(97):
        hidden = model.train()[:3](x[batch]).detach()
        logits = model[3](hidden).detach()
        target = nn.functional.one_hot(y[batch], 2)
        expected.append((hidden, logits.softmax(1) - target))
    hidden, error = (torch.cat(parts) for parts in zip(*expected, strict=True))
    assert_close(inputs, hidden)
    assert_close(errors, error / error.std())


def test_caching_gives_the_same_candidates():
    """Where every epoch of the user sees the same, recording it anew changes nothing."""
    x, y = spirals()

    def train(model, optimizer):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model.train()(x.double()), y).backward()
        optimizer.step()

    found = []
    for cache in (True, False):
        model = network().double()
        trainer = trainer_of(model, cache=cache, candidate_epochs=5, candidate_batch=len(x))
        trainer.train_neurons(train, lambda _: 0.0, [])
        trainer.set_phase("dendrite", train)
        pools = dict(trainer._pools)
        (trainer._learn_from_record if cache else lambda t=trainer: t._learn_anew(train))()
        found.append(torch.cat([pool.best for pool in pools.values()]))
    assert_close(found[0], found[1])


@pytest.mark.parametrize("objective", ["correlation", "gradient"])
def test_a_fit_goes_on_from_a_saved_state(objective, tmp_path):
    """As if it had not been interrupted in the middle of the second phase, on disk in between."""
    train, _ = problem()
    arguments = {"patience": 3, "max_epochs": 3, "max_dendrites": 2, "objective": objective}
    values = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 5.0, 5.0, 5.0, 5.0, 5.0, 5.0]

    def scores(given, trainer, stop_after=99):
        def validate(model):
            if len(seen) == stop_after:
                raise KeyboardInterrupt
            seen.append(0)
            torch.save(trainer.state_dict(), tmp_path / "state.pt")
            return next(given)

        seen = []
        return validate

    whole = trainer_of(network(), **arguments)
    _, expected = whole.fit(train, scores(iter(values), whole))
    first = trainer_of(network(), **arguments)
    assert first.state_dict() == {}
    with pytest.raises(KeyboardInterrupt):
        first.fit(train, scores(iter(values), first, stop_after=5))
    second = trainer_of(network(), **arguments)
    second.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    saved = first.state_dict()["state"]
    assert_close(dict(second.model.state_dict()), saved, rtol=0, atol=0)
    model, report = second.fit(train, scores(iter(values[3:]), second))
    assert (report.scores, report.phases) == (expected.scores, expected.phases)
    assert report.num_dendrites == 1
    third = trainer_of(network(), **arguments)
    third.load_state_dict(second.state_dict())
    x = spirals()[0]
    assert torch.equal(third.model.eval()(x), model.eval()(x))
    learns = [p.requires_grad for p in dendrite_parameters(third.model)]
    assert learns
    assert set(learns) == {objective == "gradient"}
    assert third.fit(train, lambda model: 1 / 0)[1] == report  # nothing is left to do


@pytest.mark.parametrize("objective", ["gradient", "random"])
def test_ablations(objective):
    train, validate = problem()
    model, report = trainer_of(
        network(), objective=objective, max_dendrites=1, max_tries=1, max_epochs=5
    ).fit(train, validate)
    assert report.candidate_epochs == 0
    assert len(report.phases) == 2
    learns = [p.requires_grad for p in dendrite_parameters(model)]
    assert all(learns) if objective == "gradient" else not any(learns)


def test_a_dendrite_that_does_not_pay_is_dropped_and_tried_again():
    train, _ = problem()
    scores = iter([1.0, *[0.5] * 100])
    model, report = trainer_of(network(), patience=2, max_tries=2).fit(
        train, lambda model: next(scores)
    )
    assert [kept for *_, kept in report.phases] == [True, False, False]
    assert report.num_dendrites == 0
    assert not list(dendrite_parameters(model))


@pytest.mark.parametrize("maximize", [True, False])
def test_neurons_stall_after_patience_and_the_best_epoch_comes_back(maximize):
    """1, 3, 2 and 3 again: the second epoch is the best, and two more are waited for."""
    sign, epochs = 1 if maximize else -1, []

    def train(model, optimizer):
        model[0].module.bias.grad = torch.full((2,), -1.0)
        optimizer.step()
        epochs.append(model[0].module.bias.detach().clone())

    model = to_dendritic(nn.Sequential(nn.Linear(3, 2)))
    trainer = DendriteTrainer(
        model, lambda p: torch.optim.SGD(p, 0.5), patience=2, maximize=maximize
    )
    scores, seen = iter([sign * s for s in (1.0, 3.0, 2.0, 3.0, 9.0)]), []
    best, state = trainer.train_neurons(train, lambda model: next(scores), seen)
    assert (best, seen) == (3.0 * sign, [sign * s for s in (1.0, 3.0, 2.0, 3.0)])
    assert torch.equal(model[0].module.bias, epochs[1])
    assert torch.equal(state["0.module.bias"], epochs[1])


@pytest.mark.parametrize("maximize", [True, False])
def test_a_dendrite_that_pays_grants_new_tries(maximize):
    """Failed, kept, failed, failed: two in a row end it."""
    train, _ = problem()
    sign = 1 if maximize else -1
    scores = iter([sign * s for s in (1.0, 0.5, 2.0, 1.5, 1.9, 9.0)])
    trainer = trainer_of(
        network(), max_epochs=1, max_tries=2, max_dendrites=9, maximize=maximize, candidate_epochs=1
    )
    _, report = trainer.fit(train, lambda model: next(scores))
    assert report.phases == (
        (0, 1, 1.0 * sign, True), (1, 1, 0.5 * sign, False), (1, 1, 2.0 * sign, True),
        (2, 1, 1.5 * sign, False), (2, 1, 1.9 * sign, False),
    )  # fmt: skip
    assert (report.num_dendrites, report.best_score) == (1, 2.0 * sign)


def test_candidates_stall_after_patience():
    """Errors that do not vary: there is nothing to explain."""
    pool = CandidatePool(Dendritic(nn.Linear(3, 2)), size=1, lr=0.1)
    data = torch.randn(64, 3), torch.ones(64, 2)
    assert train_pool(pool, *data, num_epochs=50, patience=4, batch_size=64) == 4


def test_a_layer_without_gradient_is_named_once_and_skipped():
    class Half(nn.Module):
        def __init__(self):
            super().__init__()
            self.used, self.unused = nn.Linear(2, 2), nn.Linear(2, 2)

        def forward(self, x):
            return self.used(x)

    train, validate = problem()
    trainer = trainer_of(to_dendritic(Half()), max_epochs=2, max_dendrites=1)
    with pytest.warns(UserWarning, match="unused received no gradient"):
        _, report = trainer.fit(train, validate)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        trainer.grow(train)
    assert report.skipped == ("unused",)
    assert trainer.layers["unused"].num_dendrites == 0


def test_an_optimizer_from_before_is_noticed():
    _, validate = problem()
    model = network()
    stale = torch.optim.SGD(model.parameters(), 0.1)

    def train(model, optimizer):
        stale.zero_grad()
        model(spirals()[0]).sum().backward()
        stale.step()

    with pytest.raises(RuntimeError, match="train must step the optimizer that it is given"):
        trainer_of(model).fit(train, validate)


def test_another_optimizer_beside_it_is_noticed_when_the_network_is_fixed():
    model = network()
    stale = torch.optim.SGD(model.parameters(), 0.1)

    def train(model, optimizer):
        optimizer.zero_grad()
        model(spirals()[0]).sum().backward()
        optimizer.step()
        stale.step()

    with pytest.raises(RuntimeError, match="other changes of parameters while the network was"):
        trainer_of(model, max_epochs=1).fit(train, lambda model: 0.0)


class Pair(nn.Linear):
    def forward(self, x):
        return super().forward(x), x


def test_a_module_that_changes_its_input_is_refused():
    """What dendrites see would be what it left."""
    layer = Dendritic(nn.Sequential(nn.ReLU(inplace=True), nn.Linear(4, 3)), neuron_dim=-1)
    with pytest.raises(ValueError, match=r"Sequential must leave its input as it is, .* inplace=F"):
        layer(torch.randn(5, 4))
    inner = Dendritic(nn.Sequential(nn.Linear(4, 3), nn.ReLU(inplace=True)), neuron_dim=-1)
    inner.add_dendrite()
    with torch.inference_mode():
        inner(torch.randn(5, 4))
    inner(torch.randn(5, 4)).sum().backward()


def test_other_outputs_need_a_getter():
    with pytest.raises(TypeError, match="Pair must return a tensor: got tuple; give an output_get"):
        Dendritic(Pair(2, 2))(torch.randn(3, 2))
    for layer in (
        Dendritic(Pair(2, 2), output_getter=lambda pair: pair[0]),
        to_dendritic(nn.Sequential(Pair(2, 2)), types=(Pair,), output_getter=lambda p: p[0])[0],
    ):
        layer.add_dendrite()
        assert layer(torch.randn(3, 2)).shape == (3, 2)


def tied():
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    model[1].weight = model[0].weight
    return Dendritic(model)


def unlike():
    """A dendrite whose output is known only when it is used."""
    layer = Dendritic(nn.Linear(6, 3))
    layer.add_dendrite(nn.Sequential(nn.Linear(6, 1), nn.Flatten()))
    layer(torch.ones(2, 6))


def nested():
    return nn.Sequential(nn.Sequential(nn.Linear(6, 8), nn.ReLU()), nn.Linear(8, 3))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (tied, ValueError, "module must not tie weights: got 0.weight = 1.weight"),
        (lambda: Dendritic(nn.ReLU()), ValueError, "must have parameters: got ReLU without any"),
        (
            lambda: Dendritic(nn.Linear(6, 3)).add_dendrite(nn.Linear(6, 1)),
            ValueError,
            "dendrite must have 3 neurons: got 1",
        ),
        (
            lambda: Dendritic(nn.Linear(6, 3)).add_dendrite(3),
            TypeError,
            "dendrite must be an nn.Module: got int",
        ),
        (
            lambda: Dendritic(nn.Linear(6, 3)).add_dendrite(between=[]),
            TypeError,
            "between must be a tensor: got list",
        ),
        (unlike, ValueError, "neuron_dim must have one size: got 3 before and now shape [2, 1]"),
        (
            lambda: Dendritic(nn.Bilinear(2, 2, 3))(torch.ones(4, 2), torch.ones(4, 2)),
            TypeError,
            "Bilinear must take one tensor to have dendrites: got 2 arguments; wrap a part",
        ),
        (
            lambda: to_dendritic(nested(), names=["0", "0.0"]),
            ValueError,
            "names must not be inside one another: got '0.0' inside '0'",
        ),
        (
            lambda: to_dendritic(nested(), names=["", "1"]),
            ValueError,
            "names must not be inside one another: got '1' inside ''",
        ),
        (
            lambda: to_dendritic(to_dendritic(nested())),
            ValueError,
            "model must have layers to wrap: got Dendritic, ReLU, Sequential",
        ),
        (
            lambda: to_dendritic(to_dendritic(nested()), names=["0.0.module"]),
            ValueError,
            "names must be of modules outside of dendritic ones: got '0.0.module'",
        ),
        (
            lambda: to_dendritic(nn.Sequential(nn.TransformerEncoderLayer(8, 2))),
            ValueError,
            "layers of TransformerEncoderLayer must stay plain, as it reads their weights itself: "
            "got 0.linear1; name it or the whole in skip",
        ),
        (
            lambda: to_dendritic(nested(), names="0"),
            TypeError,
            "names must be a list of names: got '0'; use ['0']",
        ),
        (lambda: to_dendritic(nested(), skip="0"), TypeError, "skip must be a list of names"),
        (
            lambda: to_dendritic(nested(), types=nn.Linear),
            TypeError,
            "types must be a tuple of types: got Linear alone",
        ),
        (lambda: Dendritic(nn.Linear(2, 2), neuron_dim=3)(torch.ones(1, 2)), ValueError, "an axis"),
        (
            lambda: Dendritic(nn.Linear(2, 3), neuron_dim=1)(torch.ones(4, 5, 2)),
            ValueError,
            "neuron_dim must have one size: got 3 before and now shape [4, 5, 3] along 1",
        ),
        (
            lambda: Dendritic(nn.Sequential(nn.Linear(2, 2), nn.Flatten())).add_dendrite(),
            RuntimeError,
            "call forward once before",
        ),
        (lambda: to_dendritic(nn.ReLU()), ValueError, "must have layers to wrap: got ReLU"),
        (lambda: to_dendritic(nn.Linear(2, 2), names=["x"]), ValueError, "names must be those"),
        (lambda: trainer_of(nn.Linear(2, 2)), ValueError, "call to_dendritic(model)"),
        (lambda: trainer_of(network(), objective="hebb"), ValueError, "objective must be one of"),
        (lambda: trainer_of(network(), patience=0), ValueError, "patience must be at least 1"),
        (
            lambda: trainer_of(network(), candidate_lr=0),
            ValueError,
            "candidate_lr must be positive",
        ),
        (
            lambda: trainer_of(network()).set_phase("dendrite", lambda m, o: None),
            RuntimeError,
            "neurons must be trained before dendrites",
        ),
        (lambda: trainer_of(network()).candidate_step(), RuntimeError, "candidates must exist"),
        (lambda: trainer_of(network()).reject(), RuntimeError, "dendrites must be accepted"),
        (
            lambda: trainer_of(network()).fit(problem()[0], lambda model: float("nan")),
            ValueError,
            "validate must return a finite score: got nan",
        ),
        (
            lambda: correlation_objective(torch.ones(2, 3), torch.ones(3, 2)),
            ValueError,
            "errors must have the shape of outputs [2, 3]: got [3, 2]",
        ),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error) as caught:
        call()
    assert message in str(caught.value)


def test_wrapping_by_type_and_by_name():
    model = nn.Sequential(copy.deepcopy(CONV), nn.ReLU(), nn.Flatten(), nn.Linear(12, 2))
    by_name = to_dendritic(model, names=["0"])
    assert isinstance(by_name[0].module, nn.Sequential)
    by_type = to_dendritic(model, types=(nn.Conv2d,))
    assert isinstance(by_type[0][0], Dendritic)
    assert type(by_type[3]) is nn.Linear
    x = torch.randn(2, 2, 2, 2)
    assert torch.equal(by_name.eval()(x), model.eval()(x))
    assert to_dendritic(model, skip=["0"], inplace=True) is model
    assert isinstance(model[3], Dendritic)
    assert model[3].neuron_dim == -1
    whole = to_dendritic(nested(), types=(nn.Sequential, nn.Linear), skip=["1"])
    assert isinstance(whole, Dendritic)
    assert not isinstance(whole.module[1], Dendritic)


def test_wrapping_more_of_a_dendritic_model():
    """What is wrapped already stays; a layer in two places stays one."""
    shared = nn.Linear(6, 6)
    model = to_dendritic(nn.Sequential(shared, nn.ReLU(), shared, nn.Linear(6, 3)), skip=["3"])
    assert model[0] is model[2]
    model[0].add_dendrite()
    more = to_dendritic(model)
    assert more[0] is more[2]
    assert type(more[0].module) is type(more[0].dendrites[0]) is nn.Linear
    assert isinstance(more[3], Dendritic)
    x = torch.randn(4, 6)
    assert torch.equal(more(x), model(x))


def test_transformers_can_be_wrapped_around_their_layers():
    model = nn.Sequential(
        nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, dropout=0.0), nn.Linear(8, 3)
    )
    x = torch.randn(2, 5, 8)
    out = to_dendritic(model, skip=["0"]).eval()(x)
    assert torch.equal(out, model.eval()(x))


def test_arguments_reach_every_layer():
    x = torch.randn(4, 4)
    model = to_dendritic(
        nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4)), activation="tanh", perforate=False,
        neuron_dim=0, output_getter=torch.neg,
    )  # fmt: skip
    for layer in model:
        assert (layer.activation, layer.perforate, layer.neuron_dim) == ("tanh", False, 0)
        assert torch.equal(layer(x), -layer.module(x))


def test_drawing_anew_takes_dendrites_out_again():
    layer = grown(nn.Linear(4, 3))
    before = [p.detach().clone() for p in dendrite_parameters(layer)]
    layer.reset_parameters()
    x = torch.randn(5, 4).double()
    assert torch.equal(layer(x), layer.module(x))
    assert not any(weight.any() for weight in (layer.top, *layer.between))
    assert not any(
        torch.equal(a, b) for a, b in zip(before, dendrite_parameters(layer), strict=True)
        if a.numel()
    )  # fmt: skip


def test_a_dendrite_has_parameters_of_its_own():
    layer = grown(nn.Linear(4, 3), count=1)
    for module in (layer.module, layer.dendrites[0]):
        with pytest.raises(ValueError, match="dendrite must have parameters of its own: got some"):
            layer.add_dendrite(module)
    assert layer.num_dendrites == 1
    assert layer.module.weight.requires_grad


def test_a_state_of_another_size_leaves_the_layer_as_it_was():
    layer, x = Dendritic(nn.Linear(4, 3)), torch.randn(2, 4)
    state = grown(nn.Linear(4, 7)).float().state_dict()
    with pytest.raises(RuntimeError, match=r"top must have shape \[dendrites, 3\]: got \[2, 7\]"):
        layer.load_state_dict(state)
    assert (layer.num_neurons, layer.num_dendrites, layer(x).shape) == (3, 0, (2, 3))


@pytest.mark.slow
def test_example():
    """The network with dendrites validates better than before."""
    path = Path(__file__).parents[2] / "examples" / "grow_dendrites.py"
    before, after = runpy.run_path(str(path))["main"]()
    assert after > before
