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

FIXTURES = Path(os.environ.get("NEURARIUM_FIXTURES", Path(__file__).parents[1] / "fixtures"))
CASES = json.loads((FIXTURES / "hopfield.json").read_text())["cases"]
TENSORS = load_file(FIXTURES / "hopfield.safetensors")
TOLERANCE = {"rtol": 1e-9, "atol": 1e-10}
CONVERGED = {"rtol": 1e-9, "atol": 1e-8}  # of an association that was iterated until it stopped
STATIC = ("state_pattern", "stored_pattern", "pattern_projection")


def norm_of(config, name):
    on_by_default = name != "hopfield_space"
    if not config.get(f"normalize_{name}", on_by_default):
        return None
    affine = config.get(f"normalize_{name}_affine", on_by_default)
    return "layer" if affine else "layer-no-affine"


def arguments(config, state_width):
    """Arguments of our ``Hopfield``; what is not projected is as wide as a head.

    ``concat_bias_pattern`` is left out: the authors' forward never appends the rows that it makes.
    """
    state, stored, values = (config.get(f"{name}_as_static", False) for name in STATIC)
    size, num_heads = config.get("input_size"), config.get("num_heads", 1)
    head_dim = config.get("hidden_size")
    if head_dim is None:
        head_dim = state_width if size is None or (state and stored) else size // num_heads
    connected = config.get("pattern_projection_as_connected", False) and not stored
    value_dim = config.get("pattern_size") or head_dim
    out_features = config.get("output_size") or size
    limit = config.get("update_steps_max", 0)
    return {
        "embed_dim": head_dim if state else size,
        "num_heads": num_heads,
        "head_dim": head_dim,
        "value_dim": value_dim,
        "kdim": head_dim if stored else config.get("stored_pattern_size") or size,
        "vdim": value_dim
        if values and not connected
        else config.get("pattern_projection_size") or size,
        "out_features": None if config.get("disable_out_projection", False) else out_features,
        "beta": config.get("scaling"),
        "num_steps": None if limit is None else limit + 1,
        "tol": config.get("update_steps_eps", 1e-4) if limit != 0 else None,
        "project_state": not state,
        "project_stored": not stored,
        "project_values": not values,
        "values_from_keys": connected,
        "out_projection": not config.get("disable_out_projection", False),
        "norm_state": norm_of(config, "state_pattern"),
        "norm_stored": norm_of(config, "stored_pattern"),
        "norm_values": norm_of(config, "pattern_projection"),
        "norm_heads": norm_of(config, "hopfield_space"),
        "zero_pattern": config.get("add_zero_association", False),
        "activation": config.get("association_activation"),
        "bias": config.get("input_bias", True),
        "dtype": torch.float64,
    }


def set_norm_eps(layer, config):
    names = zip(("norm_state", "norm_stored", "norm_values"), STATIC, strict=True)
    for ours, theirs in (*names, ("norm_heads", "hopfield_space")):
        norm = getattr(layer.heads, ours)
        if norm is not None:
            norm.eps = config.get(f"normalize_{theirs}_eps", norm.eps)
    return layer


def mixed(x):
    """Axes (batch, heads) in their order for unprojected inputs: heads first, read as if last."""
    return x.transpose(0, 1).reshape(x.shape)


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

    def build(self):
        config, kind = self.config, self.kind
        ours = arguments(config, self.inputs[len(self.inputs) // 2].shape[-1])
        if kind == "pooling":
            layer = HopfieldPooling(
                num_queries=config.get("quantity", 1),
                trainable=config.get("trainable", True),
                **ours,
            )
            set_norm_eps(layer.hopfield, config)
            return layer
        if kind == "lookup":
            layer = HopfieldLayer(
                num_patterns=config.get("quantity", 1),
                learn_values=config.get("lookup_weights_as_separated", False),
                trainable=config.get("trainable", True),
                values_trainable=config.get("lookup_targets_as_trainable", True),
                **ours,
            )
            set_norm_eps(layer.hopfield, config)
            return layer
        if kind == "hopfield":
            return set_norm_eps(Hopfield(**ours), config)
        association = set_norm_eps(Hopfield(**ours), config)
        block = {
            "hidden_features": config.get("dim_feedforward", 2048),
            "activation": config.get("activation", "relu"),
            "dtype": torch.float64,
        }
        if kind == "encoder":
            return HopfieldEncoderLayer(association, **block)
        return HopfieldDecoderLayer(association, association, **block)

    def call(self, **options):
        """Our output in the authors' layout; they order (stored, state, projection)."""
        batch_first = self.config.get("batch_first", True)
        inputs = self.inputs if batch_first else [x.transpose(0, 1) for x in self.inputs]
        if self.kind == "hopfield" and len(inputs) == 3:
            inputs = [inputs[1], inputs[0], inputs[2]]
        out = self.module(*inputs, **self.masks(len(inputs[0])), **options)
        num_heads = self.config.get("num_heads", 1)
        if options:
            return mixed(out[1]) if self.mixes_samples else out[1]
        if self.mixes_samples:
            heads = out.unflatten(-1, (num_heads, -1)).transpose(1, 2)
            out = mixed(heads).transpose(1, 2).flatten(2)
        if batch_first:
            return out
        if self.kind == "pooling":
            return out.unflatten(1, (len(self.module.queries), -1)).transpose(0, 1).flatten(1)
        return out.transpose(0, 1)

    @property
    def mixes_samples(self):
        """Their copies of an unprojected input for each head run over the batch, not the heads."""
        static = [self.config.get(f"{name}_as_static", False) for name in STATIC]
        if not any(static) or self.config.get("num_heads", 1) == 1:
            return False
        if not all(static) or not self.config.get("disable_out_projection", False):
            pytest.skip("the authors pair up different samples in heads that mix static inputs")
        return True

    def masks(self, batch):
        masks = {}
        padding = self.tensors.get("stored_pattern_padding_mask")
        association = self.tensors.get("association_mask")
        if padding is not None:
            masks["mask"] = ~padding.bool()
        if association is not None:
            if association.ndim == 3:
                association = association.unflatten(0, (batch, -1))
            is_bool = association.dtype in (torch.bool, torch.uint8)
            masks["attn_mask"] = ~association.bool() if is_bool else association
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
    assert_close(case.call(return_attention=True), case.tensors["assoc"], **tolerance)


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
