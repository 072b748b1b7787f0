"""Cells in worker processes and on a cluster are the cells of an inline run."""

import os
from dataclasses import replace

import numpy as np
import pytest

from evaluation.toy import EXPERIMENT
from neurarium.evaluation import Result, run

pytestmark = pytest.mark.slow


def metrics(done):
    return [(r.cell, r.metrics["estimate"], r.curves) for r in done.records]


def test_two_workers_compute_what_one_process_does(tmp_path):
    alone = run(EXPERIMENT, out=tmp_path / "a", progress=False)
    bias = 3.0  # closed over: it travels with the method
    mine = {"mine": lambda data, tuned: float(data.mean()) + bias}
    both = run(EXPERIMENT, out=tmp_path / "b", jobs=2, progress=False)
    assert metrics(both) == metrics(alone)
    for ours, theirs in zip(both.records, alone.records, strict=True):
        np.testing.assert_array_equal(ours.arrays["draws"], theirs.arrays["draws"])
    added = run(EXPERIMENT, out=tmp_path / "b", methods=mine, jobs=2, progress=False)
    assert added.records.where(method="mine", dataset="ones").values("estimate") == {(): 4.0}


def test_a_worker_that_dies_costs_its_own_cell_only(tmp_path):
    parent = os.getpid()

    def run_cell(cell, config, context):
        if cell.dataset == "ramp" and cell.get("seed") == 1:
            assert os.getpid() != parent
            os._exit(9)
        return Result({"estimate": float(os.environ["OMP_NUM_THREADS"])})

    experiment = replace(EXPERIMENT, run_cell=run_cell, stages=(), claims=())
    done = run(experiment, preset="full", out=tmp_path, jobs=2, progress=False)
    (failed,) = done.records.failed
    assert (failed.cell.dataset, failed.cell.seed) == ("ramp", 1)
    assert "its worker process died, twice" in failed.error
    assert len(done.records.ok) == 11
    assert set(done.records.values("estimate", "dataset").values()) == {1.0}


def test_what_cannot_travel_is_the_cells_error(tmp_path):
    def run_cell(cell, config, context):
        error = ValueError("no")
        error.generator = (i for i in ())  # cannot be pickled
        raise error

    experiment = replace(EXPERIMENT, run_cell=run_cell, stages=(), claims=())
    done = run(experiment, preset="smoke", out=tmp_path, jobs=2, progress=False)
    assert all("ValueError: no" in record.error for record in done.records)


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # of distributed's own sockets
def test_a_dask_cluster_of_two_processes(tmp_path):
    alone = run(EXPERIMENT, out=tmp_path / "a", progress=False)
    both = run(EXPERIMENT, out=tmp_path / "b", jobs=2, backend="dask", progress=False)
    assert metrics(both) == metrics(alone)
    assert both.key == alone.key


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_running_scheduler_by_its_address(tmp_path):
    from distributed import LocalCluster

    with LocalCluster(n_workers=1, threads_per_worker=2, dashboard_address=None) as cluster:
        address = cluster.scheduler_address
        pids = set()

        def run_cell(cell, config, context):
            return Result({"estimate": float(os.getpid())})

        experiment = replace(EXPERIMENT, run_cell=run_cell, stages=(), claims=())
        done = run(experiment, preset="full", out=tmp_path, backend=address, progress=False)
        pids = set(done.records.values("estimate", "method", "dataset", "seed").values())
    assert len(pids) == 2
    assert float(os.getpid()) not in pids
