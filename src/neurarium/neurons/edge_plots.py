"""Pictures of what the edges of a Kolmogorov–Arnold network have learned.

As in KAN (https://arxiv.org/abs/2404.19756, Fig. 2.4), one small curve for each edge, the paler the
less it contributes.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from neurarium.memory.arguments import require_count
from neurarium.neurons.basis import require_points
from neurarium.neurons.kan import KAN, require_rows
from neurarium.neurons.kan_linear import KANLinear
from neurarium.neurons.row_norm import kept_statistics

NUM_POINTS = 200
CURVE, DOTS = "#1f3a5f", "#d1495b"


def draw_edges(
    model: KAN | KANLinear, x: Float[Tensor, "N in"], *, max_nodes: int = 8, samples: bool = False
) -> Any:
    """One panel for each edge: a row of panels for each output, a block for each layer.

    `KAN: Kolmogorov-Arnold Networks <https://arxiv.org/abs/2404.19756>`_. The horizontal axis is
    the range of the inputs, the vertical one the same for all edges of a layer, which are shown
    without their mean. Edges that were cut have no panel.

    Args:
        model: a network or one of its layers.
        x: its inputs, which say where the functions matter.
        max_nodes: of a layer's inputs and outputs, the first ones are drawn.
        samples: also draw the contribution of each sample.

    Returns:
        A matplotlib figure.

    Raises:
        TypeError: for another model, and samples that are no tensor of its precision.
        ValueError: for fewer than two samples, other widths, NaN and infinity.

    Example:
        >>> import matplotlib
        >>> matplotlib.use("Agg")
        >>> len(draw_edges(KAN([2, 3, 1]), torch.rand(50, 2)).axes)
        9
    """
    from matplotlib.figure import Figure

    layers: list[Any] = list(model.layers) if isinstance(model, KAN) else [model]
    if not all(isinstance(layer, KANLinear) for layer in layers):
        raise TypeError(f"model must have functions on its edges: got {type(model).__name__}")
    require_count("max_nodes", max_nodes)
    require_points(x, layers[0].in_features)
    x = x.reshape(-1, layers[0].in_features)
    require_rows(x, layers[0])
    shapes = [(min(m.out_features, max_nodes), min(m.in_features, max_nodes)) for m in layers]
    heights = [rows + 0.35 for rows, _ in shapes]
    widest = max(columns for _, columns in shapes)
    figure = Figure(figsize=(1.3 * widest + 0.6, 1.1 * sum(heights)), layout="constrained")
    blocks = figure.subfigures(len(layers), 1, height_ratios=heights, squeeze=False)[:, 0]
    with torch.no_grad(), kept_statistics(model):
        for place, (block, layer) in enumerate(zip(blocks, layers, strict=True)):
            block.suptitle(f"layer {place + 1}", fontsize=8, x=0.01, ha="left")
            _draw_layer(block, layer, x, shapes[place], widest, samples)
            x = layer(x)
    return figure


def _draw_layer(
    block: Any, layer: KANLinear, x: Tensor, shape: tuple[int, int], widest: int, samples: bool
) -> None:
    rows = layer.rows(x)
    low, high = rows.amin(0), rows.amax(0)
    spread = torch.linspace(0, 1, NUM_POINTS, dtype=x.dtype, device=x.device)[:, None]
    points = low + spread * (high - low)
    values = layer.edge_values(rows)
    means = values.mean(-1, keepdim=True)
    curves = (layer.edge_values(points) - means).cpu()
    size = values.std(-1).cpu()
    limit = float(curves.abs().max().clamp_min(1e-12)) * 1.1
    panels = block.subplots(shape[0], widest, squeeze=False)
    for o, line in enumerate(panels):
        for i, panel in enumerate(line):
            cut = i < shape[1] and layer.mask is not None and not layer.mask[o, i]
            if i >= shape[1] or cut:
                panel.remove()
                continue
            strength = float(size[o, i] / size.max().clamp_min(1e-12))
            panel.plot(points[:, i].cpu(), curves[o, i], color=CURVE, alpha=0.15 + 0.85 * strength)
            if samples:
                shown = values[o, i] - means[o, i]
                panel.plot(
                    rows[:, i].cpu(),
                    shown.cpu(),
                    ".",
                    color=DOTS,
                    alpha=0.3,
                    markersize=3,
                    zorder=1,
                )
            panel.set_ylim(-limit, limit)
            panel.tick_params(labelsize=5, length=2)
            panel.locator_params(nbins=4)
            if o == 0:
                panel.set_title(f"input {i + 1}", fontsize=7)
            if i == 0:
                panel.set_ylabel(f"output {o + 1}", fontsize=7)
