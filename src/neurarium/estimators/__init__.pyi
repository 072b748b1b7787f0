from .hopular import HopularClassifier as HopularClassifier
from .hopular import HopularRegressor as HopularRegressor
from .kan import KANClassifier as KANClassifier
from .kan import KANRegressor as KANRegressor
from .modern_nca import ModernNCAClassifier as ModernNCAClassifier
from .modern_nca import ModernNCARegressor as ModernNCARegressor
from .persistence import load_estimator as load_estimator
from .table_encoder import TableEncoder as TableEncoder
