"""AF-KAN's layer by the authors' sequence of operations, vectorised, for global attention.

Windows of all inputs at once, (N, D, windows), divided by their norm and scaled to [0, 1] over the
whole batch, scores by a linear layer, a softmax over inputs, and the reduction. Weights are those
of one of our layers.
"""

import torch
from torch.nn import functional as F


def af_kan(layer, x):
    """(N, D) to (N, out); silu and quad1."""
    rising = F.silu(x.unsqueeze(-1) - layer.low)
    falling = F.silu(layer.high - x.unsqueeze(-1))
    z = (rising * falling) ** 2
    if layer.feature_norm == "batch":
        z = z / torch.norm(z, p=2)
        z = (z - z.min()) / (z.max() - z.min())
    else:
        least, most = z.amin((1, 2), keepdim=True), z.amax((1, 2), keepdim=True)
        z = (z - least) / (most - least)
    temperature = torch.clamp(layer.temperature, min=1)
    attention = torch.softmax(layer.scorer(z) / temperature, dim=1)
    r = layer.norm(torch.sum(z * attention, dim=-1))
    return F.linear(F.silu(r), layer.weight)
