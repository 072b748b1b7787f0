"""Training of Hopular against its published loop, written out with the authors' layers."""

import math
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import nn
from torch.func import functional_call
from torch.testing import assert_close

from neurarium.estimators import HopularClassifier, HopularRegressor
from neurarium.estimators.hopular_training import (
    Rows,
    Schedule,
    automatic_ema_decay,
    automatic_lr,
    train_hopular,
)
from neurarium.memory import (
    AttributeLayout,
    Hopular,
    corrupt_attributes,
    load_reference_state_dict,
    mask_targets,
)
from reference.hopular import ReferenceHopular, reference_loss
from reference.lamb import TextbookLamb

SIZE = {"embed_dim": 8, "num_heads": 2, "scaling_factor": 10.0}
NO_DROPOUT = {"input_dropout": 0.0, "lookup_dropout": 0.0, "output_dropout": 0.0}
CORRUPTION = {"mask_prob": 0.3, "replace_prob": 0.3, "select_prob": 0.8}
SCHEDULE = Schedule(
    num_epochs=33,
    lr=0.1,
    ema_decay=0.8,
    eval_every=10,
    feature_loss_weight=(0.9, 0.1),
    **CORRUPTION,
)
TARGET_SCALE = 3.0


def cosine(epoch, start, end):
    return end + (start - end) * (1 + math.cos(math.pi * epoch / SCHEDULE.num_epochs)) / 2


def random_rows(layout, num_rows, seed):
    """A target that depends on the first number; one cell in five of the features is missing."""
    generator = torch.Generator().manual_seed(seed)
    missing = torch.rand(num_rows, layout.num_attributes, generator=generator) < 0.2
    missing[:, list(layout.targets)] = False
    columns = []
    first = torch.randn(num_rows, 1, generator=generator).double()
    for i, size in enumerate(layout.sizes):
        if i in layout.targets:
            column = torch.stack([first[:, 0] > 0, first[:, 0] <= 0], 1) if size == 2 else first
        elif size > 1:
            draw = torch.randint(size, (num_rows,), generator=generator)
            column = nn.functional.one_hot(draw, size)
        else:
            column = first + 0.5 * torch.randn(num_rows, 1, generator=generator).double()
        columns.append(column.double().masked_fill(missing[:, i : i + 1], 0))
    return Rows(layout.encode(torch.cat(columns, 1)), missing)


