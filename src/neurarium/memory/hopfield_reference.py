"""Parameter names of the authors' package ``hflayers`` 1.0 → the Hopfield layers.

Their ``concat_bias_pattern`` creates rows that no forward pass of theirs appends: a module built
with ``bias_pattern=False`` ignores them and computes what the checkpoint computed.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from neurarium.memory.hopfield import Hopfield
from neurarium.memory.hopfield_blocks import HopfieldDecoderLayer, HopfieldEncoderLayer
from neurarium.memory.hopfield_memory import HopfieldLayer, HopfieldPooling
from neurarium.memory.reference import load_reference_state_dict

_NORMS = {
    "norm_state": "norm_state_pattern",
    "norm_stored": "norm_stored_pattern",
    "norm_values": "norm_pattern_projection",
}
_ENCODER = {
    "hidden": "linear_residual",
    "out": "linear_output",
    "norm_association": "norm_residual",
    "norm_out": "norm_output",
}
_DECODER = {
    "hidden": "linear_residual",
    "out": "linear_output",
    "norm_self": "norm_residual_self",
    "norm_cross": "norm_residual_cross",
    "norm_out": "norm_output",
}


@load_reference_state_dict.register
def load_hopfield(module: Hopfield, state_dict: Mapping[str, Tensor]) -> None:
    """Fill ``module`` from the authors' ``Hopfield.state_dict()``."""
    rest = dict(state_dict)
    _fill(module, _association(module, rest, ""), rest)


@load_reference_state_dict.register
def load_pooling(module: HopfieldPooling, state_dict: Mapping[str, Tensor]) -> None:
    """Fill ``module`` from the authors' ``HopfieldPooling.state_dict()``."""
    rest = dict(state_dict)
    state = _prefixed("hopfield.", _association(module.hopfield, rest, "hopfield."))
    state["queries"] = _take(rest, "pooling_weights").reshape(module.queries.shape)
    _fill(module, state, rest)


@load_reference_state_dict.register
def load_lookup(module: HopfieldLayer, state_dict: Mapping[str, Tensor]) -> None:
    """Fill ``module`` from the authors' ``HopfieldLayer.state_dict()``."""
    rest = dict(state_dict)
    state = _prefixed("hopfield.", _association(module.hopfield, rest, "hopfield."))
    state["stored"] = _take(rest, "lookup_weights").flatten(0, 1)
    if module.values is not None:
        state["values"] = _take(rest, "target_weights").flatten(0, 1)
    _fill(module, state, rest)


@load_reference_state_dict.register
def load_encoder(module: HopfieldEncoderLayer, state_dict: Mapping[str, Tensor]) -> None:
    """Fill ``module`` from the authors' ``HopfieldEncoderLayer.state_dict()``."""
    rest = dict(state_dict)
    state = _association(module.association, rest, "hopfield_association.")
    _fill(module, _prefixed("association.", state) | _renamed(rest, _ENCODER), rest)


@load_reference_state_dict.register
def load_decoder(module: HopfieldDecoderLayer, state_dict: Mapping[str, Tensor]) -> None:
    """Fill ``module`` from the authors' ``HopfieldDecoderLayer.state_dict()``."""
    rest = dict(state_dict)
    state = _renamed(rest, _DECODER)
    for kind in ("self", "cross"):
        part = getattr(module, f"{kind}_association")
        names = _association(part, rest, f"hopfield_association_{kind}.")
        state |= _prefixed(f"{kind}_association.", names)
    _fill(module, state, rest)


def _association(module: Hopfield, rest: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Tensors of one association under our names, taken out of ``rest``."""
    core, heads = f"{prefix}association_core.", module.heads
    state = _projections(module, rest, core)
    if heads.norm_heads is not None and heads.norm_heads.elementwise_affine:
        for part in ("weight", "bias"):
            state[f"heads.norm_heads.{part}"] = _take(rest, f"{core}p_norm_{part}")
    for ours, theirs in _NORMS.items():
        for part in ("weight", "bias"):
            if f"{prefix}{theirs}.{part}" in rest:
                state[f"heads.{ours}.{part}"] = rest.pop(f"{prefix}{theirs}.{part}")
    for ours, theirs in (("bias_stored", "bias_k"), ("bias_values", "bias_v")):
        row, own = rest.pop(core + theirs, None), getattr(heads, ours)
        if own is not None:
            state[f"heads.{ours}"] = _found(row, core + theirs).view(len(own), 1, -1)
    if module.out is not None:
        for part, _ in module.out.named_parameters():
            state[f"out.{part}"] = _take(rest, f"{core}out_proj.{part}")
    return state


def _projections(module: Hopfield, rest: dict[str, Tensor], core: str) -> dict[str, Tensor]:
    """The three input projections: stacked in one tensor, or one each; biases always stacked."""
    heads, w = module.heads, module.heads.widths
    rows = {"state": w.head_dim, "stored": w.head_dim, "values": w.value_dim}
    rows = {name: w.num_heads * width for name, width in rows.items() if getattr(heads, name)}
    state: dict[str, Tensor] = {}
    if f"{core}in_proj_weight" in rest:
        parts = _take(rest, f"{core}in_proj_weight").split(list(rows.values()))
        state |= {f"heads.{name}.weight": part for name, part in zip(rows, parts, strict=True)}
    else:
        letters = {"state": "q", "stored": "k", "values": "v"}
        for name in rows:
            state[f"heads.{name}.weight"] = _take(rest, f"{core}{letters[name]}_proj_weight")
    bias = rest.pop(f"{core}in_proj_bias", None)
    if bias is not None:  # theirs ends with a part for the values even where nothing projects them
        parts = bias[: sum(rows.values())].split(list(rows.values()))
        state |= {f"heads.{name}.bias": part for name, part in zip(rows, parts, strict=True)}
    return state


def _renamed(rest: dict[str, Tensor], names: Mapping[str, str]) -> dict[str, Tensor]:
    return {
        f"{ours}.{part}": _take(rest, f"{theirs}.{part}")
        for ours, theirs in names.items()
        for part in ("weight", "bias")
    }


def _prefixed(prefix: str, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {prefix + name: tensor for name, tensor in state.items()}


def _take(rest: dict[str, Tensor], name: str) -> Tensor:
    return _found(rest.pop(name, None), name)


def _found(tensor: Tensor | None, name: str) -> Tensor:
    if tensor is None:
        raise ValueError(f"state_dict must hold {name!r}: it is absent")
    return tensor


def _fill(module: nn.Module, state: Mapping[str, Tensor], rest: Mapping[str, Tensor]) -> None:
    own = module.state_dict()
    if rest:
        raise ValueError(f"state_dict must hold nothing else: got {sorted(rest)[0]!r}")
    parameters = {name for name, _ in module.named_parameters()}
    absent = sorted(name for name in parameters - set(state) if not name.endswith("log_beta"))
    unknown = sorted(set(state) - set(own))
    if absent or unknown:
        word = "hold a tensor for" if absent else "come from a layer without"
        raise ValueError(f"state_dict must {word} {(absent or unknown)[0]!r}: check the flags")
    for name, tensor in state.items():
        if tensor.shape != own[name].shape:
            raise ValueError(
                f"state_dict must fit the module: got {list(tensor.shape)} for {name}, expected "
                f"{list(own[name].shape)}"
            )
    module.load_state_dict({**own, **state})
