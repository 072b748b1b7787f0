"""The BDH experiments: no leaks between parts of a text, equal budgets, claims, figures."""

import math
import os
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from neurarium import evaluation
from neurarium.cost import count_parameters
from neurarium.data import SentencePairs, Text
from neurarium.evaluation import Cell, Record, Records
from neurarium.experiments.bdh import EXPERIMENTS, LANGUAGE, MERGE, TRANSLATION, claims, tables
from neurarium.experiments.bdh.concepts import concept_of, selectivity
from neurarium.experiments.bdh.config import MERGE_PRESETS, PRESETS, TRANSLATION_PRESETS, Config
from neurarium.experiments.bdh.corpus import (
    IGNORED,
    Crops,
    bits_per_byte,
    corpus_of,
    sentence_windows,
    text_windows,
)
from neurarium.experiments.bdh.language import choose_lr
from neurarium.experiments.bdh.merge import (
    gained_on_the_other_language,
    held_out,
    run_cell,
    train_experts,
)
from neurarium.experiments.bdh.methods import METHODS, bdh, num_parameters, steps_in_time
from neurarium.memory import BDH

needs_data = pytest.mark.skipif(
    "NEURARIUM_DATA" not in os.environ, reason="NEURARIUM_DATA names no folder with texts"
)


def text(length=2000, seed=0):
    generator = np.random.default_rng(seed)
    return Text("mine", generator.integers(32, 127, length).astype(np.uint8))


def pairs(count=60):
    source = tuple(f"number {i // 2}" for i in range(count))  # every sentence occurs twice
    target = tuple(f"numéro {i}" for i in range(count))
    return SentencePairs("mine", source, target, np.arange(count) >= count - 10)


def context(method, data, **stages):
    return SimpleNamespace(
        method=method,
        data=data,
        device="cpu",
        stage=stages.__getitem__,
        progress=lambda *args, **numbers: None,
    )


def counted(windows):
    """Every counted target with the input before it."""
    chosen = windows.targets != IGNORED
    return windows.inputs[chosen], windows.targets[chosen]


def test_windows_count_every_byte_of_the_held_out_text_once():
    data = text(2003)
    corpus = corpus_of(data, 32, None)
    inputs, targets = counted(corpus.test)
    assert targets.tolist() == data.validation[1:].tolist()
    assert inputs.tolist() == data.validation[:-1].tolist()
    assert corpus.train.tolist() == data.train.tolist()
    tuned = counted(corpus.tuning)[1]
    assert tuned.tolist() == data.train[corpus.tuning_start + 1 :].tolist()
    assert corpus.tuning_start == int(0.95 * len(data.train))
    spaced = text_windows(torch.arange(1000), 10, 7)
    assert spaced.inputs[:, 0].diff().unique().numel() == 1


def test_pairs_are_judged_on_held_out_translations_only():
    data = pairs()
    corpus = corpus_of(data, 16, None)
    inputs, targets = counted(corpus.test)
    expected = b"".join(f"{t}\n".encode() for t in data.target[50:])
    assert bytes(targets.tolist()) == expected
    assert inputs[0] == ord("\t")
    stream = bytes(corpus.train.tolist())
    for source, target, tested in zip(data.source, data.target, data.test, strict=True):
        assert (f"{source}\t{target}\n".encode() in stream) != tested
    tuned = bytes(corpus.train[: corpus.tuning_start].tolist())
    lines = bytes(counted(corpus.tuning)[1].tolist()).decode().splitlines()
    assert lines
    assert not any(f"\t{line}\n".encode() in tuned for line in lines)


def test_neurons_are_looked_at_in_running_held_out_text_without_padding():
    data = text(2003)
    running = corpus_of(data, 32, 3).running
    assert running.flatten().tolist() == data.validation[:192].tolist()
    lines = corpus_of(pairs(), 16, 3).running
    expected = {f"{s}\t{t}" for s, t in zip(pairs().source[50:], pairs().target[50:], strict=True)}
    assert lines.shape[1] == 16
    assert lines.all()
    assert set(bytes(lines.flatten().tolist()).decode(errors="ignore").split("\n")[:-1]) < expected


