"""Parameter names of the authors' released Txt2Img-MHN (arXiv 2208.04441) → ours."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from neurarium.memory.reference import load_reference_state_dict
from neurarium.memory.txt2img import Txt2ImgMHN
from neurarium.memory.vqvae import VQVAE

_BLOCK = "prototype_learning.layers."
_NAMES = {
    "text_embedding.weight": "text_emb.weight",
    "text_positions.weight": "text_pos_emb.weight",
    "image_embedding.weight": "image_emb.weight",
    "image_positions.rows": "image_pos_emb.weights_0",
    "image_positions.columns": "image_pos_emb.weights_1",
    "head.prototypes.lookup": "lookup.weight",
    "head.prototypes.content": "content.0.weight",
    "head.norm.weight": "content.1.weight",
    "head.norm.bias": "content.1.bias",
}
_BRANCHES = {"prototypes": "0", "association": "1"}
_LAYERS = {
    "lookup": "lookup_matrix.weight",
    "content": "content_matrix.weight",
    "query_stored.weight": "to_qk.weight",
    "out.weight": "to_out.0.weight",
    "out.bias": "to_out.0.bias",
}


def authors_name(name: str) -> str:
    """The authors' name of one of our parameters.

    Example:
        >>> authors_name("blocks.3.association.layer.out.bias")
        'prototype_learning.layers.3.1.fn.fn.to_out.0.bias'
    """
    if name in _NAMES:
        return _NAMES[name]
    if name.startswith("tokenizer."):
        return f"vae.{name.removeprefix('tokenizer.')}"
    found = re.fullmatch(r"blocks\.(\d+)\.(\w+)\.(layer|norm|scale)\.?(.*)", name)
    if found is None:
        raise ValueError(f"name must be a parameter of Txt2ImgMHN: got {name!r}")
    index, branch, part, rest = found.groups()
    prefix = f"{_BLOCK}{index}.{_BRANCHES[branch]}"
    if part == "scale":
        return f"{prefix}.scale"
    return f"{prefix}.fn.norm.{rest}" if part == "norm" else f"{prefix}.fn.fn.{_LAYERS[rest]}"


def authors_shape(name: str, shape: Sequence[int]) -> tuple[int, ...]:
    """The shape of their tensor where ours has this one; contents are rows here, columns there.

    Example:
        >>> authors_shape("image_positions.rows", (4, 12))
        (1, 4, 1, 12)
    """
    last = name.rpartition(".")[2]
    if last == "content":
        return (shape[1], shape[0])
    if last == "rows":
        return (1, shape[0], 1, shape[1])
    return (*{"columns": (1, 1), "scale": (1, 1)}.get(last, ()), *shape)


def as_ours(name: str, theirs: Tensor, shape: Sequence[int], label: str) -> Tensor:
    """Their tensor in our orientation."""
    expected = authors_shape(name, shape)
    if theirs.shape != torch.Size(expected):
        raise ValueError(
            f"state_dict must fit the module: got {list(theirs.shape)} for {label}, "
            f"expected {list(expected)}"
        )
    return theirs.T if name.endswith(".content") else theirs.reshape(tuple(shape))


@load_reference_state_dict.register
def load_txt2img(module: Txt2ImgMHN, state_dict: Mapping[str, Tensor]) -> None:
    """Fill ``module``, its tokenizer included, from the authors' ``state_dict()``.

    Their generation script matches checkpoints by order; here every name must be there.
    """
    _load(module, state_dict, authors_name)


@load_reference_state_dict.register
def load_vqvae(module: VQVAE, state_dict: Mapping[str, Tensor]) -> None:
    """Fill ``module`` from the authors' ``state_dict()``, whose names are the same."""
    _load(module, state_dict, str)


def _load(
    module: nn.Module, state_dict: Mapping[str, Tensor], rename: Callable[[str], str]
) -> None:
    own = module.state_dict()
    names = {name: rename(name) for name in own}
    if missing := sorted(set(names.values()) - state_dict.keys()):
        raise ValueError(f"state_dict must hold {missing[0]!r}: it is absent")
    if surplus := sorted(state_dict.keys() - set(names.values())):
        raise ValueError(f"state_dict must hold nothing else: got {surplus[0]!r}")
    module.load_state_dict(
        {
            name: as_ours(name, state_dict[theirs], own[name].shape, theirs)
            for name, theirs in names.items()
        }
    )
