"""Bad arguments get one clear sentence: from the constructor, and from forward for bad inputs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from .subject import Skip, Subject, expect, one_line

LONGEST = 300


def refused(subject: Subject) -> None:
    """Every call that was given must raise a one-sentence ValueError or TypeError."""
    if not subject.refused:
        raise Skip("no bad arguments were given")
    for number, call in enumerate(subject.refused):
        problem = complaint(call)
        expect(problem is None, f"bad arguments {number}: {problem or ''}")


def bad_inputs(subject: Subject) -> None:
    """Inputs of another rank, size or dtype work or raise one sentence, and none goes unseen."""
    module = subject.fresh()
    named: dict[Any, Any] = {**dict(enumerate(subject.args)), **subject.kwargs}
    tensors = {key: value for key, value in named.items() if isinstance(value, Tensor)}
    if not tensors:
        raise Skip("no tensor among the inputs")
    excused = {key.partition(".")[2] for key in subject.exempt}
    refused_sizes = set()
    for key, tensor in tensors.items():
        for kind, what, bad in _spoilt(tensor):
            problem = complaint(_call(module, subject, key, bad))
            if problem is None and kind == "size":
                refused_sizes.add(key)
            accepted = problem == ACCEPTED and (kind == "size" or kind in excused)
            expect(accepted or problem is None, f"input {key} with {what}: {problem}")
    sized = 0 in tensors and tensors[0].ndim > 1 and next(module.parameters(), None) is not None
    expect(not sized or 0 in refused_sizes, "input 0 is accepted whatever its sizes")


ACCEPTED = "nothing is raised"


def complaint(call: Callable[[], object]) -> str | None:
    """What is wrong with how a bad call is refused; None if it is refused well."""
    try:
        call()
    except (ValueError, TypeError) as error:
        text = str(error)
        if not text or "\n" in text or len(text) > LONGEST:
            return f"{type(error).__name__} is not one sentence: {one_line(error)[:120]}"
        return None
    except Exception as error:
        return f"must raise ValueError or TypeError, not {one_line(error)[:120]}"
    return ACCEPTED


def _spoilt(tensor: Tensor) -> Iterator[tuple[str, str, Tensor]]:
    """(kind, what is wrong, a bad version of the input); only sizes may be free."""
    if tensor.ndim:
        yield "rank", "no dimensions", torch.zeros((), dtype=tensor.dtype, device=tensor.device)
    dtype = torch.int64 if tensor.is_floating_point() else torch.float32
    yield "dtype", f"dtype {dtype}", tensor.to(dtype)
    for dim in range(1, tensor.ndim):
        longer = torch.cat([tensor, tensor.narrow(dim, 0, 1)], dim)
        yield "size", f"size {longer.shape[dim]} in dimension {dim}", longer


def _call(module: nn.Module, subject: Subject, key: Any, bad: Tensor) -> Callable[[], object]:
    args, kwargs = list(subject.args), dict(subject.kwargs)
    if isinstance(key, int):
        args[key] = bad
    else:
        kwargs[key] = bad
    return lambda: subject.entry(module)(*args, **kwargs)
