"""Where the attributes of a table row sit in the tensors of Hopular.

Appendix A.1 of https://arxiv.org/abs/2206.00664. A row of F attributes (features and targets)
appears in two layouts. The *values* hold Σ sᵢ columns: one standardised number, or the sᵢ places of
a one-hot code, per attribute. The *encoded* row adds one mask bit after each attribute, so it is
Σ (sᵢ + 1) wide.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


class AttributeLayout:
    """Index tensors of one table: which column belongs to which attribute.

    Args:
        sizes: width sᵢ of every attribute, 1 for a numeric one.
        targets: positions of the attributes to predict.
        discrete: positions of the one-hot attributes; ``None`` means all that are wider than 1.

    Shapes:
        values: (B, Σ sᵢ); encoded: (B, Σ (sᵢ + 1)).

    Raises:
        ValueError: for sizes below 1, positions that do not exist, no target.

    Example:
        >>> layout = AttributeLayout([1, 3], targets=[1])
        >>> layout.encode(torch.tensor([[0.5, 0.0, 1.0, 0.0]]))
        tensor([[0.5000, 0.0000, 0.0000, 1.0000, 0.0000, 0.0000]])
    """

    def __init__(
        self,
        sizes: Sequence[int],
        targets: Sequence[int],
        discrete: Sequence[int] | None = None,
    ) -> None:
        self.sizes = tuple(int(size) for size in sizes)
        if not self.sizes or min(self.sizes) < 1:
            raise ValueError(f"attribute_sizes must be positive integers: got {list(sizes)}")
        wide = [i for i, size in enumerate(self.sizes) if size > 1]
        self.discrete = self._positions("discrete", wide if discrete is None else discrete)
        self.targets = self._positions("targets", targets)
        if not self.targets:
            raise ValueError("targets must name at least one attribute: got []")
        if not set(wide) <= set(self.discrete):
            extra = sorted(set(wide) - set(self.discrete))
            raise ValueError(f"numeric attributes must have size 1: got {extra} with more")
        count = torch.arange(len(self.sizes))
        size = torch.tensor(self.sizes)
        self.value_attribute = count.repeat_interleave(size)
        self.encoded_attribute = count.repeat_interleave(size + 1)
        self.mask_columns = (size + 1).cumsum(0) - 1
        self.value_columns = self._complement(self.mask_columns, len(self.encoded_attribute))
        starts = size.cumsum(0) - size
        self.value_place = torch.arange(len(self.value_attribute)) - starts[self.value_attribute]
        self.is_discrete = self._indicator(self.discrete)
        self.is_target = self._indicator(self.targets)
        self.numeric_values = starts[~self.is_discrete]

    def _positions(self, name: str, positions: Sequence[int]) -> tuple[int, ...]:
        chosen = tuple(sorted({int(position) for position in positions}))
        if chosen and not 0 <= chosen[0] <= chosen[-1] < len(self.sizes):
            last = len(self.sizes) - 1
            raise ValueError(f"{name} must be positions from 0 to {last}: got {list(positions)}")
        return chosen

    def _indicator(self, positions: Sequence[int]) -> Bool[Tensor, " F"]:
        flags = torch.zeros(len(self.sizes), dtype=torch.bool)
        flags[list(positions)] = True
        return flags

    @staticmethod
    def _complement(columns: Int[Tensor, " F"], width: int) -> Int[Tensor, " V"]:
        keep = torch.ones(width, dtype=torch.bool)
        keep[columns] = False
        return keep.nonzero().squeeze(1)

    @property
    def num_attributes(self) -> int:
        """F."""
        return len(self.sizes)

    @property
    def num_values(self) -> int:
        """Columns without mask bits, Σ sᵢ."""
        return len(self.value_attribute)

    @property
    def num_encoded(self) -> int:
        """Columns with mask bits, Σ (sᵢ + 1)."""
        return len(self.encoded_attribute)

    def encode(self, values: Float[Tensor, "B V"]) -> Float[Tensor, "B W"]:
        """Insert a zero mask bit after every attribute.

        A missing cell, whose values are all zero, thus stays all zero: missing and masked differ.
        """
        encoded = values.new_zeros(len(values), self.num_encoded)
        encoded[:, self.value_columns.to(values.device)] = values
        return encoded

    def values(self, encoded: Float[Tensor, "B W"]) -> Float[Tensor, "B V"]:
        """Drop the mask bits."""
        return encoded[:, self.value_columns.to(encoded.device)]

    def discrete_places(self) -> tuple[Int[Tensor, "D S"], Bool[Tensor, "D S"]]:
        """Value columns of the discrete attributes, padded to the widest, and which are real."""
        return _discrete_places(self.sizes, self.discrete)


@lru_cache(maxsize=64)
def _discrete_places(
    sizes: tuple[int, ...], discrete: tuple[int, ...]
) -> tuple[Int[Tensor, "D S"], Bool[Tensor, "D S"]]:
    size = torch.tensor(sizes)
    starts = (size.cumsum(0) - size)[list(discrete)]
    widths = size[list(discrete)]
    place = torch.arange(int(widths.max()) if len(widths) else 0)
    real = place < widths[:, None]
    return torch.where(real, starts[:, None] + place, 0), real


def check_rows(name: str, rows: Tensor, width: int, like: Tensor) -> None:
    """Raise unless ``rows`` is (any, ``width``) with the precision and device of the weights."""
    if rows.ndim != 2 or rows.shape[1] != width:
        raise ValueError(f"{name} must have shape (rows, {width}): got {list(rows.shape)}")
    if rows.device != like.device:
        raise ValueError(f"{name} must be on {like.device}: got {rows.device}")
    if rows.dtype != like.dtype and not torch.is_autocast_enabled(rows.device.type):
        raise TypeError(f"{name} must have dtype {like.dtype}: got {rows.dtype}")
