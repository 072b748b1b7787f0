"""The comparison of contrastive losses: sets apart, equal effort, ablations, encoders, claims."""

import math
import os
import runpy
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import normalize
from torch.testing import assert_close

from neurarium import evaluation
from neurarium.data.synthetic import encode_captions, scene_prompts
from neurarium.data.synthetic.scene_captions import ATTRIBUTES, MAX_WORDS, vocabulary
from neurarium.evaluation import Cell, Record, Records
from neurarium.experiments import cloob
from neurarium.experiments.cloob import COMPARISON, claims, config, measures, scenes, training
from neurarium.experiments.cloob.encoders import Ragged, SceneEncoder, TextEncoder
from neurarium.experiments.cloob.methods import LOSSES, SETTINGS
from reference.cloob import authors_cloob, authors_info_loob, authors_retrieval

ROOT = Path(__file__).resolve().parents[2]
SMOKE = config.PRESETS["smoke"]
EXACT = {"rtol": 1e-10, "atol": 1e-12}
needs_data = pytest.mark.skipif(
    "NEURARIUM_DATA" not in os.environ, reason="NEURARIUM_DATA names no folder with MNIST"
)


def draw(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def test_no_digit_is_in_two_sets(monkeypatch):
    mnist = SimpleNamespace(
        train=np.arange(60_000), train_labels=np.zeros(60_000),
        test=np.arange(60_000, 70_000), test_labels=np.zeros(10_000),
    )  # fmt: skip
    drawn = []

    def spy(images, digits, num_scenes, *, num_digits, terciles, generator):
        assert len(images) == len(digits) >= num_scenes * num_digits
        assert terciles == "of training digits"
        drawn.append((set(images.tolist()), num_scenes, num_digits))

    monkeypatch.setattr(scenes, "load", lambda name: mnist)
    monkeypatch.setattr(scenes, "digit_scenes", spy)
    monkeypatch.setattr(scenes, "training_terciles", lambda: "of training digits")
    monkeypatch.setattr(scenes, "other_digits", lambda: (np.arange(-1797, 0), np.zeros(1797)))
    for preset in config.PRESETS.values():
        drawn.clear()
        scenes.scene_sets(0, preset)
        pools = [pool for pool, _, _ in drawn]
        assert sum(map(len, pools)) == len(set().union(*pools))
        train, validation, probe, single, retrieval, transfer = pools
        assert max(train) < scenes.TRAINING_DIGITS <= min(validation | probe)
        assert max(validation | probe) < 60_000 <= min(single | retrieval)
        assert max(transfer) < 0
        assert [digits for _, _, digits in drawn] == [2, 2, 1, 1, 2, 1]
        assert drawn[0][1] == preset.num_pairs


def test_digits_of_another_source_are_upscaled_in_the_middle():
    images, labels = scenes.other_digits()
    assert images.shape == (1797, 28, 28)
    assert images.dtype == np.uint8
    assert (np.bincount(labels) > 170).all()
    assert not images[:, :4].any()
    assert not images[:, :, -4:].any()
    assert images.max(axis=(1, 2)).mean() > 200


def test_every_method_may_choose_among_as_many_settings():
    assert set(SETTINGS) == set(LOSSES) == set(config.METHODS)
    for settings in SETTINGS.values():
        assert len({tuple(setting.values()) for setting in settings}) == 6
        assert {setting["lr"] for setting in settings} == {1e-3, 3e-4, 3e-3}
    assert config.PRESETS["full"].num_settings == 6
    assert {setting["beta"] for setting in SETTINGS["cloob"]} == {8.0, 14.3}


def test_losses_are_the_ablations_by_name():
    x, y = (normalize(draw(9, 5) + 0.5 * draw(9, 5, seed=s), dim=1) for s in (1, 2))
    setting = {"lr": 1.0, "beta": 14.3, "inverse_temperature": 20.0}
    found = {
        name: float(loss(setting).double()(x, y, normalized=True).detach())
        for name, loss in LOSSES.items()
    }

    def nce(a, b, inverse_temperature):
        return -(inverse_temperature * a @ b.T).log_softmax(1).diagonal().mean()

    u_x, u_y = (authors_retrieval(rows, x, 14.3) for rows in (x, y))
    v_x, v_y = (authors_retrieval(rows, y, 14.3) for rows in (x, y))
    expected = {
        "clip": (nce(x, y, 20.0) + nce(y, x, 20.0)) / 2,
        "clip_fixed": (nce(x, y, 20.0) + nce(y, x, 20.0)) / 2,
        "info_loob": authors_info_loob(x, y, 20.0) + authors_info_loob(y, x, 20.0),
        "hopfield_nce": nce(u_x, u_y, 30.0) + nce(v_y, v_x, 30.0),
        "cloob": authors_cloob(x, y, 14.3, 30.0),
    }
    assert found == pytest.approx({name: float(v) for name, v in expected.items()}, rel=1e-6)
    learned = {name for name, loss in LOSSES.items() if list(loss(setting).parameters())}
    assert learned == {"clip"}


def test_the_setting_with_the_best_recall_is_chosen(monkeypatch):
    rates = []

    def fake_training(loss, train, config, *, lr, num_steps, seed, device):
        assert num_steps == 7
        rates.append(lr)
        return lr, []

    for best in range(3):
        recall = {s["lr"]: float(i == best) for i, s in enumerate(SETTINGS["cloob"][:3])}
        monkeypatch.setattr(cloob, "scene_sets", lambda *_: SimpleNamespace(train=0, validation=0))
        monkeypatch.setattr(cloob, "train_towers", fake_training)
        for embed in ("image_embeddings", "text_embeddings"):
            monkeypatch.setattr(
                cloob, embed, lambda towers, pairs: torch.full((1, 1), towers, dtype=torch.float64)
            )
        monkeypatch.setattr(
            cloob, "recalls", lambda x, y, recall=recall: {"recall_5": recall[float(x)]}
        )
        context = SimpleNamespace(
            method=lambda setting: None, device="cpu", progress=lambda *args, **numbers: None
        )
        options = replace(SMOKE, num_settings=3, tuning_steps=7)
        chosen = cloob.select_setting(Cell(method="cloob"), options, context)
        assert chosen["chosen"] == best
    assert rates == [1e-3, 3e-4, 3e-3] * 3


def test_encoders_are_of_the_stated_sizes():
    text = TextEncoder(len(vocabulary()), MAX_WORDS, 128)
    for encoder in (SceneEncoder(128), text):
        assert 270_000 < sum(p.numel() for p in encoder.parameters()) < 330_000


def test_texts_are_read_in_order_up_to_their_end_whatever_the_batch():
    torch.manual_seed(0)
    encoder = TextEncoder(len(vocabulary()), MAX_WORDS, 16).double()
    captions = ["a red three", "three a red", "a picture of a red three at top-left"]
    tokens = encode_captions(captions)
    together = encoder(tokens)
    for row, caption in zip(together, captions, strict=True):
        assert_close(row, encoder(encode_captions([caption]))[0], **EXACT)
    assert (together[0] - together[1]).abs().max() > 1e-4


def test_a_word_depends_on_those_before_it_alone():
    torch.manual_seed(0)
    block = TextEncoder(9, 8, 16).double().blocks[0]
    counts = torch.tensor([3, 5])
    texts = Ragged((2, 5), counts)
    words = draw(8, 128)
    whole = block(words, texts)
    assert_close(whole[texts.last], block(words, texts, last_only=True), **EXACT)
    changed = words.clone()
    changed[2] += 1.0  # the last word of the first text
    after = block(changed, texts)
    assert torch.equal(after[:2], whole[:2])
    assert torch.equal(after[3:], whole[3:])
    assert not torch.allclose(after[2], whole[2])
    alone = block(words[3:], Ragged((1, 5), torch.tensor([5])))
    assert_close(whole[3:], alone, **EXACT)


class WordTower(nn.Module):
    """Texts as the share of each word."""

    def __init__(self):
        super().__init__()
        self.place = nn.Parameter(torch.zeros(1))

    def embed_y(self, tokens):
        words = nn.functional.one_hot(tokens, len(vocabulary())).double().sum(1)
        words[:, :2] = 0
        return normalize(words, dim=1)


@pytest.mark.parametrize("attribute", ATTRIBUTES)
def test_zero_shot_accuracy_counts_the_nearest_prompts(attribute):
    tower = WordTower()
    images = torch.stack([tower.embed_y(p).mean(0) for p in scene_prompts(attribute)])
    values = torch.arange(len(images))
    assert measures.zero_shot_accuracy(tower, images, values, attribute) == 1.0
    assert measures.zero_shot_accuracy(tower, images, values.roll(1), attribute) == 0.0
    values[0] = 1
    found = measures.zero_shot_accuracy(tower, images, values, attribute)
    assert found == pytest.approx(1 - 1 / len(images))


def test_recalls_count_what_is_better_than_the_partner():
    x = torch.eye(8)
    assert measures.recalls(x, x) == {"recall_1": 1.0, "recall_5": 1.0}
    noisy = draw(50, 6), draw(50, 6) + draw(50, 6, seed=1)
    for k in (1, 5):
        assert measures.recalls(*noisy)[f"recall_{k}"] == pytest.approx(_by_ranking(*noisy, k))


def test_equal_embeddings_find_partners_by_chance():
    x = torch.ones(20, 3)
    assert measures.recalls(x, x) == pytest.approx({"recall_1": 0.05, "recall_5": 0.25})
    texts = torch.eye(8)
    texts[1] = texts[0]  # one caption of two pictures: the first text is found by both
    found = measures.recalls(texts, texts)
    assert found == pytest.approx({"recall_1": 7 / 8, "recall_5": 1.0})


@pytest.mark.parametrize("scale", [1.0, 0.02])
def test_probes_see_directions_of_little_variance(scale):
    x = draw(600, 8)
    labels = (x[:, 0] > 0).long()
    x[:, 0] *= scale
    x = normalize(x, dim=1)
    assert measures.probe_accuracy(x[:300], labels[:300], x[300:], labels[300:]) > 0.93


def _by_ranking(x, y, k=1):
    products = x @ y.T
    hits = [
        (scores.topk(k).indices == torch.arange(len(x))[:, None]).any(1).double().mean()
        for scores in (products, products.T)
    ]
    return float(sum(hits) / 2)


def test_only_matrices_are_decayed():
    model = training.Pairing(nn.Linear(2, 3), LOSSES["clip"]({"inverse_temperature": 14.3}))
    decayed, others = training.decayed_groups(model, 0.1)
    assert (decayed["weight_decay"], others["weight_decay"]) == (0.1, 0.0)
    assert [p.shape for p in decayed["params"]] == [(3, 2)]
    assert {id(p) for p in others["params"]} == {
        id(model.towers.bias), id(model.loss.temperature.log_inverse)
    }  # fmt: skip


def records(clip, cloob):
    """Records of both methods, one a seed: (transfer, mean over attributes, eigenvalues)."""
    names = ("transfer", "zero_shot_mean", "eigenvalues")
    return Records(
        Record(Cell(method=method, seed=seed), dict(zip(names, values, strict=True)))
        for method, rows in (("clip", clip), ("cloob", cloob))
        for seed, values in enumerate(rows)
    )


def test_claims():
    clip = [(0.50, 0.70, 20.0), (0.52, 0.72, 21.0), (0.54, 0.71, 22.0)]
    better = [(0.60, 0.80, 40.0), (0.62, 0.83, 42.0), (0.64, 0.82, 44.0)]
    found = records(clip, better)
    assert claims.gained("transfer", "clip", found) == pytest.approx([0.1] * 3)
    assert claims.ratio_gained("eigenvalues", "clip", found) == pytest.approx([math.log(2)] * 3)
    assert claims.gained("transfer", "info_loob", found) == []
    error = claims.pooled_standard_error("transfer", found)
    assert error == pytest.approx(math.sqrt(2 * 0.02**2 / 3))
    assert claims.is_better_in_all_three(found)
    for column, value in ((0, 0.53), (1, 0.714), (2, 10.0)):
        worse = [list(row) for row in better]
        for row in worse:
            row[column] = value
        assert not claims.is_better_in_all_three(records(clip, worse))
    assert sum(claim.headline for claim in claims.CLAIMS) == 1
    assert COMPARISON.claims[0].headline


def test_what_cannot_be_computed_is_refused_at_once():
    with pytest.raises(ValueError, match="did you mean 'cloob'"):
        config.Config(methods=("clip", "clob"))
    with pytest.raises(ValueError, match="methods must include clip and cloob: got clip"):
        config.Config(methods=("clip",))
    with pytest.raises(ValueError, match="num_pairs must lie in 256 … 25000: got 30000"):
        config.Config(num_pairs=30_000)
    with pytest.raises(ValueError, match="num_settings must be at least 1: got 0"):
        config.Config(num_settings=0)
    with pytest.raises(ValueError, match="batch_size must be at least 2: got 1"):
        config.Config(batch_size=1)
    assert set(COMPARISON.presets) == {"smoke", "quick", "full", "paper"}
    assert COMPARISON.presets["full"].num_seeds >= 3  # for an interval


@needs_data
def test_it_runs_with_a_loss_of_the_users(tmp_path):
    class Sigmoid(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.tensor(10.0))
            self.clamped = 0

        def forward(self, x, y, *, normalized):
            assert normalized
            signs = 2 * torch.eye(len(x)) - 1
            return -nn.functional.logsigmoid(signs * (self.scale * x @ y.T - 5)).mean()

        def clamp_(self):
            self.clamped += 1

    made = []

    def mine(setting):
        made.append(Sigmoid())
        return made[-1]

    done = evaluation.run(
        COMPARISON,
        preset="smoke",
        methods={"mine": mine},
        overrides={"methods": ("clip", "cloob")},
        out=tmp_path,
        progress=False,
    )
    assert not done.num_failed
    assert sorted(done.records.axis("method")) == ["clip", "cloob", "mine"]
    assert {loss.clamped for loss in made} == {SMOKE.num_steps, SMOKE.tuning_steps}
    assert all(float(loss.scale.detach()) != 10.0 for loss in made)
    for record in done.records:
        assert len(record.curves["loss"]) == SMOKE.num_steps
        assert record.curves["eigenvalues"][-1] == record.metrics["eigenvalues"]
        values = [record.metrics[f"zero_shot_{attribute}"] for attribute in ATTRIBUTES]
        assert record.metrics["zero_shot_mean"] == pytest.approx(np.mean(values))
    for figure in COMPARISON.figures.values():
        figure(done.records)


@needs_data
def test_halves_of_digits_find_each_other(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    main = runpy.run_path(str(ROOT / "examples" / "pair_halves.py"))["main"]
    assert main(num_steps=60) > 0.15  # chance is 0.005
    assert (tmp_path / "halves.png").stat().st_size > 1000
