"""Saving to a folder and loading strictly, also where layers share parameters.

For the vision transformers of https://arxiv.org/abs/2409.10594 and
https://arxiv.org/abs/2503.10632.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from huggingface_hub import PyTorchModelHubMixin


class StrictHubMixin(PyTorchModelHubMixin):
    """``save_pretrained`` and ``from_pretrained`` that refuse a file with other tensors."""

    @classmethod
    def _load_as_safetensor(  # type: ignore[override]
        cls, model: Any, model_file: str | Path, map_location: str, strict: bool
    ) -> Any:
        """Always strict; precision as in the file."""
        from safetensors.torch import load_file, load_model

        state = load_file(model_file, device=map_location)
        model.to(next(iter(state.values())).dtype)
        load_model(model, model_file, strict=True, device=map_location)
        return model
