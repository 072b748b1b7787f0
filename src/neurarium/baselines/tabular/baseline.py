"""What a baseline is: how to build it, and where its hyperparameters are searched."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, Self

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


class TabularModel(Protocol):
    """A model of a table: pandas categories are discrete, other columns numbers, NaN is missing."""

    def fit(
        self, X: pd.DataFrame, y: np.ndarray, eval_set: tuple[pd.DataFrame, np.ndarray]
    ) -> Self:
        """Learn from ``X, y``; models that stop early watch ``eval_set``, others ignore it."""

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        """Labels or numbers (n,)."""

    def num_parameters(self) -> int:
        """Numbers that the fitted model stores."""


@dataclass(frozen=True)
class Baseline:
    """One compared method.

    Args:
        build: ``build(params, random_state)`` → an unfitted :class:`TabularModel`.
        space: name → list of choices, or distribution with ``rvs(random_state=…)``.
        defaults: the library's own settings, by which a search starts; ``{}`` where they are what
            the library does when told nothing.
    """

    build: Callable[[Mapping[str, Any], int], TabularModel]
    space: Mapping[str, Any]
    defaults: Mapping[str, Any] = field(default_factory=dict)
