"""The compared losses with the settings that each may choose from, equally many."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn

from neurarium.memory import CLIPLoss, CLOOBLoss, info_loob, info_nce, retrieve_pairs


class RawInfoLOOB(nn.Module):
    """InfoLOOB in both directions without any retrieval."""

    def __init__(self, temperature: float) -> None:
        super().__init__()
        self.temperature = temperature

    def forward(self, x: Tensor, y: Tensor, *, normalized: bool) -> Tensor:
        """Rows have unit length."""
        first, second = (info_loob(a, b, temperature=self.temperature) for a, b in ((x, y), (y, x)))
        return first + second


class RetrievedInfoNCE(nn.Module):
    """CLOOB's retrievals and its two directions, contrasted by InfoNCE."""

    def __init__(self, beta: float, temperature: float = 1 / 30) -> None:
        super().__init__()
        self.beta, self.temperature = beta, temperature

    def forward(self, x: Tensor, y: Tensor, *, normalized: bool) -> Tensor:
        """Rows have unit length."""
        u_x, u_y, v_x, v_y = retrieve_pairs(x, y, beta=self.beta)
        first, second = (
            info_nce(a, b, temperature=self.temperature, symmetric=False)
            for a, b in ((u_x, u_y), (v_y, v_x))
        )
        return first + second


def clip(setting: Mapping[str, Any]) -> nn.Module:
    """CLIP's loss with a learned temperature."""
    return CLIPLoss(temperature=1 / setting["inverse_temperature"])


def clip_fixed(setting: Mapping[str, Any]) -> nn.Module:
    """CLIP's loss with a constant temperature."""
    return CLIPLoss(temperature=1 / setting["inverse_temperature"], learn_temperature=False)


def raw_info_loob(setting: Mapping[str, Any]) -> nn.Module:
    """InfoLOOB of the embeddings themselves."""
    return RawInfoLOOB(1 / setting["inverse_temperature"])


def hopfield_nce(setting: Mapping[str, Any]) -> nn.Module:
    """InfoNCE of what is retrieved."""
    return RetrievedInfoNCE(setting["beta"])


def cloob(setting: Mapping[str, Any]) -> nn.Module:
    """CLOOB's loss."""
    return CLOOBLoss(beta=setting["beta"], temperature=1 / 30)


LOSSES: dict[str, Callable[[Mapping[str, Any]], nn.Module]] = {
    "clip": clip,
    "clip_fixed": clip_fixed,
    "info_loob": raw_info_loob,
    "hopfield_nce": hopfield_nce,
    "cloob": cloob,
}

_RATES = (1e-3, 3e-4, 3e-3)
_OWN = {
    "clip": ("inverse_temperature", (14.3, 30.0)),
    "clip_fixed": ("inverse_temperature", (30.0, 14.3)),
    "info_loob": ("inverse_temperature", (30.0, 14.3)),
    "hopfield_nce": ("beta", (8.0, 14.3)),
    "cloob": ("beta", (8.0, 14.3)),
}
SETTINGS: dict[str, list[dict[str, float]]] = {
    method: [{"lr": rate, name: value} for value in values for rate in _RATES]
    for method, (name, values) in _OWN.items()
}
"""Method → six settings: three learning rates, and its own constant as published and once more."""


def settings_of(method: str) -> list[dict[str, float]]:
    """A method of the user's chooses among the learning rates alone."""
    return SETTINGS.get(method, [{"lr": rate} for rate in _RATES])
