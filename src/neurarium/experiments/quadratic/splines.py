"""Theorem 1: one hidden layer of quadratic ReLU neurons is any piecewise quadratic function.

A spline p_0(x) + Σ_k (x − t_k)₊ (a_k (x − t_k) + b_k) with knots t_k is built from two neurons a
knot without any training, and learned by networks of equal parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from neurarium.baselines import MLP
from neurarium.cost import count_parameters
from neurarium.engine import fit
from neurarium.evaluation import Cell, Claim, Context, Exact, Experiment, Records, Result, paired
from neurarium.evaluation.budget import match_width
from neurarium.neurons import QuadraticLinear, relinear_param_groups, to_quadratic

from . import figures

GAMMA = 0.1


@dataclass(frozen=True)
class Config:
    """One comparison.

    Args:
        num_seeds: random splines.
        num_knots: of each.
        num_points: training points on [−1, 1].
        hidden_features: of the quadratic network.
        num_steps: of Adam.
        lr: its learning rate, annealed by a cosine.
    """

    num_seeds: int = 10
    num_knots: int = 4
    num_points: int = 512
    hidden_features: int = 24
    num_steps: int = 3000
    lr: float = 0.01


PRESETS = {
    "smoke": Config(1, num_steps=50),
    "quick": Config(2, num_steps=1000),
    "full": Config(),
    "paper": Config(20, num_knots=8, num_steps=20_000),
}


@dataclass(frozen=True)
class Spline:
    """p_0(x) + Σ_k (x − t_k)₊ (a_k (x − t_k) + b_k).

    Args:
        knots: t (K,).
        curvatures: a (K,).
        slopes: b (K,), jumps of the slope.
        polynomial: p_0, coefficients of 1, x, x².
    """

    knots: Tensor
    curvatures: Tensor
    slopes: Tensor
    polynomial: Tensor

    @classmethod
    def random(cls, num_knots: int) -> Spline:
        """With knots in the inner part of [−1, 1]."""
        knots = (torch.rand(num_knots, dtype=torch.float64) * 1.6 - 0.8).sort().values
        curvatures, slopes = torch.randn(2, num_knots, dtype=torch.float64) * 2
        return cls(knots, curvatures, slopes, torch.randn(3, dtype=torch.float64))

    def __call__(self, x: Tensor) -> Tensor:
        """Values at x (N, 1)."""
        away = (x - self.knots).clamp(min=0)
        powers = torch.cat([torch.ones_like(x), x, x * x], 1)
        pieces = self.curvatures * away**2 + self.slopes * away
        return (powers @ self.polynomial + pieces.sum(1))[:, None]


def constructed(spline: Spline, x: Tensor, config: Config) -> nn.Module:
    """Weights written down: p_0 ± by two neurons, each knot by up to two.

    relu(q) of q = (x − t)(x − s) with s far to the left is (x − t)₊ (x − s) on the interval: so
    a (x − t)₊² + b (x − t)₊ = Σ over two such neurons.
    """
    knots = len(spline.knots)
    layer = QuadraticLinear(1, 2 * knots + 2, dtype=torch.float64)
    out = nn.Linear(2 * knots + 2, 1, bias=False, dtype=torch.float64)
    far = torch.tensor([-2.0, -3.0], dtype=torch.float64)
    with torch.no_grad():
        for parameter in (*layer.parameters(), *out.parameters()):
            parameter.zero_()
        assert layer.linear_bias is not None
        assert layer.interaction_weight is not None
        assert layer.interaction_bias is not None
        assert layer.square_bias is not None
        layer.linear_weight[: 2 * knots] = 1
        layer.linear_bias[: 2 * knots] = -spline.knots.repeat_interleave(2)
        layer.interaction_weight[: 2 * knots] = 1
        layer.interaction_bias[: 2 * knots] = -far.repeat(knots)
        # u (x - s1) + v (x - s2) = a (x - t) + b
        total, constant = spline.curvatures, spline.slopes - spline.curvatures * spline.knots
        first = (constant + total * far[1]) / (far[1] - far[0])
        out.weight[0, 0 : 2 * knots : 2] = first
        out.weight[0, 1 : 2 * knots : 2] = total - first
        for place, sign in ((2 * knots, 1.0), (2 * knots + 1, -1.0)):
            layer.linear_weight[place] = sign * spline.polynomial[1]
            layer.interaction_bias[place] = 1.0
            layer.square_weight[place] = sign * spline.polynomial[2]
            layer.square_bias[place] = sign * spline.polynomial[0]
            out.weight[0, place] = sign
    return nn.Sequential(layer, nn.ReLU(), out)


def quadratic(spline: Spline, x: Tensor, config: Config) -> nn.Module:
    """Learned with ReLinear; the last layer is conventional."""
    model = _new_quadratic(config)
    groups = relinear_param_groups(model, config.lr, gamma_interaction=GAMMA, gamma_square=GAMMA)
    return _learned(model, groups, spline, x, config)


def conventional(spline: Spline, x: Tensor, config: Config) -> nn.Module:
    """Learned; of equal parameters."""
    budget = count_parameters(_new_quadratic(config))
    model = MLP(1, 1, match_width(lambda width: MLP(1, 1, width), budget), dtype=torch.float64)
    groups = [{"params": list(model.parameters()), "lr": config.lr}]
    return _learned(model, groups, spline, x, config)


def _new_quadratic(config: Config) -> nn.Module:
    model = MLP(1, 1, config.hidden_features, dtype=torch.float64)
    return to_quadratic(model, skip=["layers.1"])


def _learned(
    model: nn.Module, groups: list[dict[str, object]], spline: Spline, x: Tensor, config: Config
) -> nn.Module:
    y = spline(x)
    optimizer = torch.optim.Adam(groups)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, config.num_steps)
    fit(
        model,
        lambda model, _: (model(x) - y).square().mean(),
        [None],
        optimizer=optimizer,
        scheduler=schedule,
        num_steps=config.num_steps,
    )
    return model


METHODS: dict[str, Callable[[Spline, Tensor, Config], nn.Module]] = {
    "constructed": constructed,
    "quadratic": quadratic,
    "conventional": conventional,
}


def axes(config: Config) -> Mapping[str, Iterable[int]]:
    """Seeds."""
    return {"seed": range(config.num_seeds)}


@torch.no_grad()
def judge(model: nn.Module, spline: Spline) -> tuple[Tensor, Tensor, Tensor]:
    """Points between −1 and 1, the spline there, and the network's values."""
    x = torch.linspace(-1, 1, 2001, dtype=torch.float64)[:, None]
    return x, spline(x), model(x)


