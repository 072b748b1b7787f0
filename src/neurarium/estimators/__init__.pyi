from .table_encoder import TableEncoder as TableEncoder
from .modern_nca import ModernNCAClassifier as ModernNCAClassifier
from .modern_nca import ModernNCARegressor as ModernNCARegressor
from .hopular import HopularClassifier as HopularClassifier
from .hopular import HopularRegressor as HopularRegressor
from .persistence import load_estimator as load_estimator
