"""Self-association over a sequence: attention whose keys are also the values.

Txt2Img-MHN, https://arxiv.org/abs/2208.04441, Sec. III. Because one projection serves as key and
value, generation remembers half of what a transformer's cache holds.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from neurarium.memory.arguments import require_count
from neurarium.memory.txt2img_checks import check_share, check_stream, require_same_kind


class HopfieldSelfAssociation(nn.Module):
    r"""Every element retrieves from the projections of those before it, itself included.

    `Txt2Img-MHN <https://arxiv.org/abs/2208.04441>`_. In every head of width D, with
    :math:`[q, k] = x W`,

    .. math:: \mathrm{softmax}(q k^\top / \sqrt{D})\, k

    then the heads side by side through a linear map, then dropout: a Hopfield network's update,
    whose stored patterns are what it returns.

    Args:
        embed_dim: E.
        num_heads: independent associations.
        head_dim: D, by itself: it need not divide E.
        causal: whether later elements are hidden.
        dropout: of the output.

    Shapes:
        - x: (B, L, E); output: as x

    Raises:
        TypeError: for sizes that are no whole numbers and inputs of another kind.
        ValueError: for sizes below 1, dropout outside [0, 1) and shapes that do not fit.

    Example:
        >>> layer, x = HopfieldSelfAssociation(8, 2, head_dim=4).eval(), torch.randn(2, 5, 8)
        >>> torch.allclose(layer(x)[:, :3], layer(x[:, :3]), atol=1e-6)
        True
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int = 8,
        *,
        head_dim: int = 48,
        causal: bool = True,
        dropout: float = 0.1,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        for name, size in (
            ("embed_dim", embed_dim),
            ("num_heads", num_heads),
            ("head_dim", head_dim),
        ):
            require_count(name, size)
        check_share("dropout", dropout)
        factory: dict[str, Any] = {"device": device, "dtype": dtype}
        self.num_heads, self.head_dim = num_heads, head_dim
        self.causal, self.dropout = causal, dropout
        self.query_stored = nn.Linear(embed_dim, 2 * num_heads * head_dim, bias=False, **factory)
        self.out = nn.Linear(num_heads * head_dim, embed_dim, **factory)

    def reset_parameters(self) -> None:
        """PyTorch's for linear maps."""
        self.query_stored.reset_parameters()
        self.out.reset_parameters()

    def extra_repr(self) -> str:
        """Sizes."""
        return f"num_heads={self.num_heads}, head_dim={self.head_dim}, causal={self.causal}"

    def forward(self, x: Float[Tensor, "B L E"]) -> Float[Tensor, "B L E"]:
        """Associate a whole sequence."""
        query, stored = self._project(x)
        return self._merge(
            F.scaled_dot_product_attention(query, stored, stored, is_causal=self.causal)
        )

    def init_memory(self, batch_size: int, length: int) -> Float[Tensor, "B H S D"]:
        """Room for the stored patterns of a sequence, for :meth:`remember`."""
        weight = self.query_stored.weight
        return weight.new_empty(batch_size, self.num_heads, length, self.head_dim)

    def remember(
        self, x: Float[Tensor, "B L E"], memory: Float[Tensor, "B H S D"], start: int
    ) -> Float[Tensor, "B L E"]:
        """Associate new elements with all so far, which the memory holds and is extended by.

        Args:
            x: the first elements of a sequence, or one more.
            memory: from :meth:`init_memory`, filled up to ``start``; changed in place.
            start: how many elements came before.

        Raises:
            RuntimeError: where elements also see later ones.
            ValueError: for several elements after the first call.
        """
        if not self.causal:
            raise RuntimeError("causal must be True for remember: got False; later ones are unseen")
        end = start + x.shape[1]
        if start and x.shape[1] > 1:
            raise ValueError(f"x must hold one element after the first call: got {x.shape[1]}")
        query, stored = self._project(x)
        memory[:, :, start:end] = stored
        seen = memory[:, :, :end]
        return self._merge(
            F.scaled_dot_product_attention(query, seen, seen, is_causal=not start and end > 1)
        )

    def _project(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Queries and stored patterns, (B, H, L, D)."""
        check_stream(x, self.query_stored.in_features)
        require_same_kind(x, self.query_stored.weight)
        both = self.query_stored(x).unflatten(-1, (2, self.num_heads, self.head_dim))
        query, stored = both.permute(2, 0, 3, 1, 4).unbind(0)
        return query, stored

    def _merge(self, heads: Tensor) -> Tensor:
        out = self.out(heads.transpose(1, 2).flatten(2))
        return F.dropout(out, self.dropout, self.training)
