"""Experiments with synthetic gradients: no leaks, equal budgets, equal tuning, claims, figures."""

import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from neurarium import evaluation
from neurarium.cost import count_parameters
from neurarium.data import Images
from neurarium.data.synthetic import (
    few_shot_episodes,
    presentations,
    sinusoid_episodes,
)
from neurarium.evaluation import Cell, Record, Records
from neurarium.experiments.neural_memory_synthetic_gradients import (
    EXPERIMENTS,
    MAIN,
    RARE,
    SHARING,
    claims,
    sharing,
)
from neurarium.experiments.neural_memory_synthetic_gradients.config import (
    PRESETS,
    RARE_PRESETS,
    SHARING_PRESETS,
    Config,
)
from neurarium.experiments.neural_memory_synthetic_gradients.few_shot import choose_lr, updates
from neurarium.experiments.neural_memory_synthetic_gradients.methods import (
    METHODS,
    Learner,
    updates_in_time,
)
from neurarium.experiments.neural_memory_synthetic_gradients.tasks import (
    Sinusoids,
    digits,
    task_of,
)

SMOKE = PRESETS["smoke"]


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def numbered(count=200):
    """Images of one pixel that say their class, and another that says their number."""
    labels = np.arange(count) % 10
    values = np.stack([labels * 20, np.arange(count) % 256], 1).astype(np.uint8)[:, None]
    half = count // 2
    return Images("mine", values[:half], labels[:half], values[half:], labels[half:], tuple("0123"))


def test_sines_are_what_they_say():
    episodes = sinusoid_episodes(500, 30, frequency=(2.0, 2.0), generator=generator())
    x, before, y = episodes.inputs[..., 0], episodes.inputs[..., 1], episodes.targets[..., 0]
    assert (before[:, 0] == 0).all()
    assert torch.equal(before[:, 1:], y[:, :-1])
    assert x.abs().max() <= 5
    design = torch.stack([torch.sin(2 * x), torch.cos(2 * x)], 2).double()
    found = torch.linalg.lstsq(design, y[..., None].double()).solution[..., 0]
    rest = (design @ found[..., None])[..., 0] - y
    assert rest.abs().max() < 1e-4
    amplitude, phase = found.norm(dim=1), torch.atan2(-found[:, 1], found[:, 0])
    assert 0.1 <= amplitude.min() < 0.2
    assert 4.8 < amplitude.max() <= 5.0
    assert -1e-5 <= phase.min() < 0.1
    assert 3.0 < phase.max() <= math.pi + 1e-5


def test_episodes_show_classes_under_labels_of_their_own():
    images = torch.arange(120.0)[:, None]
    labels = torch.arange(120) % 6
    episodes = few_shot_episodes(
        images, labels, 4, 3, num_episodes=300, num_labels=5, generator=generator()
    )
    shown, targets = episodes.inputs[..., 0].long(), episodes.targets
    assert all(len(set(row.tolist())) == 12 for row in shown)  # every image once
    pairs = [
        {*zip((s % 6).tolist(), t.tolist(), strict=True)}
        for s, t in zip(shown, targets, strict=True)
    ]
    assert all(len(p) == len({c for c, _ in p}) == len({t for _, t in p}) == 4 for p in pairs)
    assert len({pair for p in pairs for pair in p}) == 30  # any class under any label
    before = episodes.inputs[..., 1:]
    assert torch.equal(before[:, 1:].argmax(2), targets[:, :-1])
    assert not before[:, 0].any()
    assert (before.sum(2)[:, 1:] == 1).all()
    first = few_shot_episodes(images, labels, 6, 1, num_episodes=600, generator=generator(1))
    places = first.inputs[:, 0, 0].long().bincount(minlength=120)
    assert (places > 0).all()


def test_weights_decide_which_classes_are_shown():
    images, labels = torch.arange(30.0)[:, None], torch.arange(30) % 3
    weights = torch.tensor([[1.0, 1.0, 0.0], [0.0, 1.0, 1.0]])
    episodes = few_shot_episodes(images, labels, 2, 2, num_episodes=2, weights=weights)
    classes = [set((row % 3).tolist()) for row in episodes.inputs[..., 0]]
    assert classes == [{0.0, 1.0}, {1.0, 2.0}]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [((7, 1), "ways must be in 1 … 6"), ((2, 21), "shots must be at most 20")],
)
def test_episodes_that_cannot_be_made(arguments, message):
    images, labels = torch.zeros(120, 2), torch.arange(120) % 6
    with pytest.raises(ValueError, match=message):
        few_shot_episodes(images, labels, *arguments)
    with pytest.raises(ValueError, match="must be at least 1: got 0 and 5"):
        sinusoid_episodes(0, 5)


