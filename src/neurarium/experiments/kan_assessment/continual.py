"""Five Gaussian peaks on a line, shown one after the other: who forgets the earlier ones?

The probe of KAN (https://arxiv.org/abs/2404.19756, Sec. 3.6), which claims that local splines do
not forget; the assessment reports that on class-incremental images KANs forget more. Every arm has
the same parameters in one hidden layer; beside them stands the network of the claim, a single
spline of as many parameters (``single_edge``).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from neurarium.evaluation import Cell, Claim, Context, Experiment, Result, Table, paired
from neurarium.evaluation.records import Records
from neurarium.neurons.kan import KAN

from . import figures
from .arms import ARMS
from .config import CONTINUAL_PRESETS, ContinualConfig
from .widths import parameter_cost

SHARPNESS = 300.0
NUM_TEST_POINTS = 500


def target(x: Tensor, num_peaks: int) -> Tensor:
    """Peaks of height 1 at the middles of equal stretches of [−1, 1].

    Args:
        x: places.
        num_peaks: how many.
    """
    centres = (2 * torch.arange(num_peaks) + 1) / num_peaks - 1
    width = SHARPNESS * (num_peaks / 10) ** 2 * 4
    return torch.exp(-width * (x - centres).square()).sum(-1, keepdim=True)


def build_arm(name: str, parameters: int) -> nn.Module:
    """One hidden layer with about so many parameters."""
    settings = ARMS[name].defaults()
    cost = parameter_cost(ARMS[name], settings)
    width = min(range(1, parameters), key=lambda w: abs(cost((1, w, 1)) - parameters))
    return ARMS[name].build((1, width, 1), **settings)


def single_edge(parameters: int) -> nn.Module:
    """One spline on [−1, 1] and nothing else, the network of the claim."""
    return KAN(
        [1, 1], grid_size=parameters - 5, base_activation=None, spline_scale=False, scale_noise=0.0
    )


def phases(config: ContinualConfig, seed: int) -> list[tuple[Tensor, Tensor]]:
    """Samples of one stretch after the other.

    Args:
        config: of the probe.
        seed: of the drawing.
    """
    generator = torch.Generator().manual_seed(seed)
    found = []
    for place in range(config.num_peaks):
        low = 2 * place / config.num_peaks - 1
        rows = torch.rand(config.points_per_peak, 1, generator=generator) * 2 / config.num_peaks
        found.append((low + rows, target(low + rows, config.num_peaks)))
    return found


def learn(model: nn.Module, shown: list[tuple[Tensor, Tensor]], lr: float, steps: int) -> Any:
    """Adam, phase by phase; squared errors (phases, stretches) after each phase, and the curve."""
    x = torch.linspace(-1, 1, NUM_TEST_POINTS + 1)[:-1, None]
    y = target(x, len(shown))
    errors = []
    for rows, values in shown:
        optimizer = torch.optim.Adam(model.parameters(), lr)
        for _ in range(steps):
            optimizer.zero_grad()
            (model(rows) - values).square().mean().backward()
            optimizer.step()
        with torch.no_grad():
            squared = (model(x) - y).square()[:, 0].reshape(len(shown), -1).mean(1)
        errors.append(squared.numpy())
    with torch.no_grad():
        return np.array(errors), model(x)[:, 0].tolist()


def run_cell(cell: Cell, config: ContinualConfig, context: Context) -> Result:
    """The learning rate with the least error over all peaks at the end counts, for every arm."""
    shown = phases(config, int(cell.seed))
    best: tuple[float, Any, list[float]] | None = None
    for lr in config.lrs:
        torch.manual_seed(int(cell.seed))
        errors, curve = learn(context.method(config.parameters), shown, lr, config.num_steps)
        if best is None or errors[-1].mean() < best[0]:
            best = float(errors[-1].mean()), errors, curve
    assert best is not None
    final, errors, curve = best
    just_learned = np.diag(errors)[:-1].mean()
    return Result(
        {
            "final_error": math.sqrt(final),
            "forgetting": float(math.sqrt(errors[-1, :-1].mean()) - math.sqrt(just_learned)),
        },
        {"curve": curve[:: max(1, len(curve) // 100)]},
    )


def gain(name: str, records: Records) -> list[float]:
    """Log of the MLP's error at the end over an arm's, one number a seed."""
    if name not in records.axis("method"):
        return []
    return paired(records, "final_error", "mlp", name, log=True, unit="seed")


def axes(config: ContinualConfig) -> Mapping[str, Iterable[Any]]:
    """Arms and seeds."""
    return {"method": (*config.arms, "single_edge"), "seed": range(config.num_seeds)}


def tables(records: Records) -> tuple[Table, ...]:
    """Error over all peaks at the end, and how much of it came after a peak was learned."""
    final, lost = (records.values(name, "method") for name in ("final_error", "forgetting"))
    rows = tuple((str(m), final[m], lost[m]) for m in records.axis("method"))
    return (
        Table("Five peaks, one after the other: RMSE", ("arm", "at the end", "forgotten"), rows),
    )


METHODS: dict[str, Callable[[int], nn.Module]] = {
    **{name: partial(build_arm, name) for name in ARMS},
    "single_edge": single_edge,
}
CONTINUAL = Experiment(
    slug="kan-assessment",
    part="continual",
    presets=CONTINUAL_PRESETS,
    axes=axes,
    methods=METHODS,
    run_cell=run_cell,
    claims=(
        Claim(
            "A single spline forgets less than an MLP of as many parameters: peaks on a line",
            "KAN, Sec. 3.6",
            partial(gain, "single_edge"),
        ),
        Claim(
            "A KAN with a hidden layer forgets less than an MLP of as many parameters",
            "doubted in Sec. 4",
            partial(gain, "kan"),
        ),
    ),
    tables=tables,
    figures={"peaks": figures.peaks},
    metric="final_error",
    higher_is_better=False,
)
