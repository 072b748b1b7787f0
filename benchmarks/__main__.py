"""``python -m benchmarks [family …]``: run every benchmark file, one after the other."""

import importlib
import pkgutil
import sys

import benchmarks

NOT_FAMILIES = {"__main__", "timing"}
families = [m.name for m in pkgutil.iter_modules(benchmarks.__path__) if m.name not in NOT_FAMILIES]
for family in sys.argv[1:] or families:
    print(f"== {family}", flush=True)
    importlib.import_module(f"benchmarks.{family}").main()
