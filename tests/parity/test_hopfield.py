"""The Hopfield layers against tensors of the authors' package; holds for any fixture of this form.

Modules are built from each case's JSON configuration, the authors' constructor arguments; the kind
of module is read off its parameter names. The authors call True what is forbidden or padding.
"""

import copy
import json
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch.testing import assert_close

from neurarium.memory import (
    Hopfield,
    HopfieldDecoderLayer,
    HopfieldEncoderLayer,
    HopfieldLayer,
    HopfieldPooling,
    load_reference_state_dict,
)
from neurarium.memory.hopfield_heads import Heads

FIXTURES = Path(os.environ.get("NEURARIUM_FIXTURES", Path(__file__).parents[1] / "fixtures"))
CASES = json.loads((FIXTURES / "hopfield.json").read_text())["cases"]
TENSORS = load_file(FIXTURES / "hopfield.safetensors")
TOLERANCE = {"rtol": 1e-9, "atol": 1e-10}
CONVERGED = {"rtol": 1e-9, "atol": 1e-8}  # of an association that was iterated until it stopped
STATIC = ("state_pattern", "stored_pattern", "pattern_projection")  # theirs, in our order


def norm_of(config, name):
    on_by_default = name != "hopfield_space"
    if not config.get(f"normalize_{name}", on_by_default):
        return None
    affine = config.get(f"normalize_{name}_affine", on_by_default)
    return "layer" if affine else "layer-no-affine"


