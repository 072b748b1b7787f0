"""Does a Kolmogorov–Arnold network pay on *your* table? The assessment's protocol on one data set.

Cross-validation; in each fold every arm gets the same budget and tries the same number of
configurations, which the fold's validation rows choose among (arXiv 2407.11075, 2407.16674).
"""

from __future__ import annotations

import dataclasses
import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from neurarium.cost import count_parameters
from neurarium.evaluation.cells import require_known
from neurarium.evaluation.verdict import Interval, interval
from neurarium.memory.arguments import require_count

from .arms import ARMS
from .comparison import configurations
from .problems import Part, Problem, encoder_of
from .training import Network, outputs, seconds_per_step, train
from .widths import sizes_for

TASKS = ("auto", "classification", "regression")
MOST_CLASSES = 20
"""A target of whole numbers with more values than this is a quantity."""
DEFAULT_PARAMETERS, UNITS, PER_EDGE = 5000, 8, 10
"""Without a budget: so many, or enough for that many units of a KAN."""
SECONDS_STEPS = 10
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
        X: table (n, F), a DataFrame or an array; NaN and None are missing cells.
        y: targets (n,), none missing.
        task: ``"auto"`` takes text, booleans and up to 20 different whole numbers for classes.
        arms: names in the registry; ``mlp`` and ``kan`` must be among them.
        budget: what is equal: ``"parameters"``, ``"flops"`` by KANbeFair's formulas, ``"seconds"``
            of training (and parameters), or ``"structure"``.
        parameters: of every arm; by default 5000, or more where there are many columns.
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
        TypeError: counts that are no whole numbers.
        ValueError: too few rows, one class, a class with fewer rows than folds, NaN in y, text
            for a regression, numbers out of their range, or unknown names.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> X = rng.uniform(-2, 2, size=(300, 2))
        >>> y = np.sin(3 * X[:, 0]) + X[:, 1] ** 2
        >>> found = assess(X, y, num_trials=1, num_steps=60, parameters=600, num_folds=3)
        >>> found.task, sorted(found.scores)
        ('regression', ['boosting', 'kan', 'mlp', 'spline_mlp'])
    """
    _check(arms, budget, task, num_folds, num_trials, num_steps, batch_size)
    if parameters is not None:
        require_count("parameters", parameters)
    if not 0 < seconds < math.inf:
        raise ValueError(f"seconds must be finite and positive: got {seconds}")
    if not 0 <= margin < math.inf:
        raise ValueError(f"margin must be finite and at least 0: got {margin}")
    frame, targets, task, size = _table(X, y, task, num_folds)
    effort = _Effort(budget, parameters, seconds, num_trials, num_steps, batch_size)
    folds = _folds(targets, task, num_folds, random_state)
    scores: dict[str, list[float]] = {name: [] for name in (*arms, "boosting")}
    spent: dict[str, list[float]] = {name: [] for name in scores}
    sizes: dict[str, int] = {}
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        for place, rows in enumerate(folds):
            problem = _problem(frame, targets, rows, task, size, categorical_features, random_state)
            for name in arms:
                score, taken, sizes[name] = _fit_arm(name, problem, effort, random_state + place)
                scores[name].append(score)
                spent[name].append(taken)
            start = time.perf_counter()
            scores["boosting"].append(_boosting(problem, random_state))
            spent["boosting"].append(time.perf_counter() - start)
            if progress is not None:
                progress((place + 1) / len(folds))
    return _concluded(scores, spent, sizes, task, margin, budget)


def _check(arms: Sequence[str], budget: str, task: str, num_folds: int, *counts: int) -> None:
    for name in arms:
        require_known("arms", name, ARMS)
    if not {"mlp", "kan"} <= set(arms):
        raise ValueError(f"arms must have mlp and kan among them: got {', '.join(arms)}")
    require_known("budget", budget, EQUAL)
    require_known("task", task, TASKS)
    names = ("num_folds", "num_trials", "num_steps", "batch_size")
    for name, count in zip(names, (num_folds, *counts), strict=True):
        require_count(name, count)
    if num_folds < 3:
        raise ValueError(f"num_folds must be at least 3: got {num_folds}")


def _table(X: Any, y: Any, task: str, num_folds: int) -> tuple[Any, np.ndarray, str, int]:
    """DataFrame, numbers or class indices, task, and how many outputs."""
    import pandas as pd

    frame = X if isinstance(X, pd.DataFrame) else pd.DataFrame(np.asarray(X))
    frame = frame.rename(columns=str).reset_index(drop=True)
    labels = pd.Series(np.asarray(y).reshape(-1))
    if len(frame) != len(labels):
        raise ValueError(f"y must have one target a row: got {len(labels)} for {len(frame)} rows")
    if len(frame) < 4 * num_folds:
        raise ValueError(f"X must have at least {4 * num_folds} rows: got {len(frame)}")
    if labels.isna().any():
        raise ValueError(f"y must have no missing values: got {int(labels.isna().sum())}")
    if task == "auto":
        task = task_of(labels)
    if task == "regression":
        numbers = pd.to_numeric(labels, errors="coerce").to_numpy(np.float64)
        if np.isnan(numbers).any():
            first = labels[np.isnan(numbers)].iloc[0]
            raise ValueError(f"y must be numbers for a regression: got {first!r}")
        if not np.isfinite(numbers).all():
            raise ValueError("y must be finite: got infinity")
        if np.ptp(numbers) == 0:
            raise ValueError(f"y must vary: got {numbers[0]:g} in every row")
        return frame, numbers, task, 1
    names, indices = np.unique(labels.astype(str), return_inverse=True)
    if len(names) < 2:
        raise ValueError(f"y must have at least 2 classes: got only {names[0]!r}")
    counts = np.bincount(indices)
    if counts.min() < num_folds:
        rare = names[int(counts.argmin())]
        raise ValueError(
            f"y must have at least {num_folds} rows of each class, one a fold: got "
            f"{counts.min()} of {rare!r}; leave rare classes out, or take fewer folds"
        )
    return frame, indices.astype(np.int64), task, len(names)


def task_of(y: Any) -> str:
    """Classification for text, booleans and few whole numbers, else regression.

    Args:
        y: a pandas Series.

    Example:
        >>> import pandas as pd
        >>> task_of(pd.Series(["a", "b"])), task_of(pd.Series([0.5, 1.5]))
        ('classification', 'regression')
    """
    import pandas as pd

    if not pd.api.types.is_numeric_dtype(y) or pd.api.types.is_bool_dtype(y):
        return "classification"
    whole = bool((y % 1 == 0).all())
    return "classification" if whole and y.nunique() <= MOST_CLASSES else "regression"


def _folds(y: np.ndarray, task: str, num_folds: int, seed: int) -> list[tuple[np.ndarray, ...]]:
    """Training, validation and test rows; a quarter of what does not test validates."""
    from sklearn.model_selection import KFold, StratifiedKFold, train_test_split

    stratified = task == "classification"
    splitter = (StratifiedKFold if stratified else KFold)(
        num_folds, shuffle=True, random_state=seed
    )
    found: list[tuple[np.ndarray, ...]] = []
    for rest, test in splitter.split(y, y):
        enough = stratified and np.bincount(y[rest]).min() >= 2
        train, validation = train_test_split(
            rest, test_size=0.25, random_state=seed, stratify=y[rest] if enough else None
        )
        found.append((np.sort(train), np.sort(validation), test))
    return found


def _problem(
    frame: Any, y: np.ndarray, rows: tuple[np.ndarray, ...], task: str, size: int,
    categorical: Any, seed: int,
) -> Problem:  # fmt: skip
    encode = encoder_of(frame.iloc[rows[0]], categorical)
    if task == "regression":
        mean, scale = y[rows[0]].mean(), max(float(y[rows[0]].std()), 1e-12)
        targets = torch.from_numpy((y - mean) / scale).float()[:, None]
    else:
        targets = torch.from_numpy(y)
    parts = [Part(encode(frame.iloc[part]), targets[torch.from_numpy(part)]) for part in rows]
    return Problem(parts, parts[0].x.shape[1], size, task, seed)


def _fit_arm(name: str, problem: Problem, effort: _Effort, seed: int) -> tuple[float, float, int]:
    """Score on the test rows, seconds of a training, parameters."""
    ends = problem.in_features, problem.out_features
    budget = effort.parameters
    if budget is None:
        budget = max(DEFAULT_PARAMETERS, UNITS * PER_EDGE * sum(ends))
    best: tuple[float, Network] | None = None
    taken = []
    for settings in configurations(name, effort.num_trials, full_batch=False):
        sizes = sizes_for(name, effort.budget, budget, *ends, settings)

        def make(sizes: Any = sizes, settings: Any = settings) -> Network:
            torch.manual_seed(seed)
            return Network(problem, ARMS[name].build(sizes, **ARMS[name].own(settings)))

        steps = effort.num_steps
        if effort.budget == "seconds":
            each = seconds_per_step(make, problem, settings, effort.batch_size, SECONDS_STEPS)
            steps = max(10, int(effort.seconds / each))
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
    sizes: Mapping[str, int], task: str, margin: float, budget: str,
) -> Assessment:  # fmt: skip
    effects = [k - m for k, m in zip(scores["kan"], scores["mlp"], strict=True)]
    found = interval(effects, overlap=1 / (len(effects) - 1))
    seconds = {name: statistics.median(taken) for name, taken in spent.items()}
    means = {name: statistics.fmean(values) for name, values in scores.items()}
    pays, said = _said(found, margin, f"an MLP {EQUAL[budget]}")
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


def _said(found: Interval, margin: float, rival: str) -> tuple[bool | None, str]:
    """Whether it pays, and the sentence that says so.

    Example:
        >>> _said(Interval(3.0, 2.0, 4.0, 5), 1.0, "an MLP")
        (True, 'A KAN pays on this table: 3.00 points above an MLP (95 % interval 2.00 to 4.00).')
        >>> _said(Interval(0.1, -0.4, 0.6, 5), 1.0, "an MLP")[0]
        False
    """
    if found.low is None or found.high is None or found.mean is None:
        same = found.mean or 0.0
        return (
            bool(same > margin),
            f"A KAN {'pays' if same > margin else 'does not pay'} on this table: {same:.2f} points "
            f"from {rival} in every fold.",
        )
    numbers = f"(95 % interval {found.low:.2f} to {found.high:.2f})"
    size = abs(found.mean)
    if found.low > 0 and found.mean >= margin:
        return True, f"A KAN pays on this table: {size:.2f} points above {rival} {numbers}."
    if found.high < 0:
        return (
            False,
            f"A KAN does not pay on this table: {size:.2f} points below {rival} {numbers}.",
        )
    if -margin < found.low and found.high < margin:
        return False, (
            f"A KAN does not pay on this table: the difference from {rival} is smaller than "
            f"{margin:g} point{'' if margin == 1 else 's'} {numbers}."
        )
    side = "above" if found.mean > 0 else "below"
    return None, (
        f"These rows cannot tell whether a KAN pays: {size:.2f} points {side} {rival} {numbers}."
    )