def test_presentations_count():
    targets = torch.tensor([[2, 0, 2, 2, 0]])
    assert presentations(targets).tolist() == [[1, 1, 2, 3, 2]]


def test_classes_of_the_test_are_never_learned_with():
    config = replace(SMOKE, num_features=2, images_per_class=10, shots=2, ways=3)
    task = task_of(numbered(), config)
    plain = torch.from_numpy(numbered().train).flatten(1).float() / 255
    known = plain[torch.from_numpy(numbered().train_labels) < 6]
    axes = torch.linalg.eigh(torch.cov(known.T))[1].flip(1)
    scale = ((known - known.mean(0)) @ axes).std()

    def classes(episodes):
        pixels = episodes.inputs[..., :2] * scale @ axes.T + known.mean(0)
        return set((pixels[..., 0] * 255 / 20).round().long().flatten().tolist())

    assert classes(task.draw(200, generator())) == set(range(6))
    assert classes(task.validation) <= set(range(6))
    assert classes(task.test) == {6, 7, 8, 9}

    def numbers(episodes):
        pixels = episodes.inputs[..., :2] * scale @ axes.T + known.mean(0)
        return set((pixels[..., 1] * 255).round().long().flatten().tolist())

    assert max(numbers(task.draw(200, generator()))) < 100 <= min(numbers(task.validation))


def test_the_rare_class_is_rare_in_training_and_always_in_its_test():
    config = replace(SMOKE, rare_share=0.1, ways=5, shots=2, num_test=40)
    task = task_of(digits(), config, rare=True)
    usual = replace(config, rare_share=1e-9)
    common = task_of(digits(), usual, rare=True).draw(4000, generator())
    mixed = task.draw(4000, generator())
    changed = (mixed.inputs != common.inputs).flatten(1).any(1).double().mean()
    assert changed == pytest.approx(0.1, abs=0.02)
    perfect = nn.functional.one_hot(task.test.targets, config.ways).float()
    assert task.judge(perfect, task.test.targets) == {"error": 0.0, "common_error": 0.0}
    half = perfect.clone()
    half[20:] = 0
    half[20:, :, 0] = 1  # always the first label where the rare class is absent
    judged = task.judge(half, task.test.targets)
    assert judged["error"] == 0
    assert judged["common_error"] > 0.5


def test_rates_are_chosen_on_images_that_the_rare_class_is_not_judged_on():
    config = replace(SMOKE, num_features=2, images_per_class=10, shots=2, num_test=80)
    task = task_of(numbered(), config, rare=True)

    def shown(episodes):
        return {tuple(row) for row in episodes.inputs[..., :2].flatten(0, 1).tolist()}

    learned, validated, tested = (
        shown(e) for e in (task.draw(200, generator()), task.validation, task.test)
    )
    assert not learned & validated
    assert not learned & tested
    assert not validated & tested


def test_a_rate_at_which_two_networks_diverge_is_not_chosen():
    config = replace(SHARING_PRESETS["smoke"], lrs=(1e-2, 1e-1))

    def build(of, config, lr):
        trainers = sharing.separate(of, config, lr)
        if lr > 0.05:
            with torch.no_grad():
                trainers[0].model.head.weight.fill_(math.inf)
        return trainers

    chosen = sharing.choose_lr(Cell(), config, context(build, None))
    assert chosen["lr"] == 1e-2
    assert chosen["loss"][1] == math.inf


def test_tables_of_a_run_that_is_not_complete():
    done = [("sinusoid", "synthetic", "episodes"), ("mnist", "truncated", "time")]
    records = Records(
        Record(
            Cell(method=method, budget=budget, seed=0, dataset=dataset),
            {"error": 0.5, "updates": 1.0},
        )
        for dataset, method, budget in done
    )
    assert [table.title for table in MAIN.tables(records)] == ["Test error on mnist at equal time"]


def test_sines_are_judged_after_five_and_ten_points():
    task = task_of(Sinusoids(), replace(SMOKE, length=20))
    output = task.test.targets.clone()
    output[:, 5] += 2
    output[:, 10] += 1
    output[:, 12] += 9
    found = task.judge(output, task.test.targets)
    assert found == pytest.approx({"error": 2.5, "mse_5": 4.0, "mse_10": 1.0}, rel=1e-5)


