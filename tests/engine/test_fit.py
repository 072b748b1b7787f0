"""The loop does what a loop written out by hand does, keeps the best, and stops when told."""

import copy
import math

import pytest
import torch
from torch import nn

from neurarium.engine import Batches, fit
from neurarium.optim import ema_model


def make_model(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(3, 6), nn.Tanh(), nn.Linear(6, 1)).double()


def squared_error(model, batch):
    x, y = batch
    return (model(x) - y).square().mean()


@pytest.fixture
def batches():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(12, 3, generator=generator, dtype=torch.float64)
    return Batches((x, x.sum(1, keepdim=True)), batch_size=5, seed=0)


def test_equals_a_loop_written_by_hand(batches):
    ours, theirs = make_model(), make_model()
    optimizer = torch.optim.AdamW(ours.parameters(), lr=0.1)
    history = fit(
        ours,
        squared_error,
        batches,
        optimizer=optimizer,
        scheduler=torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9),
        num_epochs=3,
        grad_clip=0.5,
    )
    optimizer = torch.optim.AdamW(theirs.parameters(), lr=0.1)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)
    losses = []
    for epoch in range(3):
        for batch in batches(epoch):
            optimizer.zero_grad()
            loss = squared_error(theirs, batch)
            loss.backward()
            nn.utils.clip_grad_norm_(theirs.parameters(), 0.5)
            optimizer.step()
            scheduler.step()
            losses.append(loss.item())
    assert all(
        torch.equal(p, q) for p, q in zip(ours.parameters(), theirs.parameters(), strict=True)
    )
    assert history.metrics["loss"] == losses
    assert (history.step, history.epoch) == (9, 3)


def test_steps_run_over_as_many_epochs_as_they_need(batches):
    model, epochs = make_model(), []

    def ask(epoch):
        epochs.append(epoch)
        return batches(epoch)

    history = fit(
        model,
        squared_error,
        ask,
        optimizer=torch.optim.SGD(model.parameters(), lr=0.1),
        num_steps=7,  # three batches an epoch
    )
    assert epochs == [0, 1, 2]
    assert (history.step, history.epoch, history.batch) == (7, 2, 1)


def test_first_best_weights_are_kept(batches):
    """Scores rise, tie and fall: the weights of the first best validation come back."""
    model, seen = make_model(), []
    scores = iter([0.1, 0.7, 0.7, 0.2])

    def validate(module):
        assert not module.training
        assert not torch.is_grad_enabled()
        seen.append(copy.deepcopy(module.state_dict()))
        return next(scores)

    history = fit(
        model,
        squared_error,
        batches,
        optimizer=torch.optim.SGD(model.parameters(), lr=0.1),
        num_epochs=4,
        validate=validate,
    )
    assert history.validation == [(3, 0.1), (6, 0.7), (9, 0.7), (12, 0.2)]
    assert (history.best_step, history.best_value) == (6, 0.7)
    assert all(torch.equal(v, seen[1][k]) for k, v in model.state_dict().items())
    assert not all(torch.equal(v, seen[3][k]) for k, v in model.state_dict().items())


def test_patience_counts_validations_without_improvement(batches):
    scores = iter([0.5, 0.4, 0.6, 0.6, 0.1, 0.9])
    model = make_model()
    history = fit(
        model,
        squared_error,
        batches,
        optimizer=torch.optim.SGD(model.parameters(), lr=0.1),
        num_epochs=6,
        validate=lambda module: next(scores),
        patience=2,
    )
    assert [value for _, value in history.validation] == [0.5, 0.4, 0.6, 0.6, 0.1]


def test_validation_every_few_steps_and_after_the_last(batches):
    model = make_model()
    history = fit(
        model,
        squared_error,
        batches,
        optimizer=torch.optim.SGD(model.parameters(), lr=0.1),
        num_steps=7,
        validate=lambda module: 0.0,
        validate_every=2,
    )
    assert [step for step, _ in history.validation] == [2, 4, 6, 7]


def test_the_average_is_validated_and_delivered(batches):
    model = make_model()
    slow, start = ema_model(model, decay=0.5), copy.deepcopy(model)
    judged, path = [], []
    fit(
        model,
        squared_error,
        batches,
        optimizer=torch.optim.SGD(model.parameters(), lr=0.1),
        num_steps=3,
        validate=lambda module: judged.append(module) or 0.0,
        validate_every=3,
        ema=slow,
        after_step=[lambda history: path.append(copy.deepcopy(model[0].weight.detach()))],
    )
    expected = start[0].weight.detach()
    for fast in path:
        expected = 0.5 * expected + 0.5 * fast
    assert judged == [slow.module]
    torch.testing.assert_close(slow.module[0].weight.detach(), expected, rtol=1e-13, atol=0)
    assert torch.equal(model[0].weight, slow.module[0].weight)


