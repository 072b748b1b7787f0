"""Equal budgets: the widths with which an arm spends as much as another one.

Networks have two hidden layers. They are equally wide as far as that fits; then the second one is
set so that the whole comes within 2 % of the budget, also where a unit of the first costs much.
Where whole units cannot do that, the budget is refused.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any

from neurarium.cost import count_parameters

from .arms import ARMS, Arm

TOLERANCE = 0.02
MAX_WIDTH = 1 << 16
NARROWEST = 0.75
"""Of the equal width, which the first layer may have so that the budget is met; if none of these
does, up to a third more or down to a half."""
FEWEST_UNITS = 8
"""In each hidden layer of the most costly arm under a budget of FLOPs."""
GROWTH, MOST_GROWN = 1.05, 60
"""Factor and number of the larger budgets among which one is looked for that suits all arms."""

Widths = tuple[int, int]
Cost = Callable[[tuple[int, ...]], float]


def widths_near(cost: Cost, budget: float, in_features: int, out_features: int) -> Widths:
    """Two hidden widths that spend a budget, as equal as they can be.

    Args:
        cost: of a network by its widths from input to output; it grows with every width.
        budget: what is to be spent.
        in_features: width of the input.
        out_features: width of the output.

    Raises:
        ValueError: one unit in each layer already costs more than the budget and its tolerance.

    Example:
        >>> weights = lambda sizes: sum(a * b for a, b in zip(sizes, sizes[1:]))
        >>> widths_near(weights, 1000, 5, 1)
        (27, 31)
    """

    def spent(first: int, second: int) -> float:
        return cost((in_features, first, second, out_features)) / budget

    if spent(1, 1) > 1 + TOLERANCE:
        raise ValueError(
            f"parameters must be at least {spent(1, 1) * budget:g}, one unit in each hidden layer: "
            f"got {budget:g}"
        )
    both = _largest(lambda width: spent(width, width) <= 1)
    narrower = range(both, math.ceil(NARROWEST * both) - 1, -1)
    further = (*range(both + 1, int(both / NARROWEST) + 1), *range(narrower[-1] - 1, both // 2, -1))

    def fits(first: int, second: int) -> bool:
        return spent(first, second) <= 1

    found: list[tuple[float, Widths]] = []
    for firsts in (narrower, further):
        for first in firsts:
            below = _largest(partial(fits, first))
            for second in (below, below + 1):
                found.append((abs(spent(first, second) - 1), (first, second)))
            if min(found)[0] <= TOLERANCE / 2:
                break
        if min(found)[0] <= TOLERANCE:
            break
    return min(found)[1]


def _largest(fits: Callable[[int], bool]) -> int:
    """The largest width that fits, at least 1."""
    low, high = 1, 2
    while high < MAX_WIDTH and fits(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def sizes_for(
    arm: str,
    budget: str,
    parameters: int,
    in_features: int,
    out_features: int,
    settings: Mapping[str, Any] | None = None,
) -> tuple[int, ...]:
    """Widths of an arm under a budget, from input to output.

    Args:
        arm: name in ``ARMS``.
        budget: ``"parameters"`` and ``"seconds"``: so many parameters; ``"flops"``: those of
            :func:`flop_limit`, by the formulas that KANbeFair publishes; ``"structure"``: the
            widths of the KAN with so many parameters.
        parameters: trainable values.
        in_features: width of the input.
        out_features: width of the output.
        settings: of the arm; its defaults if not given.

    Raises:
        ValueError: no whole units come within 2 % of the budget, or one in each layer exceeds it.

    Example:
        >>> sizes_for("mlp", "parameters", 5000, 2, 1), sizes_for("kan", "parameters", 5000, 2, 1)
        ((2, 68, 69, 1), (2, 20, 22, 1))
        >>> sizes_for("mlp", "structure", 5000, 2, 1), sizes_for("kan", "flops", 5000, 2, 1)
        ((2, 20, 22, 1), (2, 9, 12, 1))
    """
    chosen, settings = ARMS[arm], settings or ARMS[arm].defaults()
    if budget == "structure":
        return sizes_for("kan", "parameters", parameters, in_features, out_features)
    if budget == "flops":
        limit = flop_limit(parameters, in_features, out_features)
        cost: Cost = lambda sizes: chosen.total_flops(sizes, settings)  # noqa: E731
    else:
        limit, cost = parameters, parameter_cost(chosen, settings)
    sizes = (in_features, *widths_near(cost, limit, in_features, out_features), out_features)
    if abs(cost(sizes) / limit - 1) > TOLERANCE + 1e-9:
        raise ValueError(
            f"parameters must be larger for arms of equal size: got {parameters}, and the nearest "
            f"{arm} spends {cost(sizes) / limit:.1%} of the budget"
        )
    return sizes


@cache
def flop_limit(parameters: int, in_features: int, out_features: int) -> float:
    """FLOPs of every arm: the MLP's with so many parameters, or more, the MLP's too.

    An edge costs a KAN hundreds by KANbeFair's formulas, so that few units or none would be left
    to it: the limit is at least what the most costly setting of any arm needs for eight units in
    each hidden layer.

    Args:
        parameters: of the MLP.
        in_features: width of the input.
        out_features: width of the output.

    Example:
        >>> flop_limit(5000, 2, 1), flop_limit(50_000, 2, 1)
        (35906.0, 105196)
    """
    plain, least = ARMS["mlp"], (in_features, FEWEST_UNITS, FEWEST_UNITS, out_features)
    mlp = sizes_for("mlp", "parameters", parameters, in_features, out_features)
    needed = (arm.total_flops(least, s) for arm in ARMS.values() for s in arm.choices())
    return max(plain.total_flops(mlp, plain.defaults()), *needed)


def fitting_parameters(parameters: int, fits: Callable[[int], Any]) -> int | None:
    """The budget, or the next larger one in steps of 5 % with which all arms are of equal size.

    Args:
        parameters: the budget.
        fits: raises a ValueError where a budget does not suit.

    Returns:
        The budget; None where none of sixty suits.

    Example:
        >>> fitting_parameters(200, lambda size: sizes_for("kan", "parameters", size, 13, 2))
        221
    """
    for step in range(MOST_GROWN):
        tried = math.ceil(parameters * GROWTH**step)
        try:
            fits(tried)
        except ValueError:
            continue
        return tried
    return None


def parameter_cost(arm: Arm, settings: Mapping[str, Any]) -> Cost:
    """Trainable values by widths.

    A layer of any arm has a · in · out + b · in + c · out + d of them; four small layers tell.
    """
    a, b, c, d = _layer_coefficients(arm, settings)

    def cost(sizes: tuple[int, ...]) -> float:
        pairs = itertools.pairwise(sizes)
        return sum(a * i * o + b * i + c * o + d for i, o in pairs)

    return cost


def _layer_coefficients(arm: Arm, settings: Mapping[str, Any]) -> tuple[int, int, int, int]:
    own = arm.own(settings)
    n = {(i, o): count_parameters(arm.build((i, o), **own)) for i in (1, 2) for o in (1, 2)}
    a = n[2, 2] - n[2, 1] - n[1, 2] + n[1, 1]
    b, c = n[2, 1] - n[1, 1] - a, n[1, 2] - n[1, 1] - a
    return a, b, c, n[1, 1] - a - b - c
