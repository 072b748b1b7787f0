"""Running an experiment: stages, errors, the user's additions, and no trace left behind."""

# ruff: noqa: NPY002 - the runner seeds the legacy generator, so it is what cells draw from here

import os
import random
import subprocess
import sys
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from evaluation.toy import EXPERIMENT
from neurarium.evaluation import Claim, Experiment, Result, Stage, run


def go(experiment, tmp_path, **arguments):
    return run(experiment, out=tmp_path, progress=False, **{"preset": "smoke", **arguments})


@pytest.fixture
def log(tmp_path, monkeypatch):
    path = tmp_path / "log"
    monkeypatch.setenv("TOY_LOG", str(path))
    return lambda: path.read_text().splitlines() if path.exists() else []


def test_stages_are_built_once_and_before_cells(tmp_path, log):
    done = go(EXPERIMENT, tmp_path, preset="quick")
    kinds = [line.split()[0] for line in log()]
    assert kinds == ["shift"] * 6 + ["tuned"] * 4 + ["cell"] * 8
    assert len(set(log())) == len(log())
    assert len(done.records) == 8
    again = go(EXPERIMENT, tmp_path, preset="quick")
    assert len(log()) == 18  # nothing is computed twice
    assert again.records.values("estimate", "method") == done.records.values("estimate", "method")


def test_stage_values_come_back_as_they_were_stored(tmp_path):
    seen = []

    def run_cell(cell, config, context):
        seen.append(context.stage("shift"))
        return Result({"estimate": 0.0})

    go(replace(EXPERIMENT, run_cell=run_cell, claims=(), methods={"m": max}), tmp_path)
    assert seen[0]["label"] == ["a", {"b": 0}]
    assert seen[0]["shift"].shape == (3,)


@dataclass(frozen=True)
class Timed:
    num_seeds: int = 2


def sleepy(name, needs=()):
    import time

    def build(cell, config, context):
        for other in needs:
            context.stage(other)
        time.sleep(0.02)
        return {"name": name}

    return build


def charged_experiment() -> Experiment:
    def run_cell(cell, config, context):
        if cell.method == "both":
            context.stage("student")
            context.stage("teacher")
        return Result({"accuracy": 1.0})

    return Experiment(
        slug="charged",
        presets={"smoke": Timed()},
        axes=lambda c: {"seed": range(c.num_seeds), "rate": (0.1, 0.2)},
        methods={"both": max, "none": min},
        stages=(
            Stage("teacher", ("seed",), sleepy("t")),
            Stage("student", ("seed", "rate"), sleepy("s", ["teacher"]), exclusive=True),
        ),
        run_cell=run_cell,
    )


def test_stage_seconds_are_charged_transitively_and_once(tmp_path):
    done = go(charged_experiment(), tmp_path)
    for record in done.records.where(method="both"):
        assert set(record.stages) == {
            f"teacher(seed {record.cell.seed})",
            f"student(seed {record.cell.seed}, rate {record.cell.rate})",
        }
        assert record.seconds == pytest.approx(record.wall_seconds + sum(record.stages.values()))
        assert record.seconds > 0.04 > record.wall_seconds
    for record in done.records.where(method="none"):
        assert record.stages == {}


def test_a_cell_asks_only_for_what_its_axes_determine(tmp_path):
    def run_cell(cell, config, context):
        asked = {"stage": lambda: context.stage("absent"), "data": lambda: context.data}
        asked[cell.method]()
        return Result()

    experiment = replace(
        charged_experiment(), run_cell=run_cell, methods={"stage": max, "data": max}
    )
    errors = [record.error for record in go(experiment, tmp_path).records]
    assert any(
        r"stage must be one that this cell has (teacher, student): got 'absent'" in e
        for e in errors
    )
    assert any(
        "axes must have 'dataset' to use context.data: got method, seed, rate" in e for e in errors
    )


