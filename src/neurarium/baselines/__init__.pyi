from .tabular import Baseline as Baseline
from .tabular import TabularModel as TabularModel
from .tabular import tabular_baselines as tabular_baselines
