"""What dendrites' training records of a user's epoch: loss scaling, reused buffers, silent layers,
and what the epoch leaves behind.
"""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.testing import assert_close

from neurarium.neurons import DendriteTrainer, Dendritic, to_dendritic
from neurarium.neurons.dendrite_recording import Recording, record_epoch

X, Y = torch.randn(60, 6, generator=torch.Generator().manual_seed(0)), torch.arange(60) % 3


def network():
    torch.manual_seed(0)
    return to_dendritic(nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3)))


def trainer_of(model, **arguments):
    settings = {"patience": 2, "max_epochs": 2, "candidate_epochs": 3, "pool_size": 2}
    return DendriteTrainer(model, lambda p: torch.optim.SGD(p, 0.1), **settings | arguments)


def epoch(model, optimizer, sizes=(25, 35), scale=1.0):
    model.train()
    for x, y in zip(X.split(sizes), Y.split(sizes), strict=True):
        optimizer.zero_grad()
        (F.cross_entropy(model(x), y) * scale).backward()
        optimizer.step()


def recorded(train, model=None):
    """Inputs and errors of the last layer."""
    model = model or network()
    found = record_epoch(model, {"last": model[2]}, train, torch.optim.SGD(model.parameters(), 0.1))
    return found["last"].joined("last", torch.float32)


def test_errors_do_not_depend_on_the_sizes_of_batches():
    """Losses are means over batches: each error counts as one of a sum over samples."""
    whole = recorded(lambda model, optimizer: epoch(model, optimizer, sizes=(60,)))
    parts = recorded(lambda model, optimizer: epoch(model, optimizer, sizes=(5, 40, 15)))
    assert_close(whole, parts)


def test_half_precision_errors_do_not_overflow():
    """Loss scaling makes them large; times the size of a batch is more than float16 holds."""
    record, errors = Recording(), torch.linspace(-1000, 1000, 300).half()[:, None]
    record.add(torch.zeros(300, 2), errors)
    _, found = record.joined("layer", torch.float32)
    assert_close(found, errors.float() / errors.float().std())


def test_batches_that_loss_scaling_skips_are_left_out():
    def train(model, optimizer):
        epoch(model, optimizer)
        for group in optimizer.param_groups:
            group["lr"] = 0.0
        optimizer.zero_grad()
        (F.cross_entropy(model(X[:7]), Y[:7]) * torch.inf).backward()

    with pytest.warns(UserWarning, match="errors of last must be finite .* 1 of 3 batches are"):
        found = recorded(train)
    assert_close(found, recorded(epoch))
    with pytest.raises(ValueError, match="errors of last must be finite: got none in 2 batches"):
        recorded(lambda model, optimizer: epoch(model, optimizer, scale=torch.nan))


def test_an_epoch_that_loss_scaling_skips_is_no_other_optimizer():
    """A first scale that is too large skips all steps of a short epoch."""
    model, epochs = network(), 0

    def train(model, optimizer):
        nonlocal epochs
        epochs += 1
        optimizer.zero_grad()
        (F.cross_entropy(model.train()(X), Y) * (torch.inf if epochs == 1 else 1.0)).backward()
        if all(p.grad.isfinite().all() for p in model.parameters()):
            optimizer.step()

    scores = []
    trainer_of(model).train_neurons(train, lambda model: float(epochs), scores)
    assert scores == [1.0, 2.0]
    with pytest.raises(RuntimeError, match=r"must step the optimizer .* got no step"):
        trainer_of(network()).train_neurons(lambda *_: None, lambda model: 0.0, [])


def test_a_buffer_for_batches_may_be_used_again():
    buffer = torch.empty(30, 6)

    def train(model, optimizer):
        for x, y in zip(X.split(30), Y.split(30), strict=True):
            optimizer.zero_grad()
            F.cross_entropy(model.train()(buffer.copy_(x)), y).backward()
            optimizer.step()

    model = network()
    layers = {"first": model[0]}
    found = record_epoch(model, layers, train, torch.optim.SGD(model.parameters(), 0.1))["first"]
    assert torch.equal(torch.cat(found.inputs), X)


def test_inputs_of_several_shapes_are_refused():
    record = Recording()
    for length in (4, 5):
        record.add(torch.zeros(2, length, 6), torch.ones(2, length, 3))
    with pytest.raises(ValueError, match=r"inputs of it must have one shape .*\(4, 6\) and \(5, 6"):
        record.joined("it", torch.float32)


def test_no_gradient_is_left_behind():
    model = network()
    trainer = trainer_of(model)
    trainer.train_neurons(epoch, lambda model: 0.0, [])
    trainer.set_phase("dendrite", epoch)
    assert all(parameter.grad is None for parameter in model.parameters())


def test_without_a_cache_every_epoch_of_candidates_sees_a_new_one():
    model, noise = network(), iter(range(100))
    trainer = trainer_of(model, cache=False, candidate_epochs=4)
    trainer.train_neurons(epoch, lambda model: 0.0, [])
    seen = []

    def augmented(model, optimizer):
        optimizer.zero_grad()
        F.cross_entropy(model.train()(X + 0.1 * next(noise)), Y).backward()
        optimizer.step()

    step = trainer.candidate_step
    trainer.candidate_step = lambda: (seen.append(trainer._records["0"][0]), step())[1]
    trainer.grow(augmented)
    assert len(seen) == 4
    assert [round((x - seen[0]).mean().item(), 4) for x in seen] == [0.0, 0.1, 0.2, 0.3]
    assert next(noise) == 5  # one to see which layers learn


