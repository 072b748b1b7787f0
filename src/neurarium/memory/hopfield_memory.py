"""Hopfield layers that own one of the two sets: pooling by learned states, lookup in a memory.

Ramsauer et al., "Hopfield Networks is All You Need", 2020 (arXiv 2008.02217), Sec. 3: the layers
``HopfieldPooling`` and ``HopfieldLayer``.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Bool, Float, Shaped
from torch import Tensor, nn

from neurarium.memory.arguments import require_count, require_tensor
from neurarium.memory.hopfield import Hopfield
from neurarium.memory.hopfield_heads import INIT_STD


class HopfieldPooling(nn.Module):
    r"""Pools a set into a vector: learned states retrieve from it.

    `Hopfield Networks is All You Need <https://arxiv.org/abs/2008.02217>`_, Eq. 10 with learned
    states :math:`Q`; for bags (multiple-instance learning), sequences and sets of any length:

    .. math:: Z = \mathrm{softmax}(\beta Q (Y W_K)^\top)\, Y W_V W_O

    Args:
        embed_dim: width of the learned states and, unless ``kdim`` is given, of the set.
        num_queries: how many states; their outputs are put side by side.
        num_heads: independent associations.
        trainable: False freezes the states.
        **hopfield: the other arguments of :class:`Hopfield`; ``device`` and ``dtype`` among them.

    Shapes:
        - stored: (B, S, kdim); values: (B, S, vdim); mask: (B, S)
        - output: (B, num_queries · out_features)

    Raises:
        ValueError: as :class:`Hopfield`, and for ``num_queries`` < 1.

    Example:
        >>> pooling = HopfieldPooling(16, num_queries=2, num_heads=4)
        >>> bags, mask = torch.randn(3, 7, 16), torch.arange(7) < torch.tensor([[7], [4], [1]])
        >>> pooling(bags, mask=mask).shape
        torch.Size([3, 32])
    """

    def __init__(
        self,
        embed_dim: int,
        num_queries: int = 1,
        num_heads: int = 1,
        *,
        trainable: bool = True,
        **hopfield: Any,
    ) -> None:
        super().__init__()
        require_count("num_queries", num_queries)
        self.hopfield = Hopfield(embed_dim, num_heads, **hopfield)
        self.queries = _rows(num_queries, embed_dim, trainable, hopfield)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """States from N(0, 0.02²); the rest as in :class:`Hopfield`."""
        self.hopfield.reset_parameters()
        nn.init.normal_(self.queries, std=INIT_STD)

    def forward(
        self,
        stored: Float[Tensor, "B S K"],
        values: Float[Tensor, "B S V"] | None = None,
        *,
        mask: Bool[Tensor, "B S"] | None = None,
        attn_mask: Shaped[Tensor, " ..."] | None = None,
        return_attention: bool = False,
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Pool; ``mask`` is True for elements of the set and False for padding.

        With ``return_attention`` also the weights (B, H, num_queries, S).
        """
        out = self.hopfield(
            self.queries[None],
            stored,
            values,
            mask=mask,
            attn_mask=attn_mask,
            return_attention=return_attention,
        )
        if return_attention:
            return out[0].flatten(1), out[1]
        return out.flatten(1)


