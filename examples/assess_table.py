"""Does a Kolmogorov–Arnold network pay on your table? A fair comparison, answered in words.

Run ``python examples/assess_table.py [TABLE.csv TARGET]``; without a file it takes the diabetes
data of scikit-learn. From a shell: ``neurarium assess --data TABLE.csv --target TARGET``.
"""

import sys

from sklearn.datasets import load_diabetes

from neurarium.data import read_table
from neurarium.experiments.kan_assessment import Assessment, assess


def main(path: str | None = None, target: str = "target", num_steps: int = 100) -> Assessment:
    """Compare KAN, MLP and MLP with splines at equal parameters; boosting stands beside them."""
    if path is None:
        X, y = load_diabetes(return_X_y=True, as_frame=True)
    else:
        table = read_table(path, target=target)
        X, y = table.drop(columns=target), table[target]
    found = assess(X, y, parameters=1500, num_trials=2, num_steps=num_steps)
    print(found)
    return found


if __name__ == "__main__":
    main(*sys.argv[1:])
