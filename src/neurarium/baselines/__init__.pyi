from .mil import AttentionMIL as AttentionMIL
from .mil import BagClassifier as BagClassifier
from .mil import MaxPooling as MaxPooling
from .mil import MeanPooling as MeanPooling
from .mil import lenet_embedding as lenet_embedding
from .tabular import Baseline as Baseline
from .tabular import TabularModel as TabularModel
from .tabular import tabular_baselines as tabular_baselines
