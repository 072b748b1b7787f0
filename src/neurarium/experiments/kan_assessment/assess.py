"""Does a Kolmogorov–Arnold network pay on *your* table? The assessment's protocol on one data set.

Cross-validation; in each fold every arm gets the same budget and tries the same number of
configurations, which the fold's validation rows choose among (arXiv 2407.11075, 2407.16674).
"""

from __future__ import annotations

import dataclasses
import math
import numbers
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, SupportsIndex

import numpy as np
import torch
from torch import Tensor

from neurarium.cost import count_parameters
from neurarium.evaluation.cells import require_known
from neurarium.evaluation.verdict import Interval, interval
from neurarium.memory.arguments import require_count

from .arms import ARMS
from .comparison import configurations
from .problems import Part, Problem, encoder_of, standardised_targets
from .training import Network, outputs, steps_within, train
from .user_table import check_columns, read_user_table, split_rows
from .widths import fitting_parameters, sizes_for

DEFAULT_PARAMETERS, UNITS, PER_EDGE = 5000, 8, 10
"""Without a budget: so many, or enough for that many units of a KAN."""
MOST_SEED = 2**32 - 1
EQUAL = {
    "parameters": "with as many parameters",
    "flops": "with as many FLOPs",
    "seconds": "with as many parameters and seconds of training",
    "structure": "of the same widths",
}
"""Budget → in what the rival is equal."""
NAMES = {"mlp": "MLP", "kan": "KAN", "spline_mlp": "MLP with one spline a neuron",
         "boosting": "gradient boosting"}  # fmt: skip


@dataclass(frozen=True)
class Assessment:
    """What :func:`assess` found.

    Args:
        words: whether a KAN pays, in two or three sentences.
        pays: True, False, or None where these rows cannot tell.
        task: ``"classification"`` or ``"regression"``.
        metric: what scores are.
        scores: arm → score in each fold.
        difference: KAN minus MLP in points, with its 95 % interval over folds.
        parameters: arm → trainable values.
        seconds: arm → of one training, the median over folds.
    """

    words: str
    pays: bool | None
    task: str
    metric: str
    scores: Mapping[str, tuple[float, ...]]
    difference: Interval
    parameters: Mapping[str, int]
    seconds: Mapping[str, float]

    def __str__(self) -> str:
        width = max(len(name) for name in (*self.scores, "arm"))
        lines = [f"{'arm':<{width}}  {self.metric:>13}  parameters  seconds a training"]
        for name, scores in self.scores.items():
            mean, size = statistics.fmean(scores), self.parameters.get(name)
            spread = statistics.stdev(scores) / math.sqrt(len(scores))
            said = f"{mean:.2f} ± {spread:.2f}"
            shown = "" if size is None else f"{size:,}"
            lines.append(f"{name:<{width}}  {said:>13}  {shown:>10}  {self.seconds[name]:>18.2f}")
        return "\n".join([*lines, "", self.words])

    def to_json(self) -> dict[str, Any]:
        """All of it as JSON values."""
        return {
            "words": self.words,
            "pays": self.pays,
            "task": self.task,
            "metric": self.metric,
            "scores": {name: list(scores) for name, scores in self.scores.items()},
            "difference": dataclasses.asdict(self.difference),
            "parameters": dict(self.parameters),
            "seconds": dict(self.seconds),
        }


@dataclass(frozen=True)
class _Effort:
    """What every arm may spend."""

    budget: str
    parameters: int | None
    seconds: float
    num_trials: int
    num_steps: int
    batch_size: int


