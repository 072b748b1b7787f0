r"""What a basis of univariate functions is: the part of a Kolmogorov–Arnold layer that families
differ in.

A layer is y_o = Σ_i φ_oi(x_i) with φ_oi(t) = Σ_j c_oij B_j(t) (KAN, https://arxiv.org/abs/2404.19756;
its bases are assessed in https://arxiv.org/abs/2407.11075). A family supplies the B_j, with the
feature axis first and the functions in front, (F, N) → (K, F, N): so every operation runs over
contiguous memory, and the sum over i and j is one matrix product
(:mod:`neurarium.neurons.contraction`).
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, NamedTuple, Self

import torch
from jaxtyping import Float
from torch import Tensor, nn

from neurarium.memory.arguments import require_count, require_tensor


class Linearized(NamedTuple):
    """The functions at some points, and the way back from their gradient.

    Args:
        values: (K, F, N).
        pullback: gradient of the values → gradients of x and of each of the basis's parameters.
    """

    values: Tensor
    pullback: Callable[[Tensor], tuple[Tensor, ...]]


class Basis(nn.Module):
    """K univariate functions for each of F features.

    `KAN: Kolmogorov-Arnold Networks <https://arxiv.org/abs/2404.19756>`_. A family defines
    :meth:`expand`; parameters and buffers of its own whose first axis is F belong to single
    features. Everything else here has a default that holds for any family.

    Args:
        num_features: F.
        num_functions: K.

    Shapes:
        - x: (…, F); output: (…, F, K)

    Raises:
        TypeError: for what is no floating-point tensor.
        ValueError: for another number of features.

    Example:
        >>> class Monomials(Basis):
        ...     def expand(self, x):
        ...         return torch.stack([x**power for power in range(self.num_functions)])
        >>> Monomials(1, 3)(torch.tensor([[2.0]]))
        tensor([[[1., 2., 4.]]])
    """

    def __init__(self, num_features: int, num_functions: int) -> None:
        super().__init__()
        require_count("num_features", num_features)
        self.num_features, self.num_functions = num_features, num_functions

    def expand(self, x: Tensor) -> Tensor:
        """All functions at all points, (F, N) → (K, F, N), differentiable."""
        raise NotImplementedError

    def fill(self, x: Tensor, out: Tensor) -> None:
        """Write :meth:`expand` into ``out``; only called without gradients."""
        out.copy_(self.expand(x))

    def linearize(self, x: Tensor) -> Linearized:
        """Values and the way back from their gradient, for a backward pass that kept only ``x``."""
        parameters = [p for p in self.parameters() if p.requires_grad]
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            values = self.expand(x)

        def pullback(gradient: Tensor) -> tuple[Tensor, ...]:
            return torch.autograd.grad(values, [x, *parameters], gradient)

        return Linearized(values.detach(), pullback)

    @torch.no_grad()
    def init_coefficients(self, coefficients: Tensor) -> None:
        """Start values of coefficients (out, K, F): N(0, 1/(K F)), outputs of unit order."""
        nn.init.normal_(coefficients, std=(self.num_functions * self.num_features) ** -0.5)

    @torch.no_grad()
    def take(self, features: Tensor) -> Self:
        """The same functions of some of the features, given by their positions."""
        taken = copy.deepcopy(self)
        taken.num_features = len(features)
        for name, value in (*self.named_parameters(), *self.named_buffers()):
            owner, _, leaf = name.rpartition(".")
            if value.ndim > 1 and len(value) == self.num_features:
                value = value[features]
            fresh: Any = value.detach().clone()
            if isinstance(getattr(self.get_submodule(owner), leaf), nn.Parameter):
                fresh = nn.Parameter(fresh)
            setattr(taken.get_submodule(owner), leaf, fresh)
        return taken

    def reset_parameters(self) -> None:
        """Nothing, for a family without parameters."""

    def extra_repr(self) -> str:
        """Sizes."""
        return f"num_features={self.num_features}, num_functions={self.num_functions}"

    def forward(
        self, x: Float[Tensor, "*points"], *, stacked: bool = False
    ) -> Float[Tensor, "*functions"]:
        """Evaluate.

        Args:
            x: points.
            stacked: ``x`` is (F, N) and the functions come first, (K, F, N): the layout of
                :meth:`expand`.
        """
        require_points(x, self.num_features, axis=0 if stacked else -1)
        if stacked:
            return self.expand(x)
        values = self.expand(x.reshape(-1, self.num_features).mT)
        return values.permute(2, 1, 0).reshape(*x.shape, self.num_functions)


def require_points(x: Any, num_features: int, *, axis: int = -1) -> None:
    """Raise unless ``x`` is a floating-point tensor with that many features.

    Example:
        >>> require_points(torch.zeros(4, 3), 2)
        Traceback (most recent call last):
        ValueError: x must have 2 features in its last dimension: got shape [4, 3]
    """
    require_tensor("x", x)
    if not x.is_floating_point():
        raise TypeError(f"x must be floating point: got {x.dtype}; use .float()")
    if x.ndim == 0 or x.shape[axis] != num_features:
        where = {-1: "last", 0: "first", 1: "second"}[axis]
        raise ValueError(
            f"x must have {num_features} features in its {where} dimension: got shape "
            f"{list(x.shape)}"
        )