def test_callbacks_see_the_history_and_can_end_the_run(batches):
    model, seen = make_model(), []

    def watch(history):
        seen.append((history.step, history.metrics["loss"][-1], history.metrics["rows"][-1]))

    history = fit(
        model,
        lambda model, batch: {"loss": squared_error(model, batch), "rows": len(batch[0])},
        batches,
        optimizer=torch.optim.SGD(model.parameters(), lr=0.1),
        num_epochs=9,
        after_step=[lambda history: history.step == 5, watch],
    )
    assert [row[0] for row in seen] == [1, 2, 3, 4, 5]
    assert history.metrics["rows"] == [5.0, 5.0, 2.0, 5.0, 5.0]


def run(step=squared_error, batches=(), model=None, **settings):
    model = model or make_model()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    settings = {"optimizer": optimizer, "num_steps": 4} | settings
    return fit(model, step, batches, **settings)


GOOD = (torch.ones(2, 3, dtype=torch.float64), torch.ones(2, 1, dtype=torch.float64))
BAD = (torch.full((2, 3), math.nan, dtype=torch.float64), GOOD[1])


class Explodes(nn.Module):
    def forward(self, x):
        return x / (x - x)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"batches": [GOOD, BAD]},
            r"loss is nan at step 2 \(batch 2 of epoch 1\): the batch itself holds NaN",
        ),
        (
            {"batches": [GOOD], "model": nn.Sequential(make_model(), Explodes())},
            r"loss is inf at step 1 .*: the output of '1' \(Explodes\) is the first that is not",
        ),
        (
            {"batches": [GOOD], "step": lambda model, batch: model(batch[0]).mean() / 0.0},
            "every module's output is finite; look at the loss function",
        ),
        (  # the square root's derivative at zero: the loss is finite, its gradient is not
            {
                "batches": [GOOD],
                "step": lambda model, batch: (0 * model(batch[0])).sum().sqrt(),
                "grad_clip": 1.0,
            },
            r"gradient of '0.weight' is not finite at step 1 \(batch 1 of epoch 1\)",
        ),
        (
            {"batches": [GOOD], "step": lambda model, batch: (0 * model(batch[0])).sum().sqrt()},
            r"loss is nan at step 2 .*: parameter '0.weight' is not finite since the step before",
        ),
        (
            {
                "batches": [GOOD],
                "step": lambda model, batch: (0 * model(batch[0])).sum().sqrt(),
                "num_steps": 1,
            },
            "'0.weight' is not finite after step 1",
        ),
    ],
)
def test_what_is_not_finite_is_found(arguments, message):
    with pytest.raises(FloatingPointError, match=message):
        run(**arguments)


def test_bad_weights_never_replace_a_good_checkpoint(tmp_path):
    def step(model, batch):
        return squared_error(model, batch) if len(seen) < 2 else (0 * model(batch[0])).sum().sqrt()

    seen = []
    with pytest.raises(FloatingPointError):
        run(
            step,
            [GOOD],
            checkpoint_dir=tmp_path,
            checkpoint_every=0.0,
            after_step=[lambda history: seen.append(history.step)],
        )
    assert run(batches=[GOOD], checkpoint_dir=tmp_path, num_steps=2, after_step=[print]).step == 2


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"num_epochs": 3}, ValueError, "one length must be given"),
        ({"batches": []}, ValueError, "batches must not be empty: got none in epoch 1"),
        ({"batches": iter([GOOD])}, ValueError, "batches must not be empty: got none in epoch 2"),
        ({"patience": 3}, ValueError, "must come with validate"),
        (
            {"step": lambda *_: None},
            TypeError,
            "a dict with 'loss': got NoneType",
        ),
        ({"step": lambda *_: {"error": 1}}, TypeError, "a dict with 'loss': got dict"),
        (
            {"step": lambda model, batch: model(batch[0])},
            ValueError,
            r"step must return one number as loss: got shape \(2, 1\)",
        ),
        ({"validate": lambda _: math.nan}, ValueError, "validate must return a number: got nan"),
    ],
)
def test_bad_arguments(arguments, error, message):
    with pytest.raises(error, match=message):
        run(**({"batches": [GOOD]} | arguments))
