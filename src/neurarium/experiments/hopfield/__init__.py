"""Hopfield networks as layers and as memories (arXiv 2008.02217)."""

from __future__ import annotations

from .bits import BITS
from .image_bags import BAGS
from .mil import MIL
from .theory import THEORY
from .uci import UCI

EXPERIMENTS = (MIL, THEORY, BITS, BAGS, UCI)
