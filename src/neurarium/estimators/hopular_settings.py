"""Constructor arguments of the Hopular estimators, checked when ``fit`` is called."""

from __future__ import annotations

import math
import numbers
from typing import Any

import torch

from neurarium.memory.hopular_corruption import check_probabilities

_COUNTS = ("embed_dim", "num_layers", "num_heads", "num_epochs", "eval_every")
_OPTIONAL_COUNTS = ("batch_size", "patience")
_RATES = ("input_dropout", "lookup_dropout", "output_dropout")
_NUMBERS = ("scaling_factor", "weight_decay", "mask_prob", "replace_prob", "select_prob")
_FLAGS = ("tie_value", "exclude_self", "reread_memory", "verbose")
_AUTOMATIC = ("num_epochs", "lr", "ema_decay")


def check_settings(estimator: Any) -> None:
    """Raise TypeError for a wrong kind of argument, ValueError for a wrong value."""
    settings = {
        name: value
        for name, value in estimator.get_params(deep=False).items()
        if not (name in _AUTOMATIC and isinstance(value, str) and value == "auto")
    }
    for name in (*_COUNTS, *_OPTIONAL_COUNTS):
        value = settings.get(name)
        if name in settings and not (value is None and name in _OPTIONAL_COUNTS):
            _check_count(name, value, settings[name] is not None and name in _AUTOMATIC)
    for name in _RATES:
        _check_number(name, settings[name], 0, 1, "[0, 1)", closed=False)
    for name in _NUMBERS:
        _check_number(name, settings[name], 0, math.inf, "[0, ∞)", closed=False)
    for name in _FLAGS:
        if not isinstance(settings[name], numbers.Integral | bool) or settings[name] not in (0, 1):
            raise TypeError(f"{name} must be True or False: got {settings[name]!r}")
    _check_ranges(settings)
    check_probabilities(*(settings[f"{name}_prob"] for name in ("mask", "replace", "select")))
    if settings["embed_dim"] % settings["num_heads"]:
        raise ValueError(
            f"num_heads must divide embed_dim: got {settings['num_heads']} and "
            f"{settings['embed_dim']}"
        )
    _check_device(settings["device"])


def _check_ranges(settings: dict[str, Any]) -> None:
    ratio = settings["memory_ratio"]
    _check_number("memory_ratio", ratio, 0, 1, "(0, 1]", above=True)
    if "lr" in settings:
        _check_number("lr", settings["lr"], 0, 1, "(0, 1]", above=True)
    if "ema_decay" in settings:
        _check_number("ema_decay", settings["ema_decay"], 0, 1, "[0, 1)", closed=False)
    if settings["time_budget"] is not None:
        budget = settings["time_budget"]
        _check_number("time_budget", budget, 0, math.inf, "(0, ∞]", above=True)
    if settings["validation_fraction"] is not None:
        fraction = settings["validation_fraction"]
        _check_number("validation_fraction", fraction, 0, 1, "[0, 1)", closed=False)
    weights = settings["feature_loss_weight"]
    if not isinstance(weights, tuple | list) or len(weights) != 2:
        raise TypeError(f"feature_loss_weight must be (start, end): got {weights!r}")
    for weight in weights:
        _check_number("feature_loss_weight", weight, 0, 1, "[0, 1]")


def _check_count(name: str, value: Any, automatic: bool) -> None:
    hint = ' or "auto"' if automatic else ""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{name} must be an integer{hint}: got {value!r}")
    if value < 1:
        raise ValueError(f"{name} must be at least 1: got {value}")


def _check_number(
    name: str,
    value: Any,
    low: float,
    high: float,
    interval: str,
    *,
    above: bool = False,
    closed: bool = True,
) -> None:
    """Number in the interval from ``low`` (excluded if ``above``) to ``high`` (if ``closed``)."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name} must be a number: got {value!r}")
    x = float(value)
    inside = (low < x if above else low <= x) and (x <= high if closed else x < high)
    if not inside:
        raise ValueError(f"{name} must lie in {interval}: got {value}")


def _check_device(device: Any) -> None:
    if device is not None and not isinstance(device, str | torch.device):
        raise TypeError(f"device must be a name such as 'cuda', or None: got {device!r}")
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"device must be available: got {device!r} ({reason})") from None
