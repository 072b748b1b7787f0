"""``HopularClassifier()`` as it comes: seconds on a table of 700 × 20, and what few epochs cost.

The automatic number of epochs is meant for a wait of about a minute. Whether accuracy suffers is
asked on six tables of at most 400 rows, against 1 500 epochs of the same model (embedding 16, one
optimiser step an epoch): published split, validation rows choose the epoch, test rows score.
"""

from __future__ import annotations

import json
import statistics
import time
import warnings

import numpy as np
import torch
from sklearn.datasets import make_classification

from benchmarks.timing import RESULTS
from neurarium.data import load
from neurarium.estimators import HopularClassifier

TABLES = (
    "conn_bench_sonar_mines_rocks",
    "ecoli",
    "glass_identification",
    "haberman_survival",
    "statlog_heart",
    "vertebral_column3",
)
SEEDS = (0, 1)
LONG = {"num_epochs": 1500, "embed_dim": 16}


def seconds_of_a_fit(num_rows: int = 700, num_columns: int = 20, threads: int = 2) -> float:
    """Wall seconds of a default fit, on so many cores."""
    X, y = make_classification(num_rows, num_columns, n_informative=10, random_state=0)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        start = time.perf_counter()
        HopularClassifier(random_state=0).fit(X, y)
        return time.perf_counter() - start
    finally:
        torch.set_num_threads(before)


def accuracy(name: str, seed: int, settings: dict[str, int]) -> float:
    """Of the test rows of the first published split, in %."""
    table = load(f"hopular/{name}")
    train, validation, test = table.split(0)
    known = validation[np.isin(table.y[validation], table.y[train])]
    model = HopularClassifier(random_state=seed, **settings)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # categories that only other rows have
        model.fit(
            table.X.iloc[train], table.y[train], eval_set=(table.X.iloc[known], table.y[known])
        )
        return 100 * float(np.mean(model.predict(table.X.iloc[test]) == table.y[test]))


def main() -> None:
    """Write ``results/benchmarks/estimators_hopular.json``."""
    seconds = seconds_of_a_fit()
    print(f"HopularClassifier() on 700 x 20, 2 threads: {seconds:.1f} s", flush=True)
    rows = []
    for name in TABLES:
        scores = {
            arm: statistics.fmean(accuracy(name, seed, settings) for seed in SEEDS)
            for arm, settings in (("defaults", {}), ("long", LONG))
        }
        rows.append({"table": name, **scores})
        print(
            f"{name:30s} defaults {scores['defaults']:.1f}   1500 epochs {scores['long']:.1f}",
            flush=True,
        )
    means = {arm: statistics.fmean(row[arm] for row in rows) for arm in ("defaults", "long")}
    print(f"{'mean':30s} defaults {means['defaults']:.1f}   1500 epochs {means['long']:.1f}")
    content = {
        "family": "estimators_hopular",
        "torch": torch.__version__,
        "fit_700x20_seconds": seconds,
        "fit_threads": 2,
        "seeds": len(SEEDS),
        "accuracy": rows,
        "mean_accuracy": means,
    }
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "estimators_hopular.json").write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
