"""Retrieval in chunks: equal to retrieval at once, in bounded memory, from good and bad files."""

import math
import tracemalloc

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing import assert_close

from neurarium.memory import LargeMemory, hopfield_energy, hopfield_retrieve


def draw(*shape, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=dtype)


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    count=st.integers(1, 60),
    chunk_size=st.integers(1, 70),
    beta=st.floats(0.01, 50),
    num_steps=st.integers(1, 3),
)
def test_equal_to_retrieval_at_once_whatever_the_chunk(seed, count, chunk_size, beta, num_steps):
    stored, cues = draw(count, 5, seed=seed), draw(4, 5, seed=seed + 1)
    memory = LargeMemory(stored)
    found = memory.retrieve(cues, beta=beta, num_steps=num_steps, chunk_size=chunk_size)
    expected = hopfield_retrieve(cues, stored, beta=beta, num_steps=num_steps)
    assert_close(found, expected, rtol=0, atol=1e-9)
    energy = memory.energy(cues, beta=beta, chunk_size=chunk_size)
    assert_close(energy, hopfield_energy(cues, stored, beta=beta), rtol=0, atol=1e-9)
    k = min(3, count)
    top = memory.top(cues, k, chunk_size=chunk_size)
    expected_top = (cues @ stored.T).topk(k)
    assert_close(top.scores, expected_top.values)
    assert torch.equal(top.indices, expected_top.indices)


@pytest.mark.parametrize("chunk_size", [None, 1, 7, 1000, 4096, 10_000])
def test_single_precision_is_equal_to_a_millionth(chunk_size):
    stored = draw(4096, 64, dtype=torch.float32)
    cues = stored[:20] + draw(20, 64, seed=1, dtype=torch.float32)
    memory = LargeMemory(stored)
    for beta in (0.05, 0.2, 1.0):
        found = memory.retrieve(cues, beta=beta, chunk_size=chunk_size)
        exact = hopfield_retrieve(cues.double(), stored.double(), beta=beta)
        at_once = hopfield_retrieve(cues, stored, beta=beta)
        assert found.dtype == torch.float32
        assert_close(found, at_once, rtol=0, atol=1e-6 * stored.abs().max().item())
        assert_close(found.double(), exact, rtol=0, atol=1e-6 * stored.abs().max().item())


def test_scores_that_overflow_an_exponential_do_no_harm():
    stored = 100 * draw(50, 8)  # products up to 1e5
    cues = stored[[3, 40]]
    for order in (slice(None), torch.arange(49, -1, -1)):
        memory = LargeMemory(stored[order])
        assert_close(memory.retrieve(cues, beta=1.0, chunk_size=4), cues)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_stores_of_every_kind_give_the_same(tmp_path, dtype):
    rows = draw(300, 6).numpy().astype(dtype)
    cues = draw(5, 6, seed=1)
    np.save(tmp_path / "rows.npy", rows)
    mapped = np.load(tmp_path / "rows.npy", mmap_mode="r")
    expected = hopfield_retrieve(cues, torch.from_numpy(rows).double(), beta=2.0)
    tolerance = 1e-9 if dtype == "float64" else 2e-6
    stores = (tmp_path / "rows.npy", str(tmp_path / "rows.npy"), mapped, rows)
    for store in (*stores, torch.from_numpy(rows), np.asfortranarray(rows), mapped[::1]):
        memory = LargeMemory(store)
        found = memory.retrieve(cues, beta=2.0, chunk_size=64)
        assert found.dtype == torch.float64
        assert_close(found, expected, rtol=0, atol=tolerance)
    part = LargeMemory(mapped[100:200]).retrieve(cues, beta=2.0)
    rest = hopfield_retrieve(cues, torch.from_numpy(rows[100:200]).double(), beta=2.0)
    assert_close(part, rest, rtol=0, atol=tolerance)
    assert dtype in repr(LargeMemory(rows))
    assert len(LargeMemory(rows)) == 300


def test_a_file_is_mapped_and_never_written(tmp_path):
    path = tmp_path / "rows.npy"
    np.save(path, draw(200_000, 16, dtype=torch.float32).numpy())
    before = path.read_bytes()
    tracemalloc.start()
    memory = LargeMemory(path)
    memory.retrieve(draw(3, 16, dtype=torch.float32), beta=0.1, num_steps=2)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000  # of 12.8 MB, what NumPy and Python allocated
    assert path.read_bytes() == before


def test_scores_are_held_for_a_chunk_only(monkeypatch):
    """Many cues and patterns at once: the products never exceed cues-in-a-block × chunk."""
    sizes = []
    plain = torch.Tensor.amax

    def spy(self, *args, **kwargs):
        sizes.append(self.numel())
        return plain(self, *args, **kwargs)

    monkeypatch.setattr(torch.Tensor, "amax", spy)
    stored, cues = draw(20_000, 4), draw(3000, 4, seed=1)
    memory = LargeMemory(stored)
    found = memory.retrieve(cues, beta=0.5)
    memory.top(cues, 2)
    assert max(sizes) <= 1 << 19
    monkeypatch.undo()
    assert_close(found, hopfield_retrieve(cues, stored, beta=0.5), rtol=0, atol=1e-9)


