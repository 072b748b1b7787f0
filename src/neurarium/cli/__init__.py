"""The command ``neurarium``: list, show, run, report, data, fit, predict.

The first word chooses a module, so that listing the catalogue never pays for what training needs.
Exit codes: 0 done, 1 a cell failed, 2 wrong use. An error is one sentence on stderr.
"""

from .main import main

__all__ = ["main"]
