"""``LargeMemory``: 100 cues against 10 million stored patterns of 64 dimensions, on two threads.

First one million patterns, beside retrieval in one call and beside plain matrix products with all
scores at once; all are compared with float64 before anything is timed. Then the whole store, mapped
from a file that is made in a temporary folder: seconds, and memory beyond the mapped pages.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from benchmarks.timing import machine_limits, measure, record
from neurarium.memory import LargeMemory, hopfield_retrieve

NUM_PATTERNS, DIM, NUM_CUES, BETA = 10_000_000, 64, 100, 0.3
SLICE, BLOCK = 1_000_000, 250_000


def at_once(cues: Tensor, stored: Tensor) -> Tensor:
    """All scores in memory."""
    return torch.softmax(BETA * cues @ stored.T, -1) @ stored


def largest_error(found: Tensor, cues: Tensor, stored: Tensor) -> float:
    """Against float64, over the first ten cues."""
    exact = at_once(cues[:10].double(), stored.double())
    return float((found[:10].double() - exact).abs().max())


def write_store(path: Path, dtype: str) -> None:
    """Standard normal patterns, block after block."""
    draw = np.random.default_rng(0)
    store = np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=(NUM_PATTERNS, DIM))
    for begin in range(0, NUM_PATTERNS, BLOCK):
        store[begin : begin + BLOCK] = draw.standard_normal((BLOCK, DIM), dtype="float32")
    store.flush()


def anonymous_megabytes() -> float:
    """Memory of this process that is no page of a file (Linux)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("RssAnon")) / 1024


class PeakMemory:
    """The largest growth of anonymous memory inside a ``with`` block, sampled every 5 ms."""

    def __enter__(self) -> PeakMemory:
        self.before = self.peak = anonymous_megabytes()
        self.done = threading.Event()
        self.thread = threading.Thread(target=self.watch)
        self.thread.start()
        return self

    def watch(self) -> None:
        """Sample until the block ends."""
        while not self.done.wait(0.005):
            self.peak = max(self.peak, anonymous_megabytes())

    def __exit__(self, *_: object) -> None:
        self.done.set()
        self.thread.join()
        self.megabytes = round(self.peak - self.before, 1)


def whole_store(cues: Tensor, dtype: str) -> dict[str, dict[str, float]]:
    """Seconds and memory of each question to the mapped store."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "store.npy"
        write_store(path, dtype)
        memory = LargeMemory(path)
        questions: dict[str, Callable[[], object]] = {
            "retrieve": lambda: memory.retrieve(cues, beta=BETA),
            "top 10": lambda: memory.top(cues, 10),
        }
        measured = {}
        for name, ask in questions.items():
            wall, cpu = time.perf_counter(), time.process_time()
            with PeakMemory() as peak:
                ask()
            measured[f"{name}, {dtype}"] = {
                "wall_seconds": round(time.perf_counter() - wall, 2),
                "cpu_seconds": round(time.process_time() - cpu, 2),
                "megabytes_beyond_the_store": peak.megabytes,
            }
        return measured


def main(rounds: int = 3) -> None:
    """Measure, print and record."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    stored = torch.randn(SLICE, DIM)
    cues = stored[:NUM_CUES] + 0.5 * torch.randn(NUM_CUES, DIM)
    memory = LargeMemory(stored)
    contenders = {
        "ours": lambda: memory.retrieve(cues, beta=BETA),
        "hopfield_retrieve": lambda: hopfield_retrieve(cues, stored, beta=BETA),
        "all scores at once": lambda: at_once(cues, stored),
    }
    errors = {name: largest_error(ask(), cues, stored) for name, ask in contenders.items()}
    print("largest error against float64:", errors)
    assert errors["ours"] < 1e-4, errors  # scores of 200 have this rounding in float32
    row = measure(f"{SLICE} patterns, {NUM_CUES} cues, one thread", contenders, rounds=rounds)
    del stored, memory, contenders
    torch.set_num_threads(2)
    measured = whole_store(cues, "float32") | whole_store(cues, "float16")
    for name, numbers in measured.items():
        print(f"{NUM_PATTERNS} patterns, {NUM_CUES} cues, {name}: {numbers}")
    record(
        "memory_large_store",
        [row],
        errors=errors,
        whole_store=measured,
        two_threads=machine_limits(),
    )


if __name__ == "__main__":
    main()