def test_shapes_follow_the_cues():
    memory = LargeMemory(draw(30, 6))
    cue, cues = draw(6), draw(2, 3, 6)
    assert_close(memory.retrieve(cue, beta=1.0), memory.retrieve(cue[None], beta=1.0)[0])
    assert_close(memory.retrieve(cues, beta=1.0)[1, 2], memory.retrieve(cues[1, 2], beta=1.0))
    assert memory.energy(cues, beta=1.0).shape == (2, 3)
    assert memory.energy(cue, beta=1.0).shape == ()
    assert memory.top(cues, 4).indices.shape == (2, 3, 4)
    assert memory.retrieve(cues[:0], beta=1.0).shape == (0, 3, 6)
    assert memory.top(cue, 30).indices.sort().values.tolist() == list(range(30))


def test_progress_rises_from_chunk_to_chunk_to_one():
    shares = []
    LargeMemory(draw(25, 3)).retrieve(
        draw(2, 3), beta=1.0, num_steps=2, chunk_size=10, progress=shares.append
    )
    assert shares == pytest.approx([0.2, 0.4, 0.5, 0.7, 0.9, 1.0])


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("row", [0, 29])
def test_what_is_not_finite_raises(value, row):
    stored = draw(30, 4)
    stored[row, 1] = value
    memory = LargeMemory(stored)
    cues = torch.ones(2, 4, dtype=torch.float64)
    with pytest.raises(ValueError, match="store must be finite"):
        memory.retrieve(cues, beta=1.0, chunk_size=8)
    if value != -math.inf:  # such a pattern is nobody's best match
        with pytest.raises(ValueError, match="store must be finite"):
            memory.top(cues, 2, chunk_size=8)
    with pytest.raises(ValueError, match="state must be finite: got nan"):
        LargeMemory(draw(3, 4)).retrieve(torch.full((1, 4), math.nan), beta=1.0)


def test_bad_files_are_one_sentence(tmp_path):
    good = tmp_path / "good.npy"
    np.save(good, np.zeros((100, 4), dtype="float32"))
    cases = {
        "empty.npy": b"",
        "text.npy": b"1.0 2.0 3.0\n",
        "cut.npy": good.read_bytes()[:-64],
        "head.npy": good.read_bytes()[:20],
    }
    for name, content in cases.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match=r"store must be a whole \.npy file: .* is none") as e:
            LargeMemory(tmp_path / name)
        assert "\n" not in str(e.value)
    np.save(tmp_path / "objects.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match="store must be a whole"):
        LargeMemory(tmp_path / "objects.npy")
    np.savez(tmp_path / "several.npz", a=np.zeros((2, 2)))
    with pytest.raises(ValueError, match="store must be a whole"):
        LargeMemory(tmp_path / "several.npz")
    with pytest.raises(FileNotFoundError, match=r"store must be a \.npy file: found no file"):
        LargeMemory(tmp_path / "missing.npy")
    with pytest.raises(FileNotFoundError, match="found no file"):
        LargeMemory(tmp_path)
    np.save(tmp_path / "ints.npy", np.zeros((3, 2), dtype="int8"))
    with pytest.raises(TypeError, match="store must hold native float16, float32 or float64: got"):
        LargeMemory(tmp_path / "ints.npy")
    np.save(tmp_path / "swapped.npy", np.zeros((3, 2), dtype=">f4"))
    with pytest.raises(TypeError, match="store must hold native"):
        LargeMemory(tmp_path / "swapped.npy")
    np.save(tmp_path / "line.npy", np.zeros(7))
    with pytest.raises(ValueError, match=r"store must have shape \(patterns >= 1, d >= 1\): got"):
        LargeMemory(tmp_path / "line.npy")


def test_bad_arguments():
    with pytest.raises(TypeError, match="store must be a path, an array or a tensor: got list"):
        LargeMemory([[1.0]])
    with pytest.raises(TypeError, match=r"store must be floating point: got torch\.int64"):
        LargeMemory(torch.zeros(2, 2, dtype=torch.int64))
    with pytest.raises(ValueError, match="store must have shape"):
        LargeMemory(torch.zeros(0, 2))
    memory = LargeMemory(draw(10, 4))
    cue = draw(4)
    with pytest.raises(ValueError, match="beta must be positive and finite: got 0"):
        memory.retrieve(cue, beta=0.0)
    with pytest.raises(ValueError, match="num_steps must be at least 1: got 0"):
        memory.retrieve(cue, beta=1.0, num_steps=0)
    with pytest.raises(ValueError, match="chunk_size must be at least 1: got 0"):
        memory.retrieve(cue, beta=1.0, chunk_size=0)
    with pytest.raises(TypeError, match=r"chunk_size must be a whole number: got 2\.5"):
        memory.top(cue, 1, chunk_size=2.5)
    with pytest.raises(ValueError, match="k must be at most the number of patterns, 10: got 11"):
        memory.top(cue, 11)
    with pytest.raises(TypeError, match=r"state must be floating point: got torch\.int64"):
        memory.retrieve(torch.ones(4, dtype=torch.int64), beta=1.0)
    with pytest.raises(ValueError, match="state must be as wide as the stored patterns, 4: got"):
        memory.energy(draw(5), beta=1.0)
