"""``Hopfield`` beside a textbook version and beside the authors' sequence of operations.

Self-association, 64 wide, 8 heads, no dropout, one thread; outputs and gradients are compared
before anything is timed. Peak memory without an association matrix is measured as well.
"""

from __future__ import annotations

import sys
import tracemalloc  # noqa: F401
