"""Saving to a folder and loading strictly, also where layers share parameters.

For the vision transformers of https://arxiv.org/abs/2409.10594 and
https://arxiv.org/abs/2503.10632.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import PyTorchModelHubMixin

FACTORY = ("device", "dtype")
"""Arguments that the tensors of a file stand for."""


class StrictHubMixin(PyTorchModelHubMixin):
    """Saving that refuses arguments which no file can hold, loading that refuses other tensors.

    Raises:
        TypeError: by ``save_pretrained``, for constructor arguments that are no JSON values.
    """

    _unsaved: str | None = None

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        """Remember what is wrong with the first argument that ``config.json`` cannot hold."""
        instance = super().__new__(cls, *args, **kwargs)
        given = dict(zip(list(cls._hub_mixin_init_parameters)[1:], args, strict=False)) | kwargs
        for name, value in given.items():
            if name not in FACTORY and not cls._is_jsonable(value):
                instance._unsaved = (
                    f"{name} must be a JSON value to be saved, such as a name: got {value!r}"
                )
                break
        return instance

    def save_pretrained(self, *args: Any, **kwargs: Any) -> str | None:
        """Write ``config.json`` and ``model.safetensors``, from which the same model is made."""
        if self._unsaved is not None:
            raise TypeError(self._unsaved)
        return super().save_pretrained(*args, **kwargs)

    @classmethod
    def _load_as_safetensor(  # type: ignore[override]
        cls, model: Any, model_file: str | Path, map_location: str, strict: bool
    ) -> Any:
        """Always strict; precision as in the file."""
        from safetensors.torch import load_file, load_model

        state = load_file(model_file, device=map_location)
        model.to(precision_of(state))
        load_model(model, model_file, strict=True, device=map_location)
        return model


def precision_of(state: Mapping[str, torch.Tensor]) -> torch.dtype:
    """Of the floating-point values; counters and masks have none."""
    return next(value.dtype for value in state.values() if value.is_floating_point())
