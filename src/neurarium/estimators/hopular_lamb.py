"""LAMB on the tensors that the authors of Hopular have (https://arxiv.org/abs/2206.00664)."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from torch import Tensor, nn

from neurarium.memory.hopular import Hopular
from neurarium.optim.lamb import Lamb

Cut = Callable[[Tensor], Iterable[Tensor]]


class HopularLamb:
    """LAMB with a trust ratio for each map of each attribute, and for keys and values apart.

    :class:`~neurarium.memory.Hopular` keeps these as slices of a few large tensors, because that is
    fast. One ratio for a whole tensor would let it move by its share of the joint norm, which is
    clamped at 10: the more attributes, the slower they would learn.

    Args:
        model: its parameters are changed in place, through views of them.
        weight_decay: of all of them.
    """

    def __init__(self, model: Hopular, *, weight_decay: float) -> None:
        cuts = _cuts(model)
        self._cut = [(p, cuts.get(name, _whole)) for name, p in model.named_parameters()]
        self._parts = [
            [nn.Parameter(part) for part in cut(parameter.detach())] for parameter, cut in self._cut
        ]
        every = [part for parts in self._parts for part in parts]
        self._lamb = Lamb(every, weight_decay=weight_decay)

    def step(self, lr: float) -> None:
        """Move every parameter that has a gradient."""
        for (parameter, cut), parts in zip(self._cut, self._parts, strict=True):
            if parameter.grad is not None:
                for part, gradient in zip(parts, cut(parameter.grad), strict=True):
                    part.grad = gradient
        self._lamb.param_groups[0]["lr"] = lr
        self._lamb.step()


def _cuts(model: Hopular) -> dict[str, Cut]:
    """Name of a parameter → how it falls into the authors' tensors, if it is not one of them."""
    per_attribute = ("input_bias", "norm_weight", "norm_bias", "output_weight", "output_bias")
    cuts: dict[str, Cut] = {f"embedding.{name}": _rows for name in per_attribute}
    widths = [size + 1 for size in model.layout.sizes]
    cuts["embedding.input_weight"] = lambda weight: weight.split(widths)
    for index, block in enumerate(model.blocks):
        for lookup in ("sample_lookup", "feature_lookup"):
            if getattr(block, lookup).value_map is None:
                cuts[f"blocks.{index}.{lookup}.key_value.weight"] = _halves
    return cuts


def _whole(tensor: Tensor) -> Iterable[Tensor]:
    return (tensor,)


def _rows(tensor: Tensor) -> Iterable[Tensor]:
    return tensor.unbind(0)


def _halves(tensor: Tensor) -> Iterable[Tensor]:
    return tensor.chunk(2)
