"""Single-unit dynamics of a dense memory as a NumPy loop, vectorised over patterns.

Krotov, Hopfield (arXiv 1606.01164); Albanese et al. (arXiv 2111.12997). An energy is minus the sum
over patterns of F(s), s = Σ_i ξ_i σ_i, tabulated for the N + 1 sums there are; turning a unit takes
two look-ups for every pattern. A unit turns where that lowers the energy, or, at finite
temperature, where a number below 1 falls under 1/(1 + exp(β ΔE)).
"""

import math

import numpy as np


def table_of(degree, num_units, energy):
    """F by the number of agreements (N + s)/2.

    The sum over i₁ < … < i_P of a values of 1 and b of −1 is the coefficient of t^P in
    (1 + t)^a (1 − t)^b; multiplied out here, in whole numbers.
    """
    if energy == "power":
        sums = np.arange(-num_units, num_units + 1, 2)
        return num_units / math.factorial(degree) * (sums / num_units) ** degree
    table = []
    for agree in range(num_units + 1):
        terms = (
            math.comb(agree, k) * math.comb(num_units - agree, degree - k) * (-1) ** (degree - k)
            for k in range(degree + 1)
        )
        table.append(sum(terms) / num_units ** (degree - 1))
    return np.array(table)


def anneal(rows, table, state, orders, uniforms, beta):
    """Run one chain through its sweeps.

    Args:
        rows: ±1, (N, K): the patterns, unit by unit.
        table: F by the number of agreements.
        state: ±1, (N,).
        orders: (sweeps, N), the units in the order of their visits.
        uniforms: (sweeps, N) of [0, 1), by visit; not read at β = ∞.
        beta: inverse temperature.

    Returns:
        The state after each sweep, (sweeps, N).
    """
    state = state.astype(rows.dtype)
    agree = (rows == state[:, None]).sum(0)
    after = []
    for sweep, order in enumerate(orders):
        for visit, unit in enumerate(order):
            turned = agree - rows[unit] * state[unit]
            change = (table[agree] - table[turned]).sum()
            if beta == np.inf:
                turns = change < -1e-9  # not for a rounding error
            else:
                turns = uniforms[sweep, visit] < 1 / (1 + np.exp(min(beta * change, 700.0)))
            if turns:
                agree = turned
                state[unit] = -state[unit]
        after.append(state.copy())
    return np.stack(after)
