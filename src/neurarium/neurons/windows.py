r"""AF-KAN: windows made of any activation, squeezed to one number an input; and ReLU-KAN.

Ta & Tran, "AF-KAN: Activation Function-Based Kolmogorov-Arnold Networks for Efficient
Representation Learning" (https://arxiv.org/abs/2503.06112), generalising ReLU-KAN
(https://arxiv.org/abs/2406.02075), whose windows are
:class:`~neurarium.neurons.relu_window.ReLUWindow`. The windows of one input cost a layer as many
weights as there are windows; AF-KAN reduces them to one number first, so that it has about as many
weights as a linear layer.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Collection, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from neurarium.memory.arguments import require_count
from neurarium.neurons.basis import require_points
from neurarium.neurons.kan_linear import KANLinear
from neurarium.neurons.row_norm import make_norm
from neurarium.neurons.selection_checks import require_number
from neurarium.neurons.tracing import is_traced
from neurarium.neurons.window_functions import COMBINATIONS, WINDOW_ACTIVATIONS
from neurarium.neurons.window_sums import WindowKind, window_sums, window_values

REDUCTIONS = ("global", "spatial", "multistep")
FEATURE_NORMS = ("sample", "batch", "running", None)
KERNEL_SIZE = 3


class AFKANLinear(nn.Module):
    r"""A layer of activation windows with about as many weights as ``nn.Linear``.

    `AF-KAN <https://arxiv.org/abs/2503.06112>`_: with K = g + k windows
    :math:`z_{dj} = C(\varphi(x_d - l_j), \varphi(h_j - x_d))`, normalised to
    :math:`\hat z = (z - \min z)/(\max z - \min z)`,

    .. math:: y = W \varphi(\mathrm{norm}(r)), \qquad r_d = \sum_j a_{dj} \hat z_{dj}

    =============  =============================================================================
    reduction      a
    =============  =============================================================================
    ``global``     softmax over the *inputs* d of (w · ẑ_d + b)/T, the same for all windows
    ``spatial``    softmax over the *windows* j of (ẑ convolved along the inputs, each window
                   with a kernel of 3)/T
    ``multistep``  r_d = w · ẑ_d + b, without attention
    =============  =============================================================================

    T is learned and not below 1. Ends l and h are learned and shared by all inputs. Combinations C
    of u and v: ``quad1`` (uv)², ``quad2`` uv + u² + v², ``sum`` u + v, ``prod`` uv, ``sum_prod``
    u + v + uv, ``cubic1`` (u + v)(u² + v²), ``cubic2`` (uv)³.

    The released code takes min and max over the whole batch, so a prediction depends on its
    neighbours, also at test time: that is ``feature_norm="batch"``. The default takes them over
    each sample.

    Args:
        in_features: D, width of the input.
        out_features: width of the output.
        grid_size: g.
        order: k, how many steps a window reaches beyond one.
        activation: φ: ``softplus``, ``sigmoid``, ``silu``, ``relu``, ``leaky_relu``, ``elu``,
            ``gelu``, ``selu`` or ``tanh``.
        combine: C, one of the names above.
        feature_norm: min and max over each ``"sample"``, over the ``"batch"``, over the batch in
            training and ``"running"`` ones in evaluation; None: not normalised.
        reduction: one of the names above.
        norm: of what is reduced: ``"layer"``, ``"batch"`` or None.
        trainable: whether the ends are learned.
        momentum: weight of a new batch in running extremes.

    Shapes:
        - x: (…, in_features); output: (…, out_features)

    Raises:
        TypeError: for inputs that are not floating point, and sizes that are no whole numbers.
        ValueError: for unknown names, sizes and shapes that do not fit, and a batch of one in
            training with ``norm="batch"``.

    Example:
        >>> layer = AFKANLinear(784, 64)
        >>> layer(torch.rand(5, 784)).shape
        torch.Size([5, 64])
        >>> sum(p.numel() for p in layer.parameters())  # 784 · 64 + 2 · 784 + 2 · 6 + 7 + 1
        51764
    """

    lowest: Tensor
    highest: Tensor

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        grid_size: int = 3,
        order: int = 3,
        activation: str = "silu",
        combine: str = "quad1",
        feature_norm: str | None = "sample",
        reduction: str = "global",
        norm: str | None = "layer",
        trainable: bool = True,
        momentum: float = 0.1,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        sizes = {"in_features": in_features, "out_features": out_features}
        for name, size in (sizes | {"grid_size": grid_size, "order": order}).items():
            require_count(name, size)
        _require_one_of("activation", activation, WINDOW_ACTIVATIONS)
        _require_one_of("combine", combine, COMBINATIONS)
        _require_one_of("feature_norm", feature_norm, FEATURE_NORMS)
        _require_one_of("reduction", reduction, REDUCTIONS)
        require_number("momentum", momentum)
        if not 0 < momentum <= 1:
            raise ValueError(f"momentum must lie in (0, 1]: got {momentum}")
        factory: dict[str, Any] = {"device": device, "dtype": dtype}
        self.in_features, self.out_features = in_features, out_features
        self.grid_size, self.order, self.momentum = grid_size, order, momentum
        self.activation, self.combine = activation, combine
        self.feature_norm, self.reduction = feature_norm, reduction
        windows = grid_size + order
        self.low = nn.Parameter(torch.empty(windows, **factory), requires_grad=trainable)
        self.high = nn.Parameter(torch.empty(windows, **factory), requires_grad=trainable)
        self.scorer: nn.Linear | nn.Conv1d
        if reduction == "spatial":
            self.scorer = nn.Conv1d(
                windows, windows, KERNEL_SIZE, padding=KERNEL_SIZE // 2, groups=windows, **factory
            )
        else:
            self.scorer = nn.Linear(windows, 1, **factory)
        self.temperature: nn.Parameter | None = None
        if reduction != "multistep":
            self.temperature = nn.Parameter(torch.empty((), **factory))
        self.norm = make_norm(norm, in_features, **factory)
        self.weight = nn.Parameter(torch.empty(out_features, in_features, **factory))
        if feature_norm == "running":
            self.register_buffer("lowest", torch.empty((), **factory))
            self.register_buffer("highest", torch.empty((), **factory))
        self._has_warned = self._has_warned_of_width = False
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Even windows, T = √D, weights as ``nn.Linear``."""
        first = torch.arange(-self.order, self.grid_size, dtype=torch.float64, device="cpu")
        self.low.copy_(first / self.grid_size)
        self.high.copy_((first + self.order + 1) / self.grid_size)
        self.scorer.reset_parameters()
        if self.temperature is not None:
            self.temperature.fill_(math.sqrt(self.in_features))
        if isinstance(self.norm, nn.LayerNorm | nn.BatchNorm1d):
            self.norm.reset_parameters()
        nn.init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.feature_norm == "running":
            self.lowest.fill_(0)
            self.highest.fill_(1)

    def extra_repr(self) -> str:
        """Sizes and names."""
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, "
            f"grid_size={self.grid_size}, order={self.order}, activation={self.activation!r}, "
            f"combine={self.combine!r}, feature_norm={self.feature_norm!r}, "
            f"reduction={self.reduction!r}"
        )

    def forward(self, x: Float[Tensor, "*batch in"]) -> Float[Tensor, "*batch out"]:
        """Windows, reduction, norm, activation, weights."""
        rows = self._rows(x)
        if self.training and isinstance(self.norm, nn.BatchNorm1d) and len(rows) < 2:
            raise ValueError(
                f"x must have at least 2 rows in training with norm='batch': got {len(rows)}"
            )
        self._warn_of_neighbours()
        self._warn_of_width()
        reduced = self._attended(rows) if self.reduction == "spatial" else self._summed(rows)
        if self.norm is not None:
            reduced = self.norm(reduced)
        y = F.linear(self._kind.activation.value(reduced), self.weight)
        return y.reshape(*x.shape[:-1], self.out_features)

    def window_features(self, x: Float[Tensor, "*batch in"]) -> Float[Tensor, "*batch in K"]:
        """All windows of all inputs, normalised: what is reduced."""
        self._warn_of_neighbours()
        features = self._features(self._rows(x), remember=False)
        return features.to(self.weight.dtype).reshape(*x.shape, len(self.low))

    def attention(self, x: Float[Tensor, "*batch in"]) -> Float[Tensor, "*batch in ..."]:
        """Weights of the reduction: of the inputs (…, D), or of their windows (…, D, K)."""
        if self.reduction == "multistep":
            raise ValueError("reduction must be 'global' or 'spatial' for attention: got multistep")
        self._warn_of_neighbours()
        features = self._features(self._rows(x), remember=False)
        if self.reduction == "global":
            found, shape = self._softmax(self._scored(features)[..., 0]), x.shape
        else:
            found = self._softmax(self._scored(features.mT).mT)
            shape = torch.Size([*x.shape, len(self.low)])
        return found.to(self.weight.dtype).reshape(shape)

    @property
    def _kind(self) -> WindowKind:
        return WindowKind(WINDOW_ACTIVATIONS[self.activation], COMBINATIONS[self.combine])

    def _rows(self, x: Tensor) -> Tensor:
        require_points(x, self.in_features)
        if x.dtype != self.weight.dtype:
            if not torch.is_autocast_enabled(x.device.type):
                raise TypeError(f"x must be {self.weight.dtype} as the layer: got {x.dtype}")
            x = x.to(self.weight.dtype)
        return x.reshape(-1, self.in_features)

    def _warn_of_neighbours(self) -> None:
        is_due = self.feature_norm == "batch" and not self.training and not self._has_warned
        if is_due and not is_traced():
            self._has_warned = True
            warnings.warn(
                "feature_norm='batch' makes predictions depend on the other samples of the batch; "
                "use 'sample' or 'running'",
                stacklevel=3,
            )

    def _features(self, rows: Tensor, *, remember: bool) -> Tensor:
        """All windows, normalised, (N, D, K); powers of windows overflow in half precision."""
        kind = torch.promote_types(rows.dtype, torch.float32)
        rows, low, high = (tensor.to(kind) for tensor in (rows, self.low, self.high))
        values = window_values(rows, low, high, self._kind)
        least, most = values.amin((-2, -1))[:, None], values.amax((-2, -1))[:, None]
        shift, spread = self._affine(least, most, remember=remember)
        return (values - shift[..., None]) / spread[..., None]

    def _scored(self, features: Tensor) -> Tensor:
        """The scorer in the features' precision."""
        weight, bias = self.scorer.weight, self.scorer.bias
        assert bias is not None
        weight, bias = weight.to(features.dtype), bias.to(features.dtype)
        if self.reduction != "spatial":
            return F.linear(features, weight, bias)
        return F.conv1d(features, weight, bias, padding=KERNEL_SIZE // 2, groups=len(weight))

    def _warn_of_width(self) -> None:
        is_constant = self.in_features == 1 and isinstance(self.norm, nn.LayerNorm)
        if is_constant and not self._has_warned_of_width and not is_traced():
            self._has_warned_of_width = True
            warnings.warn(
                "norm='layer' makes a single input 0, so that the output is constant; use 'batch' "
                "or None",
                stacklevel=3,
            )

    def _summed(self, rows: Tensor) -> Tensor:
        """Global attention and multistep: both need sums over windows only."""
        # Half precisions would lose what is left of a score that the least window is taken off.
        kind = torch.promote_types(rows.dtype, torch.float32)
        assert self.scorer.bias is not None
        held = (rows, self.low, self.high, self.scorer.weight[0], self.scorer.bias)
        rows, low, high, weight, bias = (tensor.to(kind) for tensor in held)
        sums = window_sums(rows, low, high, weight, self._kind)
        shift, spread = self._affine(*self._extremes(rows, sums.lowest, sums.highest, (low, high)))
        # Shifted first, then divided: both are of order 1 where 1/spread would overflow.
        score = (sums.score - shift * weight.sum()) / spread
        if self.temperature is None:  # multistep
            return (score + bias).to(self.weight.dtype)
        # A softmax over inputs does not see b, whose gradient is exactly 0.
        attention = (score / self.temperature.clamp_min(1) + 0 * bias).softmax(-1)
        reduced = (sums.total - shift * len(weight)) / spread * attention
        return reduced.to(self.weight.dtype)

    def _attended(self, rows: Tensor) -> Tensor:
        """Spatial attention: the convolution sees all windows of all inputs."""
        features = self._features(rows, remember=True).mT.contiguous()
        scores = self._scored(features)
        assert self.temperature is not None
        attention = (scores / self.temperature.clamp_min(1)).softmax(1)
        return (features * attention).sum(1).to(self.weight.dtype)

    def _softmax(self, score: Tensor) -> Tensor:
        assert self.temperature is not None
        return (score / self.temperature.clamp_min(1)).softmax(-1)

    def _extremes(
        self, rows: Tensor, lowest: Tensor, highest: Tensor, ends: tuple[Tensor, Tensor]
    ) -> tuple[Tensor, Tensor]:
        """Least and largest window of every row (N, 1), from the inputs that have them."""
        if self.feature_norm is None:
            return rows[:, :1], rows[:, :1]
        least = window_values(rows.gather(1, lowest), *ends, self._kind).amin(-1)
        return least, window_values(rows.gather(1, highest), *ends, self._kind).amax(-1)

    def _affine(
        self, least: Tensor, most: Tensor, *, remember: bool = True
    ) -> tuple[Tensor, Tensor]:
        """ẑ = (z − shift)/spread. Published L2 normalisation before it cancels."""
        if self.feature_norm is None:
            return torch.zeros_like(least), torch.ones_like(least)
        is_empty = least.shape[0] == 0
        if self.feature_norm != "sample" and not is_empty:
            least, most = least.amin().view(1, 1), most.amax().view(1, 1)
        if self.feature_norm == "running":
            if self.training and remember and not is_empty:
                self._remember(least, most)
            elif not self.training:
                least, most = self.lowest.view(1, 1), self.highest.view(1, 1)
        spread = most - least
        return least, torch.where(spread > 0, spread, torch.ones_like(spread))

    @torch.no_grad()
    def _remember(self, least: Tensor, most: Tensor) -> None:
        for kept, found in ((self.lowest, least), (self.highest, most)):
            new = found.detach().squeeze().to(kept)
            kept.lerp_(torch.where(new.isfinite(), new, kept), self.momentum)


class ReLUKANLinear(KANLinear):
    r"""A layer of squared products of two ReLUs, one weight for each of an input's windows.

    `ReLU-KAN <https://arxiv.org/abs/2406.02075>`_:

    .. math:: y_o = b_o + \sum_{d, j} W_{odj}
              \left[ r\, \mathrm{relu}(x_d - l_{dj})\, \mathrm{relu}(h_{dj} - x_d) \right]^2

    with r = 4 g²/(k + 1)², so that a window begins with height 1; ends are learned for every input.

    Args:
        in_features: width of the input.
        out_features: width of the output.
        grid_size: g.
        order: k, how many steps a window reaches beyond one.
        grid_range: where windows lie.
        norm: of the input: ``"layer"``, ``"batch"`` or None.
        bias: b.

    Shapes:
        - x: (…, in_features); output: (…, out_features)

    Raises:
        TypeError: for inputs that are not floating point, and sizes that are no whole numbers.
        ValueError: for names, sizes and shapes that do not fit.

    Example:
        >>> layer = ReLUKANLinear(4, 3, grid_size=5, order=3)
        >>> layer(torch.rand(2, 7, 4)).shape, layer.coefficients.shape
        (torch.Size([2, 7, 3]), torch.Size([3, 8, 4]))
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        grid_size: int = 5,
        order: int = 3,
        grid_range: Sequence[float] = (0.0, 1.0),
        norm: str | None = None,
        bias: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(
            in_features,
            out_features,
            basis="relu",
            base_activation=None,
            norm=norm,
            bias=bias,
            device=device,
            dtype=dtype,
            grid_size=grid_size,
            order=order,
            grid_range=grid_range,
        )


def _require_one_of(name: str, value: Any, known: Collection[str | None]) -> None:
    if not (value is None or isinstance(value, str)) or value not in known:
        names = ", ".join("None" if each is None else repr(each) for each in known)
        raise ValueError(f"{name} must be one of {names}: got {value!r}")
