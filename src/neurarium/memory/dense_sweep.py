r"""One compiled sweep of single-unit dynamics over a dense memory; imported when first used.

With u_μ the number of units that agree with pattern μ and F minus the energy of one pattern,
flipping unit i costs F(u_μ) − F(u_μ ∓ 1) for every pattern, the sign being that of ξ_i σ_i. That
is S + σ_i Σ_μ ξ_i h_μ with

.. math:: S = \sum_\mu F(u) - \tfrac12 [F(u-1) + F(u+1)], \qquad
          h_\mu = \tfrac12 [F(u+1) - F(u-1)]

so a proposal is the product of one row of ±1 with h, read in order, and only an accepted flip looks
anything up. Energies of distinct units and powers of the overlap are whole numbers before they are
scaled, so that their sums are exact in any order.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

ROUNDING = 1e-12  # a change this small beside its two parts is no change
FAST = {"reassoc", "contract", "nsz"}  # sums may be taken eight at a time


@njit(cache=True, nogil=True, fastmath=FAST)  # type: ignore[misc]
def _product(row, field):  # type: ignore[no-untyped-def]
    total = 0.0
    for k in range(row.shape[0]):
        total += row[k] * field[k]
    return total


@njit(cache=True, nogil=True, fastmath=FAST)  # type: ignore[misc]
def _look_up(agree, half_slope, bend, field):  # type: ignore[no-untyped-def]
    """Fill h; returns S."""
    total = 0.0
    for k in range(agree.shape[0]):
        field[k] = half_slope[agree[k]]
        total += bend[agree[k]]
    return total


@njit(cache=True, nogil=True)  # type: ignore[misc]
def _turn(agree, row, spin):  # type: ignore[no-untyped-def]
    for k in range(agree.shape[0]):
        agree[k] -= spin * row[k]


@njit(cache=True, nogil=True)  # type: ignore[misc]
def count_agreements(state, rows, agree):  # type: ignore[no-untyped-def]
    """Fill u = (N + s)/2 of every chain and pattern, (B, K), reading the patterns in order."""
    num_chains, num_units = state.shape
    for chain in range(num_chains):
        counts = agree[chain]
        counts[:] = 0
        for unit in range(num_units):
            row, spin = rows[unit], state[chain, unit]
            for k in range(row.shape[0]):
                counts[k] += row[k] == spin


@njit(cache=True, nogil=True)  # type: ignore[misc]
def _sweep_chain(state, agree, rows, half_slope, bend, field, order, draws, chain, beta):  # type: ignore[no-untyped-def]
    """Visit every unit of one chain; whether any flipped."""
    changed = False
    total = _look_up(agree, half_slope, bend, field)
    for step in range(order.shape[0]):
        unit = order[step]
        spin = state[unit]
        pull = spin * _product(rows[unit], field)
        change = total + pull
        if abs(change) <= ROUNDING * (abs(total) + abs(pull)):
            change = 0.0
        if beta == math.inf:
            accept = change < 0
        else:
            accept = draws[step, chain] < 1 / (1 + math.exp(min(beta * change, 700.0)))
        if accept:
            _turn(agree, rows[unit], spin)
            state[unit] = -spin
            total = _look_up(agree, half_slope, bend, field)
            changed = True
    return changed


@njit(cache=True, nogil=True)  # type: ignore[misc]
def sweep(  # type: ignore[no-untyped-def]
    beta, state, agree, rows, tables, target, orders, draws, changed, overlap, energy
):
    """Visit every unit of every chain, in place, sweep after sweep, and measure after each.

    Args:
        beta: inverse temperature for the energies of the tables.
        state: ±1, int8 (B, N).
        agree: u, (B, K) of a signed integer type.
        rows: the patterns unit by unit, int8 (N, K).
        tables: h, the terms of S, and F by u, (3, N + 1).
        target: ±1, int8 (B, N).
        orders: the units in the order of their visits, (sweeps, N).
        draws: numbers in [0, 1), (sweeps, N, B) by visit and chain; not read at β = ∞.
        changed: bool (B, sweeps), set to whether any unit flipped.
        overlap: (B, sweeps), set to the overlap with the target.
        energy: (B, sweeps), set to minus the sum of F.
    """
    field = np.empty(rows.shape[1])
    for chain in range(state.shape[0]):
        for index in range(orders.shape[0]):
            changed[chain, index] = _sweep_chain(
                state[chain],
                agree[chain],
                rows,
                tables[0],
                tables[1],
                field,
                orders[index],
                draws[index],
                chain,
                beta,
            )
            overlap[chain, index] = (state[chain] * target[chain]).sum() / state.shape[1]
            total = 0.0
            for k in range(agree.shape[1]):
                total -= tables[2, agree[chain, k]]
            energy[chain, index] = total