def test_merged_models_are_judged_on_sentences_that_training_lacks():
    data = SentencePairs("mine", ("a", "b", "c"), ("x", "y", "x"), np.array([False, True, True]))
    assert held_out(data, "english", None).inputs.shape == (2, 2)
    assert bytes(counted(held_out(data, "french", None))[1].tolist()) == b"y\n"
    data = SentencePairs("mine", ("a", "b"), ("x", "x"), np.array([False, True]))
    with pytest.raises(ValueError, match="hold out french sentences that training lacks"):
        held_out(data, "french", None)


def test_bits_per_byte_of_known_predictions():
    probabilities = torch.full((256, 256), 0.25 / 255).fill_diagonal_(0.75).roll(1, 1)
    model = nn.Embedding.from_pretrained(probabilities.log())  # one more byte, it says
    windows = text_windows(torch.arange(100), 7, None)
    assert bits_per_byte(model, windows) == pytest.approx(-math.log2(0.75), rel=1e-5)
    windows = sentence_windows([b"abcz", b"abz"], [1, 1], None)
    found = bits_per_byte(model, windows)
    right, wrong = -math.log2(0.75), -math.log2(0.25 / 255)
    assert found == pytest.approx((3 * right + 2 * wrong) / 5, rel=1e-5)
    corpus = corpus_of(Text("t", np.tile(np.array([1, 1, 1, 2], np.uint8), 5000)), 10, None)
    share = np.array([13501, 4501]) / (18000 + 256)  # one more of every byte than was seen
    counts = np.array([1499, 500]) / 1999
    assert corpus.unigram_entropy == pytest.approx(-(counts * np.log2(share)).sum(), rel=1e-4)


def test_crops_are_the_same_for_everyone_under_one_seed():
    stream = torch.arange(500)
    first, second = (Crops(stream, 20, 4, seed=3) for _ in range(2))
    for _ in range(5):
        (inputs, targets), (others, _) = next(first), next(second)
        assert torch.equal(inputs, others)
        assert torch.equal(targets, inputs + 1)
    assert not torch.equal(next(first)[0], next(Crops(stream, 20, 4, seed=4))[0])
    with pytest.raises(ValueError, match="text must be longer than a window of 500"):
        Crops(stream, 500, 4, seed=0)


@pytest.mark.parametrize("preset", ["smoke", "full"])
def test_every_method_has_the_parameters_of_bdh(preset):
    config = PRESETS[preset]
    budget = num_parameters(config)
    assert count_parameters(bdh(config)) == budget
    for name in ("transformer", "tied_transformer", "lstm"):
        size = count_parameters(METHODS[name](config))
        assert 0.96 * budget < size <= budget, name
    assert len(METHODS["tied_transformer"](config).blocks) == 1
    assert len(METHODS["transformer"](config).blocks) == config.num_layers


def test_the_rate_is_chosen_before_the_end_of_the_training_part_is_seen():
    data, seen = text(4000), []

    class Spy(nn.Embedding):
        def forward(self, tokens):
            if self.training:
                seen.append(tokens)
            return super().forward(tokens)

    def spy(config):
        return Spy(256, 256)

    config = replace(PRESETS["smoke"], lrs=(1e-9, 0.1), tune_steps=3)
    chosen = choose_lr(Cell(method="mine", dataset="mine"), config, context(spy, data))
    assert chosen["lr"] == 0.1
    assert chosen["bpb"][1] < chosen["bpb"][0]
    learned = bytes(data.train[: int(0.95 * len(data.train))].tolist())
    assert all(bytes(row.tolist()) in learned for tokens in seen for row in tokens)


def test_equal_time_is_counted_in_steps_of_bdh():
    config = replace(  # so large that a table of 256 rows is cheaper on any machine
        PRESETS["smoke"],
        num_steps=100,
        max_steps=10**6,
        timed_steps=3,
        num_layers=8,
        block_size=256,
    )
    cheap, seconds = steps_in_time(lambda config: nn.Embedding(256, 256), config)
    assert cheap > 100
    assert seconds > 0
    assert (
        steps_in_time(lambda config: nn.Embedding(256, 256), replace(config, max_steps=7))[0] == 7
    )


