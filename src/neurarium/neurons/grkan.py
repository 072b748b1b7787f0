"""Group-rational Kolmogorov–Arnold layers: a learned activation before each linear map.

KAT (https://arxiv.org/abs/2409.10594), FlashKAT (https://arxiv.org/abs/2505.13813).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from neurarium.memory.arguments import require_count
from neurarium.neurons.basis import require_points
from neurarium.neurons.rational import GroupRational
from neurarium.neurons.rational_fit import activation_gain

WEIGHT_STARTS = ("variance", "trunc_normal")
TRUNCATED_STD = 0.02
USUAL_GROUPS = 8

Init = str | Callable[[Tensor], Tensor]


class GRKANLinear(nn.Module):
    r"""A group-rational activation, then a linear map.

    `KAT <https://arxiv.org/abs/2409.10594>`_, Eq. 6: :math:`y = W F(x) + b`, a Kolmogorov–Arnold
    layer whose edges of one group share a function up to their weight. Weights start from
    N(0, α / in) with α = 1 / E[F(z)²], which keeps the variance of normal inputs.

    Args:
        in_features: width of the input.
        out_features: width of the output.
        num_groups: G; by default the largest divisor of ``in_features`` up to 8.
        init: what the activation starts as; see :class:`GroupRational`.
        weight_init: ``"variance"``, or ``"trunc_normal"`` of deviation 0.02 as in released code.
        dropout: after the activation.
        bias: of the linear map.
        backend: see :func:`group_rational`.

    Shapes:
        - x: (…, in_features); output: (…, out_features)

    Raises:
        TypeError: for inputs that are not floating point, and widths that are no whole numbers.
        ValueError: for sizes, names and shapes that do not fit.

    Example:
        >>> layer = GRKANLinear(12, 4, num_groups=3)
        >>> layer(torch.randn(2, 7, 12)).shape
        torch.Size([2, 7, 4])
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        num_groups: int | None = None,
        init: Init = "swish",
        weight_init: str = "variance",
        dropout: float = 0.0,
        bias: bool = True,
        backend: str = "auto",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        require_count("in_features", in_features)
        require_count("out_features", out_features)
        if weight_init not in WEIGHT_STARTS:
            raise ValueError(
                f"weight_init must be one of {', '.join(WEIGHT_STARTS)}: got {weight_init!r}"
            )
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout must be in [0, 1): got {dropout}")
        if num_groups is None:
            num_groups = max(g for g in range(1, USUAL_GROUPS + 1) if in_features % g == 0)
        factory: dict[str, Any] = {"device": device, "dtype": dtype}
        self.in_features, self.out_features = in_features, out_features
        self.weight_init = weight_init
        self.activation = GroupRational(
            in_features, num_groups=num_groups, init=init, backend=backend, **factory
        )
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(in_features, out_features, bias=bias, **factory)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """The activation's start, and weights that keep the variance after it."""
        self.activation.reset_parameters()
        if self.weight_init == "variance":
            gain = activation_gain(self.activation.init)
            nn.init.normal_(self.linear.weight, std=(gain / self.in_features) ** 0.5)
        else:
            nn.init.trunc_normal_(self.linear.weight, std=TRUNCATED_STD)
        if self.linear.bias is not None:
            nn.init.zeros_(self.linear.bias)

    def forward(self, x: Float[Tensor, "*batch in"]) -> Float[Tensor, "*batch out"]:
        """Activate, then map."""
        require_points(x, self.in_features)
        return self.linear(self.dropout(self.activation(x)))


class GRKAN(nn.Module):
    r"""The MLP of a Kolmogorov–Arnold transformer, in place of a transformer's own.

    `KAT <https://arxiv.org/abs/2409.10594>`_: two :class:`GRKANLinear`, the first starting at the
    identity, the second at swish; there is no other non-linearity.

    Args:
        in_features: width of the input.
        hidden_features: width between; by default 4 times the input's.
        out_features: width of the output; by default the input's.
        num_groups: G of both activations, must divide both widths.
        init: what the two activations start as.
        weight_init: ``"variance"``, or ``"trunc_normal"`` as in released code.
        dropout: after each activation.
        bias: of both linear maps.
        backend: see :func:`group_rational`.

    Shapes:
        - x: (…, in_features); output: (…, out_features)

    Raises:
        TypeError: for inputs that are not floating point, and widths that are no whole numbers.
        ValueError: for sizes, names and shapes that do not fit.

    Example:
        >>> mlp = GRKAN(16)
        >>> mlp(torch.randn(2, 5, 16)).shape
        torch.Size([2, 5, 16])
        >>> GRKAN(12)
        Traceback (most recent call last):
        ValueError: num_groups must divide num_features: got 8 and 12
    """

    def __init__(
        self,
        in_features: int,
        hidden_features: int | None = None,
        out_features: int | None = None,
        *,
        num_groups: int = USUAL_GROUPS,
        init: tuple[Init, Init] = ("identity", "swish"),
        weight_init: str = "variance",
        dropout: float = 0.0,
        bias: bool = True,
        backend: str = "auto",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        require_count("in_features", in_features)
        if not isinstance(init, tuple | list) or len(init) != 2:
            raise ValueError(f"init must be two, one for each activation: got {init!r}")
        hidden = 4 * in_features if hidden_features is None else hidden_features
        shared: dict[str, Any] = {
            "num_groups": num_groups,
            "weight_init": weight_init,
            "dropout": dropout,
            "bias": bias,
            "backend": backend,
            "device": device,
            "dtype": dtype,
        }
        outer = in_features if out_features is None else out_features
        self.expand = GRKANLinear(in_features, hidden, init=init[0], **shared)
        self.contract = GRKANLinear(hidden, outer, init=init[1], **shared)

    def reset_parameters(self) -> None:
        """Both layers start anew."""
        self.expand.reset_parameters()
        self.contract.reset_parameters()

    def forward(self, x: Float[Tensor, "*batch in"]) -> Float[Tensor, "*batch out"]:
        """Apply both layers."""
        return self.contract(self.expand(x))
