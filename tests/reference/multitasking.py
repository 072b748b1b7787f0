"""Single-unit dynamics of a multitasking memory as a NumPy loop, vectorised over patterns.

Agliari, Alessandrelli, Barra, Ricci-Tersenghi (arXiv 2308.04106): unit i feels the field
h_i = (1/N) Σ_μ t_i^μ s_μ − (1/N) Σ_μ (t_i^μ)² σ_i with the sums s_μ = Σ_j t_j^μ σ_j, and points up
with probability 1/(1 + exp(−2 β h_i)). A unit turns where a number below 1 falls under the
probability of the other direction; at zero temperature where its field points there.
"""

import numpy as np


def anneal(traces, state, orders, uniforms, beta):
    """Run one chain through its sweeps.

    Args:
        traces: t, (M, N): the patterns, or what was learned.
        state: ±1, (N,).
        orders: (sweeps, N), the units in the order of their visits.
        uniforms: (sweeps, N) of [0, 1), by visit.
        beta: inverse temperature.

    Returns:
        The state after each sweep, (sweeps, N).
    """
    num_units = traces.shape[1]
    rows = np.ascontiguousarray(traces.T)
    own = (rows**2).sum(1)
    state = state.copy()
    sums = traces @ state
    after = []
    for order, numbers in zip(orders, uniforms, strict=True):
        for unit, number in zip(order, numbers, strict=True):
            row, spin = rows[unit], state[unit]
            field = (row @ sums - own[unit] * spin) / num_units
            if beta == np.inf:
                turns = spin * field < -5e-10  # not for a rounding error
            else:
                with np.errstate(over="ignore"):
                    turns = number < 1 / (1 + np.exp(2 * beta * spin * field))
            if turns:
                state[unit] = -spin
                sums -= 2 * spin * row
        after.append(state.copy())
    return np.stack(after)


def random_numbers(generator, num_sweeps, num_units, num_chains):
    """What a recall at finite temperature draws from a torch generator, sweep after sweep.

    Returns:
        Orders (sweeps, N), the same for all chains, and uniforms (chains, sweeps, N).
    """
    import torch

    orders, uniforms = [], []
    for _ in range(num_sweeps):
        orders.append(torch.randperm(num_units, generator=generator).numpy())
        uniforms.append(torch.rand(num_units, num_chains, generator=generator).T.numpy())
    return np.stack(orders), np.stack(uniforms, axis=1)
