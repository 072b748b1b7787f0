"""``HopularClassifier()`` as it comes: seconds of a fit on a table of 700 × 20.

The automatic number of epochs is meant for a wait of about a minute; what the few epochs cost in
accuracy is asked in ``estimators_hopular_accuracy``.
"""

from __future__ import annotations

import json
import time

import torch
from sklearn.datasets import make_classification

from benchmarks.timing import RESULTS
from neurarium.estimators import HopularClassifier


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


def main() -> None:
    """Write ``results/benchmarks/estimators_hopular.json``."""
    seconds = seconds_of_a_fit()
    print(f"HopularClassifier() on 700 x 20, 2 threads: {seconds:.1f} s")
    content = {
        "family": "estimators_hopular",
        "torch": torch.__version__,
        "fit_700x20_seconds": seconds,
        "fit_threads": 2,
    }
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "estimators_hopular.json").write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
