"""The 44 systems, one row each, as plain data: what ``neurarium list`` and ``show`` print.

Imports the standard library only, so that listing the catalogue never loads torch. One file a
family holds the rows; :mod:`~neurarium.catalog.lookup` finds a row and computes its state.
"""

from .case import Call, Case, New
from .graphs import SYSTEMS as _graphs
from .hyper import SYSTEMS as _hyper
from .lookup import bibtex, citation_key, find, state, summary, verdict
from .memory import SYSTEMS as _memory
from .neurons import SYSTEMS as _neurons
from .optim import SYSTEMS as _optim
from .physics import SYSTEMS as _physics
from .sparsity import SYSTEMS as _sparsity
from .spiking import SYSTEMS as _spiking
from .system import Provenance, System

SYSTEMS: tuple[System, ...] = (
    *_memory,
    *_neurons,
    *_spiking,
    *_graphs,
    *_sparsity,
    *_hyper,
    *_physics,
    *_optim,
)
FAMILIES: tuple[str, ...] = tuple(dict.fromkeys(system.family for system in SYSTEMS))
KINDS = ("layer", "model", "training method", "theory", "benchmark", "optimizer")

__all__ = [
    "FAMILIES",
    "KINDS",
    "SYSTEMS",
    "Call",
    "Case",
    "New",
    "Provenance",
    "System",
    "bibtex",
    "citation_key",
    "find",
    "state",
    "summary",
    "verdict",
]
