"""Peak of what torch allocates while something runs: exact, and independent of other processes."""

from __future__ import annotations

from collections.abc import Callable

from torch.profiler import ProfilerActivity, profile


def peak_megabytes(run: Callable[[], object]) -> float:
    """Largest sum of live allocations that ``run`` makes on the CPU, in megabytes."""
    run()
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as recorded:
        run()
    kineto = recorded.profiler
    assert kineto is not None
    assert kineto.kineto_results is not None
    changes = [
        (event.start_ns(), event.nbytes())
        for event in kineto.kineto_results.events()
        if event.name() == "[memory]"
    ]
    live = peak = 0
    for _, change in sorted(changes):
        live += change
        peak = max(peak, live)
    return round(peak / 2**20, 2)
