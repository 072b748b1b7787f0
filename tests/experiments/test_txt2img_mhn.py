"""The comparison of text-to-image models: equal budgets, no leaks, honest bounds, claims."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from neurarium import evaluation
from neurarium.evaluation import Cell, Record, Records
from neurarium.experiments.txt2img_mhn import COMPARISON, claims, make_problem, training
from neurarium.experiments.txt2img_mhn.config import METHODS as NAMES
from neurarium.experiments.txt2img_mhn.config import NETWORKS, PRESETS, Config
from neurarium.experiments.txt2img_mhn.measures import ATTRIBUTES, cross_entropy, draw
from neurarium.experiments.txt2img_mhn.methods import METHODS, num_parameters
from neurarium.experiments.txt2img_mhn.problem import (
    combination,
    datasets,
    parts_of,
    vocabulary,
)
from neurarium.experiments.txt2img_mhn.training import crops, new_tokenizer, train_tokenizer

CONFIG = replace(PRESETS["smoke"], tokenizer="grey")


@pytest.fixture(scope="module")
def data():
    return datasets(CONFIG)["digits"]()


@pytest.fixture(scope="module")
def problem(data):
    stage = {"tokens": {}}
    context = SimpleNamespace(data=data, stage=stage.__getitem__, progress=lambda *a, **k: None)
    return make_problem(CONFIG, context, 0)


@pytest.fixture(scope="module")
def smoke(tmp_path_factory):
    return evaluation.run(
        COMPARISON, preset="smoke", out=tmp_path_factory.mktemp("runs"), progress=False
    )


def test_smoke_runs_all_methods_and_its_figures_are_drawn(smoke):
    assert not smoke.num_failed
    assert set(smoke.records.axis("method")) == set(NAMES)
    for record in smoke.records:
        assert np.isfinite(list(record.metrics.values())).all()
    assert set(COMPARISON.figures) == {"samples", "accuracy", "losses", "prototypes"}
    for figure in COMPARISON.figures.values():
        figure(smoke.records)
    for claim in COMPARISON.claims:
        assert len(claim.measure(smoke.records)) == 1
    ours = next(r for r in smoke.records if r.cell.method == "txt2img_mhn")
    assert len(ours.curves["metastable"]) == PRESETS["smoke"].num_layers + 1
    for name in ("metastable", "in_use"):
        assert all(1 <= x <= PRESETS["smoke"].num_prototypes for x in ours.curves[name])


def test_unseen_combinations_are_in_the_test_alone(data):
    parts = parts_of(data, replace(CONFIG, num_test=600, num_unseen=60), 0)
    assert parts["test"].unseen.any()
    assert not parts["train"].unseen.any()
    shown = set(
        combination(torch.cat([parts[n].attributes for n in ("train", "validation")])).tolist()
    )
    held = set(combination(parts["test"].attributes[parts["test"].unseen]).tolist())
    assert not shown & held


def test_captions_change_with_the_seed_and_images_do_not(data):
    first, second = (parts_of(data, CONFIG, seed)["train"] for seed in (0, 1))
    assert torch.equal(first.images, second.images)
    assert torch.equal(first.attributes, second.attributes)
    assert not torch.equal(first.text, second.text)
    again = parts_of(data, CONFIG, 0)["train"]
    assert torch.equal(first.text, again.text)


def test_networks_have_equal_parameters(problem):
    sizes = {name: num_parameters(METHODS[name](problem[0])) for name in NETWORKS}
    ours = sizes.pop("txt2img_mhn")
    assert all(0.97 * ours < size <= ours for size in sizes.values()), (ours, sizes)
    for name in set(NAMES) - set(NETWORKS):
        assert not num_parameters(METHODS[name](problem[0]))


def test_the_parts_of_the_ablations(problem):
    from neurarium.memory import HopfieldSelfAssociation, PrototypeLayer
    from neurarium.memory.txt2img_prototypes import PrototypeHead

    kinds = {"txt2img_mhn": (1, 1, 1), "dalle": (0, 0, 0), "dalle_prototypes": (1, 0, 0)}
    for name, expected in (kinds | {"without_prototypes": (0, 1, 0)}).items():
        model = METHODS[name](problem[0])
        inside = list(model.blocks.modules())
        found = (
            any(isinstance(m, PrototypeLayer) for m in inside),
            any(isinstance(m, HopfieldSelfAssociation) for m in inside),
            isinstance(model.head, PrototypeHead),
        )
        assert found == tuple(map(bool, expected)), name


def test_class_conditional_draws_the_tokens_of_the_digit(problem):
    made, parts = problem
    model = METHODS["class_conditional"](made)
    test = parts["test"]
    assert torch.equal(model.reader(test.text), test.attributes)  # every caption is read rightly
    ids = model.draw(test.text[:1], 4000, torch.Generator().manual_seed(0))[0]
    levels = torch.arange(CONFIG.num_codes).float()
    gap = ids.float().mean(0) - model.shares[test.attributes[0, 0]] @ levels
    assert gap.abs().max() < 0.4
    same = made.train.attributes[:, 0] == test.attributes[0, 0]
    assert (ids.float().mean(0) - made.ids[same].float().mean(0)).abs().max() < 1.5
    expected = model.shares[test.attributes[:, 0]]
    assert torch.allclose(expected.sum(-1), torch.ones(()))
    tokens = made.tokenizer.encode(test.images)
    nll = -expected.gather(2, tokens[..., None]).log().mean()
    assert cross_entropy(model, test, tokens)["nll"] == pytest.approx(float(nll), rel=1e-5)


def test_reconstructions_are_training_images_of_the_digit(problem):
    made, parts = problem
    model = METHODS["reconstructions"](made)
    ids = draw(model, parts["test"].text[:5], CONFIG, torch.Generator().manual_seed(0))
    for row, attributes in zip(ids, parts["test"].attributes[:5], strict=True):
        misses = (made.train.attributes != attributes).sum(1)
        same = made.train.attributes[:, 0] == attributes[0]
        fewest = made.ids[same & (misses == misses[same].min())].tolist()
        assert all(image in fewest for image in row.tolist())


def test_a_network_learns_what_the_counts_know(problem):
    made, parts = problem
    torch.manual_seed(0)
    model = METHODS["txt2img_mhn"](made)
    test, tokens = parts["test"], made.tokenizer.encode(parts["test"].images)
    before = cross_entropy(model.eval(), test, tokens)["nll"]
    losses = training.train(model, made, lr=3e-3, num_steps=80)
    assert len(losses) == 80
    after = cross_entropy(model, test, tokens)["nll"]
    assert after < before - 0.5
    assert not model.training


def test_equal_time_gives_a_slower_network_fewer_steps(problem):
    class Slow(nn.Module):
        def __init__(self, made):
            super().__init__()
            self.inner = METHODS["txt2img_mhn"](made)

        def loss(self, text, ids):
            return sum(self.inner.loss(text, ids) for _ in range(6)) / 6

    made = problem[0]
    config = replace(CONFIG, timed_steps=3, num_steps=600)
    steps, seconds = training.steps_in_time(Slow, replace(made, config=config))
    assert steps < 400
    assert seconds > 0
    assert training.steps_in_time(METHODS["class_conditional"], made) == (0, 0.0)


def test_the_image_tokenizer_learns(data):
    config = replace(PRESETS["smoke"], vq_steps=60, vq_channels=16)
    images = parts_of(data, config, 0)["train"].images
    torch.manual_seed(0)
    tokenizer = new_tokenizer(config, images.shape[-1])
    losses = train_tokenizer(tokenizer, images, config, 0)
    assert np.mean(losses[-5:]) < 0.7 * np.mean(losses[:5])
    assert not tokenizer.training
    first, second = (next(crops(images, images, 16, seed))[0] for seed in (0, 1))
    assert not torch.equal(first, second)


def test_every_caption_fits_the_vocabulary():
    assert len(vocabulary()) == len(set(vocabulary()))
    assert {"three", "3", "bold", "leaning", "middling", "handwritten"} <= set(vocabulary())


def test_claims():
    digit = {"txt2img_mhn": 0.8, "dalle": 0.7, "without_prototypes": 0.75, "class_conditional": 0.2}
    nll = {"txt2img_mhn": 1.0, "dalle": 1.1, "without_prototypes": 1.0, "class_conditional": 2.0}

    def records(nll_of_ours=1.0):
        return Records(
            Record(
                Cell(method=method, dataset="mnist", seed=seed),
                {
                    "accuracy_digit": value + 0.01 * seed,
                    **{f"accuracy_{a}": value / 2 for a in ATTRIBUTES[1:]},
                    "nll": nll_of_ours if method == "txt2img_mhn" else nll[method],
                    "frechet": 3 - value,
                },
            )
            for method, value in digit.items()
            for seed in range(3)
        )

    found = records()
    assert claims.gained("accuracy_digit", "dalle", found) == pytest.approx([0.1] * 3)
    assert claims.gained_over_attributes("dalle", found) == pytest.approx([0.05] * 3)
    assert claims.lowered("frechet", "dalle", found) == pytest.approx([0.1] * 3)
    assert claims.is_beyond_an_error_and_as_likely(found)
    assert not claims.is_beyond_an_error_and_as_likely(records(nll_of_ours=1.2))
    assert claims.gained("nll", "dalle_prototypes", found) == []
    assert [claim.headline for claim in COMPARISON.claims].count(True) == 1


def test_presets_and_refusals():
    assert set(COMPARISON.presets) == {"smoke", "quick", "full", "paper"}
    assert PRESETS["full"].num_seeds >= 5
    with pytest.raises(ValueError, match="methods"):
        Config(methods=("txt2img_mhn", "dall-e"))
    with pytest.raises(ValueError, match="must include txt2img_mhn and dalle"):
        Config(methods=("dalle",))
    with pytest.raises(ValueError, match="tokenizer"):
        Config(tokenizer="vqgan")
    with pytest.raises(ValueError, match="did you mean 'mnist'"):
        evaluation.run(COMPARISON, preset="smoke", overrides={"datasets": ("mnst",)})
