"""What running cells in the user's own process changes, and how it is put back."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "LOKY_MAX_CPU_COUNT",
)


@contextmanager
def process_restored(threads: int) -> Iterator[None]:
    """Give every library this many threads; afterwards generators and threads are as before.

    `LOKY_MAX_CPU_COUNT` keeps ``n_jobs=-1`` inside a cell from starting processes of its own.
    """
    import torch
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    states = random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
    before = torch.get_num_threads()
    variables = {name: os.environ.get(name) for name in THREAD_VARIABLES}
    limit_threads(threads)
    try:
        with threadpool_limits(threads):
            yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])  # noqa: NPY002
        torch.set_rng_state(states[2])
        torch.set_num_threads(before)
        for name, value in variables.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def limit_threads(threads: int) -> None:
    """This many threads for torch and for whatever is loaded from now on."""
    import torch

    torch.set_num_threads(threads)
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(threads)))
