"""Equal budgets: the same parameters, multiply–accumulates or seconds for everyone compared."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from torch import nn

Unit = Literal["parameters", "macs", "seconds"]

_PROBE_SHARE = 0.1  # of the time box, spent on finding out how long a step takes
_MAX_PROBES = 20


@dataclass(frozen=True)
class Budget:
    """What a method may spend; None where it is not limited.

    Args:
        parameters: trainable values.
        macs: multiply–accumulates of one forward pass.
        seconds: of one forward pass.
    """

    parameters: float | None = None
    macs: float | None = None
    seconds: float | None = None

    @classmethod
    def of(cls, model: nn.Module, *inputs: Any) -> Budget:
        """What a model spends: its parameters and, given inputs, its multiply–accumulates.

        Example:
            >>> from torch import nn
            >>> Budget.of(nn.Linear(3, 2)).parameters
            8
        """
        macs = _cost(model, "macs", inputs) if inputs else None
        return cls(parameters=_cost(model, "parameters", ()), macs=macs)


def match_width(
    build: Callable[[int], nn.Module],
    budget: Budget | float,
    *,
    unit: Unit = "parameters",
    inputs: tuple[Any, ...] = (),
    step: int = 1,
    max_width: int = 65536,
) -> int:
    """The largest width whose model stays within a budget.

    Args:
        build: ``build(width)`` → a model whose cost grows with its width.
        budget: a number of ``unit``, or a :class:`Budget` that limits it.
        unit: what is compared.
        inputs: what the model's forward takes; needed for ``"macs"`` and ``"seconds"``.
        step: widths are multiples of it (of the number of heads, say).
        max_width: no larger width is tried.

    Raises:
        ValueError: not even the smallest width fits, or the budget does not limit ``unit``.

    Example:
        >>> from torch import nn
        >>> match_width(lambda width: nn.Linear(10, width), 100)
        9
    """
    limit = getattr(budget, unit) if isinstance(budget, Budget) else budget
    if limit is None:
        raise ValueError(f"budget must limit {unit}: got {budget}")

    def fits(multiple: int) -> bool:
        return _cost(build(multiple * step), unit, inputs) <= limit

    if not fits(1):
        raise ValueError(f"budget must allow width {step}: got {limit:g} {unit}")
    low, high = 1, 2
    while high * step <= max_width and fits(high):
        low, high = high, 2 * high
    high = min(high, max_width // step + 1)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low * step


def count_for_seconds(
    make_step: Callable[[], Callable[[], object]],
    seconds: float,
    *,
    minimum: int = 1,
    maximum: int = 1_000_000,
) -> int:
    """How many steps fit into a time box, for a cell that then counts steps instead of seconds.

    Called in an exclusive stage. A first step, which compiles and allocates, is not timed; then
    steps are timed for about a tenth of the box, and the median is extrapolated.

    Args:
        make_step: sets up what is to be timed and returns one step (or one trial) of it.
        seconds: the time box.
        minimum: never fewer.
        maximum: never more.

    Example:
        >>> count_for_seconds(lambda: lambda: time.sleep(0.01), 1.0) in range(50, 101)
        True
    """
    if seconds <= 0:
        raise ValueError(f"seconds must be positive: got {seconds}")
    step = make_step()
    start = time.perf_counter()
    step()
    if time.perf_counter() - start > seconds:
        return minimum
    durations: list[float] = []
    while len(durations) < _MAX_PROBES and math.fsum(durations) < _PROBE_SHARE * seconds:
        start = time.perf_counter()
        step()
        durations.append(time.perf_counter() - start)
    median = sorted(durations)[len(durations) // 2]
    return min(max(int(seconds / max(median, 1e-9)), minimum), maximum)


def _cost(model: nn.Module, unit: str, inputs: tuple[Any, ...]) -> float:
    from neurarium import cost

    if unit == "parameters":
        return cost.count_parameters(model)
    if not inputs:
        raise ValueError(f"inputs must be given to count {unit}: got none")
    if unit == "macs":
        return cost.count_macs(model, *inputs).total
    return cost.time_forward(lambda: model(*inputs))
