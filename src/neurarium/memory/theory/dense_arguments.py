"""Checks that the theory of dense memories shares; each failure is one sentence."""

from __future__ import annotations

from neurarium.memory.arguments import require_count

from .dense_noise import require_energy

PHASES = ("retrieval", "glass")


def require_theory(noise: float, degree: int, phase: str, energy: str) -> None:
    """Raise unless there is a theory of this phase.

    Raises:
        TypeError: for a degree that is no whole number.
        ValueError: for a negative or infinite noise, an unknown phase or energy, a degree below 3,
            and an odd degree in the retrieval phase.

    Example:
        >>> require_theory(0.1, 2, "retrieval", "distinct")
        Traceback (most recent call last):
        ValueError: degree must be at least 3: got 2; pairwise couplings have soft noise as well: \
see ags_capacity, the theory of Amit, Gutfreund and Sompolinsky
    """
    require_count("degree", degree)
    if degree < 3:
        raise ValueError(
            f"degree must be at least 3: got {degree}; pairwise couplings have soft noise as well: "
            "see ags_capacity, the theory of Amit, Gutfreund and Sompolinsky"
        )
    if phase not in PHASES:
        raise ValueError(f"phase must be 'retrieval' or 'glass': got {phase!r}")
    if phase == "retrieval" and degree % 2:
        raise ValueError(
            f"degree must be even for retrieval: got {degree}; odd energies have no ±pattern "
            "symmetry, only phase='glass' is solved"
        )
    require_energy(energy)
    if energy == "power" and degree % 2:
        raise ValueError(f"degree must be even for the power energy: got {degree}")
    if not noise >= 0:
        raise ValueError(f"noise must not be negative: got {noise}")
    if noise == float("inf"):
        raise ValueError("noise must be finite: got inf")


def require_signal_beta(signal_beta: float) -> None:
    """Raise a ValueError unless b is positive and finite."""
    if not 0 < signal_beta < float("inf"):
        raise ValueError(
            f"signal_beta must be positive and finite: got {signal_beta}; dense_ground_state "
            "solves zero temperature"
        )