def test_images_are_judged_by_presentation():
    task = task_of(digits(), SMOKE)
    targets = torch.tensor([[0, 1, 0, 1]])
    answers = nn.functional.one_hot(torch.tensor([[1, 1, 0, 0]]), 3).float()
    assert task.judge(answers, targets) == {"error": 0.5, "accuracy_1": 0.5, "accuracy_2": 0.5}
    losses = task.loss(answers, targets)
    assert losses.shape == (1, 4)
    assert losses[0, 1] < losses[0, 0]
    assert torch.allclose(task.error(answers, targets).sum(-1), torch.zeros(1, 4), atol=1e-6)


@pytest.mark.parametrize("data", [Sinusoids(), digits()], ids=["sines", "digits"])
def test_every_method_has_as_many_parameters(data):
    config = PRESETS["full"]
    task = task_of(data, replace(config, num_test=8))
    sizes = {}
    for name, method in METHODS.items():
        build = method.fn if isinstance(method, evaluation.Method) else method
        sizes[name] = count_parameters(build(task, config, 1e-2).model)
    budget = sizes.pop("synthetic")
    for name, size in sizes.items():
        assert 0.93 * budget < size <= budget, name


def test_every_arm_starts_from_the_same_network_and_zero_feedback_is_truncation():
    task = task_of(Sinusoids(), SMOKE)
    learners = {}
    for name in ("synthetic", "truncated", "zero_feedback", "bptt"):
        method = METHODS[name]
        build = method.fn if isinstance(method, evaluation.Method) else method
        torch.manual_seed(3)
        learners[name] = build(task, SMOKE, 1e-2)
    first, *others = ([p.clone() for p in x.model.parameters()] for x in learners.values())
    for other in others:
        assert all(map(torch.equal, first, other))
    for learner in learners.values():
        updates(learner, task, SMOKE, 6, generator())
    after = {name: list(x.model.parameters()) for name, x in learners.items()}
    assert all(map(torch.equal, after["zero_feedback"], after["truncated"]))
    for name in ("synthetic", "bptt"):
        assert not all(map(torch.equal, after[name], after["truncated"]))


def context(method, data, **stages):
    return SimpleNamespace(
        method=method,
        data=data,
        device="cpu",
        stage=stages.__getitem__,
        progress=lambda *args, **numbers: None,
    )