def test_without_a_cache_candidates_stall_after_patience():
    epochs = 0
    trainer = trainer_of(network(), cache=False, candidate_epochs=50, candidate_patience=3)
    trainer.train_neurons(epoch, lambda model: 0.0, [])

    def train(model, optimizer):
        nonlocal epochs
        epochs += 1
        epoch(model, optimizer, sizes=(60,))

    trainer.candidate_lr = 0.0  # nothing improves after the first measurement
    trainer.grow(train)
    assert epochs == 1 + 1 + 3


class NowAndThen(nn.Module):
    """Two branches; training epochs use one of them or both."""

    def __init__(self):
        super().__init__()
        self.one, self.two, self.both = nn.Linear(6, 3), nn.Linear(6, 3), True

    def forward(self, x):
        return self.one(x) + (self.two(x) if self.both else 0.0)


def test_a_layer_that_is_silent_in_one_epoch_keeps_its_candidates():
    model = to_dendritic(NowAndThen())
    trainer = trainer_of(model, cache=False, candidate_epochs=4)
    trainer.train_neurons(epoch, lambda model: 0.0, [])

    def train(model, optimizer):
        epoch(model, optimizer)
        model.both = not model.both

    trainer.grow(train)
    assert [layer.num_dendrites for layer in trainer.layers.values()] == [1, 1]
    assert trainer.skipped == ()


def test_validation_gives_every_part_its_mode_back():
    """Parts that the user keeps in evaluation mode stay there, also when validation fails."""
    model = to_dendritic(nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Linear(8, 3)))
    trainer = trainer_of(model)

    def train(model, optimizer):
        epoch(model, optimizer)
        model[1].eval()

    trainer.train_neurons(train, lambda model: float(not model.training), [])
    assert (model.training, model[1].training, model[2].training) == (True, False, True)

    def fails(model):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trainer.train_neurons(train, fails, [])
    assert (model.training, model[1].training, model[2].training) == (True, False, True)


def test_candidates_learn_in_training_mode():
    """Also where the user's epoch ends in evaluation mode: batch norms see batches."""
    model = to_dendritic(
        nn.Sequential(nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8)), nn.Linear(8, 3)),
        names=["0", "1"],
    )
    trainer = trainer_of(model)

    def train(model, optimizer):
        epoch(model, optimizer)
        model.eval()

    trainer.train_neurons(train, lambda model: 0.0, [])
    trainer.set_phase("dendrite", train)
    trainer.candidate_step()
    counts = [member[1].num_batches_tracked.item() for member in trainer._pools["0"].members]
    assert counts == [1, 1]


def test_candidates_are_drawn_anew_for_every_try():
    trainer = trainer_of(network(), pool_size=3)
    trainer.train_neurons(epoch, lambda model: 0.0, [])
    drawn = []
    for _ in range(2):
        trainer.set_phase("dendrite", epoch)
        members = trainer._pools["0"].members
        assert len(members) == 3
        drawn += [member.weight.detach() for member in members]
    own = trainer.layers["0"].module.weight
    assert all(not torch.equal(a, b) for i, a in enumerate([own, *drawn]) for b in drawn[i:])
    assert all(weight.requires_grad for m in members for weight in m.parameters())


class Counter(nn.Linear):
    """A layer whose state is more than tensors."""

    calls = 0

    def forward(self, x):
        self.calls += 1
        return super().forward(x)

    def get_extra_state(self):
        return {"calls": self.calls}

    def set_extra_state(self, state):
        self.calls = state["calls"]


def test_a_state_may_hold_more_than_tensors():
    model = to_dendritic(nn.Sequential(Counter(6, 8), nn.Tanh(), nn.Linear(8, 3)), names=["0", "2"])
    score = iter([1.0, 2.0, 1.5, 1.5])
    trainer = trainer_of(model, max_dendrites=1, max_tries=1)
    model, report = trainer.fit(epoch, lambda model: next(score))
    assert report.num_dendrites == 0
    assert model[0].module.calls == 4  # two epochs of two batches, when the best score came
    assert trainer.state_dict()["state"]["0.module._extra_state"] == {"calls": 4}
    trainer.grow(epoch)
    kept = trainer.layers["0"].dendrites[0]
    assert isinstance(kept, Counter)
    assert not torch.equal(kept.weight, model[0].module.weight)


def test_dendrites_need_an_epoch_to_record():
    trainer = trainer_of(network())
    with pytest.raises(RuntimeError, match="neurons must be trained before dendrites"):
        trainer.set_phase("dendrite", epoch)
    trainer.train_neurons(epoch, lambda model: 0.0, [])
    with pytest.raises(TypeError, match="train must be given to record what layers see: got None"):
        trainer.set_phase("dendrite")


def test_a_state_without_the_layer_takes_no_dendrites():
    layer = Dendritic(nn.Linear(3, 2))
    layer.add_dendrite()
    model = nn.Sequential(layer)
    whole = copy.deepcopy(model.state_dict())
    for part in ({}, {"0.module.bias": torch.ones(2)}):
        model.load_state_dict(part, strict=False)
        assert layer.num_dendrites == 1
    assert torch.equal(layer.module.bias, torch.ones(2))
    with pytest.raises(RuntimeError, match=r"Missing key.*0\.top"):
        model.load_state_dict({"0.module.bias": torch.ones(2)})
    assert layer.num_dendrites == 1
    plain = {name: value for name, value in whole.items() if "module" in name}
    model.load_state_dict(plain)
    assert (layer.num_dendrites, layer.top) == (0, None)
