"""Parameter names of the authors' package ``hopular`` 1.0 → :class:`Hopular`."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from neurarium.memory.hopular import Hopular
from neurarium.memory.reference import load_reference_state_dict

_LOOKUPS = {
    "sample_lookup": ("sample_norm", "sample_sample_associations"),
    "feature_lookup": ("feature_norm", "feature_feature_associations"),
}
_BUFFERS = {"embeddings.feature_types", "embeddings.feature_positions"}  # ours follow from sizes


@load_reference_state_dict.register
def load_hopular(module: Hopular, state_dict: Mapping[str, Tensor]) -> None:
    """Fill ``module`` from the authors' ``Hopular.state_dict()``; a stored memory comes along."""
    rest = {name: tensor for name, tensor in state_dict.items() if name not in _BUFFERS}
    try:
        state = _embedding(rest, module.layout.num_attributes)
        for index in range(len(module.blocks)):
            state |= _block(rest, index)
        for ours, theirs in (("norm", 2), ("linear", 3)):
            for part in ("weight", "bias"):
                name = f"summarizations.feature_summarizations.{theirs}.{part}"
                state[f"summarization.{ours}.{part}"] = rest.pop(name)
    except KeyError as error:
        raise ValueError(f"state_dict must hold {error.args[0]!r}: it is absent") from None
    memory, ids = rest.pop("memory", None), rest.pop("memory_ids", None)
    if rest:
        raise ValueError(f"state_dict must hold nothing else: got {sorted(rest)[0]!r}")
    own = module.state_dict()
    for name, tensor in state.items():
        if tensor.shape != own[name].shape:
            raise ValueError(
                f"state_dict must fit the module: got {list(tensor.shape)} for {name}, "
                f"expected {list(own[name].shape)}"
            )
    module.load_state_dict({**own, **state})
    if memory is not None:
        module.set_memory(memory, ids)


def _embedding(rest: dict[str, Tensor], num_attributes: int) -> dict[str, Tensor]:
    def stacked(role: str) -> list[Tensor]:
        names = (f"embeddings.{role.replace('*', str(i))}" for i in range(num_attributes))
        return [rest.pop(name) for name in names]

    return {
        "embedding.input_weight": torch.cat(
            [w.T for w in stacked("feature_embeddings.*.0.weight")]
        ),
        "embedding.input_bias": torch.stack(stacked("feature_embeddings.*.0.bias")),
        "embedding.type_embedding": rest.pop("embeddings.feature_type_embeddings.weight"),
        "embedding.position_embedding": rest.pop("embeddings.feature_position_embeddings.weight"),
        "embedding.norm_weight": torch.stack(stacked("feature_projections.*.2.weight")),
        "embedding.norm_bias": torch.stack(stacked("feature_projections.*.2.bias")),
        "embedding.output_weight": torch.stack(stacked("feature_projections.*.3.weight")),
        "embedding.output_bias": torch.stack(stacked("feature_projections.*.3.bias")),
    }


def _block(rest: dict[str, Tensor], index: int) -> dict[str, Tensor]:
    state = {}
    for ours, (norm, associations) in _LOOKUPS.items():
        theirs = f"hopular_blocks.{index}."
        core = f"{theirs}{associations}.hopfield_lookup.association_core."
        mine = f"blocks.{index}.{ours}."
        weights = [rest.pop(f"{core}{role}_proj_weight") for role in "qkv"]
        bias = rest.pop(f"{core}in_proj_bias")
        width = len(weights[0])
        state[f"{mine}query.weight"] = weights[0]
        state[f"{mine}query.bias"] = bias[:width]
        state[f"{mine}key_value.weight"] = torch.cat(weights[1:])
        state[f"{mine}key_value.bias"] = bias[width:]
        for part in ("weight", "bias"):
            state[f"{mine}norm.{part}"] = rest.pop(f"{theirs}{norm}.{part}")
            state[f"{mine}out.{part}"] = rest.pop(f"{core}out_proj.{part}")
    return state
