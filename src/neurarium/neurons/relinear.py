r"""ReLinear: train a quadratic network from its linear point, restraining the quadratic terms.

On Expressivity and Trainability of Quadratic Networks (https://arxiv.org/abs/2110.06081), Section
on training: the quadratic set {w_g, b_g, w_b, c} either learns with a smaller step, or is pulled
back towards (0, 1, 0, 0) after every step, in proportion or by a constant.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Sequence
from numbers import Real
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from neurarium.neurons.quadratic import QuadraticUnits
from neurarium.neurons.quadratic_conversion import found

KINDS = ("gradient", "l2", "l1")


def relinear_param_groups(
    model: nn.Module,
    lr: float,
    *,
    gamma_interaction: float = 1e-4,
    gamma_square: float = 1e-4,
    weight_decay: float = 0.0,
) -> list[dict[str, Any]]:
    r"""Parameter groups for any optimizer, in which the quadratic terms learn γ times as fast.

    `On Expressivity and Trainability of Quadratic Networks <https://arxiv.org/abs/2110.06081>`_:
    :math:`w \leftarrow w - \gamma\, \mathrm{lr}\, \partial L / \partial w`. γ = 0 trains the
    conventional network, γ = 1 the plain quadratic one. A schedule multiplies all groups alike.
    Weight decay never acts on b_g, whose linear point is 1.

    Args:
        model: with quadratic layers.
        lr: of everything else.
        gamma_interaction: factor of w_g and b_g, in [0, 1].
        gamma_square: factor of w_b and c, in [0, 1].
        weight_decay: of all groups but that of b_g, whatever the optimizer's own says.

    Returns:
        Groups called ``base``, ``interaction``, ``interaction_bias`` and ``square``, those that are
        not empty.

    Raises:
        TypeError: what is no number.
        ValueError: a number out of range or not finite, or no quadratic layer.

    Example:
        >>> from neurarium.neurons import QuadraticLinear
        >>> groups = relinear_param_groups(QuadraticLinear(3, 2), lr=0.1)
        >>> [(group["name"], group["lr"]) for group in groups]
        [('base', 0.1), ('interaction', 1e-05), ('interaction_bias', 1e-05), ('square', 1e-05)]
    """
    _require_number("gamma_interaction", gamma_interaction, most=1)
    _require_number("gamma_square", gamma_square, most=1)
    _require_number("lr", lr)
    _require_number("weight_decay", weight_decay)
    layers = _layers(model)
    interaction = [layer.interaction_weight for layer in layers]
    interaction_bias = [layer.interaction_bias for layer in layers]
    square = [p for layer in layers for p in (layer.square_weight, layer.square_bias)]
    special = {id(p) for p in (*interaction, *interaction_bias, *square)}
    base = [p for p in model.parameters() if id(p) not in special]
    members: dict[str, tuple[Sequence[nn.Parameter | None], float, float]] = {
        "base": (base, lr, weight_decay),
        "interaction": (interaction, lr * gamma_interaction, weight_decay),
        "interaction_bias": (interaction_bias, lr * gamma_interaction, 0.0),
        "square": (square, lr * gamma_square, weight_decay),
    }
    groups: list[dict[str, Any]] = []
    for name, (parameters, rate, decay) in members.items():
        kept = {id(parameter): parameter for parameter in parameters if parameter is not None}
        if kept:
            groups.append(
                {"params": list(kept.values()), "lr": rate, "weight_decay": decay, "name": name}
            )
    return groups


def check_relinear(model: nn.Module, optimizer: Optimizer) -> bool:
    """Whether an optimizer restrains the quadratic terms; a warning says so where it does not.

    ``SGD(model.parameters(), lr)`` trains them at full speed, which the ReLinear of
    https://arxiv.org/abs/2110.06081 is there to avoid. An optimizer that was built before
    ``to_quadratic`` trains nothing of the quadratic layers, and one that decays b_g pulls it away
    from the linear point.

    Args:
        model: with quadratic layers.
        optimizer: over its parameters.

    Returns:
        True where the optimizer holds every linear weight that is trained, the quadratic terms
        have a smaller learning rate than these, and b_g does not decay.

    Raises:
        ValueError: no quadratic layer.

    Example:
        >>> from neurarium.neurons import QuadraticLinear
        >>> model = QuadraticLinear(3, 2)
        >>> check_relinear(model, torch.optim.SGD(relinear_param_groups(model, 0.1)))
        True
    """
    layers = list(_layers(model))
    wrong = _wrong(layers, optimizer)
    if wrong is not None:
        warnings.warn(f"optimizer {wrong}", UserWarning, stacklevel=2)
    return wrong is None


def _wrong(layers: Iterable[QuadraticUnits], optimizer: Optimizer) -> str | None:
    groups = {id(p): group for group in optimizer.param_groups for p in group["params"]}
    for layer in layers:
        base = groups.get(id(layer.linear_weight))
        if base is None and layer.linear_weight.requires_grad:
            return (
                "does not hold the linear weights of the quadratic layers, as when it is built "
                "before to_quadratic: build it from relinear_param_groups(model, lr)"
            )
        terms = [groups.get(id(parameter)) for parameter, _ in layer.linear_point()]
        # a schedule may begin at 0, and multiplies all groups alike
        if any(_is_as_fast(term, base, rate) for term in terms for rate in ("lr", "initial_lr")):
            return (
                "trains the quadratic terms as fast as the linear ones: build it from "
                "relinear_param_groups(model, lr), or step a ReLinearShrink after it"
            )
        if groups.get(id(layer.interaction_bias), {}).get("weight_decay", 0.0) > 0:
            return (
                "decays the interaction biases towards 0, away from their linear point 1: build "
                "it from relinear_param_groups(model, lr), or set their weight_decay to 0"
            )
    return None


def _is_as_fast(term: dict[str, Any] | None, base: dict[str, Any] | None, rate: str) -> bool:
    if term is None or base is None:
        return False
    return float(term.get(rate, 0.0)) >= float(base.get(rate, 0.0)) > 0


class ReLinearShrink:
    r"""Restrain the quadratic terms after every step of any optimizer.

    `On Expressivity and Trainability of Quadratic Networks <https://arxiv.org/abs/2110.06081>`_,
    its three ways; w* is the linear point (0, and 1 for b_g), w' the value before the step:

    ============  ===================================================  ============
    kind          after the step                                        strength
    ============  ===================================================  ============
    ``gradient``  :math:`w' + \gamma (w - w')`                          γ in [0, 1]
    ``l2``        :math:`w^* + (1 - \alpha)(w - w^*)`                    α in [0, 1]
    ``l1``        :math:`w^* + S_\beta(w - w^*)`, the soft threshold      β ≥ 0
    ============  ===================================================  ============

    ``gradient`` does what :func:`relinear_param_groups` does, at the price of a copy of the terms;
    it serves where the optimizer's groups are not yours to choose. Of that kind :meth:`state_dict`
    belongs to the model's: load both together, since after loading the model alone the next step
    would go back to the values that were copied before.

    Args:
        model: with quadratic layers.
        kind: ``"gradient"``, ``"l2"`` or ``"l1"``.
        strength: γ, α or β.

    Raises:
        TypeError: a strength that is no number.
        ValueError: an unknown kind, a strength out of range or not finite, or no quadratic layer.

    Example:
        >>> from neurarium.neurons import QuadraticLinear
        >>> layer = QuadraticLinear(3, 2, init="random")
        >>> ReLinearShrink(layer, kind="l2", strength=1.0).step()  # back to the linear point
        >>> layer.interaction_bias.tolist()
        [1.0, 1.0]
    """

    def __init__(self, model: nn.Module, *, kind: str, strength: float) -> None:
        if kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}: got {kind!r}")
        _require_number("strength", strength, most=math.inf if kind == "l1" else 1)
        pairs = [pair for layer in _layers(model) for pair in layer.linear_point()]
        unique = {id(parameter): (parameter, value) for parameter, value in pairs}
        self.kind, self.strength = kind, strength
        self._terms: list[tuple[nn.Parameter, float]] = list(unique.values())
        self._before = self._copied() if kind == "gradient" else []

    @torch.no_grad()
    def step(self, *_: Any) -> None:
        """Shrink; call it after ``optimizer.step()``. Arguments are ignored."""
        for place, (parameter, linear) in enumerate(self._terms):
            if self.kind == "gradient":
                before = self._before[place] = self._before[place].to(parameter)
                before.lerp_(parameter, self.strength)
                parameter.copy_(before)
            elif self.kind == "l2":
                parameter.lerp_(torch.full_like(parameter, linear), self.strength)
            else:
                away = parameter - linear
                parameter.copy_(nn.functional.softshrink(away, self.strength)).add_(linear)

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run needs beside the model's own: the values before the next step."""
        return {"before": [value.clone() for value in self._before]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take what :meth:`state_dict` gave; load the model's state of the same step too.

        Raises:
            ValueError: the state of another kind or another model.
        """
        if "before" not in state:
            raise ValueError(f"state must hold 'before': got {sorted(state)}")
        ours, theirs = ([list(v.shape) for v in vs] for vs in (self._before, state["before"]))
        if ours != theirs:
            raise ValueError(
                f"state must hold values of shapes {ours} for kind {self.kind!r}: got {theirs}"
            )
        with torch.no_grad():
            for value, loaded in zip(self._before, state["before"], strict=True):
                value.copy_(loaded)

    def _copied(self) -> list[Tensor]:
        return [parameter.detach().clone() for parameter, _ in self._terms]


def _layers(model: nn.Module) -> Iterable[QuadraticUnits]:
    layers = [module for module in model.modules() if isinstance(module, QuadraticUnits)]
    if not layers:
        raise ValueError(
            f"model must have quadratic layers: got {found(model)}; call to_quadratic(model)"
        )
    return layers


def _require_number(name: str, value: float, *, most: float = math.inf) -> None:
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a finite number: got {value!r}")
    if not math.isfinite(value):
        raise ValueError(f"{name} must be a finite number: got {value}")
    if not 0 <= value <= most:
        place = "be at least 0" if most == math.inf else f"lie in [0, {most:g}]"
        raise ValueError(f"{name} must {place}: got {value}")
