from .table_encoder import TableEncoder as TableEncoder
from .modern_nca import ModernNCAClassifier as ModernNCAClassifier
from .modern_nca import ModernNCARegressor as ModernNCARegressor
