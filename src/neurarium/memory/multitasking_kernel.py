"""One sweep of single-unit updates as compiled loops: O(M) a unit, M tracked sums, no couplings.

The energy is −(1/2N) Σ_m s_m², s = tracked sums; flipping unit i changes it by
(2/N) (σ_i r_i·s − |r_i|²), with r_i the unit's row. Rows of signs are read as bytes and scaled.
"""

from __future__ import annotations

import math

import numba
import numpy as np

TOGETHER = 16
"""Chains that visit a unit one after another, while its row is at hand."""


@numba.njit(cache=True, fastmath={"reassoc", "contract", "nsz"})
def sweep(
    state: np.ndarray,
    tracked: np.ndarray,
    rows: np.ndarray,
    scale: np.ndarray,
    own: np.ndarray,
    order: np.ndarray,
    uniforms: np.ndarray,
    beta: float,
    changed: np.ndarray,
) -> None:
    """Visit every unit of every chain once, in place.

    Args:
        state: (B, N) of ±1.
        tracked: (B, M), ``state @ rows``.
        rows: (N, M), of a floating type or of bytes; r = scale · rows.
        scale: (), of the type of the state.
        own: (N,), |r_i|².
        order: (N,), the units in the order of their visits.
        uniforms: (B, N) of [0, 1) by visit; not read where ``beta`` is infinite.
        beta: inverse temperature.
        changed: (B,), set where a unit flipped.
    """
    num_chains, num_units = state.shape
    num_rows = rows.shape[1]
    cold, factor = beta == np.inf, scale[()]
    for start in range(0, num_chains, TOGETHER):
        for visit in range(num_units):
            unit = order[visit]
            row = rows[unit]
            for chain in range(start, min(start + TOGETHER, num_chains)):
                sums = tracked[chain]
                field = row[0] * sums[0]  # of the arrays' own type, so that the loop is vectorised
                for m in range(1, num_rows):
                    field += row[m] * sums[m]
                spin = state[chain, unit]
                change = 2.0 * (spin * factor * field - own[unit]) / num_units
                if cold:
                    flips = change < -1e-9
                else:
                    bounded = min(beta * change, 700.0)
                    flips = uniforms[chain, visit] < 1.0 / (1.0 + math.exp(bounded))
                if flips:
                    twice = (spin + spin) * factor
                    for m in range(num_rows):
                        sums[m] -= twice * row[m]
                    state[chain, unit] = -spin
                    changed[chain] = True
