"""The group-rational activation: every group of channels learns its own ratio of polynomials.

KAT (https://arxiv.org/abs/2409.10594), FlashKAT (https://arxiv.org/abs/2505.13813).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from neurarium.memory.arguments import require_count
from neurarium.neurons.basis import require_points
from neurarium.neurons.rational_fit import (
    RationalFit,
    activation_gain,
    fit_rational,
    require_degrees,
)
from neurarium.neurons.rational_function import group_rational, require_backend
from neurarium.neurons.rational_tables import FOREIGN_GELU, STARTS, find_function

__all__ = ["GroupRational", "RationalFit", "activation_gain", "fit_rational", "group_rational"]

TABLE_DEGREES = (5, 4)


class GroupRational(nn.Module):
    r"""A learnable activation, in place of ``nn.GELU``.

    `FlashKAT <https://arxiv.org/abs/2505.13813>`_: channel c of group g = c // (D / G) becomes

    .. math:: F_g(x) = \frac{\sum_{i=0}^m a_{gi} x^i}{1 + \sum_{i=1}^n |b_{gi}| |x|^i}

    which starts as a copy of a known function on [−3, 3]. Only x and the coefficients are kept for
    the backward pass. Released code has three denominators; this is the one that its kernels
    train. See :func:`group_rational` for slopes at 0 and the ways to compute.

    Args:
        num_features: D, channels.
        num_groups: G, must divide D.
        degrees: m and n, of numerator and denominator.
        init: ``"identity"``, ``"swish"``, ``"gelu"``, ``"gelu_old"``, ``"tanh"``, ``"sigmoid"``,
            ``"relu"`` or ``"leaky_relu"``; or any function of a tensor, which is fitted.
        shared_numerator: one numerator for all groups, as published.
        shared_denominator: one denominator for all groups.
        backend: see :func:`group_rational`.

    Shapes:
        - x: (…, D); output: the same

    Raises:
        TypeError: for inputs that are not floating point, and counts that are no whole numbers.
        ValueError: for groups that do not divide the channels, unknown names, degrees below 1.
        RuntimeError: for the backend ``"triton"`` without the package.

    Example:
        >>> activation = GroupRational(16, num_groups=4, init="swish")
        >>> x = torch.randn(2, 5, 16)
        >>> torch.allclose(activation(x), torch.nn.functional.silu(x), atol=1e-4)
        True
        >>> sum(p.numel() for p in activation.parameters())  # 6 + 4 · 4
        22
    """

    init: str | Callable[[Tensor], Tensor]

    def __init__(
        self,
        num_features: int,
        *,
        num_groups: int = 8,
        degrees: tuple[int, int] = TABLE_DEGREES,
        init: str | Callable[[Tensor], Tensor] = "swish",
        shared_numerator: bool = True,
        shared_denominator: bool = False,
        backend: str = "auto",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        require_count("num_features", num_features)
        require_count("num_groups", num_groups)
        if num_features % num_groups:
            raise ValueError(
                f"num_groups must divide num_features: got {num_groups} and {num_features}"
            )
        require_degrees(degrees)
        require_backend(backend)
        self.num_features, self.num_groups, self.backend = num_features, num_groups, backend
        self._start = start_of(init, tuple(degrees))
        object.__setattr__(self, "init", init)  # fitted by now: not a part, even if it is a module
        factory: dict[str, Any] = {"device": device, "dtype": dtype}
        rows = (1 if shared_numerator else num_groups, 1 if shared_denominator else num_groups)
        self.numerator = nn.Parameter(torch.empty(rows[0], degrees[0] + 1, **factory))
        self.denominator = nn.Parameter(torch.empty(rows[1], degrees[1], **factory))
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """The start again."""
        numerator, denominator = (torch.tensor(c, dtype=torch.float64) for c in self._start)
        self.numerator.copy_(numerator.expand_as(self.numerator))
        self.denominator.copy_(denominator.expand_as(self.denominator))

    def extra_repr(self) -> str:
        """Sizes."""
        name = self.init if isinstance(self.init, str) else getattr(self.init, "__name__", "given")
        return f"num_features={self.num_features}, num_groups={self.num_groups}, init={name!r}"

    def forward(self, x: Float[Tensor, "*batch D"]) -> Float[Tensor, "*batch D"]:
        """Apply to every channel its group's function."""
        require_points(x, self.num_features)
        return group_rational(
            x, self.numerator, self.denominator, num_groups=self.num_groups, backend=self.backend
        )

    def _load_from_state_dict(
        self,
        state_dict: Mapping[str, Any],
        prefix: str,
        metadata: Any,
        strict: bool,
        missing: list[str],
        unexpected: list[str],
        errors: list[str],
    ) -> None:
        if f"{prefix}weight_numerator" in state_dict and f"{prefix}numerator" not in state_dict:
            errors.append(
                f"{prefix}numerator and {prefix}denominator must have these names: got the "
                f"released {prefix}weight_numerator and {prefix}weight_denominator; rename both, "
                "unless they are a table of start values, which was fitted for 1 + |Σ b x^i| where "
                "this is 1 + Σ|b||x|^i"
            )
        _warn_of_foreign(state_dict.get(f"{prefix}numerator"))
        super()._load_from_state_dict(
            state_dict, prefix, metadata, strict, missing, unexpected, errors
        )


def _warn_of_foreign(saved: Any) -> None:
    """If the values are at hand: they are neither sharded, nor without storage."""
    if type(saved) not in (Tensor, nn.Parameter) or saved.is_meta:
        return
    if saved.ndim != 2 or saved.shape[1] != len(FOREIGN_GELU):
        return
    foreign = torch.tensor(FOREIGN_GELU, dtype=saved.dtype, device=saved.device)
    if torch.isclose(saved, foreign, rtol=1e-2).all():
        warnings.warn(
            "numerator must belong to 1 + Σ|b||x|^i: got the released table 'gelu', fitted for "
            "1 + |Σ b x^i| and off by up to 1.5 here; start from init='gelu'",
            stacklevel=3,
        )


def start_of(
    init: str | Callable[[Tensor], Tensor], degrees: tuple[int, ...] = TABLE_DEGREES
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Coefficients that a function starts from: from the table, or fitted.

    Example:
        >>> start_of("identity")[0]
        (0.0, 1.0, 0.0, 0.0, 0.0, 0.0)
    """
    function = find_function(init)
    if isinstance(init, str) and degrees == TABLE_DEGREES:
        return STARTS[init].numerator, STARTS[init].denominator
    if init == "identity":
        return (0.0, 1.0, *[0.0] * (degrees[0] - 1)), (0.0,) * degrees[1]
    fit = fit_rational(function, degrees=(degrees[0], degrees[1]))
    return tuple(fit.numerator.tolist()), tuple(fit.denominator.tolist())