def assess(
    X: Any,
    y: Any,
    *,
    task: str = "auto",
    arms: Sequence[str] = ("mlp", "kan", "spline_mlp"),
    budget: str = "parameters",
    parameters: int | None = None,
    seconds: float = 1.0,
    num_folds: int = 5,
    num_trials: int = 3,
    num_steps: int = 300,
    batch_size: int = 128,
    margin: float = 1.0,
    categorical_features: Any = "auto",
    random_state: int = 0,
    progress: Callable[[float], None] | None = None,
) -> Assessment:
    r"""Compare a KAN with an MLP on a table, fairly, and say whether it pays.

    `Kolmogorov-Arnold Networks: A Critical Assessment <https://arxiv.org/abs/2407.11075>`_. Numbers
    are standardised, categories one-hot, missing cells flagged, the same for all arms. The
    interval of the difference is Student's t over folds with the corrected variance
    :math:`s^2 (1/k + n_\text{test} / n_\text{train})` of overlapping training sets.
    Gradient boosting with scikit-learn's defaults stands beside the networks for orientation.

    Args:
        X: table (n, F), a DataFrame or a dense array; NaN and None are missing cells. A column of
            text with a few odd cells among numbers gets a warning.
        y: targets (n,) or (n, 1), none missing.
        task: ``"auto"`` takes text, booleans and up to 20 different whole numbers for classes.
        arms: names in the registry; ``mlp`` and ``kan`` must be among them.
        budget: what is equal: ``"parameters"`` within 2 %, ``"flops"`` within 2 % by KANbeFair's
            formulas, ``"seconds"`` of training (and parameters), or ``"structure"``.
        parameters: of every arm; by default 5000, or more where there are many columns. With
            ``"flops"`` the MLP's, or more where a KAN of eight units a layer needs more FLOPs.
        seconds: of one training, with ``budget="seconds"``.
        num_folds: of the cross-validation.
        num_trials: configurations that every arm tries in every fold.
        num_steps: of one training, except with ``budget="seconds"``.
        batch_size: rows of a step.
        margin: points of accuracy or of 100 R² below which a difference does not matter.
        categorical_features: ``"auto"``, or names of exactly the discrete columns.
        random_state: seed of folds, start values and draws.
        progress: called with the share that is done.

    Raises:
        TypeError: counts and seeds that are no whole numbers, sparse tables, or no table.
        ValueError: too few rows, one class, a class with fewer rows than folds, NaN or complex
            numbers in y, text for a regression, a target that is constant in a fold, text columns
            with more categories than half the training rows, numbers out of their range, too few
            parameters for arms of equal size, or unknown names.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> X = rng.uniform(-2, 2, size=(300, 2))
        >>> y = np.sin(3 * X[:, 0]) + X[:, 1] ** 2
        >>> found = assess(X, y, num_trials=1, num_steps=60, parameters=600, num_folds=3)
        >>> found.task, sorted(found.scores)
        ('regression', ['boosting', 'kan', 'mlp', 'spline_mlp'])
    """
    counts = {} if parameters is None else {"parameters": parameters}
    _check(arms, budget, random_state, num_folds=num_folds, num_trials=num_trials,
           num_steps=num_steps, batch_size=batch_size, **counts)  # fmt: skip
    _check_number("seconds", seconds, zero=False)
    _check_number("margin", margin, zero=True)
    frame, targets, task, size = read_user_table(X, y, task, num_folds)
    effort = _Effort(budget, parameters, seconds, num_trials, num_steps, batch_size)
    folds = split_rows(targets, task, num_folds, random_state)
    check_columns(frame, len(folds[0][0]))
    scores: dict[str, list[float]] = {name: [] for name in (*arms, "boosting")}
    spent: dict[str, list[float]] = {name: [] for name in scores}
    sizes: dict[str, int] = {}
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        for place, rows in enumerate(folds):
            problem = _problem(frame, targets, rows, task, size, categorical_features, random_state)
            budgeted = _parameters_for(arms, problem, effort)
            for name in arms:
                score, taken, sizes[name] = _fit_arm(
                    name, problem, effort, budgeted, random_state + place
                )
                scores[name].append(score)
                spent[name].append(taken)
            start = time.perf_counter()
            scores["boosting"].append(_boosting(problem, random_state))
            spent["boosting"].append(time.perf_counter() - start)
            if progress is not None:
                progress((place + 1) / len(folds))
    fewest = min(len(test) for *_, test in folds)
    worth = 100 / fewest if task == "classification" else 0.0
    return _concluded(scores, spent, sizes, task, margin, worth, budget)


