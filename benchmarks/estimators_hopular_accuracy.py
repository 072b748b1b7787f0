"""What the few epochs of ``HopularClassifier()`` cost in accuracy.

Six tables of at most 400 rows, the defaults against 1 500 epochs of the same model (embedding 16,
one optimiser step an epoch): published split, validation rows choose the epoch, test rows score.
Takes about an hour of one core.
"""

from __future__ import annotations

import json
import statistics
import warnings
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import torch

from benchmarks.timing import RESULTS
from neurarium.data import load
from neurarium.estimators import HopularClassifier

TABLES = (
    "breast_cancer",
    "ecoli",
    "glass_identification",
    "haberman_survival",
    "statlog_heart",
    "vertebral_column3",
)
SEEDS = (0, 1)
ARMS: dict[str, dict[str, int]] = {
    "defaults": {},
    "long": {"num_epochs": 1500, "embed_dim": 16},
}


def accuracy(name: str, arm: str, seed: int) -> float:
    """Of the test rows of the first published split, in %."""
    torch.set_num_threads(1)
    table = load(f"hopular/{name}")
    train, validation, test = table.split(0)
    known = validation[np.isin(table.y[validation], table.y[train])]
    model = HopularClassifier(random_state=seed, **ARMS[arm])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # categories that only other rows have
        model.fit(
            table.X.iloc[train], table.y[train], eval_set=(table.X.iloc[known], table.y[known])
        )
        return 100 * float(np.mean(model.predict(table.X.iloc[test]) == table.y[test]))


def main() -> None:
    """Write ``results/benchmarks/estimators_hopular_accuracy.json``."""
    with ProcessPoolExecutor(2) as pool:
        jobs = {
            (name, arm): [pool.submit(accuracy, name, arm, seed) for seed in SEEDS]
            for name in TABLES
            for arm in ARMS
        }
        rows: list[dict[str, str | float]] = []
        for name in TABLES:
            scores = {
                arm: statistics.fmean(job.result() for job in jobs[name, arm]) for arm in ARMS
            }
            rows.append({"table": name, **scores})
            print(*(f"{key} {value}" for key, value in rows[-1].items()), flush=True)
    means = {arm: statistics.fmean(float(row[arm]) for row in rows) for arm in ARMS}
    print("mean", means)
    content = {
        "family": "estimators_hopular_accuracy",
        "torch": torch.__version__,
        "seeds": len(SEEDS),
        "accuracy": rows,
        "mean_accuracy": means,
    }
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / "estimators_hopular_accuracy.json"
    path.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
