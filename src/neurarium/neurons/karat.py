"""Vision transformers with learnable attention: KArAt (https://arxiv.org/abs/2503.10632)."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch

from neurarium.baselines import VisionTransformer
from neurarium.neurons.kan_attention import AttentionOperator, KolmogorovArnoldAttention
from neurarium.neurons.kat import SIZES
from neurarium.neurons.strict_loading import StrictHubMixin

MODES = ("blockwise", "universal")
GRIDS = {"tiny": 3, "small": 3, "base": 1}


class KArAt(VisionTransformer, StrictHubMixin):
    """A vision transformer with :class:`KolmogorovArnoldAttention`.

    `Kolmogorov-Arnold Attention <https://arxiv.org/abs/2503.10632>`_. Blockwise, every block and
    head has an operator of its own; universal, all blocks share one for each head.

    Args:
        image_size: height and width of the images.
        patch_size: must divide ``image_size``.
        num_classes: width of the output.
        embed_dim: E.
        num_layers: blocks.
        num_heads: H, must divide E.
        in_channels: of the images.
        mlp_ratio: hidden width of the MLPs over E.
        mode: ``"blockwise"`` or ``"universal"``.
        rank: r of an operator.
        basis: name in ``BASES``.
        grid_size: of the basis; 3 for ``"fourier"``, 1 wavelet.
        base: name of a function of the scores in every unit, or None.
        edge_scale: a learned factor for each unit.
        init: ``"scaled"`` or ``"paper"``.
        normalize: of activated rows: ``"l1"``, ``"softmax"`` or None.
        attn_dropout: of the activated maps.
        drop_path: probability of skipping a branch in the last block; it grows from 0.

    Shapes:
        - images: (B, C, H, W); output: (B, num_classes)

    Raises:
        TypeError: for images that are not floating point, and a basis that is no name.
        ValueError: for names, sizes and shapes that do not fit.
        RuntimeError: for loading operators of blocks where all blocks share one.

    Example:
        >>> model = KArAt(8, 4, 10, embed_dim=16, num_layers=2, num_heads=2, rank=3)
        >>> model(torch.rand(3, 3, 8, 8)).shape
        torch.Size([3, 10])
    """

    def __init__(
        self,
        image_size: int = 224,
        patch_size: int = 16,
        num_classes: int = 1000,
        *,
        embed_dim: int = 192,
        num_layers: int = 12,
        num_heads: int = 3,
        in_channels: int = 3,
        mlp_ratio: float = 4.0,
        mode: str = "blockwise",
        rank: int = 12,
        basis: str = "fourier",
        grid_size: int | None = None,
        base: str | None = None,
        edge_scale: bool = False,
        init: str = "scaled",
        normalize: str | None = None,
        attn_dropout: float = 0.0,
        drop_path: float = 0.0,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        if mode not in MODES:
            raise ValueError(f"mode must be one of {', '.join(MODES)}: got {mode!r}")
        if not isinstance(basis, str):
            raise TypeError(f"basis must be a name, made for each block: got {basis!r}")
        if patch_size < 1 or image_size % patch_size:
            raise ValueError(
                f"patch_size must divide image_size: got {patch_size} and {image_size}"
            )
        num_tokens = (image_size // patch_size) ** 2 + 1
        self.mode = mode
        arguments: dict[str, Any] = {
            "rank": rank,
            "basis": basis,
            "grid_size": grid_size,
            "base": base,
            "edge_scale": edge_scale,
            "init": init,
            "normalize": normalize,
        }
        if mode == "universal":
            operator = AttentionOperator(
                num_heads, num_tokens, **arguments, device=device, dtype=dtype
            )
            arguments = {"operator": operator}
        else:
            arguments["num_tokens"] = num_tokens
        super().__init__(
            image_size,
            patch_size,
            num_classes,
            embed_dim=embed_dim,
            num_layers=num_layers,
            num_heads=num_heads,
            in_channels=in_channels,
            mlp_ratio=mlp_ratio,
            attention=partial(KolmogorovArnoldAttention, attn_dropout=attn_dropout, **arguments),
            drop_path=drop_path,
            device=device,
            dtype=dtype,
        )

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, *arguments: Any
    ) -> None:
        """Operators of a universal model are one, so all that are loaded must be equal."""
        shared: dict[str, torch.Tensor] = {}
        for name, value in state_dict.items() if self.mode == "universal" else ():
            _, is_operator, own = name.removeprefix(prefix).partition(".operator.")
            if is_operator and not torch.equal(value, shared.setdefault(own, value)):
                messages: list[str] = arguments[-1]
                messages.append(
                    "state_dict must hold one operator for all blocks of mode 'universal': got "
                    f"different values of {own}; use mode='blockwise'"
                )
                return
        super()._load_from_state_dict(state_dict, prefix, *arguments)

    def reset_parameters(self) -> None:
        """DeiT's start, and every operator anew."""
        super().reset_parameters()
        if self.mode == "universal":  # blocks leave alone what they were given
            for module in self.modules():
                if isinstance(module, AttentionOperator):
                    module.reset_parameters()


def karat_vit(size: str = "tiny", *, mode: str = "blockwise", **overrides: Any) -> KArAt:
    """A :class:`KArAt` of a published size for images of 224 × 224 pixels in 1000 classes.

    `Kolmogorov-Arnold Attention <https://arxiv.org/abs/2503.10632>`_: G3B and G3U for ``"tiny"``
    and ``"small"``, G1B and G1U for ``"base"``.

    Args:
        size: ``"tiny"``, ``"small"`` or ``"base"``.
        mode: ``"blockwise"`` or ``"universal"``.
        **overrides: arguments of :class:`KArAt`.

    Raises:
        ValueError: for an unknown size or mode.

    Example:
        >>> model = karat_vit("tiny", mode="universal", device="meta")
        >>> round(sum(p.numel() for p in model.parameters()) / 1e6, 2)
        5.77
    """
    if size not in SIZES:
        raise ValueError(f"size must be one of {', '.join(SIZES)}: got {size!r}")
    embed_dim, num_layers, num_heads = SIZES[size]
    sizes: dict[str, Any] = {
        "embed_dim": embed_dim,
        "num_layers": num_layers,
        "num_heads": num_heads,
    }
    if overrides.get("basis", "fourier") == "fourier":
        sizes["grid_size"] = GRIDS[size]
    return KArAt(**{**sizes, "mode": mode, **overrides})