def test_names_of_speakers_and_the_other_language_are_concepts():
    play = b"a verse:\n\nROMEO:\nO, she doth:\nteach\n\nALL:\nAy"
    tokens = torch.tensor(list(play)[:44]).view(4, 11)
    assert bytes(tokens[concept_of(tokens)].tolist()) == b"ROMEO:\nALL:\n"
    lines = torch.tensor(list(b"sun\tsoleil\nmoonrise\tlune\nsea\tm")).view(5, 6)
    assert bytes(lines[concept_of(lines)].tolist()) == b"soleillunem"


def test_a_planted_synapse_is_found_on_one_half_and_confirmed_on_the_other():
    """A neuron that a byte alone excites, in a model otherwise drawn at random."""
    torch.manual_seed(0)
    model = BDH(256, 16, num_heads=2, neuron_ratio=4, num_layers=2, dropout=0.0).eval()
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.5)
    tokens = torch.randint(97, 123, (12, 24))
    tokens[:, 8:] = torch.randint(200, 226, (12, 16))
    tokens[:, 8], tokens[:, -1] = ord("\t"), ord("\n")
    with torch.no_grad():
        model.embed.weight[200:] = torch.randn(16) + 0.1 * torch.randn(56, 16)
    numbers, arrays = selectivity(model, tokens, torch.Generator().manual_seed(0))
    for what in ("neuron", "synapse"):
        assert numbers[f"{what}_auroc"] > 0.9
        assert abs(numbers[f"{what}_control_auroc"] - 0.5) < 0.25
    assert arrays["trace"].shape == arrays["trace_concept"].shape == (24,)
    assert (np.diff(arrays["trace"]) >= 0).all()
    inside = np.diff(arrays["trace"], prepend=0)[arrays["trace_concept"]].sum()
    assert inside > 0.8 * arrays["trace"][-1]
    assert selectivity(model, torch.full((4, 9), 97), torch.Generator()) == ({}, {})


def test_experts_share_the_maps_of_their_base_and_are_merged(tmp_path):
    config = MERGE_PRESETS["smoke"]
    stored = train_experts(Cell(dataset="mine", seed=0), config, context(None, pairs()))
    for name in ("embed.weight", "lm_head"):
        for language in ("english", "french"):
            assert np.array_equal(stored[f"{language}.{name}"], stored[f"base.{name}"])
    assert not np.array_equal(stored["english.encoder"], stored["french.encoder"])
    found = {}
    for method in MERGE.methods.values():
        result = run_cell(Cell(seed=0), config, context(method, pairs(), experts=stored))
        found[method.__name__] = result.metrics
    assert found["merged"]["parameters"] > found["english"]["parameters"]
    assert found["merged"]["bpb"] == pytest.approx(
        (found["merged"]["english"] + found["merged"]["french"]) / 2
    )


def test_claims_and_what_holds():
    def record(method, seed, bpb, budget="data", **more):
        return Record(Cell(method=method, budget=budget, seed=seed), {"bpb": bpb, **more})

    interpreted = {
        "gated_density": 0.15,
        "modularity_trained": 0.4,
        "modularity_rewired": 0.3,
        "modularity_untrained": 0.35,
        "neuron_auroc": 0.9,
        "neuron_control_auroc": 0.5,
        "synapse_auroc": 0.7,
        "synapse_control_auroc": 0.5,
        "recurrent_gap": 1e-5,
    }
    records = Records(
        [record("bdh", seed, 2.0, **interpreted) for seed in range(3)]
        + [record("transformer", seed, 2.0 - 0.01 * seed) for seed in range(3)]
        + [record("transformer", seed, 9.0, budget="time") for seed in range(3)]
    )
    assert claims.gained_over("transformer", records) == pytest.approx([0.0, -0.01, -0.02])
    assert claims.is_close_everywhere("transformer", records)
    worse = Records([record("bdh", 0, 2.04, **interpreted), record("transformer", 0, 2.0)])
    assert not claims.is_close_everywhere("transformer", worse)
    assert claims.below_a_fifth(records) == pytest.approx([0.05] * 3)
    assert claims.modularity_gained(records) == pytest.approx([0.05] * 3)
    assert claims.is_positive_everywhere(records)
    assert claims.is_sparse_everywhere(records)
    assert claims.selectivity_gained("neuron", records) == pytest.approx([0.4] * 3)
    assert claims.is_selective_everywhere("neuron", records)
    assert not claims.is_selective_everywhere("synapse", records)
    assert claims.selectivity_gained("neuron", Records([record("bdh", 0, 1.0)])) == []
    assert claims.largest_gap(records) == 1e-5
    headlines = [claim for part in EXPERIMENTS for claim in part.claims if claim.headline]
    assert headlines == [LANGUAGE.claims[0]]