def _check(arms: Sequence[str], budget: str, random_state: int, **counts: int) -> None:
    if isinstance(arms, str):
        raise TypeError(f"arms must be a list of names: got {arms!r}")
    for name in arms:
        require_known("arms", name, ARMS)
        if list(arms).count(name) > 1:
            raise ValueError(f"arms must be different: got {name!r} more than once")
    if not {"mlp", "kan"} <= set(arms):
        raise ValueError(f"arms must have mlp and kan among them: got {', '.join(arms)}")
    require_known("budget", budget, EQUAL)
    for name, count in counts.items():
        require_count(name, count)
    if counts["num_folds"] < 3:
        raise ValueError(f"num_folds must be at least 3: got {counts['num_folds']}")
    if isinstance(random_state, bool) or not isinstance(random_state, SupportsIndex):
        raise TypeError(f"random_state must be a whole number: got {random_state!r}")
    if not 0 <= random_state.__index__() <= MOST_SEED:
        raise ValueError(f"random_state must lie in 0 … {MOST_SEED}: got {random_state}")


def _check_number(name: str, value: Any, *, zero: bool) -> None:
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name} must be a number: got {value!r}")
    if not 0 <= float(value) < math.inf or (value == 0 and not zero):
        least = "at least 0" if zero else "positive"
        raise ValueError(f"{name} must be finite and {least}: got {value}")


def _problem(
    frame: Any, y: np.ndarray, rows: tuple[np.ndarray, ...], task: str, size: int,
    categorical: Any, seed: int,
) -> Problem:  # fmt: skip
    encode = encoder_of(frame.iloc[rows[0]], categorical)
    targets = standardised_targets(y, rows[0]) if task == "regression" else torch.from_numpy(y)
    parts = [Part(encode(frame.iloc[part]), targets[torch.from_numpy(part)]) for part in rows]
    return Problem(parts, parts[0].x.shape[1], size, task, seed)


def _parameters_for(arms: Sequence[str], problem: Problem, effort: _Effort) -> int:
    """The budget with which every configuration of every arm is of equal size."""
    ends = problem.in_features, problem.out_features

    def fits(parameters: int) -> None:
        for name in arms:
            for settings in configurations(name, effort.num_trials, full_batch=False):
                sizes_for(name, effort.budget, parameters, *ends, settings)

    if effort.parameters is None:
        default = max(DEFAULT_PARAMETERS, UNITS * PER_EDGE * sum(ends))
        return fitting_parameters(default, fits) or default
    try:
        fits(effort.parameters)
    except ValueError as error:
        enough = fitting_parameters(effort.parameters, fits)
        advice = "" if enough is None else f"; take {enough} for {ends[0]} inputs"
        raise ValueError(f"{error}{advice}") from None
    return effort.parameters


def _fit_arm(
    name: str, problem: Problem, effort: _Effort, parameters: int, seed: int
) -> tuple[float, float, int]:
    """Score on the test rows, seconds of a training, parameters."""
    ends = problem.in_features, problem.out_features
    best: tuple[float, Network] | None = None
    taken = []
    for settings in configurations(name, effort.num_trials, full_batch=False):
        sizes = sizes_for(name, effort.budget, parameters, *ends, settings)

        def make(sizes: Any = sizes, settings: Any = settings) -> Network:
            torch.manual_seed(seed)
            return Network(problem, ARMS[name].build(sizes, **ARMS[name].own(settings)))

        steps = effort.num_steps
        if effort.budget == "seconds":
            steps = steps_within(effort.seconds, make, problem, settings, effort.batch_size)
        network = make()
        start = time.perf_counter()
        loss = train(network, problem, settings, steps, effort.batch_size)
        taken.append(time.perf_counter() - start)
        if best is None or loss < best[0]:
            best = loss, network
    assert best is not None
    score = problem.scores(outputs(best[1], problem.test), problem.test.y)["score"]
    return score, statistics.fmean(taken), count_parameters(best[1].arm)


