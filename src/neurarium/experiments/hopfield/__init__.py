"""Hopfield networks as layers and as memories (arXiv 2008.02217)."""

from __future__ import annotations

from .mil import MIL

EXPERIMENTS = (MIL,)
