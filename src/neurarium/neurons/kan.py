"""Stacks of Kolmogorov–Arnold layers, and every layer of this room by name.

KAN (https://arxiv.org/abs/2404.19756); the arms that the assessment
(https://arxiv.org/abs/2407.11075) compares are all networks of this one class.
"""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from neurarium.memory.arguments import require_count
from neurarium.neurons.bases import BASES
from neurarium.neurons.basis import require_points
from neurarium.neurons.kan_linear import KANLinear
from neurarium.neurons.registry import Registry
from neurarium.neurons.row_norm import kept_statistics
from neurarium.neurons.strict_loading import StrictHubMixin, precision_of

__all__ = ["KAN", "KAN_LAYERS", "KANLinear"]

KAN_LAYERS = Registry(
    "KAN_LAYERS",
    {
        **{name: ("neurarium.neurons.kan_linear:KANLinear", {"basis": name}) for name in BASES},
        "selectable": "neurarium.neurons.selectable:SelectableKANLinear",
        "af": "neurarium.neurons.windows:AFKANLinear",
        "relu_kan": "neurarium.neurons.windows:ReLUKANLinear",
        "spline_mlp": "neurarium.neurons.spline_mlp:LinearSpline",
        "grkan": "neurarium.neurons.grkan:GRKANLinear",
        "spline_first_mlp": ("neurarium.neurons.spline_mlp:LinearSpline", {"spline_first": True}),
    },
)
"""Name of an arm → ``Layer(in_features, out_features, *, …)``, (…, in) → (…, out)."""
NOT_OF_LAYERS = ("in_features", "out_features", "device", "dtype")