def _boosting(problem: Problem, seed: int) -> float:
    """Scikit-learn's defaults on the same encoded training rows."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    kinds = {
        "classification": HistGradientBoostingClassifier,
        "regression": HistGradientBoostingRegressor,
    }
    model = kinds[problem.task](random_state=seed)
    model.fit(problem.train.x.numpy(), problem.train.y.numpy().reshape(-1))
    rows = problem.test.x.numpy()
    if problem.task == "classification":
        known = torch.zeros(len(rows), problem.out_features)
        known[:, model.classes_] = torch.from_numpy(model.predict_proba(rows)).float()
        return problem.scores(known, problem.test.y)["score"]
    found: Tensor = torch.from_numpy(model.predict(rows)).float()[:, None]
    return problem.scores(found, problem.test.y)["score"]


def _concluded(
    scores: Mapping[str, Sequence[float]], spent: Mapping[str, Sequence[float]],
    sizes: Mapping[str, int], task: str, margin: float, worth: float, budget: str,
) -> Assessment:  # fmt: skip
    effects = [k - m for k, m in zip(scores["kan"], scores["mlp"], strict=True)]
    found = interval(effects, overlap=1 / (len(effects) - 1))
    seconds = {name: statistics.median(taken) for name, taken in spent.items()}
    means = {name: statistics.fmean(values) for name, values in scores.items()}
    pays, said = _said(found, margin, f"an MLP {EQUAL[budget]}", worth)
    slower = seconds["kan"] / seconds["mlp"]
    rest = [] if budget == "seconds" else [f"Training it took {slower:.1f} times as long."]
    best = max(means, key=lambda name: means[name])
    if best not in ("kan", "mlp"):
        rest.append(f"Best of all on average is {NAMES.get(best, best)} with {means[best]:.2f}.")
    return Assessment(
        words=" ".join([said, *rest]),
        pays=pays,
        task=task,
        metric="accuracy in %" if task == "classification" else "100 R²",
        scores={name: tuple(values) for name, values in scores.items()},
        difference=found,
        parameters=dict(sizes),
        seconds=seconds,
    )


def _said(
    found: Interval, margin: float, rival: str, worth: float = 0.0
) -> tuple[bool | None, str]:
    """Whether it pays, and the sentence that says so.

    Args:
        found: the difference.
        margin: points that matter.
        rival: how the MLP is called.
        worth: points that one test row is worth; differences that are equal in all folds are no
            evidence where this is more than the margin.

    Example:
        >>> _said(Interval(3.0, 2.0, 4.0, 5), 1.0, "an MLP")
        (True, 'A KAN pays on this table: 3.00 points above an MLP (95 % interval 2.00 to 4.00).')
        >>> _said(Interval(0.1, -0.4, 0.6, 5), 1.0, "an MLP")[0]
        False
    """
    if found.low is None or found.high is None or found.mean is None:
        same = found.mean or 0.0
        apart = f"{same:.2f} points from {rival} in every fold"
        if worth > margin:
            return None, (
                f"These rows cannot tell whether a KAN pays: {apart}, where one test row is worth "
                f"{worth:.2f}."
            )
        return (
            bool(same > margin),
            f"A KAN {'pays' if same > margin else 'does not pay'} on this table: {apart}.",
        )
    between = f"(95 % interval {found.low:.2f} to {found.high:.2f})"
    size = abs(found.mean)
    if found.low > 0 and found.mean >= margin:
        return True, f"A KAN pays on this table: {size:.2f} points above {rival} {between}."
    if found.high < 0:
        return (
            False,
            f"A KAN does not pay on this table: {size:.2f} points below {rival} {between}.",
        )
    if -margin < found.low and found.high < margin:
        return False, (
            f"A KAN does not pay on this table: the difference from {rival} is smaller than "
            f"{margin:g} point{'' if margin == 1 else 's'} {between}."
        )
    side = "above" if found.mean > 0 else "below"
    return None, (
        f"These rows cannot tell whether a KAN pays: {size:.2f} points {side} {rival} {between}."
    )
