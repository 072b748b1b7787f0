"""From samples to a printed formula, and whether it is the right one.

KAN (https://arxiv.org/abs/2404.19756, Sec. 2.5): train with a sparsity penalty and then, by
Levenberg–Marquardt, to the least error; prune, train again, read every edge as a simple form,
refine the constants, print. Validation points choose among shapes, starts, penalties and
tolerances; then the *printed* formula is compared with the true one on test points, and on points
up to a tenth of each range beyond it, where only a right one still fits.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from neurarium.data.formulas import Formula, evaluate, load_formula
from neurarium.evaluation import Cell, Claim, Context, Experiment, Result, Table
from neurarium.evaluation.records import Records
from neurarium.neurons.kan import KAN
from neurarium.neurons.kan_pruning import prune_kan
from neurarium.neurons.symbolic import SymbolicKAN, fit_symbolic
from neurarium.neurons.symbolic_forms import FORMS

from . import figures
from .config import RECOVERY_PRESETS, RecoveryConfig
from .least_squares import levenberg_marquardt
from .problems import TEST_SEED, VALIDATION_SEED, loaders

RIGHT = 1e-3
"""NRMSE on test points below which a printed formula counts as right."""
RIGHT_BEYOND = 1e-2
"""The same on points beyond the ranges."""
BEYOND = 0.1
READ_FORMS = (
    "x", "x^2", "x^3", "1/x", "1/x^2", "sqrt", "1/sqrt", "exp", "log", "sin", "gaussian",
)  # fmt: skip
"""Without forms that imitate the others on an interval, arcsin and arctan before all."""
DIGITS, SHOWN_DIGITS = 6, 3
REFINE_ROWS = 200
SOLVER_STEPS = 60
DECAY = 1e-4
"""Weight of each parameter's square, beside 1 for a sample's: splines have more than they need."""
FITTED = 1e-2
"""NRMSE below which the network itself has learned the formula."""
SLACK = 1.5
"""A simpler formula may have so many times the validation error."""
GRID_MARGIN = 0.05
"""Share of the range by which knots reach beyond the samples."""
START_SEED = 100_000
"""Between the seeds of start values of one network."""
FLOOR = 1e-5
"""Validation errors below this are equal."""
Samples = tuple[Tensor, Tensor]


def samples(formula: Formula, count: int, seed: int, *, widened: float = 0.0) -> Samples:
    """Inputs and targets as float64 tensors."""
    x, y = formula.sample(count, seed=seed, widened=widened)
    return torch.from_numpy(x), torch.from_numpy(y)[:, None]


def train(model: KAN, x: Tensor, y: Tensor, penalty: float, steps: int) -> None:
    """Least squares of standardised targets by L-BFGS, with a penalty on edges."""
    scale = y.var()
    optimizer = torch.optim.LBFGS(
        model.parameters(), max_iter=steps, max_eval=steps, history_size=20,
        line_search_fn="strong_wolfe", tolerance_grad=1e-10, tolerance_change=1e-14,
    )  # fmt: skip

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = (model(x) - y).square().mean() / scale
        if penalty:
            loss = loss + penalty * model.regularization(x) / scale.sqrt()
        loss.backward()
        return loss

    optimizer.step(closure)  # type: ignore[arg-type]


def train_moving(model: KAN, x: Tensor, y: Tensor, penalty: float, steps: int) -> None:
    """Train, with even knots over each edge's inputs at the start and once more half-way.

    Inputs of different ranges have no grid in common, and hidden sums leave the one they began on.
    """
    for part in (steps - steps // 2, steps // 2):
        model.update_grid(x, uniform_share=1.0, margin=GRID_MARGIN)
        train(model, x, y, penalty, part)


def settle(model: KAN, x: Tensor, y: Tensor) -> None:
    """To the least error by Levenberg–Marquardt, without penalty, the grid moving on the way."""
    for _ in range(2):
        model.update_grid(x, uniform_share=1.0, margin=GRID_MARGIN)
        levenberg_marquardt(model, x, y, max_steps=SOLVER_STEPS, decay=DECAY)


def complexity(read: SymbolicKAN) -> int:
    """Of all forms together: what a reader has to take in."""
    return sum(
        FORMS[form].complexity for layer in read.layers for _, _, form in cast(Any, layer).edges
    )


def nrmse(predicted: Any, y: Any) -> float:
    """Root mean square error over the deviation of the targets; infinite where undefined."""
    predicted, y = np.asarray(predicted, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if not np.isfinite(predicted).all():
        return math.inf
    return float(np.sqrt(np.mean((predicted - y) ** 2)) / max(float(np.std(y)), 1e-300))


def printed_error(text: str, formula: Formula, x: Tensor, y: Tensor) -> float:
    """Of what was printed, evaluated as it stands.

    Args:
        text: an expression in the formula's variables.
        formula: the true one.
        x: inputs (n, variables).
        y: targets (n, 1).
    """
    values = dict(zip(formula.variables, x.T.numpy(), strict=True))
    with np.errstate(all="ignore"):
        found = evaluate(_numpy_names(text), {**values, "pi": np.pi})
    return nrmse(np.broadcast_to(found, (len(x),)), y[:, 0])


def _numpy_names(text: str) -> str:
    """Sympy's names of functions as numpy's."""
    return re.sub(r"\batan\b", "arctan", re.sub(r"\bAbs\b", "abs", text))


def candidates(formula: Formula, config: RecoveryConfig, seed: int) -> Iterator[dict[str, Any]]:
    """Networks of the grid from small to large, pruned, and every reading of each.

    Args:
        formula: what is sampled.
        config: the grid.
        seed: of samples and start values.
    """
    x, y = samples(formula, config.num_points, seed)
    held = samples(formula, config.num_points, seed + VALIDATION_SEED)
    low, high = (float(v) for v in (x.min(), x.max()))
    tries = itertools.product(config.hidden, config.penalties, range(config.num_starts))
    for hidden, penalty, start in tries:
        torch.manual_seed(seed + START_SEED * start)
        model = KAN(
            (x.shape[1], *hidden, 1), grid_size=config.grid_size, grid_range=(low, high),
            init="pykan", dtype=torch.float64,
        )  # fmt: skip
        train_moving(model, x, y, penalty, config.num_steps)
        settle(model, x, y)
        for threshold in config.thresholds:
            pruned, report = prune_kan(model, x, threshold=threshold)
            settle(pruned, x, y)
            with torch.no_grad():
                fitted = nrmse(pruned(held[0]), held[1])
            for tolerance in config.tolerances:
                read = _read(pruned, x, y, tolerance)
                if read is None:
                    continue
                yield {
                    "symbolic": read,
                    "network_error": fitted,
                    "edges": report.edges_after,
                    "error": nrmse(read(held[0]).detach(), held[1]),
                    "complexity": complexity(read),
                }


def _read(model: KAN, x: Tensor, y: Tensor, tolerance: float) -> SymbolicKAN | None:
    """Forms on edges, their constants refined; None where nothing is left or defined."""
    read = fit_symbolic(model, x, forms=READ_FORMS, tolerance=tolerance)
    if not any(len(cast(Any, layer).edges) for layer in read.layers):
        return None
    if not bool(read(x).isfinite().all()):
        return None
    read.refine(x, y, max_iter=60)
    levenberg_marquardt(read, x[:REFINE_ROWS], y[:REFINE_ROWS], max_steps=SOLVER_STEPS)
    return read


def choose(found: list[dict[str, Any]]) -> dict[str, Any]:
    """The smallest of those whose validation error is nearly the least."""
    least = min(max(c["error"], FLOOR) for c in found)
    good = [c for c in found if max(c["error"], FLOOR) <= SLACK * least] or found
    return min(good, key=lambda c: (c["complexity"], c["error"]))


def recover(formula: Formula, config: RecoveryConfig, seed: int) -> Result:
    """The whole way for one formula.

    Args:
        formula: the true one.
        config: of the search.
        seed: of samples and start values.
    """
    found: list[dict[str, Any]] = []
    for candidate in candidates(formula, config, seed):
        found.append(candidate)
        if candidate["error"] <= FLOOR:  # no larger network can be better
            break
    if not found:
        return Result({"recovered": 0.0, "fitted": 0.0, "network_error": math.nan})
    best = choose(found)
    (text,) = best["symbolic"].formula(formula.variables, digits=DIGITS)
    test = samples(formula, config.num_points, seed + TEST_SEED)
    far = samples(formula, config.num_points, seed + TEST_SEED, widened=BEYOND)
    error, beyond = (printed_error(text, formula, *points) for points in (test, far))
    network = min(c["network_error"] for c in found)
    (shown,) = best["symbolic"].formula(formula.variables, digits=SHOWN_DIGITS)
    metrics = {
        "recovered": float(error <= RIGHT and beyond <= RIGHT_BEYOND),
        "fitted": float(network <= FITTED),
        "printed_error": error,
        "beyond_error": beyond,
        "network_error": network,
        "edges": float(best["edges"]),
    }
    text_array = np.frombuffer(shown.encode(), np.uint8).astype(float).tolist()
    return Result(
        {name: value for name, value in metrics.items() if math.isfinite(value)},
        {"text": text_array},
    )


def run_cell(cell: Cell, config: RecoveryConfig, context: Context) -> Result:
    """One formula, one seed."""
    found: Result = context.method(context.data, config, int(cell.seed))
    return found


def recovered_share(records: Records) -> list[float]:
    """For each formula the share of seeds in which it was printed right, less one half."""
    shares = records.values("recovered", "dataset")
    return [share - 0.5 for share in shares.values()]


def printed(record: Any) -> str:
    """The formula that a cell printed, to three digits."""
    return bytes(int(code) for code in record.curves.get("text", [])).decode()


def tables(records: Records) -> tuple[Table, ...]:
    """Formula by formula: the truth, what was printed in the best seed, and whether it is right."""
    rows: list[tuple[Any, ...]] = []
    for name in records.axis("dataset"):
        cells = list(records.ok.where(dataset=name))
        if not cells:
            continue
        best = min(cells, key=lambda r: r.metrics.get("printed_error", math.inf))
        right = sum(r.metrics["recovered"] for r in cells)
        truth = load_formula(str(name))
        rows.append(
            (
                f"{truth.title}: {truth.expression}",
                printed(best)[:MAX_SHOWN],
                best.metrics.get("network_error"),
                best.metrics.get("printed_error"),
                f"{right:.0f} of {len(cells)}",
            )
        )
    count = sum(not row[-1].startswith("0") for row in rows)
    return (
        Table(
            "Formulas, as they were read from trained networks",
            ("formula", "printed", "NRMSE of the network", "of what is printed", "seeds right"),
            tuple(rows),
            note=f"{count} of {len(rows)} formulas are fitted, pruned and printed right at least "
            f"once: NRMSE below {RIGHT:g} on test points, below {RIGHT_BEYOND:g} a tenth beyond.",
        ),
    )


MAX_SHOWN = 160


def axes(config: RecoveryConfig) -> Mapping[str, Iterable[int]]:
    """Seeds."""
    return {"seed": range(config.num_seeds)}


def datasets(config: RecoveryConfig) -> Mapping[str, Callable[[], Any]]:
    """Name → loader of formulas."""
    return loaders(config.datasets)


RECOVERY = Experiment(
    slug="kan-assessment",
    part="recovery",
    presets=RECOVERY_PRESETS,
    axes=axes,
    datasets=datasets,
    methods={"kan": recover},
    run_cell=run_cell,
    claims=(
        Claim(
            "A KAN that is trained, pruned and read prints the right formula more often than not",
            "KAN, Sec. 4; doubted in Sec. 3",
            recovered_share,
        ),
    ),
    tables=tables,
    figures={"recovery": figures.recovery},
    metric="recovered",
)