def test_the_merged_model_is_held_against_the_expert_of_the_other_language():
    values = {"english": (1.0, 3.0), "french": (3.5, 1.0), "merged": (1.2, 1.3), "base": (2.0, 2.0)}
    records = Records(
        Record(Cell(method=name, seed=0), {"english": english, "french": french})
        for name, (english, french) in values.items()
    )
    assert gained_on_the_other_language(records) == pytest.approx([1.7])


def test_parts_and_presets():
    assert [part.part for part in EXPERIMENTS] == ["main", "translation", "merge"]
    for part, presets in zip(
        EXPERIMENTS, (PRESETS, TRANSLATION_PRESETS, MERGE_PRESETS), strict=True
    ):
        assert set(part.presets) == {"smoke", "quick", "full", "paper"}
        assert part.presets["full"].num_seeds >= 5
        assert part.presets is presets
    paper = PRESETS["paper"]
    assert num_parameters(paper) == 25_296_896
    with pytest.raises(ValueError, match="budgets must be 'data' or 'time': got 'steps'"):
        Config(budgets=("data", "steps"))
    with pytest.raises(ValueError, match="budgets must include 'data'"):
        Config(budgets=("time",))


@pytest.mark.parametrize("experiment", EXPERIMENTS, ids=lambda part: part.part)
def test_an_unknown_dataset_is_refused_before_anything_is_computed(experiment):
    with pytest.raises(ValueError, match="did you mean 'tinyshakespeare'"):
        evaluation.run(experiment, preset="smoke", overrides={"datasets": ("tinyshakespear",)})


@needs_data
def test_smoke_runs_with_a_method_and_a_text_of_the_users(tmp_path):
    def bigrams(config):
        return nn.Embedding(256, 256)

    done = evaluation.run(
        LANGUAGE,
        preset="smoke",
        methods={"bigrams": bigrams},
        datasets={"mine": Text("mine", np.frombuffer(b"\nA:\nto be or not. \n" * 999, np.uint8))},
        out=tmp_path,
        progress=False,
    )
    assert not done.num_failed
    assert set(done.records.axis("dataset")) == {"tinyshakespeare", "mine"}
    ours = done.records.where(method="bdh")
    assert all(0 < record.metrics["gated_density"] < 1 for record in ours)
    assert all(record.metrics["recurrent_gap"] < 1e-4 for record in ours)
    assert math.isnan(done.records.where(method="bigrams")[0].metrics["generated_per_second"])
    for draw in LANGUAGE.figures.values():
        draw(done.records)
    by_data, by_time, neurons = tables.language_tables(done.records.where(dataset="mine"))
    assert {row[0] for row in by_data.rows} == {row[0] for row in by_time.rows}
    assert "bdh" in {row[0] for row in by_time.rows}
    assert len(neurons.rows) == len(tables.NEURON_ROWS)


@needs_data
@pytest.mark.parametrize("experiment", [TRANSLATION, MERGE], ids=lambda part: part.part)
def test_smoke_of_the_other_parts(experiment, tmp_path):
    done = evaluation.run(experiment, preset="smoke", out=tmp_path, progress=False)
    assert not done.num_failed
    for draw in experiment.figures.values():
        draw(done.records)
    assert experiment.tables(done.records)