def run_cell(cell: Cell, config: Config, context: Context) -> Result:
    """Largest and root mean square error on [−1, 1], relative to the spline's deviation."""
    spline = Spline.random(config.num_knots)
    points = torch.linspace(-1, 1, config.num_points, dtype=torch.float64)[:, None]
    with torch.enable_grad():
        model = context.method(spline, points, config)
    x, expected, found = judge(model, spline)
    error = (found - expected) / expected.std()
    thinned = slice(None, None, 20)
    return Result(
        {
            "largest": float(error.abs().max()),
            "error": float(error.square().mean().sqrt()) + 1e-16,
            "parameters": count_parameters(model),
        },
        arrays={
            "x": x[thinned, 0].numpy(),
            "spline": expected[thinned, 0].numpy(),
            "found": found[thinned, 0].numpy(),
        },
    )


def largest(records: Records) -> float:
    """The largest error of any constructed network."""
    return max(records.ok.where(method="constructed").values("largest", "seed").values())


def closer(records: Records) -> list[float]:
    """Log of the conventional network's error over the quadratic one's, by seed."""
    return paired(records, "error", "conventional", "quadratic", log=True, unit="seed")


SPLINES = Experiment(
    slug="quadratic",
    part="splines",
    presets=PRESETS,
    axes=axes,
    methods=METHODS,
    run_cell=run_cell,
    claims=(
        Exact(
            "One hidden layer of finitely many quadratic ReLU neurons is a given piecewise "
            "quadratic function: largest error of the constructed networks",
            "Theorem 1",
            largest,
            value=0.0,
            tolerance=1e-10,
        ),
        Claim(
            "Learned with ReLinear, it comes closer to such a function than a conventional "
            "network of equal parameters",
            "Theorem 1, our question",
            partial(closer),
        ),
    ),
    figures={"splines": figures.splines},
    metric="error",
    higher_is_better=False,
)
