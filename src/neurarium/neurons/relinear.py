r"""ReLinear: train a quadratic network from its linear point, restraining the quadratic terms.

On Expressivity and Trainability of Quadratic Networks (https://arxiv.org/abs/2110.06081), Section
on training: the quadratic set {w_g, b_g, w_b, c} either learns with a smaller step, or is pulled
back towards (0, 1, 0, 0) after every step, in proportion or by a constant.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
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
        weight_decay: of all groups but that of b_g.

    Returns:
        Groups called ``base``, ``interaction``, ``interaction_bias`` and ``square``, those that are
        not empty.

    Raises:
        ValueError: a number out of range, or no quadratic layer.

    Example:
        >>> from neurarium.neurons import QuadraticLinear
        >>> groups = relinear_param_groups(QuadraticLinear(3, 2), lr=0.1)
        >>> [(group["name"], group["lr"]) for group in groups]
        [('base', 0.1), ('interaction', 1e-05), ('interaction_bias', 1e-05), ('square', 1e-05)]
    """
    _require_share("gamma_interaction", gamma_interaction)
    _require_share("gamma_square", gamma_square)
    for argument, value in (("lr", lr), ("weight_decay", weight_decay)):
        if not value >= 0:
            raise ValueError(f"{argument} must be at least 0: got {value}")
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
    https://arxiv.org/abs/2110.06081 is there to avoid.

    Args:
        model: with quadratic layers.
        optimizer: over its parameters.

    Returns:
        True where the quadratic terms have a smaller learning rate than the linear branch.

    Raises:
        ValueError: no quadratic layer.

    Example:
        >>> from neurarium.neurons import QuadraticLinear
        >>> model = QuadraticLinear(3, 2)
        >>> check_relinear(model, torch.optim.SGD(relinear_param_groups(model, 0.1)))
        True
    """
    rates = {id(p): float(g["lr"]) for g in optimizer.param_groups for p in g["params"]}
    for layer in _layers(model):
        base = rates.get(id(layer.linear_weight))
        for parameter, _ in layer.linear_point():
            if base is not None and rates.get(id(parameter), 0.0) >= base > 0:
                warnings.warn(
                    "optimizer trains the quadratic terms as fast as the linear ones: build it "
                    "from relinear_param_groups(model, lr), or step a ReLinearShrink after it",
                    UserWarning,
                    stacklevel=2,
                )
                return False
    return True


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
    it serves where the optimizer's groups are not yours to choose.

    Args:
        model: with quadratic layers.
        kind: ``"gradient"``, ``"l2"`` or ``"l1"``.
        strength: γ, α or β.

    Raises:
        ValueError: an unknown kind, a strength out of range, or no quadratic layer.

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
        if kind != "l1":
            _require_share("strength", strength)
        elif not strength >= 0:
            raise ValueError(f"strength must be at least 0: got {strength}")
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
                before = self._before[place]
                before.lerp_(parameter, self.strength)
                parameter.copy_(before)
            elif self.kind == "l2":
                parameter.lerp_(torch.full_like(parameter, linear), self.strength)
            else:
                away = parameter - linear
                parameter.copy_(nn.functional.softshrink(away, self.strength)).add_(linear)

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run needs: the values before the next step."""
        return {"before": [value.clone() for value in self._before]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take what :meth:`state_dict` gave."""
        with torch.no_grad():
            for ours, theirs in zip(self._before, state["before"], strict=True):
                ours.copy_(theirs)

    def _copied(self) -> list[Tensor]:
        return [parameter.detach().clone() for parameter, _ in self._terms]


def _layers(model: nn.Module) -> Iterable[QuadraticUnits]:
    layers = [module for module in model.modules() if isinstance(module, QuadraticUnits)]
    if not layers:
        raise ValueError(
            f"model must have quadratic layers: got {found(model)}; call to_quadratic(model)"
        )
    return layers


def _require_share(name: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise ValueError(f"{name} must lie in [0, 1]: got {value}")