def test_a_cell_that_raises_is_recorded_and_tried_again(tmp_path, log):
    broken = tmp_path / "broken"
    broken.touch()

    def noisy_mean(data, bias):
        if broken.exists() and data[0] == 0.0:
            raise ZeroDivisionError("ramp")
        return float(data.mean())

    experiment = replace(EXPERIMENT, methods={**EXPERIMENT.methods, "noisy_mean": noisy_mean})
    done = go(experiment, tmp_path, preset="full")
    assert done.num_failed == 5
    assert "ZeroDivisionError: ramp" in done.records.failed[0].error
    assert "noisy_mean" in done.records.failed[0].error  # the traceback is kept
    assert done.verdicts[0].outcome == "incomplete"
    assert done.tables  # of what finished
    broken.unlink()
    before = len(log())
    again = go(experiment, tmp_path, preset="full")
    assert again.num_failed == 0
    assert [line.split()[0] for line in log()[before:]] == ["cell"] * 5
    assert again.verdicts[0].outcome != "incomplete"


def test_a_stage_that_raises_fails_the_cells_that_ask_for_it(tmp_path):
    def build(cell, config, context):
        if cell.dataset == "ramp":
            raise OSError("disk")
        return {"bias": 0.0}

    stages = (EXPERIMENT.stages[0], Stage("tuned", ("method", "dataset"), build))
    done = go(replace(EXPERIMENT, stages=stages), tmp_path)
    assert {record.cell.dataset for record in done.records.failed} == {"ramp"}
    assert "stage 'tuned' could not be built" in done.records.failed[0].error
    assert "OSError: disk" in done.records.failed[0].error
    assert len(done.records.ok) == 2


@pytest.mark.parametrize(
    ("result", "message"),
    [
        ({"x": 1.0}, "run_cell must return a Result: got dict"),
        (Result({"x": "high"}), "could not convert string to float"),
        (
            Result(arrays={"x": np.array([{}])}),
            "array 'x' must hold numbers or text: got dtype object",
        ),
    ],
)
def test_wrong_results_are_the_cells_own_error(tmp_path, result, message):
    experiment = replace(EXPERIMENT, run_cell=lambda *_: result, claims=())
    assert message in go(experiment, tmp_path).records[0].error


def test_wrong_stage_values_are_named(tmp_path):
    stages = (Stage("tuned", ("method",), lambda *_: {"model": torch.nn.Linear(1, 1)}),)
    done = go(replace(EXPERIMENT, stages=stages), tmp_path)
    assert (
        "stage value 'model' must be an array or a JSON value: got Linear" in done.records[0].error
    )


def mine(data, bias):
    return float(data.max())


def test_my_method_and_my_data_join_the_grid(tmp_path):
    plain = go(EXPERIMENT, tmp_path, preset="full")
    loaders = {"mine": np.full(4, 7.0), "loaded": lambda: np.full(4, 8.0)}
    done = go(EXPERIMENT, tmp_path, preset="full", methods={"mine": mine}, datasets=loaders)
    assert done.key != plain.key
    assert len(done.records) == (5 + 5 + 1) * 4  # two methods with seeds and one without
    estimates = done.records.values("estimate", "method", "dataset")
    assert estimates["mine", "mine"] == 7.0
    assert estimates["mine", "loaded"] == 8.0
    assert estimates["median", "loaded"] == 8.0
    assert (
        estimates["noisy_mean", "ones"]
        == plain.records.values("estimate", "method", "dataset")["noisy_mean", "ones"]
    )
    assert done.verdicts == plain.verdicts  # from declared cells only
    assert "mine" in done.tables[0].columns
    assert [row[0] for row in done.tables[0].rows] == ["ones", "ramp", "mine", "loaded"]


def test_a_failing_method_of_mine_leaves_the_verdict(tmp_path):
    def failing(data, bias):
        raise ValueError("no")

    done = go(EXPERIMENT, tmp_path, preset="full", methods={"mine": failing})
    assert done.num_failed == 10
    assert done.verdicts[0].outcome not in (None, "incomplete")


def test_my_method_is_part_of_the_key(tmp_path):
    def scaled(k):
        return lambda data, bias: k * float(data.mean())

    keys = [go(EXPERIMENT, tmp_path, methods={"mine": scaled(k)}).key for k in (1, 2, 1)]
    assert keys[0] == keys[2] != keys[1]
    data = [go(EXPERIMENT, tmp_path, datasets={"mine": np.full(3, v)}).key for v in (1.0, 2.0, 1.0)]
    assert data[0] == data[2] != data[1]


