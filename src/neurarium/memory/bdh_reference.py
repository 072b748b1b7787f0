"""Parameter names of the authors' released BDH (arXiv 2509.26507) → :class:`BDH`."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from neurarium.memory.bdh import BDH
from neurarium.memory.reference import load_reference_state_dict


@load_reference_state_dict.register
def load_bdh(module: BDH, state_dict: Mapping[str, Tensor]) -> None:
    """Fill ``module`` from the authors' ``state_dict()``; their frequencies may be left out."""
    state = {name: tensor for name, tensor in state_dict.items() if name != "attn.freqs"}
    own = module.state_dict()
    frequencies = own.pop("rotation.frequencies")
    if missing := sorted(own.keys() - state.keys()):
        raise ValueError(f"state_dict must hold {missing[0]!r}: it is absent")
    if surplus := sorted(state.keys() - own.keys()):
        raise ValueError(f"state_dict must hold nothing else: got {surplus[0]!r}")
    for name, tensor in state.items():
        if tensor.shape != own[name].shape:
            raise ValueError(
                f"state_dict must fit the module: got {list(tensor.shape)} for {name}, expected "
                f"{list(own[name].shape)}"
            )
    if "attn.freqs" in state_dict:  # theirs has one entry a neuron, equal in pairs
        pairs = state_dict["attn.freqs"].to(torch.float64).flatten()[::2]
        frequencies = pairs.expand_as(frequencies)
    module.load_state_dict({**state, "rotation.frequencies": frequencies})
