"""``python -m benchmarks [family …]``: run benchmark files, one after the other.

Without a name all but those that take long.
"""

import importlib
import pkgutil
import sys

import benchmarks

NOT_FAMILIES = {"__main__", "timing", "allocations"}
LONG = {"estimators_hopular_accuracy"}
names = [module.name for module in pkgutil.iter_modules(benchmarks.__path__)]
families = [name for name in names if name not in NOT_FAMILIES | LONG]
for family in sys.argv[1:] or families:
    print(f"== {family}", flush=True)
    importlib.import_module(f"benchmarks.{family}").main()
