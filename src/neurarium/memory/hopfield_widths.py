"""The widths of a Hopfield layer: defaults filled in, contradictions refused."""

from __future__ import annotations

from dataclasses import dataclass

from neurarium.memory.arguments import require_count


@dataclass(frozen=True)
class Widths:
    """Widths of the three inputs (state, stored, values) and of one head.

    ``project_*`` and ``values_from_keys`` as in :class:`neurarium.memory.Hopfield`: what is not
    projected fixes the width of a head.
    """

    embed_dim: int
    num_heads: int
    kdim: int
    vdim: int
    head_dim: int
    value_dim: int

    @classmethod
    def resolve(
        cls,
        embed_dim: int,
        num_heads: int,
        head_dim: int | None,
        value_dim: int | None,
        kdim: int | None,
        vdim: int | None,
        *,
        project_state: bool,
        project_stored: bool,
        project_values: bool,
        values_from_keys: bool,
    ) -> Widths:
        """Fill in the defaults and check."""
        given = {
            "embed_dim": embed_dim,
            "num_heads": num_heads,
            "head_dim": head_dim,
            "value_dim": value_dim,
            "kdim": kdim,
            "vdim": vdim,
        }
        for name, width in given.items():
            if width is not None:
                require_count(name, width)
        kdim = embed_dim if kdim is None else kdim
        vdim = kdim if vdim is None else vdim
        if head_dim is None and project_state and project_stored:
            if embed_dim % num_heads:
                raise ValueError(
                    f"num_heads must divide embed_dim: got {num_heads} and {embed_dim}; "
                    "or give head_dim"
                )
            head_dim = embed_dim // num_heads
        elif head_dim is None:
            head_dim = kdim if project_state else embed_dim
        if value_dim is None:
            value_dim = head_dim if project_values or values_from_keys else vdim
        widths = cls(embed_dim, num_heads, kdim, vdim, head_dim, value_dim)
        if not project_state:
            widths._require("embed_dim", "head_dim", "where project_state is False")
        if not project_stored:
            widths._require("kdim", "head_dim", "where project_stored is False")
        if values_from_keys:
            if not project_stored:
                raise ValueError("project_stored must be True with values_from_keys: got False")
            widths._require("vdim", "kdim", "with values_from_keys")
            widths._require("value_dim", "head_dim", "with values_from_keys")
        elif not project_values:
            widths._require("vdim", "value_dim", "where project_values is False")
        return widths

    def _require(self, name: str, other: str, reason: str) -> None:
        width, expected = getattr(self, name), getattr(self, other)
        if width != expected:
            raise ValueError(f"{name} must equal {other} {reason}: got {width} and {expected}")
