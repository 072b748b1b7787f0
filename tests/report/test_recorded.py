"""What the evaluation writes is what the gallery reads: recorded summaries and local runs."""

import json
import sys
import types
from dataclasses import dataclass

import pytest

from neurarium import evaluation
from neurarium.report.local import local_runs
from neurarium.report.recorded import benchmarks, headline_ratio, recordings


@dataclass(frozen=True)
class Config:
    """Sizes only."""

    num_seeds: int = 3
    gain: float = 1.0


def mine(seed, config):
    return 2.0 + config.gain + 0.1 * seed


def svc(seed, config):
    return 2.0 - 0.01 * seed


def run_cell(cell, config, context):
    return evaluation.Result({"accuracy": context.method(cell.seed, config)})


def draw(records):
    from matplotlib import pyplot

    figure, axes = pyplot.subplots()
    axes.plot(list(records.where(method="hopular").values("accuracy", "seed").values()))
    return figure


EXPERIMENT = evaluation.Experiment(
    slug="hopular",
    presets={"quick": Config(), "full": Config(num_seeds=6)},
    axes=lambda c: {"seed": range(c.num_seeds)},
    datasets=lambda c: {"a": list, "b": list},
    methods={"hopular": mine, "svc": svc},
    run_cell=run_cell,
    claims=(
        evaluation.Claim(
            "better than svc",
            "Table 1",
            lambda r: evaluation.paired(r, "accuracy", "hopular", "svc", unit="seed"),
            headline=True,
            paper_value="7.5",
        ),
    ),
    figures={"curve": draw},
)


@pytest.fixture
def installed(monkeypatch):
    """The experiment in place of the real one of that slug."""
    module = types.SimpleNamespace(EXPERIMENTS=(EXPERIMENT,))
    monkeypatch.setitem(sys.modules, "neurarium.experiments.hopular", module)
    monkeypatch.setattr("neurarium.catalog.state", lambda system: "importable")


def _run(tmp_path, **arguments):
    return evaluation.run(EXPERIMENT, out=tmp_path / "runs", progress=False, **arguments)


def test_a_recorded_run_is_read_as_it_was_measured(tmp_path):
    run = _run(tmp_path, preset="full")
    path = evaluation.record_summary(run, tmp_path)
    path.with_suffix(".md").write_text("Because.")
    found = recordings(path.parent)["hopular"]
    (verdict,) = run.verdicts
    assert found.verdict == verdict.outcome == "reproduced"
    assert found.explanation == "Because."
    claim = found.headline
    assert claim.effect == pytest.approx(verdict.interval.mean, rel=1e-5)
    assert claim.interval == pytest.approx((verdict.interval.low, verdict.interval.high), rel=1e-5)
    assert claim.effects == pytest.approx(verdict.effects, rel=1e-5)
    assert (claim.side, claim.units, claim.paper_value) == (verdict.side, 6, "7.5")
    (part,) = found.parts
    assert part.tables[0].columns == ("dataset", "hopular", "svc")
    assert [row[0] for row in part.tables[0].rows] == ["a", "b"]
    assert part.config == {"num_seeds": 6, "gain": 1.0}
    assert part.figures["curve"].lstrip().startswith("<?xml")
    assert not part.stale


def test_other_code_than_todays_makes_a_recording_stale(tmp_path):
    path = evaluation.record_summary(_run(tmp_path, preset="full"), tmp_path)
    summary = json.loads(path.read_text())
    summary["parts"]["main"]["fingerprint"] = "0" * 16
    path.write_text(json.dumps(summary))
    assert recordings(path.parent)["hopular"].stale


@pytest.mark.usefixtures("installed")
def test_the_newest_local_run_is_shown_without_a_verdict(tmp_path):
    _run(tmp_path, preset="quick")
    _run(tmp_path, preset="quick", overrides={"gain": 2.0}, methods={"theirs": svc})
    found = local_runs(tmp_path / "runs")["hopular"]
    (part,) = found.parts
    assert found.verdict is None
    assert (part.preset, part.config["gain"]) == ("quick", 2.0)
    assert part.claims[0].verdict is None
    assert part.claims[0].effect == pytest.approx(2.11)
    assert part.tables[0].columns == ("dataset", "hopular", "svc", "theirs")
    assert "curve" in part.figures
    assert part.facts["Cells"] == "18"


@pytest.mark.usefixtures("installed")
def test_runs_of_other_code_torn_or_empty_ones_are_passed_over(tmp_path):
    run = _run(tmp_path, preset="quick")
    records = run.folder / "records.jsonl"
    whole = records.read_text()
    header, *_ = whole.splitlines()
    records.write_text(header + "\n")
    assert local_runs(tmp_path / "runs") == {}
    records.write_text(header[: len(header) // 2])
    assert local_runs(tmp_path / "runs") == {}
    records.write_text(whole.replace(run.fingerprint, "0" * 16))
    assert local_runs(tmp_path / "runs") == {}
    records.write_text(whole + '{"cell": {"met')
    assert list(local_runs(tmp_path / "runs")) == ["hopular"]
    assert local_runs(tmp_path / "nowhere") == {}


@pytest.mark.usefixtures("installed")
def test_an_interrupted_run_shows_what_it_has(tmp_path):
    run = _run(tmp_path, preset="quick")
    records = run.folder / "records.jsonl"
    records.write_text("\n".join(records.read_text().splitlines()[:2]) + "\n")
    (part,) = local_runs(tmp_path / "runs")["hopular"].parts
    assert part.facts["Cells"] == "1"
    assert part.tables[0].rows


def test_benchmarks_are_found_by_the_systems_name(tmp_path):
    row = {"name": "forward", "seconds": {"ours": 2e-3, "textbook": 8e-3}, "threads": 1}
    content = {
        "rows": [
            {**row, "ratio": {"textbook": 4.0}},
            {**row, "name": "backward", "ratio": {"textbook": 2.0, "authors": 6.0}},
        ]
    }
    (tmp_path / "memory_hopfield.json").write_text(json.dumps(content))
    (speed,) = benchmarks(tmp_path).values()
    assert speed.columns == ("what", "ours, ms", "textbook", "authors")
    assert speed.rows == (("forward", 2.0, 4.0, None), ("backward", 2.0, 2.0, 6.0))
    assert list(benchmarks(tmp_path)) == ["hopfield"]
    assert headline_ratio(speed) == 4.0
    assert benchmarks(tmp_path / "nowhere") == {}


def test_no_recorded_speed_is_measured_against_ourselves():
    for slug, speed in benchmarks().items():
        assert not speed.columns[2].startswith("ours"), slug
