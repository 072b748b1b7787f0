"""neurarium data list, get, path."""

import json
from dataclasses import replace

import pytest

from neurarium.data import DATASETS, locate
from neurarium.data.entry import Source


@pytest.fixture(autouse=True)
def _bare_machine(tmp_path, monkeypatch):
    monkeypatch.delenv("NEURARIUM_DATA", raising=False)
    monkeypatch.setattr(locate, "cache_folder", lambda: tmp_path / "cache")


def test_list(cli):
    code, out, _ = cli("data", "list", "--json")
    rows = {row["name"]: row for row in json.loads(out)}
    assert code == 0
    assert list(rows) == list(DATASETS)
    assert rows["hopular/ecoli"]["here"]
    assert not rows["mil/fox"]["here"]
    assert all(row["licence"] and row["origin"] for row in rows.values())
    lines = cli("data", "list")[1].splitlines()
    assert len(lines) == len(DATASETS)


def test_path_and_get_of_a_shipped_table(cli):
    code, out, _ = cli("data", "path", "hopular/ecoli")
    assert code == 0
    assert out.strip().endswith("resources/hopular/small/ecoli.csv.gz")
    assert cli("data", "get", "hopular/ecoli")[1] == out


def test_path_never_downloads(wrong):
    said = wrong("data", "path", "mil/tiger")
    assert said.startswith("mil/tiger must be on this machine: got no mil/tiger.npz in ")
    assert said.endswith("get it with `neurarium data get mil/tiger`")


def test_get_offline(wrong, monkeypatch):
    source = Source("http://127.0.0.1:1/Fox.jld", "0" * 64)
    monkeypatch.setitem(DATASETS, "mil/fox", replace(DATASETS["mil/fox"], sources=(source,)))
    assert "could not be downloaded (ConnectionError)" in wrong("data", "get", "mil/fox")


def test_wrong_words(wrong):
    assert wrong("data", "get", "mil/tigre").endswith("did you mean 'mil/tiger'?")
    assert wrong("data").startswith("data must be followed by list, get or path")
    assert wrong("data", "fetch").endswith("got 'fetch'")