def arguments(config, state_width, value_width):
    """Arguments of our ``Hopfield``; what is not projected is as wide as its input.

    ``concat_bias_pattern`` is left out: the authors' forward never appends the rows that it makes.
    """
    state, stored, values = (config.get(f"{name}_as_static", False) for name in STATIC)
    size, num_heads = config.get("input_size"), config.get("num_heads", 1)
    core_dim = config.get("hidden_size") or (size and size // num_heads)
    head_dim = state_width if state and stored else core_dim
    out_projection = not config.get("disable_out_projection", False)
    connected = is_connected(config)
    raw_values = values and not connected
    value_dim = value_width if raw_values else config.get("pattern_size") or core_dim
    limit, beta = config.get("update_steps_max", 0), config.get("scaling")
    if beta is None and state and stored and not retrieves_raw_inputs(config):
        beta = core_dim**-0.5  # theirs is not derived from the width in which the heads compare
    return {
        "embed_dim": head_dim if state else size,
        "num_heads": num_heads,
        "head_dim": head_dim,
        "value_dim": value_dim,
        "kdim": head_dim if stored else config.get("stored_pattern_size") or size,
        "vdim": value_dim if raw_values else config.get("pattern_projection_size") or size,
        "out_features": config.get("output_size") or size if out_projection else None,
        "beta": beta,
        "num_steps": None if limit is None else limit + 1,
        "tol": config.get("update_steps_eps", 1e-4) if limit != 0 else None,
        "project_state": not state,
        "project_stored": not stored,
        "project_values": not values,
        "values_from_keys": connected,
        "out_projection": out_projection,
        "norm_state": norm_of(config, "state_pattern"),
        "norm_stored": norm_of(config, "stored_pattern"),
        "norm_values": norm_of(config, "pattern_projection"),
        "norm_heads": norm_of(config, "hopfield_space"),
        "zero_pattern": config.get("add_zero_association", False),
        "activation": their_activation(config.get("association_activation")),
        "bias": config.get("input_bias", True),
        "dtype": torch.float64,
    }


def is_connected(config):
    """Their flag; without a projection of the stored patterns it does nothing."""
    static = config.get("stored_pattern_as_static", False)
    return config.get("pattern_projection_as_connected", False) and not static


def retrieves_raw_inputs(config):
    """Whether theirs has no projection at all, hence a default β of 1."""
    flags = ("pattern_projection_as_connected", "normalize_hopfield_space")
    return (
        all(config.get(f"{name}_as_static", False) for name in STATIC)
        and config.get("disable_out_projection", False)
        and not any(config.get(flag, False) for flag in flags)
    )


def their_activation(name):
    """They look a name up in ``torch`` alone, and silently activate nothing where it is absent."""
    return name if name is not None and hasattr(torch, name) else None


def as_theirs(layer, config):
    """What our constructor does not offer: other eps of the norms, and their pairing of heads."""
    names = ("norm_state", "norm_stored", "norm_values", "norm_heads")
    for ours, theirs in zip(names, (*STATIC, "hopfield_space"), strict=True):
        norm = getattr(layer.heads, ours)
        if norm is not None:
            norm.eps = config.get(f"normalize_{theirs}_eps", norm.eps)
    pair_like_the_authors(layer, config)
    return layer


def pair_like_the_authors(layer, config):
    """Repeat unprojected inputs for the heads as they do, which pairs up different samples.

    Their copies run over (heads, batch) but are read as (batch, heads). Unprojected values next to
    unprojected stored patterns, where weights are not stacked, are split among the heads instead.
    """
    static = [config.get(f"{name}_as_static", False) for name in STATIC]
    widths, size = layer.heads.widths, config.get("input_size")
    separate = config.get("pattern_size") is not None or (
        not retrieves_raw_inputs(config)
        and (
            config.get("pattern_projection_as_connected", False)
            or config.get("stored_pattern_size") not in (None, size)
            or config.get("pattern_projection_size") not in (None, size)
        )
    )
    if not any(static) or widths.num_heads == 1:
        return layer

    def mixed(x):
        return x.transpose(0, 1).reshape(x.shape)

    def repeat(_, inputs, heads):
        batch = max(len(x) for x in inputs)
        q, k, v = (x.expand(batch, -1, -1, -1) for x in heads)
        if static[2] and not is_connected(config):
            split = static[1] and separate
            v = v[:, 0].unflatten(-1, (widths.num_heads, -1)).transpose(1, 2) if split else mixed(v)
        return Heads(mixed(q) if static[0] else q, mixed(k) if static[1] else k, v)

    layer.heads.register_forward_hook(repeat)
    return layer


class Case:
    """One case of the fixture: its tensors, our module, and the call in our order."""

    def __init__(self, name):
        self.tensors = self.within(TENSORS, f"{name}.")
        self.config = CASES[name]["config"]
        self.parameters = self.within(self.tensors, "param.")
        names = sorted(key for key in self.tensors if key.removeprefix("in").isdigit())
        self.inputs = [self.tensors[key].clone().requires_grad_() for key in names]
        self.module = self.build()
        load_reference_state_dict(self.module, self.parameters)
        self.module.eval()

    @staticmethod
    def within(tensors, prefix):
        return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}

    @property
    def kind(self):
        signs = {
            "hopfield_association_self.": "decoder",
            "hopfield_association.": "encoder",
            "pooling_weights": "pooling",
            "lookup_weights": "lookup",
        }
        for sign, kind in signs.items():
            if any(name.startswith(sign) for name in self.parameters):
                return kind
        return "hopfield"

    @property
    def widths(self):
        """Widths of the states and of the source of the values."""
        state, values = self.inputs[len(self.inputs) // 2], self.inputs[-1]
        if self.kind == "pooling":
            state = self.parameters["pooling_weights"]
        elif self.kind == "lookup":
            owned = self.parameters["lookup_weights"]
            values = self.parameters.get("target_weights", owned)
        return state.shape[-1], values.shape[-1]

    def build(self):
        config, kind = self.config, self.kind
        ours = arguments(config, *self.widths)
        if kind == "pooling":
            layer = HopfieldPooling(
                num_queries=config.get("quantity", 1),
                trainable=config.get("trainable", True),
                **ours,
            )
            as_theirs(layer.hopfield, config)
            return layer
        if kind == "lookup":
            layer = HopfieldLayer(
                num_patterns=config.get("quantity", 1),
                learn_values=config.get("lookup_weights_as_separated", False),
                trainable=config.get("trainable", True),
                values_trainable=config.get("lookup_targets_as_trainable", True),
                **ours,
            )
            as_theirs(layer.hopfield, config)
            return layer
        association = as_theirs(Hopfield(**ours), config)
        if kind == "hopfield":
            return association
        block = {
            "hidden_features": config.get("dim_feedforward", 2048),
            "activation": config.get("activation", "relu"),
            "dtype": torch.float64,
        }
        if kind == "encoder":
            return HopfieldEncoderLayer(association, **block)
        return HopfieldDecoderLayer(association, association, **block)

    def call(self):
        """Our output in the authors' layout."""
        inputs = self.ordered_inputs
        out = self.module(*inputs, **self.masks(len(inputs[0])))
        if self.config.get("batch_first", True):
            return out
        if self.kind == "pooling":
            return out.unflatten(1, (len(self.module.queries), -1)).transpose(0, 1).flatten(1)
        return out.transpose(0, 1)

    def association(self):
        """The last association matrix, (batch, head, state, stored) in every layout."""
        inputs = self.ordered_inputs
        module = self.module.association if self.kind == "encoder" else self.module
        return module(*inputs, **self.masks(len(inputs[0])), return_attention=True)[1]

    @property
    def ordered_inputs(self):
        """Batch first, in our order (state, stored, values); theirs is (stored, state, values)."""
        batch_first = self.config.get("batch_first", True)
        inputs = self.inputs if batch_first else [x.transpose(0, 1) for x in self.inputs]
        if self.kind == "hopfield" and len(inputs) == 3:
            return [inputs[1], inputs[0], inputs[2]]
        return inputs

    def masks(self, batch):
        """Our masks, True = takes part, from theirs; their blocks have names of their own."""
        names = {
            "mask": ("stored_pattern_padding_mask", "src_key_padding_mask", "tgt_key_padding_mask"),
            "attn_mask": ("association_mask", "src_mask", "tgt_mask"),
            "stored_mask": ("memory_key_padding_mask",),
            "stored_attn_mask": ("memory_mask",),
        }
        masks = {}
        for ours, theirs in names.items():
            for mask in (self.tensors[name] for name in theirs if name in self.tensors):
                mask = mask.unflatten(0, (batch, -1)) if mask.ndim == 3 else mask
                is_bool = mask.dtype in (torch.bool, torch.uint8)
                masks[ours] = ~mask.bool() if is_bool else mask
        return masks


@pytest.fixture(params=list(CASES))
def case(request):
    return Case(request.param)


def test_output(case):
    assert_close(case.call(), case.tensors["out"], **TOLERANCE)


def test_association(case):
    if "assoc" not in case.tensors:
        pytest.skip("the fixture has no association of this case")
    tolerance = CONVERGED if case.config.get("update_steps_max", 0) is None else TOLERANCE
    assert_close(case.association(), case.tensors["assoc"], **tolerance)


def test_gradients_of_inputs_and_parameters(case):
    out = case.call()
    (out * torch.linspace(-1, 1, out.numel(), dtype=out.dtype).view_as(out)).sum().backward()
    for index, x in enumerate(case.inputs):
        assert_close(x.grad, case.tensors[f"grad_in{index}"], **TOLERANCE)

    expected = copy.deepcopy(case.module)
    given = case.within(case.tensors, "grad.")
    theirs = {k: given.get(k, torch.zeros_like(v)) for k, v in case.parameters.items()}
    load_reference_state_dict(expected, theirs)
    gradients = dict(expected.named_parameters())
    for name, parameter in case.module.named_parameters():
        ours = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
        assert_close(ours, gradients[name].detach(), **TOLERANCE, msg=lambda m, n=name: f"{n}: {m}")


def test_every_tensor_of_a_checkpoint_is_used_or_refused(case):
    if not case.parameters:
        pytest.skip("this case has no parameters")
    with pytest.raises(ValueError, match="nothing else"):
        load_reference_state_dict(case.module, {**case.parameters, "surplus": torch.zeros(1)})
    name = next(name for name in case.parameters if name.endswith(("weight", "weights")))
    incomplete = {k: v for k, v in case.parameters.items() if k != name}
    with pytest.raises(ValueError, match="state_dict must hold"):
        load_reference_state_dict(case.module, incomplete)
