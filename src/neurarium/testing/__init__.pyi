from .battery import check_module as check_module
from .exports import check_export as check_export
from .report import CheckReport as CheckReport
from .report import Outcome as Outcome
from .values import check_inputs as check_inputs
