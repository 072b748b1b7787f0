"""Functions of every pixel and their convolution, for Kolmogorov–Arnold layers on images.

S-ConvKAN: https://arxiv.org/abs/2408.08338.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor
from torch.nn import functional as F

from neurarium.memory.arguments import require_tensor
from neurarium.neurons.basis import Basis, require_points
from neurarium.neurons.contraction import evaluate


def convolve(
    x: Tensor,
    weight: Tensor,
    basis: Basis,
    steps: Mapping[str, Any],
    *,
    activation: Callable[[Tensor], Tensor] | None = None,
) -> Tensor:
    """Functions of a map that is padded already, and their convolution with (out, K, C, kh, kw).

    Args:
        x: (B, C, H, W).
        weight: of the functions; those of an ``activation`` come first.
        basis: the functions.
        steps: further arguments of ``torch.nn.functional.conv2d``.
        activation: a further function.

    Example:
        >>> import torch
        >>> from neurarium.neurons import Chebyshev
        >>> basis = Chebyshev(1, degree=1, squash=None)
        >>> convolve(torch.ones(1, 1, 2, 2), torch.ones(1, 2, 1, 2, 2), basis, {})
        tensor([[[[8.]]]])
    """
    batch, channels, *size = x.shape
    values = evaluate(x.transpose(0, 1).flatten(1), basis, activation=activation)
    maps = values.reshape(len(values) * channels, batch, *size).transpose(0, 1)
    return F.conv2d(maps.contiguous(), weight.flatten(1, 2), **steps)


def padded(x: Tensor, padding: tuple[int, int]) -> Tensor:
    """Zeros on every side, before the functions, which see them.

    Example:
        >>> import torch
        >>> padded(torch.ones(1, 1, 1, 1), (0, 1))
        tensor([[[[0., 1., 0.]]]])
    """
    height, width = padding
    return F.pad(x, (width, width, height, height)) if height or width else x


def require_images(x: Any, channels: int) -> None:
    """Raise unless ``x`` are floating-point images (B, C, H, W) with that many channels.

    Example:
        >>> import torch
        >>> require_images(torch.zeros(2, 3), 3)
        Traceback (most recent call last):
        ValueError: x must be images (B, C, H, W): got shape [2, 3]
    """
    require_tensor("x", x)
    if x.ndim != 4:
        raise ValueError(f"x must be images (B, C, H, W): got shape {list(x.shape)}")
    require_points(x, channels, axis=1)
