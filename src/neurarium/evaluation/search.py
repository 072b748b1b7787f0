"""Random search: the same number of trials for every method, library defaults always among them."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np


class Distribution(Protocol):
    """What scipy calls a frozen distribution, e.g. ``scipy.stats.loguniform(1e-4, 1e-1)``."""

    def rvs(self, *, random_state: np.random.Generator) -> Any:
        """One draw."""


Choices = Sequence[Any] | Distribution


@dataclass(frozen=True)
class Trial:
    """One configuration that was tried.

    Args:
        params: the configuration.
        score: what ``evaluate`` returned; minus infinity where it raised.
        seconds: wall seconds of the trial.
        error: what it raised; None where it did not.
    """

    params: Mapping[str, Any]
    score: float
    seconds: float
    error: str | None = None


@dataclass(frozen=True)
class SearchResult:
    """The best configuration, and all that were tried in their order.

    Args:
        params: the configuration with the highest score, the earliest of equals.
        score: its score.
        trials: every trial; the first is the library's defaults.
    """

    params: Mapping[str, Any]
    score: float
    trials: tuple[Trial, ...]

    @property
    def seconds(self) -> float:
        """Wall seconds of all trials."""
        return math.fsum(trial.seconds for trial in self.trials)


def random_search(
    space: Mapping[str, Choices],
    evaluate: Callable[[dict[str, Any]], float],
    num_trials: int,
    *,
    seed: int = 0,
    defaults: Mapping[str, Any] | None = None,
) -> SearchResult:
    """Try the defaults, then configurations drawn at random, and keep the best.

    Args:
        space: name → the values to choose from, or a distribution with ``rvs``.
        evaluate: ``evaluate(params) -> score`` on validation rows, higher is better.
        num_trials: how many configurations are tried, the defaults included.
        seed: of the drawing.
        defaults: the library's own setting: the first trial; ``{}`` leaves it to the library.

    Raises:
        RuntimeError: every trial raised.

    Example:
        >>> found = random_search({"k": range(1, 50)}, lambda p: -abs(p["k"] - 7), 200, seed=0,
        ...                       defaults={"k": 5})
        >>> found.params, found.trials[0].params
        ({'k': 7}, {'k': 5})
    """
    if num_trials < 1:
        raise ValueError(f"num_trials must be at least 1: got {num_trials}")
    generator = np.random.default_rng(seed)
    tried: list[dict[str, Any]] = [dict(defaults or {})]
    for _ in range(num_trials - 1):
        tried.append(_new_draw(space, generator, tried))
    trials = tuple(_trial(evaluate, params) for params in tried)
    best = max(trials, key=lambda trial: trial.score)
    if best.error is not None:
        raise RuntimeError(f"a trial must succeed: got {num_trials} that raised; {best.error}")
    return SearchResult(best.params, best.score, trials)


def _new_draw(
    space: Mapping[str, Choices], generator: np.random.Generator, tried: list[dict[str, Any]]
) -> dict[str, Any]:
    """A configuration that was not tried yet, where a few draws find one."""
    for _ in range(10):
        params = {name: _draw(choices, generator) for name, choices in space.items()}
        if params not in tried:
            break
    return params


def _draw(choices: Choices, generator: np.random.Generator) -> Any:
    if isinstance(choices, Sequence):
        return choices[int(generator.integers(len(choices)))]
    drawn = choices.rvs(random_state=generator)
    return drawn.item() if isinstance(drawn, np.generic) else drawn


def _trial(evaluate: Callable[[dict[str, Any]], float], params: dict[str, Any]) -> Trial:
    start = time.perf_counter()
    score, error = -math.inf, None
    try:
        score = float(evaluate(dict(params)))
        if math.isnan(score):
            score, error = -math.inf, "the score is nan"
    except Exception as raised:
        error = f"{type(raised).__name__}: {raised}"
    return Trial(params, score, time.perf_counter() - start, error)