def line(task, config, lr):
    """A linear map, by gradient descent."""
    model = nn.Linear(task.input_size, task.out_features)
    optimizer = torch.optim.SGD(model.parameters(), lr)

    def update(episodes):
        loss = task.loss(model(episodes.inputs), episodes.targets).sum(1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if not loss.isfinite():
            raise FloatingPointError("loss must be finite")
        return {"loss": loss.item()}

    return Learner(model, update)


def test_the_rate_is_chosen_on_validation_episodes_and_may_diverge():
    config = replace(SMOKE, lrs=(1e-9, 1e-3, 1e9), tune_updates=20)
    chosen = choose_lr(Cell(), config, context(line, Sinusoids()))
    assert chosen["lr"] == 1e-3
    assert chosen["loss"][1] < chosen["loss"][0]
    assert chosen["loss"][2] == math.inf


def test_equal_time_is_counted_in_updates_of_ours():
    config = replace(SMOKE, num_updates=100, max_updates=10**6, timed_updates=3)
    task = task_of(Sinusoids(), config)
    count, seconds = updates_in_time(line, task, config)
    assert count > 100
    assert seconds > 0
    assert updates_in_time(line, task, replace(config, max_updates=7))[0] == 7


def test_sharing_uses_one_feedback_network_and_the_same_start():
    config = SHARING_PRESETS["smoke"]
    of = sharing.tasks(config)
    torch.manual_seed(0)
    shared = sharing.shared(of, config, 1e-2)
    torch.manual_seed(0)
    separate = sharing.separate(of, config, 1e-2)
    assert shared[0].feedback is shared[1].feedback
    assert separate[0].feedback is not separate[1].feedback
    for mine, theirs in zip(shared, separate, strict=True):
        assert all(map(torch.equal, mine.model.parameters(), theirs.model.parameters()))
    sharing.train(shared, of, config, 2, 0)
    sharing.train(separate, of, config, 2, 0)
    assert shared[0].num_feedback_updates == separate[0].num_feedback_updates == 4
    assert of[1].test.inputs.shape == of[0].test.inputs.shape
    assert not torch.equal(of[1].test.targets, of[0].test.targets)


def test_claims():
    errors = {  # method, budget → by seed
        ("synthetic", "episodes"): (0.1, 0.2, 0.1),
        ("truncated", "time"): (0.2, 0.2, 0.2),
        ("truncated", "episodes"): (0.3, 0.3, 0.3),
        ("zero_feedback", "episodes"): (0.3,),
    }
    records = Records(
        Record(
            Cell(method=method, budget=budget, seed=seed, dataset=dataset),
            {"error": error, "cosine": 0.5, "common_error": 0.1},
        )
        for (method, budget), values in errors.items()
        for seed, error in enumerate(values)
        for dataset in ("sinusoid", "mnist")
    )
    gains = claims.gained_over("truncated", "time", "sinusoid", records)
    assert gains == pytest.approx([math.log(2), 0, math.log(2)])
    assert claims.exceeds_spread(gains)
    assert not claims.exceeds_spread([1.0, -0.5])
    assert not claims.exceeds_spread([1.0])
    assert claims.holds_at_equal_time(records)
    assert claims.largest_difference(records) == 0
    assert claims.cosine_reached("sinusoid", records) == pytest.approx([0.2] * 3)
    assert claims.gained_over("truncated", "time", "digits", records) == []
    rare = Records([r for r in records if r.cell.budget == "time" or r.cell.method == "synthetic"])
    rare = rare.where(dataset="mnist")
    assert claims.rare_gained("truncated", rare) == pytest.approx(gains)
    assert claims.holds_for_the_rare("truncated", rare)
    worse = Records(
        replace(r, metrics={**r.metrics, "common_error": 0.2})
        if r.cell.method == "synthetic"
        else r
        for r in rare
    )
    assert not claims.holds_for_the_rare("truncated", worse)
    both = Records(
        Record(Cell(method=method, seed=seed), {"error": error})
        for method, error in (("shared", 0.1), ("separate", 0.2))
        for seed in range(2)
    )
    assert claims.gained_by_sharing(both) == pytest.approx([math.log(2)] * 2)
    headlines = [claim for part in EXPERIMENTS for claim in part.claims if claim.headline]
    assert headlines == [MAIN.claims[0]]


def test_parts_and_presets():
    assert [part.part for part in EXPERIMENTS] == ["main", "rare", "sharing"]
    for part, presets in zip(EXPERIMENTS, (PRESETS, RARE_PRESETS, SHARING_PRESETS), strict=True):
        assert set(part.presets) == {"smoke", "quick", "full", "paper"}
        assert part.presets["full"].num_seeds >= 5
        assert part.presets is presets
    with pytest.raises(ValueError, match="rare_share must lie between 0 and 1: got 0"):
        Config(rare_share=0)


@pytest.mark.parametrize("experiment", EXPERIMENTS, ids=lambda part: part.part)
def test_an_unknown_dataset_is_refused_before_anything_is_computed(experiment):
    with pytest.raises(ValueError, match="did you mean 'sinusoid'"):
        evaluation.run(experiment, preset="smoke", overrides={"datasets": ("sinusoids",)})


def test_smoke_runs_with_a_method_and_images_of_the_users(tmp_path):
    done = evaluation.run(
        MAIN,
        preset="smoke",
        overrides={"datasets": ("sinusoid",), "lrs": (1e-2,), "num_validations": 1},
        methods={"line": line},
        datasets={"mine": numbered(800)},
        out=tmp_path,
        progress=False,
    )
    assert not done.num_failed
    assert set(done.records.axis("dataset")) == {"sinusoid", "mine"}
    ours = done.records.where(method="synthetic")
    assert all(math.isfinite(record.metrics["cosine"]) for record in ours)
    assert all(record.metrics["skipped"] == 0 for record in ours)
    for draw in MAIN.figures.values():
        draw(done.records)
    tables = MAIN.tables(done.records)
    assert len(tables) == 4
    assert all("synthetic" in {row[0] for row in table.rows} for table in tables)


@pytest.mark.parametrize("experiment", [RARE, SHARING], ids=lambda part: part.part)
def test_smoke_of_the_other_parts(experiment, tmp_path):
    done = evaluation.run(experiment, preset="smoke", out=tmp_path, progress=False)
    assert not done.num_failed
    for draw in experiment.figures.values():
        draw(done.records)
    assert experiment.tables(done.records)[0].rows
