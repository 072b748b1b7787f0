"""Side-by-side timing: equal outputs first, then interleaved rounds and the median of ratios."""

from __future__ import annotations

import json
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

RESULTS = Path(__file__).resolve().parents[1] / "results" / "benchmarks"


@dataclass(frozen=True)
class Comparison:
    """One row: ``ratio`` is the reference's time over ours, so larger is faster."""

    name: str
    seconds: dict[str, float]
    ratio: dict[str, float]
    threads: int
    rounds: int


def measure(
    name: str,
    contenders: Mapping[str, Callable[[], object]],
    *,
    ours: str = "ours",
    rounds: int = 15,
    min_seconds: float = 0.02,
) -> Comparison:
    """Time every contender in interleaved rounds; CPU time of this process, so load matters little.

    Args:
        name: what is timed, with its sizes.
        contenders: name → function without arguments; one is called ``ours``.
        ours: the contender that the others are divided by.
        rounds: interleaved rounds; medians are over them.
        min_seconds: calls are repeated within a round until this time has passed.
    """
    repeats = {}
    for key, fn in contenders.items():
        fn()
        start = time.process_time()
        fn()
        repeats[key] = max(1, round(min_seconds / max(time.process_time() - start, 1e-7)))
    seconds: dict[str, list[float]] = {key: [] for key in contenders}
    for _ in range(rounds):
        for key, fn in contenders.items():
            start = time.process_time()
            for _ in range(repeats[key]):
                fn()
            seconds[key].append((time.process_time() - start) / repeats[key])
    ratio = {
        key: statistics.median(
            theirs / mine for theirs, mine in zip(times, seconds[ours], strict=True)
        )
        for key, times in seconds.items()
        if key != ours
    }
    medians = {key: statistics.median(times) for key, times in seconds.items()}
    return Comparison(name, medians, ratio, torch.get_num_threads(), rounds)


def machine_limits(size: int = 512) -> dict[str, float]:
    """This machine's own float32 GEMM rate (GFLOP/s) and copy bandwidth (GB/s)."""
    a, b = torch.randn(size, size), torch.randn(size, size)
    big = torch.randn(1 << 24)
    out = torch.empty_like(big)
    row = measure(
        "limits", {"ours": lambda: torch.mm(a, b), "copy": lambda: out.copy_(big)}, rounds=7
    )
    return {
        "gemm_gflops": 2 * size**3 / row.seconds["ours"] / 1e9,
        "copy_gbytes": 2 * big.numel() * 4 / row.seconds["copy"] / 1e9,
    }


def record(family: str, rows: list[Comparison], **extra: object) -> Path:
    """Print the rows and write them to ``results/benchmarks/<family>.json``."""
    for row in rows:
        ratios = ", ".join(f"{key} {value:.2f}x" for key, value in row.ratio.items())
        print(f"{row.name:60s} ours {row.seconds['ours'] * 1e3:9.3f} ms   {ratios}")
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / f"{family}.json"
    content = {
        "family": family,
        "torch": torch.__version__,
        "machine": platform.machine(),
        "limits": machine_limits(),
        "rows": [asdict(row) for row in rows],
        **extra,
    }
    path.write_text(json.dumps(content, indent=1) + "\n")
    return path