class ReferenceLoop:
    """One step an epoch, with every quantity as its equation reads."""

    def __init__(self, model, layout, rows, validation):
        self.model, self.layout, self.rows, self.validation = model, layout, rows, validation
        self.named = dict(model.named_parameters())
        # Their one bias of queries, keys and values is cut: only its trust ratio is not shared.
        self.cuts = {
            name: [len(p) // 3, 2 * len(p) // 3] if name.endswith("in_proj_bias") else [len(p)]
            for name, p in self.named.items()
        }
        self.views = {
            name: [nn.Parameter(part) for part in p.detach().split(self.cuts[name])]
            for name, p in self.named.items()
        }
        views = [view for parts in self.views.values() for view in parts]
        self.lamb = TextbookLamb(views, weight_decay=SCHEDULE.weight_decay)
        self.slow = {name: p.detach().clone() for name, p in self.named.items()}
        self.clipped = 0

    def step(self, epoch, generator):
        encoded = self.rows.encoded
        corrupted = corrupt_attributes(
            encoded, self.layout, missing=self.rows.missing, generator=generator, **CORRUPTION
        )
        prediction = self.model.train()(corrupted.encoded, torch.arange(len(encoded)))
        sizes, discrete, targets = self.layout.sizes, self.layout.discrete, self.layout.targets
        truth, weight = self.layout.values(encoded), cosine(epoch, 0.9, 0.1)
        loss = reference_loss(
            prediction, truth, corrupted.selected, sizes, discrete, targets, weight
        ).squeeze()
        gradients = torch.autograd.grad(loss, list(self.named.values()))
        norm = torch.stack([g.square().sum() for g in gradients]).sum().sqrt()
        self.clipped += bool(norm > 1)
        for name, gradient in zip(self.named, gradients, strict=True):
            parts = (gradient * min(1.0, 1 / (norm + 1e-6))).split(self.cuts[name])
            for view, part in zip(self.views[name], parts, strict=True):
                view.grad = part
        self.lamb.param_groups[0]["lr"] = cosine(epoch, SCHEDULE.lr, 0.0)
        self.lamb.step()
        for name, weight in self.named.items():
            self.slow[name] += (1 - SCHEDULE.ema_decay) * (weight.detach() - self.slow[name])
        return loss.item()

    def score(self):
        """Of the slow weights, on rows whose targets are masked, nothing forbidden."""
        encoded, layout = self.validation.encoded, self.layout
        masked = mask_targets(encoded, layout)
        out = functional_call(self.model.eval(), self.slow, (masked,)).detach()
        width = layout.sizes[-1]
        guess, truth = out[:, -width:], layout.values(encoded)[:, -width:]
        if width == 1:
            return -(TARGET_SCALE**2) * (guess - truth).square().mean().item()
        return TARGET_SCALE**2 * (guess.argmax(1) == truth.argmax(1)).double().mean().item()

    def state(self):
        buffers = {name: b for name, b in self.model.named_buffers() if "memory" in name}
        return {**buffers, **{name: weight.clone() for name, weight in self.slow.items()}}


@dataclass
class Expected:
    """What the reference loop gives."""

    history: list
    best_epoch: int
    best: dict
    last: dict


def reference_training(loop, generator):
    history, best_epoch, best, best_score = [], 0, None, -math.inf
    for epoch in range(SCHEDULE.num_epochs):
        loss = loop.step(epoch, generator)
        if epoch + 1 in (10, 20, 30, 33):
            score = loop.score()
            history.append({"epoch": epoch + 1, "loss": loss, "score": score})
            if score > best_score:
                best_epoch, best, best_score = epoch + 1, loop.state(), score
    return Expected(history, best_epoch, best, loop.state())


@pytest.mark.parametrize("target_size", [2, 1], ids=["class", "number"])
def test_equals_the_published_loop_in_every_weight(target_size):
    """LAMB per tensor of theirs, clipping, both annealings, slow weights, selection, score."""
    sizes = [1, 3, 1, 4, target_size]
    layout = AttributeLayout(sizes, [4])
    rows, validation = random_rows(layout, 24, seed=0), random_rows(layout, 11, seed=1)
    torch.manual_seed(3)
    reference = ReferenceHopular(
        sizes, layout.discrete, rows.encoded, num_blocks=2, **SIZE, **NO_DROPOUT
    ).double()
    model, best, last = (
        Hopular(sizes, [4], num_layers=2, dtype=torch.float64, **SIZE, **NO_DROPOUT)
        for _ in range(3)
    )
    load_reference_state_dict(model, reference.state_dict())
    loop = ReferenceLoop(reference, layout, rows, validation)
    expected = reference_training(loop, torch.Generator().manual_seed(9))
    assert loop.clipped > 0

    found = train_hopular(
        model,
        rows,
        validation,
        SCHEDULE,
        generator=torch.Generator().manual_seed(9),
        target_scale=TARGET_SCALE,
    )
    for ours, theirs in zip(found.history, expected.history, strict=True):
        assert ours == pytest.approx(theirs, rel=1e-6)
    assert found.best_epoch == expected.best_epoch
    for outcome, carrier, state in (
        (found.best, best, expected.best),
        (found.last, last, expected.last),
    ):
        load_reference_state_dict(carrier, state)
        for (name, weight), target in zip(
            outcome.named_parameters(), carrier.parameters(), strict=True
        ):
            assert_close(
                weight, target, rtol=1e-6, atol=1e-8, msg=lambda text, name=name: f"{name}: {text}"
            )


def test_parts_that_get_no_gradient_stay():
    layout = AttributeLayout([1, 2], [1])
    rows = random_rows(layout, 12, seed=0)
    torch.manual_seed(0)
    model = Hopular([1, 2], [1], num_layers=2, reread_memory=False, dtype=torch.float64, **SIZE)
    lookups = [block.sample_lookup.key_value.weight for block in model.blocks]
    before = [weight.detach().clone() for weight in lookups]
    schedule = Schedule(num_epochs=2, lr=0.1, ema_decay=0.9)
    train_hopular(model, rows, None, schedule, generator=torch.Generator().manual_seed(0))
    assert not torch.equal(lookups[0], before[0])
    assert torch.equal(lookups[1], before[1])


def test_scores_of_a_number_are_in_original_units():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 2))
    y = 500 + 40 * X[:, 0]
    fit = HopularRegressor(
        embed_dim=8, num_layers=1, num_heads=2, num_epochs=30, eval_every=5, random_state=0
    ).fit(X[:40], y[:40], eval_set=(X[40:], y[40:]))
    for model, score in ((fit, fit.best_score_), (fit.with_last_weights(), fit.last_score_)):
        error = np.mean((model.predict(X[40:]) - y[40:]) ** 2)
        assert score == pytest.approx(-error, rel=1e-3)
    assert fit.best_score_ == max(row["score"] for row in fit.history_)


@pytest.mark.parametrize("estimator_class", [HopularClassifier, HopularRegressor])
def test_defaults_are_the_papers(estimator_class):
    published = {
        "embed_dim": 32,
        "num_layers": 4,
        "num_heads": 8,
        "scaling_factor": 1.0,
        "input_dropout": 0.1,
        "lookup_dropout": 0.1,
        "output_dropout": 0.01,
        "mask_prob": 0.025,
        "replace_prob": 0.175,
        "select_prob": 1.0,
        "feature_loss_weight": (1.0, 0.0),
        "weight_decay": 0.1,
        "memory_ratio": 1.0,
        "exclude_self": True,
        "reread_memory": True,
        "batch_size": None,
        "eval_every": 10,
        "patience": None,
        "time_budget": None,
    }
    assert published.items() <= estimator_class().get_params().items()
    assert automatic_lr(10_000) == pytest.approx(1e-3)
    assert 1 - automatic_ema_decay(10_000) == pytest.approx(0.005)
