"""The dendrites' trainer on networks and training loops as users have them, and what it refuses."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.testing import assert_close

from neurarium.neurons import DendriteTrainer, Dendritic, dendrite_parameters, to_dendritic
from neurarium.neurons.dendrite_candidates import batches_of


def loop(x, num_classes=3, batch_size=57, *, autocast=False):
    """A training epoch and a validation score on random labels."""
    y = torch.randint(num_classes, (len(x),))

    def loss_of(model, rows):
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            return F.cross_entropy(model(x[rows]).float(), y[rows])

    def train(model, optimizer):
        model.train()
        for rows in torch.randperm(len(x)).split(batch_size):
            optimizer.zero_grad()
            loss_of(model, rows).backward()
            optimizer.step()

    def validate(model):
        assert torch.isfinite(loss_of(model, torch.arange(len(x))))
        validate.score += 1.0
        return validate.score  # every dendrite stays

    validate.score = 0.0
    return train, validate


def trainer_of(model, factory=None, **arguments):
    settings = {"patience": 2, "max_epochs": 2, "candidate_epochs": 2, "pool_size": 2}
    factory = factory or (lambda parameters: torch.optim.Adam(parameters, 0.01))
    return DendriteTrainer(model, factory, **settings | arguments)


class Sequences(nn.Module):
    """A linear layer with a norm of features at every step of a sequence."""

    def __init__(self):
        super().__init__()
        self.unit, self.out = nn.Sequential(nn.Linear(6, 8), nn.LayerNorm(8)), nn.Linear(8, 3)

    def forward(self, x):
        return self.out(F.relu(self.unit(x)).mean(1))


class Twice(nn.Module):
    """A layer that is used twice, and its inputs have one shape."""

    def __init__(self):
        super().__init__()
        self.hidden, self.out = nn.Linear(6, 6), nn.Linear(6, 3)

    def forward(self, x):
        return self.out(F.relu(self.hidden(F.relu(self.hidden(x)))))


def perceptron():
    return nn.Sequential(
        nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8)), nn.ReLU(), nn.Linear(8, 3)
    )


def convnet():
    return nn.Sequential(
        nn.Sequential(nn.Conv2d(1, 4, 3, bias=False), nn.BatchNorm2d(4)), nn.ReLU(),
        nn.Flatten(), nn.Linear(64, 3),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("make", "names", "shape"),
    [
        (convnet, ["0", "3"], (100, 1, 6, 6)),
        (perceptron, ["0", "2"], (513, 6)),  # two batches of candidates, and one row
        (Sequences, ["unit", "out"], (100, 5, 6)),
        (Twice, None, (100, 6)),
    ],
    ids=["convolution and norm", "linear and norm", "sequence", "used twice"],
)
@pytest.mark.parametrize("autocast", [False, True], ids=["float32", "autocast"])
def test_fit(make, names, shape, autocast, tmp_path):
    """Two cycles; what is saved computes the same, buffers and all."""
    torch.manual_seed(0)
    x = torch.randn(shape)
    train, validate = loop(x, autocast=autocast)
    trainer = trainer_of(to_dendritic(make(), names=names), max_dendrites=2)
    model, report = trainer.fit(train, validate)
    assert report.num_dendrites == 2
    assert not report.skipped
    for layer in trainer.layers.values():
        assert layer.top.shape == (2, layer.num_neurons)
        assert (layer.top != 0).all()
        assert all(p.isfinite().all() for p in layer.parameters())
    torch.save(model.state_dict(), tmp_path / "state.pt")
    again = to_dendritic(make(), names=names)
    again.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    assert torch.equal(again.eval()(x), model.eval()(x))
    found, saved = again.state_dict(), model.state_dict()
    assert all(torch.equal(found[name], value) for name, value in saved.items())
    assert torch.equal(again.train()(x), model.train()(x))  # running statistics of neurons move on
    assert_close(dict(again.state_dict()), dict(model.state_dict()), rtol=0, atol=0)


def test_neurons_of_a_sequence_are_its_features():
    model = to_dendritic(Sequences(), names=["unit"])
    assert (model.unit.neuron_dim, model.unit.num_neurons) == (-1, 8)
    out = model.unit(torch.randn(2, 5, 6))
    model.unit.add_dendrite()
    assert model.unit.top.shape == (1, 8)
    assert torch.equal(model.unit.eval()(torch.zeros(2, 5, 6)), model.unit.module(torch.zeros(6))
                       .expand_as(out))  # fmt: skip
    for unit, dim, count in (
        (nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8)), 1, 8),
        (nn.Sequential(nn.Linear(6, 8), nn.ReLU()), -1, 8),
        (nn.Sequential(nn.Sequential(nn.Conv1d(6, 8, 3), nn.ReLU()), nn.Dropout()), 1, 8),
        (nn.Sequential(nn.Linear(6, 8), nn.Flatten()), 1, None),
        (nn.Embedding(6, 8), -1, 8),
        *(
            (nn.Sequential(nn.Linear(6, 8), kind()), -1, 8)
            for kind in (
                nn.Softplus,
                nn.Mish,
                nn.SELU,
                nn.Hardswish,
                nn.PReLU,
                nn.AlphaDropout,
                nn.LogSigmoid,
                nn.Softsign,
                nn.ReLU6,
                nn.CELU,
                nn.Hardtanh,
            )
        ),
        (nn.Sequential(nn.Linear(6, 8), nn.Softmax(-1)), -1, 8),
    ):
        wrapped = to_dendritic(nn.Sequential(unit), names=["0"])[0]
        assert (wrapped.neuron_dim, wrapped.num_neurons) == (dim, count)


def test_half_precision_stays_half_with_dendrites():
    layer = Dendritic(nn.Linear(6, 3))
    x = torch.randn(4, 6)
    with torch.autocast("cpu", torch.bfloat16):
        before = layer(x)
        layer.add_dendrite()
        after = layer(x)
    assert before.dtype == after.dtype == torch.bfloat16
    assert torch.equal(before, after)


@pytest.mark.parametrize(("rows", "size"), [(257, 256), (3, 2), (5, 2), (1, 4), (7, 1), (8, 8)])
def test_batches_are_even_and_have_no_single_row(rows, size):
    batches = batches_of(torch.zeros(rows, 2), size)
    assert sorted(torch.cat(batches).tolist()) == list(range(rows))
    sizes = [len(batch) for batch in batches]
    assert max(sizes) <= max(size, 3)
    assert max(sizes) - min(sizes) <= 1
    assert min(sizes) > 1 or rows == 1


def test_one_row_is_recorded_without_a_warning():
    """Its error has no deviation."""
    model = to_dendritic(nn.Sequential(nn.Linear(2, 1)))

    def train(model, optimizer):
        optimizer.zero_grad()
        model(torch.ones(1, 2)).square().sum().backward()
        optimizer.step()

    _, report = trainer_of(model, max_dendrites=1, max_tries=1).fit(
        train, lambda model: -model(torch.ones(1, 2)).abs().item()
    )
    assert len(report.phases) == 2


def plain():
    torch.manual_seed(0)
    return to_dendritic(nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3)))


def test_an_optimizer_of_earlier_parameters_is_noticed():
    model, (train, validate) = plain(), loop(torch.randn(60, 6))
    before = list(model.parameters())
    trainer = trainer_of(model, lambda parameters: torch.optim.Adam(before, 0.01))
    with pytest.raises(RuntimeError, match=r"got an optimizer without 0\.top, 2\.top$"):
        trainer.fit(train, validate)
    trainer = trainer_of(plain(), lambda parameters: torch.optim.Adam(before, 0.01))
    with pytest.raises(RuntimeError, match=r"must use all parameters .* without 0\.module\.weight"):
        trainer.fit(train, validate)


def test_a_factory_may_go_over_its_parameters_twice():
    model, (train, validate) = plain(), loop(torch.randn(60, 6))

    def factory(parameters):
        matrices = [p for p in parameters if p.ndim > 1]
        biases = [p for p in parameters if p.ndim == 1]
        return torch.optim.SGD([{"params": matrices}, {"params": biases}], 0.1)

    bias = model[0].module.bias.detach().clone()
    model, _ = trainer_of(model, factory, max_dendrites=1).fit(train, validate)
    assert not torch.equal(model[0].module.bias, bias)


def test_the_recording_optimizer_has_the_groups_of_the_users():
    model, (train, validate) = plain(), loop(torch.randn(60, 6))
    seen = []

    def factory(parameters):
        matrices = [p for p in parameters if p.ndim > 1]
        others = [p for p in parameters if p.ndim == 1]
        groups = [{"params": matrices, "weight_decay": 0.1}, {"params": others, "name": "others"}]
        return torch.optim.AdamW(groups, 0.01, betas=(0.8, 0.9))

    def scheduled(model, optimizer):
        settings = [
            {k: v for k, v in group.items() if k in ("lr", "weight_decay", "betas", "name")}
            for group in optimizer.param_groups
        ]
        seen.append((type(optimizer).__name__, settings))
        optimizer.param_groups[1]["lr"] = 0.02
        train(model, optimizer)

    trainer = trainer_of(model, factory, max_dendrites=1, max_epochs=1)
    trainer.fit(scheduled, validate)
    assert [name for name, _ in seen] == ["AdamW", "_Still", "AdamW"]
    assert seen[0][1] == seen[1][1] == seen[2][1]
    assert seen[0][1][1]["name"] == "others"


def test_a_layer_that_is_trained_in_evaluation_mode_is_named_as_such():
    """As in fine-tuning with fixed statistics of a norm."""
    x, y = torch.randn(60, 6), torch.randint(3, (60,))

    def train(model, optimizer):
        model.train()
        model[0].eval()
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()

    trainer = trainer_of(to_dendritic(perceptron(), names=["0", "2"]), max_dendrites=1)
    with pytest.warns(UserWarning, match="^0 received .* or in evaluation mode while it is tra"):
        _, report = trainer.fit(train, loop(x)[1])
    assert report.skipped == ("0",)
    assert trainer.layers["2"].num_dendrites == 1


def fit(factory=None, validate=None):
    train, scored = loop(torch.randn(60, 6))
    return trainer_of(plain(), factory).fit(train, validate or scored)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: fit(lambda parameters: None),
            TypeError,
            "optimizer_factory must return an Optimizer: got NoneType",
        ),
        (
            lambda: trainer_of(plain(), torch.optim.SGD(plain().parameters(), 0.1)),
            TypeError,
            "optimizer_factory must be callable: got SGD; use lambda",
        ),
        (
            lambda: fit(validate=lambda model: None),
            TypeError,
            "validate must return a number: got NoneType",
        ),
        (
            lambda: fit(validate=lambda model: torch.ones(2)),
            TypeError,
            "validate must return a number: got Tensor",
        ),
        (
            lambda: trainer_of(plain()).load_state_dict({"a": 1}),
            ValueError,
            "state must have keys best, state, scores, phases, tries, candidate_epochs, skipped: "
            "got a",
        ),
        (lambda: trainer_of(plain()).load_state_dict(3), ValueError, "got int"),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error) as caught:
        call()
    assert message in str(caught.value)


def test_dendrites_of_a_state_that_fails_are_not_taken():
    trainer, state = trainer_of(plain()), trainer_of(plain())
    train, validate = loop(torch.randn(60, 6))
    state.fit(train, validate)
    saved = state.state_dict()
    saved["state"] = saved["state"] | {"0.top": torch.zeros(1, 5)}
    with pytest.raises(
        RuntimeError, match=r"0\.top must have shape \[dendrites, 8\]: got \[1, 5\]"
    ):
        trainer.load_state_dict(saved)
    assert trainer.state_dict() == {}
    assert trainer.layers["0"].num_neurons == 8
    assert not list(dendrite_parameters(trainer.model[0]))
