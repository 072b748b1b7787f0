"""Estimators by the name that ``neurarium fit`` takes, and their hyperparameters as flags."""

from __future__ import annotations

import dataclasses
import difflib
import importlib
import inspect
import typing
from typing import Any

TASKS = ("classification", "regression")

# name → classifier and regressor in neurarium.estimators
_NAMES = {
    "hopular": ("HopularClassifier", "HopularRegressor"),
    "kan": ("KANClassifier", "KANRegressor"),
}

# parameters whose Python values have no word for them; --categorical names columns instead
_PYTHON_ONLY = ("categorical_features",)


def estimator_class(name: str, task: str) -> type[Any]:
    """The class of that name for ``task``."""
    if name not in _NAMES:
        near = difflib.get_close_matches(name, _NAMES, n=1)
        advice = f"did you mean {near[0]!r}?" if near else f"choose from {', '.join(_NAMES)}"
        raise ValueError(f"estimator must be known: got {name!r}; {advice}")
    room = importlib.import_module("neurarium.estimators")
    chosen: type[Any] = getattr(room, _NAMES[name][TASKS.index(task)])
    return chosen


def hyperparameters(estimator: type[Any]) -> Any:
    """A dataclass instance: the estimator's hyperparameters at their defaults, documented."""
    hints = typing.get_type_hints(estimator.__init__)
    fields = [
        (name, _word_type(name, hints.get(name, Any)), dataclasses.field(default=parameter.default))
        for name, parameter in inspect.signature(estimator).parameters.items()
        if name not in _PYTHON_ONLY
    ]
    settings = dataclasses.make_dataclass(
        "Hyperparameters", fields, frozen=True, namespace={"__doc__": _help(estimator)}
    )
    return settings()


def _help(estimator: type[Any]) -> str:
    """What the docstring says of the arguments, as plain text and without the mathematics."""
    text = inspect.cleandoc(estimator.__doc__ or "").replace("``", "")
    arguments = text.partition("\nArgs:")[2].partition("\n\n")[0]
    return f"Settings of {estimator.__name__}.\n\nArgs:{arguments}\n"


def _word_type(name: str, hint: Any) -> Any:
    """The type that a flag is read as; a random state on a command line is a seed."""
    return int | None if name == "random_state" else hint
