"""load: search order, splits, content, and a sentence for each way in which files fail."""

import functools
import gzip
import http.server
import os
import shutil
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from neurarium.data import DATASETS, Bags, Images, Table, data_path, dataset_names, load, locate
from neurarium.data.entry import Dataset, File, Source

UCI = [name for name in DATASETS if not DATASETS[name].sources]
DATA = os.environ.get("NEURARIUM_DATA", "")
needs_data = pytest.mark.skipif(not DATA, reason="NEURARIUM_DATA names no data root")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setattr(locate, "cache_folder", lambda: tmp_path / "cache")


@pytest.fixture
def serve(tmp_path):
    """A local web server over a folder: (folder, base address)."""
    folder = tmp_path / "web"
    folder.mkdir()
    handler = functools.partial(_Quiet, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format, *args):
        pass


def from_web(monkeypatch, name, base):
    """The registry's entry with its origins replaced by a local server."""
    dataset = DATASETS[name]
    sources = tuple(
        Source(f"{base}/{source.url.rsplit('/', 1)[-1]}", source.sha256)
        for source in dataset.sources
    )
    monkeypatch.setitem(DATASETS, name, replace(dataset, sources=sources))


def test_importing_and_listing_load_nothing_heavy():
    code = (
        "import sys, neurarium.data as data; data.dataset_names(); data.DATASETS;"
        "print([m for m in ('torch', 'numpy', 'pandas', 'pooch') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_shipped_tables_need_no_root_and_no_torch(monkeypatch):
    monkeypatch.delenv("NEURARIUM_DATA", raising=False)
    assert len(UCI) == 23
    code = (
        "import sys; from neurarium.data import load; load('hopular/monks_2_aligned');"
        "print('torch' in sys.modules, 'pooch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False False"


@pytest.mark.parametrize("name", UCI)
def test_uci_splits_partition_the_rows(name):
    table = load(name)
    rows = np.arange(len(table.X))
    assert len(table.splits) == 4
    assert len(table.y) == len(table.X)
    assert set(np.unique(table.y)) == set(range(len(table.classes)))
    for k in range(4):
        parts = table.split(k)
        assert np.array_equal(np.sort(np.concatenate(parts)), rows)
        assert all((np.diff(part) > 0).all() for part in parts)
        assert len(parts.train) > len(parts.validation) > 0
        assert len(parts.test) > 0


def test_uci_splits_overlap_except_where_the_source_gives_one_test_set():
    """They are four random draws, no cross-validation: means need a corrected variance."""
    given = {"monks_2", "monks_2_aligned", "horse_colic", "horse_colic_aligned"}
    for name in UCI:
        times_tested = np.sum([part == 2 for part in load(name).splits], axis=0)
        expected = {0, 4} if name.split("/")[1] in given else {0, 1, 2, 3, 4}
        assert set(times_tested) == expected


def test_known_sizes_and_column_kinds():
    glass = load("hopular/glass_identification")
    assert [len(part) for part in glass.split(0)] == [124, 37, 53]
    assert glass.X.iloc[0, :2].tolist() == [0.870826, 0.284287]
    assert glass.y[0] == 0
    assert glass.splits[0][0] == 2
    credit = load("hopular/credit_approval")
    categorical = [str(kind) == "category" for kind in credit.X.dtypes]
    assert np.flatnonzero(categorical).tolist() == [0, 3, 4, 5, 6, 8, 9, 11, 12]
    assert credit.X["f1"].dtype == np.float64


def test_categories_are_the_ranks_of_the_values():
    path = data_path("hopular/mammographic")[0]
    lines = gzip.decompress(path.read_bytes()).decode().splitlines()[1:]
    values = np.array([float(line.split(",")[0]) for line in lines])
    codes = load("hopular/mammographic").X["f0"].to_numpy()
    order = np.argsort(values)
    assert (np.diff(codes[order].astype(int)) >= 0).all()
    assert len(np.unique(codes)) == len(np.unique(values))


def test_aligned_tables_repair_unseen_categories():
    def unseen(name):
        table = load(name)
        train, _, test = table.split(0)
        column = table.X.iloc[:, 0]
        return set(column.iloc[test]) - set(column.iloc[train])

    assert unseen("hopular/monks_2")
    assert not unseen("hopular/monks_2_aligned")
    assert not unseen("hopular/horse_colic_aligned")


def test_every_call_returns_its_own_copy():
    first = load("hopular/ecoli")
    first.X.iloc[0, 0] = 1e9
    first.y[:] = -1
    first.splits[0][:] = 2
    second = load("hopular/ecoli")
    assert second.X.iloc[0, 0] != 1e9
    assert second.y.min() == 0
    assert len(second.split(0).train) > 0


def test_root_comes_before_the_environment_and_the_package(tmp_path, monkeypatch):
    monkeypatch.delenv("NEURARIUM_DATA", raising=False)
    shipped = data_path("hopular/ecoli")[0]
    roots = [tmp_path / "given", tmp_path / "first", tmp_path / "second"]
    for root in roots:
        copy = root / "hopular" / "small" / shipped.name
        copy.parent.mkdir(parents=True)
        shutil.copy(shipped, copy)
    monkeypatch.setenv("NEURARIUM_DATA", os.pathsep.join([str(roots[1]), str(roots[2])]))
    assert roots[0] in data_path("hopular/ecoli", roots[0])[0].parents
    assert roots[1] in data_path("hopular/ecoli")[0].parents
    shutil.rmtree(roots[1])
    assert roots[2] in data_path("hopular/ecoli")[0].parents
    shutil.rmtree(roots[2])
    assert data_path("hopular/ecoli") == (shipped,)


def test_a_recompressed_file_is_the_same_file(tmp_path):
    shipped = data_path("hopular/ecoli")[0]
    copy = tmp_path / "hopular" / "small" / shipped.name
    copy.parent.mkdir(parents=True)
    copy.write_bytes(gzip.compress(gzip.decompress(shipped.read_bytes()), 1))
    assert load("hopular/ecoli", tmp_path).X.equals(load("hopular/ecoli").X)


def spoiled(path):
    data = path.read_bytes()
    text = gzip.decompress(data)
    return {
        "truncated": data[: len(data) // 2],
        "empty": b"",
        "not gzip": b"this is no archive",
        "other values": gzip.compress(text.replace(b"1", b"2", 1)),
        "flipped byte": data[:200] + bytes([data[200] ^ 1]) + data[201:],
    }


@pytest.mark.parametrize("how", ["truncated", "empty", "not gzip", "other values", "flipped byte"])
def test_a_spoiled_file_is_named_in_one_sentence(tmp_path, how):
    shipped = data_path("hopular/ecoli")[0]
    copy = tmp_path / "hopular" / "small" / shipped.name
    copy.parent.mkdir(parents=True)
    copy.write_bytes(spoiled(shipped)[how])
    with pytest.raises(ValueError, match=r"ecoli\.csv\.gz must (be a whole|have the content)") as e:
        load("hopular/ecoli", tmp_path)
    assert "\n" not in str(e.value)


def test_names_and_roots_are_checked(tmp_path):
    with pytest.raises(ValueError, match=r"did you mean 'hopular/glass_identification'\?"):
        load("hopular/glas_identification")
    with pytest.raises(ValueError, match=r"got 'hopular/glas'.*'hopular/glass_identification'"):
        load("hopular/glas")
    with pytest.raises(ValueError, match=r"did you mean 'mil/tiger'\?"):
        load("tiger")
    with pytest.raises(ValueError, match=r"got 'qqqqq'; see neurarium\.data\.dataset_names"):
        load("qqqqq")
    with pytest.raises(ValueError, match="root must be a folder: got "):
        load("hopular/ecoli", tmp_path / "absent")
    with pytest.raises(ValueError, match=r"k must be in 0 … 3 for hopular/ecoli: got 4"):
        load("hopular/ecoli").split(4)


def test_absent_and_offline_names_file_places_origin_and_command(tmp_path, monkeypatch):
    monkeypatch.setenv("NEURARIUM_DATA", str(tmp_path / "elsewhere"))
    from_web(monkeypatch, "mil/tiger", "http://127.0.0.1:1")
    with pytest.raises(FileNotFoundError) as raised:
        load("mil/tiger")
    text = str(raised.value)
    assert text.startswith("mil/tiger.npz is not on this machine")
    assert str(tmp_path / "elsewhere") in text
    assert str(tmp_path / "cache") in text
    assert "http://127.0.0.1:1/Tiger.jld" in text
    assert "`neurarium data get mil/tiger`" in text
    assert "\n" not in text


def test_every_origin_is_pinned():
    for dataset in DATASETS.values():
        assert dataset.licence
        assert dataset.citation
        for source in dataset.sources:
            assert source.url.startswith("https://")
            assert len(source.sha256) == 64
        assert all(len(file.sha256) == 64 for file in dataset.files)
        assert dataset.prepare or not dataset.sources or len(dataset.files) == len(dataset.sources)
    assert dataset_names() == tuple(DATASETS)


def tiny_medium(base, raw_sha256, sha256):
    from neurarium.data import medium

    template = DATASETS["hopular/shrutime"]
    prepare = functools.partial(
        medium.prepare,
        target="label",
        dropped=("id", "note"),
        validation_size=0.25,
        stratified=True,
    )
    return replace(
        template,
        name="hopular/tiny",
        files=(File("hopular/medium/tiny.csv.gz", sha256),),
        sources=(Source(f"{base}/tiny.csv", raw_sha256),),
        prepare=prepare,
        read=functools.partial(medium.read_medium, categorical=(1,), task="classification"),
    )


RAW = "id,size,colour,note,label\n" + "".join(
    f"{i},{i // 2 if i % 7 else '?'},'deep {'red' if i % 3 else 'blue'}',n{i},'{i % 2}'\n"
    for i in range(80)
)


def digest(data: bytes) -> str:
    import hashlib

    return hashlib.sha256(data).hexdigest()


def registered(monkeypatch, serve) -> Dataset:
    folder, base = serve
    (folder / "tiny.csv").write_text(RAW)
    draft = tiny_medium(base, digest(RAW.encode()), "0" * 64)
    prepared = gzip.decompress(draft.prepare([RAW.encode()])[0])
    dataset = tiny_medium(base, digest(RAW.encode()), digest(prepared))
    monkeypatch.setitem(DATASETS, dataset.name, dataset)
    return dataset


def test_download_prepares_once_and_serves_from_the_cache(monkeypatch, serve, tmp_path):
    registered(monkeypatch, serve)
    table = load("hopular/tiny")
    (serve[0] / "tiny.csv").unlink()
    again = load("hopular/tiny")
    assert again.X.equals(table.X)
    assert [p.name for p in (tmp_path / "cache").rglob("*") if p.is_file()] != []
    assert data_path("hopular/tiny")[0] == tmp_path / "cache" / "hopular/medium/tiny.csv.gz"


def test_preparation_drops_repeats_marks_missing_and_stratifies(monkeypatch, serve):
    registered(monkeypatch, serve)
    table = load("hopular/tiny")
    kept = {
        (str(i // 2) if i % 7 else "", "red" if i % 3 else "blue", str(i % 2)) for i in range(80)
    }
    assert len(table.X) == len(kept) < 80
    assert table.X.columns.tolist() == ["size", "colour"]
    assert table.X["size"].isna().sum() == sum(not size for size, _, _ in kept)
    assert table.X["colour"].cat.categories.tolist() == ["deep blue", "deep red"]
    assert table.classes == ("0", "1")
    tested = np.sum([part == 2 for part in table.splits], axis=0)
    assert (tested == 1).all()
    for k in range(5):
        assert abs(table.y[table.split(k).test].mean() - table.y.mean()) < 0.1


def test_a_download_with_another_checksum_is_refused(monkeypatch, serve):
    registered(monkeypatch, serve)
    (serve[0] / "tiny.csv").write_text(RAW.replace("red", "rot"))
    with pytest.raises(FileNotFoundError, match=r"tiny\.csv\.gz .* could not be .*hash") as raised:
        load("hopular/tiny")
    assert "\n" not in str(raised.value)


def test_a_preparation_with_another_result_is_refused(monkeypatch, serve):
    dataset = registered(monkeypatch, serve)
    wrong = replace(dataset, files=(File(dataset.files[0].path, "1" * 64),))
    monkeypatch.setitem(DATASETS, dataset.name, wrong)
    with pytest.raises(ValueError, match="must have the content checksum"):
        load("hopular/tiny")
    assert not locate.find(wrong.files[0])


@needs_data
@pytest.mark.parametrize("name", [name for name in DATASETS if name.startswith("mil/")])
def test_bags(name):
    bags = load(name)
    assert isinstance(bags, Bags)
    assert bags.lengths.sum() == len(bags.instances)
    assert bags.instances.dtype == np.float32
    assert {len(bags.bag(i)) for i in range(len(bags))} == set(bags.lengths.tolist())
    assert np.array_equal(bags.bag(1)[0], bags.instances[bags.lengths[0]])
    train, test = bags.split(2, 3)
    assert np.array_equal(np.sort(np.concatenate([train, test])), np.arange(len(bags)))
    assert (bags.test_fold[2, test] == 3).all()
    with pytest.raises(ValueError, match="repetition must be in 0 … 4: got 5"):
        bags.split(5, 0)
    with pytest.raises(ValueError, match="fold must be in 0 … 9: got 10"):
        bags.split(0, 10)
    with pytest.raises(IndexError, match="index must be in"):
        bags.bag(len(bags))


@needs_data
@pytest.mark.parametrize(("name", "mean"), [("mnist", 0.1307), ("fashion_mnist", 0.2860)])
def test_images(name, mean):
    images = load(name)
    assert isinstance(images, Images)
    assert images.train.shape == (60_000, 28, 28)
    assert images.test.shape == (10_000, 28, 28)
    assert images.train.dtype == np.uint8
    assert images.train.mean() / 255 == pytest.approx(mean, abs=1e-4)
    assert np.array_equal(np.unique(images.test_labels), np.arange(10))
    assert len(images.classes) == 10


@needs_data
@pytest.mark.parametrize(
    ("name", "task", "rows", "missing"),
    [
        ("blastchar", "classification", 7021, 11),
        ("colleges", "regression", 7063, 104249),
        ("eye_movements", "classification", 10936, 0),
        ("gesture_phase", "classification", 9873, 0),
        ("shrutime", "classification", 10000, 0),
        ("sulfur", "regression", 10081, 0),
    ],
)
def test_medium_tables(name, task, rows, missing):
    table = load(f"hopular/{name}")
    assert isinstance(table, Table)
    assert (table.task, len(table.X), int(table.X.isna().sum().sum())) == (task, rows, missing)
    assert (np.sum([part == 2 for part in table.splits], axis=0) == 1).all()
    assert table.y.dtype == (np.int64 if task == "classification" else np.float64)


PREPARED = [name for name in DATASETS if DATASETS[name].prepare is not None]


@pytest.mark.skipif(
    "NEURARIUM_RAW" not in os.environ,
    reason="NEURARIUM_RAW names no folder with the public files as published",
)
@pytest.mark.parametrize("name", PREPARED)
def test_the_public_files_give_exactly_the_prepared_ones(name, monkeypatch, serve, tmp_path):
    """Downloaded from a local server through the same code; the registry's checksums decide."""
    monkeypatch.delenv("NEURARIUM_DATA", raising=False)
    folder, base = serve
    for source in DATASETS[name].sources:
        file = source.url.rsplit("/", 1)[-1]
        shutil.copy(Path(os.environ["NEURARIUM_RAW"]) / file, folder / file)
    from_web(monkeypatch, name, base)
    assert tmp_path / "cache" in data_path(name)[0].parents
    load(name)
