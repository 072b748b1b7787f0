"""An experiment as a newcomer would write it, run from declaration to verdict."""

from dataclasses import dataclass

import numpy as np
import pytest
from scipy.special import erf

from neurarium.evaluation import Cell, Claim, Context, Experiment, Method, Result, run


@dataclass(frozen=True)
class Config:
    num_units: int = 800
    loads: tuple[float, ...] = (0.02, 0.05, 0.08)
    num_seeds: int = 5


def theory(load: float, config: Config) -> float:
    """Retrieval overlap at zero temperature for small loads (Amit et al. 1985)."""
    m = 1.0
    for _ in range(500):
        c = np.sqrt(2 / (np.pi * load)) * np.exp(-(m**2) / (2 * load))
        m = erf(m * (1 - c) / np.sqrt(2 * load)) if c > 1e-12 else erf(m / np.sqrt(2 * load))
    return float(m)


def monte_carlo(load: float, config: Config) -> float:
    n = config.num_units
    patterns = np.random.choice([-1.0, 1.0], (round(load * n), n))  # noqa: NPY002 - seeded by the runner
    weights = patterns.T @ patterns / n - len(patterns) / n * np.eye(n)
    state = patterns[0].copy()
    for i in np.tile(np.arange(n), 20):
        state[i] = 1.0 if weights[i] @ state >= 0 else -1.0
    return float(patterns[0] @ state / n)


def run_cell(cell: Cell, config: Config, context: Context) -> Result:
    return Result({"overlap": context.method(cell.load, config)})


def gap(records):
    """Monte Carlo minus theory, averaged over loads: one number a seed."""
    expected = np.mean(list(records.where(method="theory").values("overlap", "load").values()))
    measured = records.where(method="monte_carlo").values("overlap", "seed")
    return [m - expected for m in measured.values()]


EXPERIMENT = Experiment(
    slug="dense-rsb",
    presets={"smoke": Config(100, num_seeds=1), "quick": Config(200), "full": Config()},
    axes=lambda c: {"load": c.loads, "seed": range(c.num_seeds)},
    run_cell=run_cell,
    methods={"theory": Method(theory, {"seed": ()}), "monte_carlo": monte_carlo},
    claims=(
        Claim("Monte Carlo agrees with theory", "Fig. 2", gap, side=(-0.02, 0.02), headline=True),
    ),
    metric="overlap",
)


def test_exemplar(tmp_path):
    done = run(EXPERIMENT, preset="full", out=tmp_path, progress=False)
    (verdict,) = done.verdicts
    assert verdict.outcome == "reproduced"
    assert verdict.headline
    assert verdict.interval.n == 5
    assert -0.02 < verdict.interval.low < verdict.interval.high < 0.02
    (table,) = done.tables
    assert table.columns == ("load", "theory", "monte_carlo")
    assert [row[0] for row in table.rows] == [0.02, 0.05, 0.08]
    assert table.rows[0][1] == pytest.approx(1.0, abs=1e-9)
    assert len(done.records) == 3 + 15
    assert done.num_failed == 0


def test_small_presets_measure_without_judging(tmp_path):
    done = run(EXPERIMENT, preset="smoke", out=tmp_path, progress=False)
    (verdict,) = done.verdicts
    assert verdict.outcome is None
    assert verdict.interval.mean is not None
    assert "smoke" in verdict.reason
