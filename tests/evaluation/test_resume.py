"""Killed at any moment and started again: the same table, and nothing computed twice."""

import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import psutil
import pytest

from evaluation import toy
from neurarium.evaluation import Records, run, store

CELLS = 5 * 2 + 2  # of the toy's full preset
STAGES = 5 * 2 + 2 * 2
START = "import sys; from evaluation import toy; toy.main(*sys.argv[1:])"


def finish(out: Path, milliseconds: float):
    overrides = {"milliseconds": milliseconds}
    return run(toy.EXPERIMENT, preset="full", overrides=overrides, out=out, progress=False)


def content(records: Records):
    """All that must not depend on interruptions: everything but seconds."""
    return [
        (r.cell, r.metrics["estimate"], r.curves, {n: a.tolist() for n, a in r.arrays.items()})
        for r in records
    ]


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    done = finish(tmp_path_factory.mktemp("whole"), 0.0)
    return content(done.records), done.tables[0].rows, done.verdicts


class Killed(BaseException):
    """As sudden as a kill, for code that catches exceptions only."""


def test_interrupted_at_every_write(tmp_path, monkeypatch, uninterrupted):
    """Stops before the n-th fsync and the n-th rename, for every n until the run gets through."""
    monkeypatch.setenv("TOY_LOG", str(tmp_path / "log"))
    real = {"fsync": os.fsync, "replace": os.replace}
    stops = 0
    for call in real:
        done = False
        while not done:
            left = [1 + stops % 3]

            def stopping(*arguments, call=call, left=left):
                left[0] -= 1
                if left[0] < 0:
                    raise Killed
                return real[call](*arguments)

            monkeypatch.setattr(store.os, call, stopping)
            try:
                finish(tmp_path / call, 0.0)
                done = True
            except Killed:
                stops += 1
            monkeypatch.setattr(store.os, call, real[call])
    assert stops > 10
    for call in real:
        again = finish(tmp_path / call, 0.0)
        table, verdicts = again.tables[0].rows, again.verdicts
        assert (content(again.records), table, verdicts) == uninterrupted
        assert not list((tmp_path / call).rglob("*.tmp"))


def start(out: Path, log: Path, jobs: int, milliseconds: float) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", START, str(out), str(jobs), str(milliseconds)],
        env={**os.environ, "TOY_LOG": str(log), "PYTHONPATH": str(Path(toy.__file__).parents[1])},
        stderr=subprocess.PIPE,
    )


def kill_after(process: subprocess.Popen, log: Path, lines: int, seconds: float) -> None:
    """Wait until so much was computed, then a random moment longer, and kill."""
    while process.poll() is None and len(read(log)) < lines:
        time.sleep(0.005)
    time.sleep(seconds)
    process.kill()
    process.wait()
    process.stderr.close()


def read(log: Path) -> list[str]:
    return log.read_text().splitlines() if log.exists() else []


def check_counts(log: Path, num_kills: int, jobs: int) -> None:
    """Only what was under way at a kill is computed again."""
    counts = Counter(read(log))
    assert len(counts) == CELLS + STAGES
    assert sum(counts.values()) - len(counts) <= num_kills * jobs


@pytest.mark.parametrize("lines", [4, 19])  # amid stages, amid cells
def test_kill_9(tmp_path, lines, uninterrupted, monkeypatch):
    out, log = tmp_path / "out", tmp_path / "log"
    kill_after(start(out, log, 1, 20.0), log, lines, np.random.default_rng(lines).uniform(0, 0.04))
    assert len(read(log)) < CELLS + STAGES
    monkeypatch.setenv("TOY_LOG", str(log))
    again = finish(out, 20.0)
    assert len(list((out / "toy").iterdir())) == 1  # the same run
    assert (content(again.records), again.tables[0].rows, again.verdicts) == uninterrupted
    check_counts(log, 1, 1)


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, 2])
def test_kill_9_at_ten_moments(tmp_path, jobs, uninterrupted, monkeypatch):
    out, log = tmp_path / "out", tmp_path / "log"
    rng = np.random.default_rng(jobs)
    mine = set(psutil.Process().children(recursive=True))
    for _ in range(10):
        process = start(out, log, jobs, 60.0)
        kill_after(process, log, len(read(log)) + int(rng.integers(1, 3)), rng.uniform(0, 0.1))
    deadline = time.monotonic() + 10
    while orphans_of(str(out)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not orphans_of(str(out))
    assert set(psutil.Process().children(recursive=True)) <= mine
    process = start(out, log, jobs, 60.0)
    _, errors = process.communicate()
    assert process.returncode == 0, errors.decode()
    check_counts(log, 10, jobs)
    monkeypatch.setenv("TOY_LOG", str(log))
    again = finish(out, 60.0)
    check_counts(log, 10, jobs)  # there was nothing left to do
    assert (content(again.records), again.tables[0].rows, again.verdicts) == uninterrupted


def orphans_of(out: str) -> list[psutil.Process]:
    """Workers and trackers that outlived the run into this folder: they hold its log's variable."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("TOY_LOG", "").startswith(str(Path(out).parent)):
                found.append(process)
        except psutil.Error:
            continue
    return found


def test_a_second_run_of_the_same_folder_is_refused(tmp_path):
    out, log = tmp_path / "out", tmp_path / "log"
    process = start(out, log, 1, 100.0)
    try:
        while len(read(log)) < 1:
            time.sleep(0.01)
        with pytest.raises(RuntimeError, match="must be used by one process at a time"):
            finish(out, 100.0)
    finally:
        process.kill()
        process.communicate()
    (folder,) = (out / "toy").iterdir()
    with store.RunFolder(folder, store.read_header(folder)):  # a dead process holds no lock
        pass
