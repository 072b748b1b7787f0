"""The recorded summary: small, stable, honest about what it is of."""

import json
import re
from dataclasses import replace

import pytest

from evaluation.toy import EXPERIMENT
from neurarium.evaluation import (
    Claim,
    is_stale,
    load_summary,
    record_summary,
    run,
    summarize,
)


def figure(records):
    from matplotlib import pyplot

    drawn, axes = pyplot.subplots()
    for method in records.axis("method"):
        values = records.where(method=method).values("estimate", "dataset")
        axes.plot(list(values), list(values.values()), label=method)
    axes.axhline(0.5, color="black")
    axes.set_title("estimates")
    axes.legend()
    return drawn


DRAWN = replace(EXPERIMENT, figures={"estimates": figure})


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    root = tmp_path_factory.mktemp("checkout")
    done = run(DRAWN, preset="full", out=root / "runs", progress=False)
    path = record_summary(done, root)
    return root, done, path


def test_what_is_recorded(recorded):
    root, done, path = recorded
    assert path == root / "src/neurarium/results/toy.json"
    summary = load_summary("toy", path.parent)
    assert summary["slug"] == "toy"
    assert summary["verdict"] == done.verdicts[0].outcome
    part = summary["parts"]["main"]
    assert (part["preset"], part["key"], part["num_cells"]) == ("full", done.key, 12)
    assert part["config"] == {"num_rows": 20, "num_seeds": 5, "milliseconds": 0.0}
    (claim,) = part["claims"]
    assert claim["units"] == 5 == len(claim["effects"])
    assert claim["effect"] == pytest.approx(done.verdicts[0].interval.mean, rel=1e-5)
    assert claim["side"] == [0.0, None]
    assert part["tables"][0]["columns"] == ["dataset", "noisy_mean", "median"]
    assert set(part["versions"]) >= {"python", "torch", "numpy", "neurarium"}
    assert part["seconds"] >= 0
    assert path.stat().st_size < 40_000
    assert not is_stale(summary)
    row = json.dumps(part["tables"][0]["rows"][0])
    assert row in [line.strip(" ,") for line in path.read_text().splitlines()]  # one line a row
    raw = root / "results" / "toy" / f"main-full-{done.key}"
    assert (raw / "records.jsonl").read_bytes() == (done.folder / "records.jsonl").read_bytes()
    assert len(list((raw / "arrays").glob("*.npz"))) == 12


def test_the_raw_run_keeps_the_last_attempts_and_no_folder_of_the_machine(tmp_path):
    broken = tmp_path / "broken"
    broken.touch()

    def noisy_mean(data, bias):
        if broken.exists() and data[0] == 0.0:
            raise ZeroDivisionError("ramp")
        return float(data.mean())

    experiment = replace(EXPERIMENT, methods={**EXPERIMENT.methods, "noisy_mean": noisy_mean})

    def kept():
        done = run(experiment, preset="full", out=tmp_path / "runs", progress=False)
        record_summary(done, tmp_path)
        raw = tmp_path / "results" / "toy" / f"main-full-{done.key}" / "records.jsonl"
        return [json.loads(line) for line in raw.read_text().splitlines()]

    header, *first = kept()
    assert header["run"]["slug"] == "toy"
    errors = [line["error"] for line in first if line["error"] is not None]
    assert errors == ["ZeroDivisionError: ramp"] * 5
    broken.unlink()
    _, *second = kept()
    assert len(second) == len(first) == 12
    assert all(line["error"] is None for line in second)


def test_the_machine_is_named_without_its_host(recorded):
    import platform

    machine = summarize(recorded[1])["machine"]
    assert re.search(r", \d+ cores$", machine)
    assert not platform.node() or platform.node() not in machine


def test_recording_again_gives_the_same_bytes(recorded):
    root, done, path = recorded
    files = [path, *sorted((path.parent / "figures").iterdir())]
    before = [file.read_bytes() for file in files]
    record_summary(done, root)
    assert [file.read_bytes() for file in files] == before
    assert len(files) == 2


def test_figures_take_the_ink_of_the_page(recorded):
    _, _, path = recorded
    svg = path.parent / load_summary("toy", path.parent)["parts"]["main"]["figures"]["estimates"]
    text = svg.read_text()
    assert "currentColor" in text
    assert "#000000" not in text
    assert "<text" in text  # not paths
    assert "<dc:date>" not in text
    assert "fill: #ffffff" not in text


def test_parts_are_merged_and_earlier_raw_runs_kept(recorded, tmp_path):
    root = tmp_path
    longer = run(DRAWN, preset="full", seeds=6, out=root / "runs", progress=False)
    other = replace(
        EXPERIMENT, part="second", claims=(replace(EXPERIMENT.claims[0], headline=False),)
    )
    record_summary(recorded[1], root)
    record_summary(longer, root)
    record_summary(run(other, preset="full", out=root / "runs", progress=False), root)
    summary = load_summary("toy", root / "src/neurarium/results")
    assert list(summary["parts"]) == ["main", "second"]
    assert summary["parts"]["main"]["key"] == longer.key
    assert summary["verdict"] == longer.verdicts[0].outcome
    assert len(list((root / "results" / "toy").iterdir())) == 3


def test_the_explanation_is_read_with_the_summary(recorded):
    path = recorded[2]
    note = path.with_suffix(".md")
    note.write_text("Because.\n")
    assert load_summary("toy", path.parent)["explanation"] == "Because.\n"
    note.unlink()


def test_a_changed_fingerprint_is_stale(recorded):
    summary = json.loads(recorded[2].read_text())
    summary["parts"]["main"]["fingerprint"] = "0" * 16
    assert is_stale(summary)


def test_what_is_no_record(tmp_path):
    quick = run(EXPERIMENT, preset="quick", out=tmp_path / "runs", progress=False)
    with pytest.raises(
        ValueError, match="preset must be full or paper to be recorded: got 'quick'"
    ):
        record_summary(quick, tmp_path)
    mine = run(EXPERIMENT, preset="full", methods={"mine": lambda d, b: 1.0}, out=tmp_path / "runs",
               progress=False)  # fmt: skip
    with pytest.raises(ValueError, match="a recorded run must be as declared: got method mine"):
        record_summary(mine, tmp_path)
    wordy = replace(EXPERIMENT, claims=(Claim("word " * 9000, "", lambda records: []),))
    done = run(wordy, preset="full", out=tmp_path / "runs", progress=False)
    with pytest.raises(ValueError, match="summary must be at most 40000 bytes: got"):
        record_summary(done, tmp_path)
    failing = replace(EXPERIMENT, run_cell=no_cell)
    done = run(failing, preset="full", out=tmp_path / "failing", progress=False)
    with pytest.raises(ValueError, match="a recorded run must have results: got 12 failed cells"):
        record_summary(done, tmp_path)
    assert not (tmp_path / "src").exists()


def no_cell(cell, config, context):
    raise ArithmeticError("nothing comes of it")


def test_infinities_and_nan_are_null_in_json(recorded, tmp_path):
    never = Claim("never reached", "", lambda records: [float("nan")] * 3)
    done = run(replace(EXPERIMENT, claims=(never,)), preset="full", out=tmp_path, progress=False)
    (claim,) = summarize(done)["claims"]
    assert claim["effects"] == [None] * 3
    assert claim["verdict"] == "inconclusive"
    json.dumps(summarize(done), allow_nan=False)
