from . import baselines as baselines
from . import catalog as catalog
from . import cost as cost
from . import data as data
from . import engine as engine
from . import estimators as estimators
from . import evaluation as evaluation
from . import experiments as experiments
from . import memory as memory
from . import optim as optim
from . import report as report
from . import testing as testing

__version__: str
