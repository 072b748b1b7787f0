"""Records as claims ask for them, and as they lie on disk."""

import json
import math

import numpy as np
import pytest

from evaluation.toy import EXPERIMENT
from neurarium.evaluation import Cell, Record, Records, run
from neurarium.evaluation.lock import FolderLock
from neurarium.evaluation.store import RunFolder, write_arrays

HEADER = {"key": "abc"}


def grid_of_records() -> Records:
    return Records(
        Record(
            Cell(method=m, dataset=d, seed=s), {"acc": s + (d == "iris") * 10}, {"c": [s] * (s + 2)}
        )
        for s in range(3)
        for d in ("iris", "glass")
        for m in ("svc", "knn")
    )


def test_values_average_over_the_other_axes():
    records = grid_of_records()
    assert records.values("acc", "dataset") == {"iris": 11.0, "glass": 1.0}
    assert records.values("acc", "seed", "dataset")[2, "iris"] == 12.0
    assert records.values("acc") == {(): 6.0}
    assert records.where(dataset="iris", seed=[0, 2]).values("acc", "seed") == {0: 10.0, 2: 12.0}
    assert records.axis("dataset") == ("iris", "glass")
    assert len(records[2:5]) == 3
    assert isinstance(records[2:5], Records)


def test_curves_are_averaged_as_far_as_the_shortest_goes():
    np.testing.assert_array_equal(grid_of_records().curves("c", "method")["svc"], [1.0, 1.0])


def test_wrong_names_are_named():
    records = grid_of_records()
    with pytest.raises(ValueError, match="axis must be one of method, dataset, seed: got 'sed'"):
        records.where(sed=0)
    with pytest.raises(ValueError, match="metric must be one of acc: got 'accuracy'"):
        records.values("accuracy")
    with pytest.raises(ValueError, match="axes must single out one cell"):
        Records([Record(Cell(seed=s), array_file="x.npz") for s in (0, 1)]).arrays("x")


def test_failed_cells_have_no_values():
    records = Records([Record(Cell(seed=0), {"x": 1.0}), Record(Cell(seed=1), error="boom")])
    assert records.values("x", "seed") == {0: 1.0}
    assert (len(records.ok), len(records.failed)) == (1, 1)


def test_a_record_survives_its_line():
    record = Record(
        Cell(method="m", beta=math.inf, flag=True),
        {"nan": math.nan, "inf": -math.inf, "x": 0.1 + 0.2},
        {"c": [1.0, math.nan]},
        stages={"dense(seed 0)": 1.5},
        error=None,
    )
    line = record.to_json()
    assert json.loads(line)["metrics"]["nan"] is None
    again = Record.from_json(line)
    assert again.cell == record.cell
    assert math.isnan(again.metrics["nan"])
    assert math.isnan(again.curves["c"][1])
    assert again.metrics["inf"] == -math.inf
    assert again.metrics["x"] == record.metrics["x"]
    assert again.seconds == 1.5


def test_every_prefix_of_the_file_keeps_the_whole_lines(tmp_path):
    with RunFolder(tmp_path, HEADER) as folder:
        for seed in range(3):
            folder.append(Record(Cell(seed=seed), {"x": float(seed)}))
    path = tmp_path / "records.jsonl"
    content = path.read_bytes()
    header_end = content.index(b"\n") + 1
    for cut in range(header_end, len(content), 7):
        path.write_bytes(content[:cut])
        whole = content[:cut].count(b"\n") - 1
        assert len(Records.load(tmp_path)) == whole  # reading changes nothing
        assert path.stat().st_size == cut
        with RunFolder(tmp_path, HEADER) as folder:
            assert len(folder.records) == whole
            folder.append(Record(Cell(seed=9)))
        assert len(Records.load(tmp_path)) == whole + 1


def test_the_last_record_of_a_cell_counts(tmp_path):
    with RunFolder(tmp_path, HEADER) as folder:
        folder.append(Record(Cell(seed=0), error="boom"))
        folder.append(Record(Cell(seed=0), {"x": 1.0}))
    (record,) = Records.load(tmp_path)
    assert record.ok


def test_foreign_files_are_refused(tmp_path):
    with RunFolder(tmp_path, HEADER):
        pass
    with pytest.raises(
        ValueError, match="must be of key other: got abc; choose another out folder"
    ):
        RunFolder(tmp_path, {"key": "other"})
    path = tmp_path / "records.jsonl"
    path.write_bytes(path.read_bytes() + b"not a record\n")
    with pytest.raises(ValueError, match=r"records.jsonl line 2 must be a record"):
        RunFolder(tmp_path, HEADER)
    path.write_text("method,accuracy\n")
    with pytest.raises(ValueError, match="must begin with a line that describes the run"):
        RunFolder(tmp_path, HEADER)
    (tmp_path / "folders" / "records.jsonl").mkdir(parents=True)
    with pytest.raises(ValueError, match=r"records.jsonl must be a file to read: got Is a direct"):
        Records.load(tmp_path / "folders")
    with pytest.raises(ValueError, match=r"folder must hold a records.jsonl"):
        Records.load(tmp_path / "absent")


@pytest.mark.parametrize("with_flock", [True, False])
def test_one_process_at_a_time(tmp_path, monkeypatch, with_flock):
    if not with_flock:
        monkeypatch.setattr("neurarium.evaluation.lock.fcntl", None)
    with (
        RunFolder(tmp_path, HEADER),
        pytest.raises(RuntimeError, match="must be used by one process at a time"),
    ):
        RunFolder(tmp_path, HEADER)
    with RunFolder(tmp_path, HEADER):  # let go of at the end
        pass


def test_a_lock_file_of_a_dead_process_is_taken_over(tmp_path, monkeypatch):
    monkeypatch.setattr("neurarium.evaluation.lock.fcntl", None)
    (tmp_path / ".lock.pid").write_text("999999999")
    lock = FolderLock(tmp_path / ".lock")
    lock.acquire()
    lock.release()
    assert not (tmp_path / ".lock.pid").exists()


def test_leftovers_of_killed_writers_are_swept(tmp_path):
    (tmp_path / "arrays").mkdir(parents=True)
    (tmp_path / "arrays" / ".cell-1.npz.77.tmp").write_bytes(b"torn")
    with RunFolder(tmp_path, HEADER):
        assert not list(tmp_path.rglob("*.tmp"))


def test_arrays_keep_any_name_and_refuse_objects(tmp_path):
    write_arrays(tmp_path / "a.npz", {"file": np.arange(3), "a b/c": np.eye(2)})
    with np.load(tmp_path / "a.npz", allow_pickle=False) as stored:
        assert set(stored) == {"file", "a b/c"}
    with pytest.raises(ValueError, match="allow_pickle=False"):
        write_arrays(tmp_path / "b.npz", {"x": np.array([{}])})
    assert not (tmp_path / "b.npz").exists()


def test_a_moved_run_is_read_where_it_is(tmp_path):
    done = run(EXPERIMENT, preset="smoke", out=tmp_path / "runs", progress=False)
    moved = done.folder.rename(tmp_path / "elsewhere")
    records = Records.load(moved)
    assert records == done.records or [r.cell for r in records] == [r.cell for r in done.records]
    drawn = records.where(method="noisy_mean").arrays("draws", "dataset")
    assert drawn["ones"].shape == (3,)
    assert records[0].arrays.keys() == {"draws", "file"}