class HopfieldLayer(nn.Module):
    r"""Looks states up in a memory that the layer owns: learned prototypes, or given rows.

    `Hopfield Networks is All You Need <https://arxiv.org/abs/2008.02217>`_, Eq. 10 with owned
    stored patterns :math:`Y`. They are learned; or, with ``trainable=False`` and :meth:`store`,
    given: a training set whose labels are the values makes a differentiable nearest-neighbour
    classifier. The memory is projected once for the whole batch.

    Args:
        embed_dim: width of the states and, unless ``kdim`` is given, of the stored patterns.
        num_patterns: how many are stored.
        num_heads: independent associations.
        learn_values: own a separate value for each pattern (width ``vdim``); by default the
            patterns are their own values.
        trainable: False freezes the stored patterns.
        values_trainable: False freezes the separate values.
        **hopfield: the other arguments of :class:`Hopfield`; ``device`` and ``dtype`` among them.

    Shapes:
        - state: (B, L, embed_dim); mask: (B, num_patterns); attn_mask as in :class:`Hopfield`
        - output: (B, L, out_features)

    Raises:
        ValueError: as :class:`Hopfield`, for ``num_patterns`` < 1, and for ``vdim`` ≠ ``kdim``
            without values of their own.

    Example:
        >>> plain = dict(project_state=False, project_stored=False, project_values=False,
        ...              norm_state=None, norm_stored=None, norm_values=None, out_projection=False)
        >>> nearest = HopfieldLayer(4, 50, learn_values=True, vdim=3, trainable=False,
        ...                         values_trainable=False, beta=100.0, **plain)
        >>> rows, labels = torch.randn(50, 4), torch.eye(3)[torch.arange(50) % 3]
        >>> nearest.store(rows / rows.norm(dim=1, keepdim=True), labels)
        >>> nearest(rows[None, :5]).argmax(-1)
        tensor([[0, 1, 2, 0, 1]])
    """

    values: nn.Parameter | None

    def __init__(
        self,
        embed_dim: int,
        num_patterns: int,
        num_heads: int = 1,
        *,
        learn_values: bool = False,
        trainable: bool = True,
        values_trainable: bool = True,
        **hopfield: Any,
    ) -> None:
        super().__init__()
        require_count("num_patterns", num_patterns)
        self.hopfield = Hopfield(embed_dim, num_heads, **hopfield)
        widths = self.hopfield.heads.widths
        if not learn_values and widths.vdim != widths.kdim:
            raise ValueError(
                f"vdim must equal kdim unless learn_values is set: got {widths.vdim} and "
                f"{widths.kdim}"
            )
        self.stored = _rows(num_patterns, widths.kdim, trainable, hopfield)
        values = _rows(num_patterns, widths.vdim, values_trainable, hopfield)
        self.register_parameter("values", values if learn_values else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Stored patterns and values from N(0, 0.02²); the rest as in :class:`Hopfield`."""
        self.hopfield.reset_parameters()
        nn.init.normal_(self.stored, std=INIT_STD)
        if self.values is not None:
            nn.init.normal_(self.values, std=INIT_STD)

    @torch.no_grad()
    def store(
        self, stored: Float[Tensor, "S K"], values: Float[Tensor, "S V"] | None = None
    ) -> None:
        """Overwrite the stored patterns and, where given, the layer's own values."""
        if values is not None and self.values is None:
            raise ValueError("values must be left out: got some, but learn_values is False")
        for name, new, old in (("stored", stored, self.stored), ("values", values, self.values)):
            if new is None or old is None:
                continue
            require_tensor(name, new)
            if new.shape != old.shape:
                raise ValueError(f"{name} must have shape {list(old.shape)}: got {list(new.shape)}")
            old.copy_(new)

    def forward(
        self,
        state: Float[Tensor, "B L E"],
        *,
        mask: Bool[Tensor, "B S"] | None = None,
        attn_mask: Shaped[Tensor, " ..."] | None = None,
        return_attention: bool = False,
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Look up; ``mask`` is True where a stored pattern takes part.

        With ``return_attention`` also the weights (B, H, L, num_patterns).
        """
        return self.hopfield(
            state,
            self.stored[None],
            None if self.values is None else self.values[None],
            mask=mask,
            attn_mask=attn_mask,
            return_attention=return_attention,
        )


def _rows(count: int, width: int, trainable: bool, hopfield: dict[str, Any]) -> nn.Parameter:
    rows = torch.empty(count, width, device=hopfield.get("device"), dtype=hopfield.get("dtype"))
    return nn.Parameter(rows, requires_grad=trainable)
