"""The Fourier basis of attention: the same functions, written into one buffer."""

from __future__ import annotations

import torch
from torch import Tensor

from neurarium.neurons.basis import Linearized
from neurarium.neurons.fourier import Fourier


class ScoreFourier(Fourier):
    r"""cos x … cos Gx, sin x … sin Gx, without a temporary copy.

    The basis of `Kolmogorov-Arnold Attention <https://arxiv.org/abs/2503.10632>`_: :class:`Fourier`
    with the recurrence and its derivative in place, since attention evaluates it at N² points.

    Args:
        num_features: F.
        grid_size: G, the highest multiple.

    Shapes:
        - x: (…, F); output: (…, F, 2G), cosines first

    Raises:
        TypeError: for a grid that is no whole number.
        ValueError: for a grid below 1.

    Example:
        >>> ScoreFourier(1, grid_size=2)(torch.zeros(1, 1))
        tensor([[[1., 1., 0., 0.]]])
    """

    def fill(self, x: Tensor, out: Tensor) -> None:
        """:meth:`expand` into ``out``."""
        cosines, sines = out.chunk(2)
        torch.cos(x, out=cosines[0])
        torch.sin(x, out=sines[0])
        if self.grid_size == 1:
            return
        twice = 2 * cosines[0]
        torch.mul(twice, cosines[0], out=cosines[1]).sub_(1)
        torch.mul(twice, sines[0], out=sines[1])
        for m in range(2, self.grid_size):
            for values in (cosines, sines):
                torch.mul(twice, values[m - 1], out=values[m]).sub_(values[m - 2])

    def linearize(self, x: Tensor) -> Linearized:
        """(cos mx)' = −m sin mx and (sin mx)' = m cos mx."""
        values = x.new_empty(self.num_functions, *x.shape)
        self.fill(x, values)
        cosines, sines = values.chunk(2)

        def pullback(gradient: Tensor) -> tuple[Tensor, ...]:
            by_cosine, by_sine = gradient.chunk(2)
            found = by_sine[0] * cosines[0]
            found.addcmul_(by_cosine[0], sines[0], value=-1)
            for m in range(1, self.grid_size):
                found.addcmul_(by_sine[m], cosines[m], value=m + 1)
                found.addcmul_(by_cosine[m], sines[m], value=-m - 1)
            return (found,)

        return Linearized(values, pullback)
