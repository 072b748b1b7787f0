"""Strong baselines for tables: scikit-learn, boosting and neural libraries with search spaces.

Every model is quiet, single-threaded, deterministic under its seed, and brings the preprocessing
that it needs, fitted on its training rows only. Libraries are imported when a model is built.
"""

from .baseline import Baseline, TabularModel
from .choose import tabular_baselines

__all__ = ["Baseline", "TabularModel", "tabular_baselines"]
