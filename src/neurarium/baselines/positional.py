"""Where a token stands: sine and cosine tables, and rotations of consecutive pairs.

Tables: Vaswani et al., https://arxiv.org/abs/1706.03762, section 3.5. Rotations: Su et al.,
https://arxiv.org/abs/2104.09864. Angles are reduced to one turn in float64, so that they stay
exact for positions in the millions whatever the dtype of the model.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Shaped
from torch import Tensor


def sincos_positions(
    positions: Shaped[Tensor, " ..."], embed_dim: int, *, theta: float = 10000.0
) -> Float[Tensor, "... E"]:
    r"""Sines in the even and cosines in the odd columns.

    `Attention Is All You Need <https://arxiv.org/abs/1706.03762>`_:
    :math:`\sin(p\,\theta^{-2i/E})` and :math:`\cos(p\,\theta^{-2i/E})`.

    Args:
        positions: any numbers, one axis or several.
        embed_dim: width, even.
        theta: the slowest wave is about θ times slower than the fastest.

    Shapes:
        - positions: (…); output: (…, embed_dim), float32

    Raises:
        ValueError: for an odd width.

    Example:
        >>> sincos_positions(torch.arange(3), 4)[0]
        tensor([0., 1., 0., 1.])
    """
    angles = rotary_angles(positions, rotary_frequencies(embed_dim, theta=theta))
    return torch.stack((angles.sin(), angles.cos()), -1).flatten(-2).float()


def rotary_frequencies(
    head_dim: int, *, theta: float = 10000.0, device: torch.device | str | None = None
) -> Float[Tensor, " pairs"]:
    r"""Turns per token of every pair of columns: :math:`\theta^{-2i/D} / 2\pi`, in float64.

    Args:
        head_dim: D, even.
        theta: the slowest pair is about θ times slower than the fastest, 1 rad per token.
        device: where the result lies.

    Raises:
        ValueError: for an odd width or a θ that is not positive.

    Example:
        >>> 2 * math.pi * rotary_frequencies(4, theta=100.0)
        tensor([1.0000, 0.1000], dtype=torch.float64)
    """
    if head_dim < 2 or head_dim % 2:
        raise ValueError(f"head_dim must be even, because columns rotate in pairs: got {head_dim}")
    if not theta > 0:
        raise ValueError(f"theta must be positive: got {theta}")
    exponent = torch.arange(0, head_dim, 2, dtype=torch.float64, device=device) / head_dim
    return theta**-exponent / (2 * math.pi)


def rotary_angles(
    positions: Shaped[Tensor, " ..."], frequencies: Float[Tensor, "*batch pairs"]
) -> Float[Tensor, "*batch_positions pairs"]:
    """Angle of every pair at every position, in radians, less whole turns.

    Args:
        positions: any numbers.
        frequencies: turns per token, one for each pair; leading axes come first in the output.

    Shapes:
        - positions: (…); frequencies: (*batch, P); output: (*batch, …, P), float64

    Example:
        >>> rotary_angles(torch.tensor([0, 1]), rotary_frequencies(2)).tolist()
        [[0.0], [1.0]]
    """
    inner = frequencies.reshape(*frequencies.shape[:-1], *(1,) * positions.ndim, -1)
    turns = positions.to(torch.float64)[..., None] * inner.to(torch.float64)
    return (turns - turns.floor()) * (2 * math.pi)


def apply_rotary(
    x: Float[Tensor, "*batch L D"], angles: Float[Tensor, "*angle_batch L pairs"]
) -> Float[Tensor, "*batch L D"]:
    r"""Rotate every pair of neighbouring columns by its angle.

    `RoFormer <https://arxiv.org/abs/2104.09864>`_: :math:`(a, b) \mapsto
    (a \cos\varphi - b \sin\varphi,\ b \cos\varphi + a \sin\varphi)`.

    Args:
        x: what is rotated.
        angles: in radians; leading axes broadcast against those of ``x``.

    Shapes:
        - x: (…, L, D); angles: (…, L, D / 2); output as x

    Raises:
        ValueError: where angles are not one for every two columns.

    Example:
        >>> apply_rotary(torch.tensor([[1.0, 0.0]]), torch.tensor([[math.pi / 2]])).round()
        tensor([[-0., 1.]])
    """
    if 2 * angles.shape[-1] != x.shape[-1]:
        raise ValueError(
            f"angles must have one column for two of x: got {angles.shape[-1]} and {x.shape[-1]}"
        )
    return rotate_pairs(x, angles.cos().to(x.dtype), angles.sin().to(x.dtype))


def rotate_pairs(
    x: Float[Tensor, "*batch L D"],
    cos: Float[Tensor, "*angle_batch L pairs"],
    sin: Float[Tensor, "*angle_batch L pairs"],
) -> Float[Tensor, "*batch L D"]:
    """:func:`apply_rotary` by cosines and sines that several layers share.

    In eager mode one complex product does it, five times as fast as its real parts; a compiler
    fuses the latter itself and knows no complex numbers.
    """
    pairs = x.unflatten(-1, (-1, 2))
    if x.dtype in (torch.float32, torch.float64) and not torch.compiler.is_compiling():
        turned = torch.view_as_complex(pairs.contiguous()) * torch.complex(cos, sin)
        return torch.view_as_real(turned).flatten(-2)
    even, odd = pairs.unbind(-1)
    return torch.stack((even * cos - odd * sin, odd * cos + even * sin), -1).flatten(-2)
