"""Checkpoints: every kind of state comes back equal, damage is told, nothing is half written."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from neurarium.engine import checkpoint as module
from neurarium.engine import load_checkpoint, save_checkpoint

plain = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
tensors = st.sampled_from(
    [
        torch.arange(6.0).reshape(2, 3).T,
        torch.tensor(1.5, dtype=torch.float64),
        torch.empty(0, 3),
        torch.tensor([1, 2], dtype=torch.int64),
        torch.tensor([True]),
        torch.randn(3, generator=torch.Generator().manual_seed(0)).bfloat16(),
        torch.tensor([2**32 - 1], dtype=torch.uint32),
    ]
)
states = st.recursive(
    plain | tensors,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text() | st.integers(), inner, max_size=3)
    ),
    max_leaves=12,
)


def same(a, b):
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b) and a.dtype == b.dtype
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    return a == b and type(a) is type(b)


@settings(max_examples=60, deadline=None)
@given(state=st.dictionaries(st.text() | st.integers(), states, max_size=4))
def test_round_trip(tmp_path_factory, state):
    path = tmp_path_factory.mktemp("checkpoint") / "c"
    save_checkpoint(path, state)
    assert same(load_checkpoint(path), state)


def test_shared_tensors_and_infinities(tmp_path):
    tied = torch.ones(3)
    save_checkpoint(tmp_path / "c", {"a": tied, "b": tied[1:], "c": -math.inf})
    loaded = load_checkpoint(tmp_path / "c")
    assert same(loaded, {"a": tied, "b": tied[1:], "c": -math.inf})


def test_a_crash_while_writing_leaves_the_old_checkpoint(tmp_path, monkeypatch):
    path = tmp_path / "c"
    save_checkpoint(path, {"step": 1})

    def crash(_):
        raise OSError("no space left on device")

    monkeypatch.setattr(module, "_sync", crash)
    with pytest.raises(OSError, match="no space"):
        save_checkpoint(path, {"step": 2})
    assert load_checkpoint(path) == {"step": 1}
    assert list(tmp_path.iterdir()) == [path]


def test_values_that_do_not_fit_are_named(tmp_path):
    with pytest.raises(TypeError, match=r"state\['a'\]\[1\] must be a tensor or a plain value"):
        save_checkpoint(tmp_path / "c", {"a": [1, object()]})
    assert list(tmp_path.iterdir()) == []


def test_missing_foreign_and_damaged_files(tmp_path):
    with pytest.raises(FileNotFoundError, match="path must name a checkpoint: got"):
        load_checkpoint(tmp_path / "none")
    save_file({"x": torch.ones(2)}, tmp_path / "weights")
    save_checkpoint(tmp_path / "c", {"x": torch.ones(1000)})
    (tmp_path / "cut").write_bytes((tmp_path / "c").read_bytes()[:-7])
    (tmp_path / "text").write_text("hello")
    for name in ("weights", "cut", "text"):
        with pytest.raises(ValueError, match="path must name an undamaged checkpoint: got"):
            load_checkpoint(tmp_path / name)