def test_data_of_mine_cannot_be_changed_by_a_cell(tmp_path):
    def spoiling(data, bias):
        data += 1
        return float(data.mean())

    table = np.zeros(3)
    done = go(
        EXPERIMENT, tmp_path, preset="quick", methods={"a": spoiling}, datasets={"mine": table}
    )
    values = done.records.where(method="a", dataset="mine").values("estimate", "seed")
    assert values == {0: 1.0, 1: 1.0, 2: 1.0}
    assert table.sum() == 0


def test_equal_seeds_give_equal_cells_in_any_order(tmp_path):
    all_seeds = go(EXPERIMENT, tmp_path, preset="quick").records
    one = go(EXPERIMENT, tmp_path, preset="quick", seeds=1).records
    for record in one:
        (same,) = [r for r in all_seeds if r.cell == record.cell]
        assert same.metrics["estimate"] == record.metrics["estimate"]
        assert same.curves == record.curves
        np.testing.assert_array_equal(same.arrays["draws"], record.arrays["draws"])


def test_the_users_process_is_left_as_it_was(tmp_path, monkeypatch):
    monkeypatch.delenv("LOKY_MAX_CPU_COUNT", raising=False)
    monkeypatch.setenv("MKL_NUM_THREADS", "5")
    threads = torch.get_num_threads()
    seen = []

    def run_cell(cell, config, context):
        seen.append((torch.get_num_threads(), os.environ["LOKY_MAX_CPU_COUNT"]))
        return Result({"estimate": torch.rand(()).item() + random.random()})

    torch.set_num_threads(2)
    try:
        random.seed(5), np.random.seed(5), torch.manual_seed(5)
        expected = random.random(), np.random.rand(), torch.rand(()).item()
        random.seed(5), np.random.seed(5), torch.manual_seed(5)
        go(replace(EXPERIMENT, run_cell=run_cell, claims=()), tmp_path)
        assert (random.random(), np.random.rand(), torch.rand(()).item()) == expected
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
    assert set(seen) == {(1, "1")}
    assert "LOKY_MAX_CPU_COUNT" not in os.environ
    assert os.environ["MKL_NUM_THREADS"] == "5"


def test_overrides_change_the_configuration_and_the_key(tmp_path):
    plain = go(EXPERIMENT, tmp_path)
    changed = go(EXPERIMENT, tmp_path, overrides={"num_rows": 5})
    assert changed.config.num_rows == 5
    assert changed.key != plain.key
    assert changed.folder.parent == plain.folder.parent
    assert go(EXPERIMENT, tmp_path, seeds=4).records.axis("seed") == (0, 1, 2, 3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"preset": "quik"},
            "preset must be one of smoke, quick, full: got 'quik'; did you mean 'quick'",
        ),
        (
            {"overrides": {"num_row": 3}},
            "override must be one of .*: got 'num_row'; did you mean 'num_rows'",
        ),
        ({"methods": {"median": max}}, "methods must have names of their own: got 'median'"),
        ({"datasets": {"ones": 1}}, "datasets must have names of their own: got 'ones'"),
        ({"seeds": 0}, "seeds must be at least 1: got 0"),
        ({"jobs": 0}, "jobs must be at least 1: got 0"),
        ({"backend": "ray"}, "backend must be 'local', 'dask' or a scheduler's address: got 'ray'"),
    ],
)
def test_bad_arguments(tmp_path, arguments, message):
    with pytest.raises(ValueError, match=message):
        go(EXPERIMENT, tmp_path, **arguments)
    assert not list(tmp_path.iterdir())


def test_seeds_need_a_configuration_that_has_them(tmp_path):
    @dataclass(frozen=True)
    class Seedless:
        size: int = 1

    experiment = Experiment(
        slug="seedless",
        presets={"smoke": Seedless()},
        axes=lambda c: {},
        methods={"a": max},
        run_cell=lambda *_: Result({"accuracy": 1.0}),
    )
    with pytest.raises(ValueError, match="seedless part main has no num_seeds"):
        go(experiment, tmp_path, seeds=3)
    with pytest.raises(ValueError, match="datasets must be empty: got mine; the part has none"):
        go(experiment, tmp_path, datasets={"mine": 1})
    assert go(experiment, tmp_path).tables[0].rows == ()


def test_a_timed_claim_needs_exclusive_cells():
    claim = Claim("faster", "", lambda r: [], timed=True)
    with pytest.raises(ValueError, match="exclusive must be True: got False with a timed claim"):
        replace(EXPERIMENT, claims=(claim,))