class KAN(nn.Module, StrictHubMixin):
    r"""A Kolmogorov–Arnold network: layers with a learned function on every edge.

    `KAN: Kolmogorov-Arnold Networks <https://arxiv.org/abs/2404.19756>`_:
    :math:`\mathrm{KAN}(x) = (\Phi_L \circ \dots \circ \Phi_1)(x)` with
    :math:`\Phi(x)_o = \sum_i \phi_{oi}(x_i)`. Whether it pays is another question
    (https://arxiv.org/abs/2407.11075): published comparisons say, for formulas only;
    ``neurarium show kan-assessment`` tells what was found here, ``neurarium assess`` what holds
    for your table.

    Args:
        layer_sizes: widths from input to output, at least two.
        layer: name in ``KAN_LAYERS``; every arm makes a network of this class.
        **layer_arguments: of every layer, such as ``grid_size=10`` or ``norm="layer"``.

    Shapes:
        - x: (…, layer_sizes[0]); output: (…, layer_sizes[-1])

    Raises:
        TypeError: for widths that are no whole numbers, and inputs that are not floating point.
        ValueError: for an unknown layer, and sizes and shapes that do not fit.

    Example:
        >>> model = KAN([2, 5, 1], grid_size=3)
        >>> model(torch.rand(7, 2)).shape
        torch.Size([7, 1])
        >>> sum(p.numel() for p in model.parameters())  # in · out · (G + k + 2)
        120
    """

    def __init__(
        self,
        layer_sizes: Sequence[int],
        *,
        layer: str = "bspline",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        **layer_arguments: Any,
    ) -> None:
        super().__init__()
        if len(layer_sizes) < 2:
            raise ValueError(f"layer_sizes must be at least two widths: got {list(layer_sizes)}")
        for width in layer_sizes:
            require_count("layer_sizes", width)
        make = KAN_LAYERS.find(layer, "layer")
        _require_arguments(layer, make, layer_arguments)
        self.layers = nn.ModuleList(
            make(inner, outer, device=device, dtype=dtype, **layer_arguments)
            for inner, outer in itertools.pairwise(layer_sizes)
        )
        self._kind = type(self.layers[0])

    @property
    def layer_sizes(self) -> list[int]:
        """Widths from input to output."""
        layers = [cast(Any, layer) for layer in self.layers]
        return [layers[0].in_features, *(layer.out_features for layer in layers)]

    def reset_parameters(self) -> None:
        """All layers start anew."""
        for layer in self.layers:
            cast(Any, layer).reset_parameters()

    def forward(self, x: Float[Tensor, "*batch in"]) -> Float[Tensor, "*batch out"]:
        """Apply all layers."""
        for layer in self.layers:
            x = layer(x)
        return x

    @torch.no_grad()
    def update_grid(self, x: Float[Tensor, "*batch in"], **arguments: float) -> float:
        """Move every layer's knots to its inputs, layer by layer; the largest change of a layer.

        Running statistics of batch norms stay as they are, here and in the next two methods.

        Args:
            x: inputs of the network.
            **arguments: of :meth:`KANLinear.update_grid`.
        """
        if not all(hasattr(layer, "update_grid") for layer in self.layers):
            kind = type(self.layers[0]).__name__
            raise ValueError(f"layer must have B-splines for update_grid: got {kind}")
        return self._layer_by_layer(x, lambda layer, h: layer.update_grid(h, **arguments))

    @torch.no_grad()
    def extend_grid(self, grid_size: int, x: Float[Tensor, "*batch in"] | None = None) -> float:
        """More intervals in every layer, within whose grids the functions are kept as well as can
        be; the largest change of a layer, wherever its inputs are.

        Args:
            grid_size: the new number of intervals.
            x: inputs of the network, at which the change matters most.
        """
        if x is None:
            return max(layer.extend_grid(grid_size) for layer in self._kan_layers())
        self._kan_layers()
        return self._layer_by_layer(x, lambda layer, h: layer.extend_grid(grid_size, h))

    def regularization(
        self, x: Float[Tensor, "*batch in"] | None = None, *, l1: float = 1.0, entropy: float = 1.0
    ) -> Tensor:
        """Sum of the layers' :meth:`KANLinear.regularization`.

        Args:
            x: inputs of the network; edges are then weighed by what they contribute.
            l1: weight of the sizes.
            entropy: weight of the entropies.
        """
        total: Any = 0.0
        with kept_statistics(self):
            for layer in self._kan_layers():
                total = total + layer.regularization(x, l1=l1, entropy=entropy)
                x = None if x is None else layer(x)
        return cast(Tensor, total)

    def save_pretrained(self, *args: Any, **kwargs: Any) -> str | None:
        """Write ``config.json`` and ``model.safetensors``, from which the same network is made.

        Raises:
            TypeError: for arguments that are no JSON values, and layers of another kind by now.
            ValueError: for layers of other widths by now.
        """
        for layer in self.layers:
            if type(layer) is not self._kind:
                raise TypeError(
                    f"layers must be {self._kind.__name__}, as they were made, to be saved: got "
                    f"{type(layer).__name__}; save its state_dict() and how it is built"
                )
        config: Any = self._hub_mixin_config or {}
        made = list(config.get("layer_sizes", self.layer_sizes))
        if made != self.layer_sizes:
            raise ValueError(
                f"layer_sizes must be {made}, as they were made, to be saved: got "
                f"{self.layer_sizes}"
            )
        return super().save_pretrained(*args, **kwargs)

    @classmethod
    def _load_as_safetensor(  # type: ignore[override]
        cls, model: KAN, model_file: str | Path, map_location: str, strict: bool
    ) -> KAN:
        """Always strict; precision and sizes of grids as in the file."""
        from safetensors.torch import load_file

        state = load_file(model_file, device=map_location)
        model.to(precision_of(state)).load_state_dict(state)
        return model

    def _kan_layers(self) -> list[KANLinear]:
        layers = [layer for layer in self.layers if isinstance(layer, KANLinear)]
        if len(layers) < len(self.layers):
            kind = type(self.layers[0]).__name__
            raise ValueError(f"layer must have functions on its edges: got {kind}")
        return layers

    def _layer_by_layer(self, x: Tensor, change: Any) -> float:
        changes = []
        with kept_statistics(self):
            for layer in self.layers:
                changes.append(change(layer, x))
                x = layer(x)
        return max(changes)


def require_rows(x: Any, layer: KANLinear, *, least: int = 2) -> None:
    """Raise unless ``x`` are finite samples (N, in) of a layer's inputs, in its precision.

    Example:
        >>> require_rows(torch.rand(1, 3), KANLinear(3, 2))
        Traceback (most recent call last):
        ValueError: x must be at least 2 samples (N, in): got shape [1, 3]
    """
    require_points(x, layer.in_features)
    if x.ndim != 2 or len(x) < least:
        raise ValueError(f"x must be at least {least} samples (N, in): got shape {list(x.shape)}")
    if x.dtype != layer.coefficients.dtype:
        raise TypeError(f"x must be {layer.coefficients.dtype} as the layer: got {x.dtype}")
    if not x.isfinite().all():
        raise ValueError("x must be finite: got NaN or infinity")


def _require_arguments(layer: str, make: Any, arguments: Mapping[str, Any]) -> None:
    """Raise in one sentence for an argument that no layer of this kind takes."""
    parameters = inspect.signature(make).parameters
    if any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values()):
        return  # the layer knows
    known = [name for name in parameters if name not in NOT_OF_LAYERS]
    for name, value in arguments.items():
        if name not in known:
            raise ValueError(
                f"{name} must not be given for layer {layer!r}: got {value!r}; it takes "
                f"{', '.join(known)}"
            )
