"""Fitted estimators on disk: one JSON file and one safetensors file in a folder, never a pickle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from neurarium import __version__

SETTINGS, WEIGHTS = "estimator.json", "model.safetensors"


class SavedToDirectory:
    """Gives an estimator ``save(directory)`` and ``load(directory)``.

    The estimator supplies what it has learnt as JSON values and tensors, and takes it back:
    ``_get_fitted() -> (dict, dict[str, Tensor])`` and ``_set_fitted(dict, dict[str, Tensor])``.
    Constructor arguments are stored besides and must be JSON values.
    """

    def _get_fitted(self) -> tuple[dict[str, Any], dict[str, Tensor]]:
        raise NotImplementedError

    def _set_fitted(self, state: dict[str, Any], tensors: dict[str, Tensor]) -> None:
        raise NotImplementedError

    def save(self, directory: str | Path) -> None:
        """Write the fitted estimator to a folder, made if absent.

        Raises:
            TypeError: if a constructor argument is no JSON value.
        """
        from safetensors.torch import save_file

        check_is_fitted(self)
        state, tensors = self._get_fitted()
        arguments: dict[str, Any] = self.get_params(deep=False)  # type: ignore[attr-defined]
        settings = {
            "estimator": type(self).__name__,
            "neurarium": __version__,
            "arguments": {name: _json_value(name, value) for name, value in arguments.items()},
            "fitted": state,
        }
        folder = Path(directory)
        folder.mkdir(parents=True, exist_ok=True)
        save_file({k: v.detach().contiguous() for k, v in tensors.items()}, folder / WEIGHTS)
        (folder / SETTINGS).write_text(json.dumps(settings, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, directory: str | Path) -> Self:
        """The estimator that ``save`` wrote; it predicts bit for bit the same.

        Raises:
            ValueError: if the folder holds no estimator of this class.
        """
        estimator = load_estimator(directory)
        if not isinstance(estimator, cls):
            raise ValueError(
                f"directory must hold a {cls.__name__}: got a {type(estimator).__name__}"
            )
        return estimator


def load_estimator(directory: str | Path) -> Any:
    """Load whatever estimator of this library a folder holds.

    Args:
        directory: a folder that ``save`` of an estimator wrote.

    Raises:
        ValueError: if it is not such a folder.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    import neurarium.estimators

    folder = Path(directory)
    for name in (SETTINGS, WEIGHTS):
        if not (folder / name).is_file():
            raise _no_estimator(folder, f"no file {name} there")
    try:
        settings = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
        tensors = load_file(folder / WEIGHTS)
        name = settings["estimator"]
        if name not in dir(neurarium.estimators):
            raise KeyError(name)
        estimator = getattr(neurarium.estimators, name)(**_tuples(settings["arguments"]))
        estimator._set_fitted(settings["fitted"], tensors)
    except (
        OSError,
        KeyError,
        TypeError,
        AttributeError,
        RuntimeError,
        json.JSONDecodeError,
        UnicodeDecodeError,
        SafetensorError,
    ) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise _no_estimator(folder, reason) from None
    return estimator


def _no_estimator(folder: Path, reason: str) -> ValueError:
    return ValueError(
        f"directory must be one that an estimator was saved to: got {str(folder)!r} ({reason})"
    )


def array_to_json(array: np.ndarray) -> dict[str, Any]:
    """A one-dimensional array of text, numbers or booleans as JSON values."""
    return {"dtype": array.dtype.str, "values": _json_value("classes", array.tolist())}


def array_from_json(state: dict[str, Any]) -> np.ndarray:
    """What :func:`array_to_json` was given."""
    return np.array(state["values"], dtype=np.dtype(state["dtype"]))


def _json_value(name: str, value: Any) -> Any:
    """``value`` with NumPy scalars as Python's; tuples are marked so that they come back."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, tuple):
        return {"tuple": [_json_value(name, entry) for entry in value]}
    if isinstance(value, list | np.ndarray):
        return [_json_value(name, entry) for entry in value]
    raise TypeError(f"{name} must be a JSON value to be saved: got {type(value).__name__}")


def _tuples(arguments: dict[str, Any]) -> dict[str, Any]:
    return {
        name: tuple(value["tuple"]) if isinstance(value, dict) else value
        for name, value in arguments.items()
    }
