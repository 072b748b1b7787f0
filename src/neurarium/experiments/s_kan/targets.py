"""Functions to fit: seven of one to four variables, and formulas of physics."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from neurarium.data.formulas import load_formula

Function = Callable[[Any], Any]


def bessel(x: Any) -> Any:
    """J0(20 x): a slowly fading wave."""
    from scipy.special import j0

    return j0(20 * x[:, 0])


def nested(x: Any) -> Any:
    """exp((sin π(x1² + x2²) + sin π(x3² + x4²))/2)."""
    squares = np.pi * (x[:, ::2] ** 2 + x[:, 1::2] ** 2)
    return np.exp(np.sin(squares).sum(1) / 2)


FUNCTIONS: dict[str, tuple[int, Function]] = {
    "exp_sin": (2, lambda x: np.exp(np.sin(np.pi * x[:, 0]) + x[:, 1] ** 2)),
    "product": (2, lambda x: x[:, 0] * x[:, 1]),
    "bessel": (1, bessel),
    "step": (2, lambda x: np.tanh(20 * (x[:, 0] - x[:, 1]))),
    "kink": (2, lambda x: np.abs(x).sum(1)),
    "wave": (1, lambda x: np.sin(8 * np.pi * x[:, 0]) * np.exp(-(x[:, 0] ** 2))),
    "nested": (4, nested),
}
"""Name → number of variables, function of (n, variables) on [−1, 1]."""

CHOSEN_ON = ("exp_sin", "step", "wave")
"""The defaults of S-KAN's stages were chosen partly by their test points: no claim scores them."""

FORMULAS = tuple(f"feynman/{index}" for index in (2, 9, 12, 14, 21, 27, 34))
"""Of the collection; those that are a product of two inputs would repeat ``"product"``."""


@dataclass(frozen=True)
class Target:
    """A function with points for training, validation and test; standardised on those of training.

    Args:
        name: of the function.
        x: (training, validation, test) inputs in [−1, 1].
        y: their values (n, 1), with mean 0 and deviation 1 in training.
    """

    name: str
    x: tuple[Tensor, Tensor, Tensor]
    y: tuple[Tensor, Tensor, Tensor]

    @property
    def num_inputs(self) -> int:
        """Variables."""
        return self.x[0].shape[1]


@dataclass(frozen=True)
class Source:
    """Where a target's points come from.

    Args:
        name: of the function.
        draw: (count, seed) → inputs in [−1, 1] and values, as numpy arrays.
    """

    name: str
    draw: Callable[[int, int], tuple[Any, Any]]

    def target(self, count: int, seed: int) -> Target:
        """``count`` points for each purpose."""
        x, y = (torch.from_numpy(np.asarray(v)).float() for v in self.draw(3 * count, seed))
        y = y.reshape(-1, 1)
        y = (y - y[:count].mean()) / y[:count].std().clamp_min(1e-12)
        first, second, third = x.split(count)
        return Target(self.name, (first, second, third), tuple(y.split(count)))  # type: ignore[arg-type]


def source(name: str) -> Callable[[], Source]:
    """A loader for the name, which is checked at once."""
    if name in FUNCTIONS:
        return partial(Source, name, partial(_draw_function, name))
    if not name.startswith("feynman/"):
        known = ", ".join((*FUNCTIONS, *FORMULAS))
        raise ValueError(f"datasets must be among {known}: got {name!r}")
    load_formula(name)
    return partial(Source, name, partial(_draw_formula, name))


def _draw_function(name: str, count: int, seed: int) -> tuple[Any, Any]:
    variables, function = FUNCTIONS[name]
    x = np.random.default_rng(seed).uniform(-1, 1, (count, variables))
    return x, function(x)


def _draw_formula(name: str, count: int, seed: int) -> tuple[Any, Any]:
    formula = load_formula(name)
    x, y = formula.sample(count, seed=seed)
    low, high = np.array(formula.ranges).T
    return 2 * (x - low) / (high - low) - 1, y
