"""Positions on a grid as the sum of a row's and a column's vector.

Axial positional embeddings, Ho et al., https://arxiv.org/abs/1912.12180, as used by Txt2Img-MHN
(arXiv 2208.04441).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from neurarium.memory.arguments import require_count
from neurarium.memory.txt2img_checks import check_stream, require_same_kind


class AxialPositionalEmbedding(nn.Module):
    """Adds to the elements of a grid, row by row, what is learned for their row and their column.

    `Axial attention <https://arxiv.org/abs/1912.12180>`_, summed: ``x[r, c] + row[r] + column[c]``,
    with h + w vectors instead of h · w.

    Args:
        embed_dim: E.
        grid_size: rows h and columns w.

    Shapes:
        - x: (B, L, E), L ≤ h · w; output: as x

    Raises:
        TypeError: for sizes that are no whole numbers and inputs of another kind.
        ValueError: for a grid that is no pair, sizes below 1 and more elements than the grid has.

    Example:
        >>> positions = AxialPositionalEmbedding(4, (2, 3))
        >>> table = positions(torch.zeros(1, 6, 4))[0]
        >>> torch.allclose(table[4] - table[1], table[5] - table[2], atol=1e-6)  # from row to row
        True
    """

    def __init__(
        self,
        embed_dim: int,
        grid_size: Sequence[int],
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        if not isinstance(grid_size, Sequence) or len(grid_size) != 2:
            raise ValueError(f"grid_size must be (rows, columns): got {grid_size!r}")
        height, width = grid_size
        for name, size in (
            ("embed_dim", embed_dim),
            ("rows", height),
            ("columns", width),
        ):
            require_count(name, size)
        self.rows = nn.Parameter(torch.empty(height, embed_dim, device=device, dtype=dtype))
        self.columns = nn.Parameter(torch.empty(width, embed_dim, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """From N(0, 1)."""
        nn.init.normal_(self.rows)
        nn.init.normal_(self.columns)

    def table(self) -> Float[Tensor, "n E"]:
        """The vectors of all places, row by row."""
        return (self.rows.unsqueeze(1) + self.columns).flatten(0, 1)

    def forward(self, x: Float[Tensor, "B L E"], *, start: int = 0) -> Float[Tensor, "B L E"]:
        """Add positions from ``start`` on."""
        check_stream(x, self.rows.shape[1])
        require_same_kind(x, self.rows)
        end, places = start + x.shape[1], len(self.rows) * len(self.columns)
        if not 0 <= start <= end <= places:
            raise ValueError(
                f"x must have at most {places} elements from start >= 0 on: got {x.shape[1]} from "
                f"{start}"
            )
        return x + self.table()[start:end]