def test_processor_seconds_of_compilers_and_other_children_count(tmp_path):
    busy = "import time\nwhile time.process_time() < 0.5: pass"

    def run_cell(cell, config, context):
        subprocess.run([sys.executable, "-c", busy], check=True)
        return Result({"estimate": 0.0})

    done = go(replace(EXPERIMENT, run_cell=run_cell, claims=(), stages=()), tmp_path)
    spent = [record.cpu_seconds for record in done.records]
    assert min(spent) >= 0.45  # the system counts in hundredths


def test_stages_have_names_of_their_own():
    with pytest.raises(ValueError, match="stages must have names of their own: got shift, shift"):
        replace(EXPERIMENT, stages=(EXPERIMENT.stages[0],) * 2)


def test_cells_may_change_the_working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "elsewhere").mkdir()

    def run_cell(cell, config, context):
        os.chdir(tmp_path / "elsewhere")
        return Result({"estimate": context.stage("tuned")["bias"]}, arrays={"x": np.ones(1)})

    done = go(replace(EXPERIMENT, run_cell=run_cell, claims=()), "runs")
    assert done.num_failed == 0
    assert done.records[0].arrays["x"] == [1.0]


def test_a_method_that_names_an_unknown_dataset(tmp_path):
    from neurarium.evaluation import Method

    methods = {"m": Method(max, axes={"dataset": ("rampe",)})}
    with pytest.raises(ValueError, match="dataset must be one of ones, ramp: got 'rampe'"):
        go(replace(EXPERIMENT, methods=methods), tmp_path)


def test_an_interrupted_run_says_how_to_go_on(tmp_path, capsys):
    def run_cell(cell, config, context):
        if cell.seed == 1:
            raise KeyboardInterrupt
        return Result({"estimate": 1.0})

    experiment = replace(EXPERIMENT, run_cell=run_cell, methods={"m": max})
    with pytest.raises(KeyboardInterrupt):
        run(experiment, preset="quick", out=tmp_path)
    said = capsys.readouterr().err
    assert "interrupted: 2 of 6 cells are kept in" in said
    assert "the same command goes on from there" in said


def test_parts_have_folders_of_their_own(tmp_path):
    main, other = (go(replace(EXPERIMENT, part=part), tmp_path) for part in ("main", "mil"))
    assert main.folder.name == f"smoke-{main.key}"
    assert other.folder.name == f"mil-smoke-{other.key}"
    assert main.key != other.key


def test_cells_of_a_moved_out_folder_are_taken_up(tmp_path, log):
    go(EXPERIMENT, tmp_path / "a")
    (tmp_path / "a").rename(tmp_path / "b")
    count = len(log())
    go(EXPERIMENT, tmp_path / "b")
    assert len(log()) == count


def test_the_default_table(tmp_path):
    def run_cell(cell, config, context):
        size = {"noisy_mean": 10.0, "median": 5.0}[cell.method]
        score = (cell.dataset == "ramp") + (cell.method == "median")
        return Result({"error": score, "parameters": size})

    experiment = replace(
        EXPERIMENT, run_cell=run_cell, stages=(), claims=(), metric="error", higher_is_better=False
    )
    (table,) = go(experiment, tmp_path).tables
    assert table.title == "error, lower is better"
    assert table.columns == ("dataset", "noisy_mean", "median")  # as declared
    assert table.rows == (("ones", 0.0, 1.0), ("ramp", 1.0, 2.0))
    footer = {row[0]: row[1:] for row in table.footer}
    assert list(footer) == ["mean", "median rank", "parameters", "seconds a cell"]
    assert footer["mean"] == (0.5, 1.5)
    assert footer["median rank"] == (1.0, 2.0)
    assert footer["parameters"] == (10.0, 5.0)


def test_progress_is_plain_where_there_is_no_terminal(tmp_path, capsys):
    run(EXPERIMENT, preset="smoke", out=tmp_path)
    said = capsys.readouterr()
    assert "toy cells: 4 of 4 done" in said.err
    assert said.out == ""


def test_a_stage_without_the_axis_method_has_no_method(tmp_path):
    def build(cell, config, context):
        return {"method": str(context.method)}

    stages = (Stage("tuned", ("dataset",), build),)
    error = go(replace(EXPERIMENT, stages=stages), tmp_path).records[0].error
    assert "axes must have 'method' to use context.method: got dataset" in error
