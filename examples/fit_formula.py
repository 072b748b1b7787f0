"""From samples to a formula: train a Kolmogorov–Arnold network, prune it, read it, and compare.

Run ``python examples/fit_formula.py``; it takes a few seconds and prints the formula it found.
"""

import torch

from neurarium.neurons import KAN, SymbolicKAN, fit_symbolic, prune_kan

NUM_STARTS = 6
"""Training ends elsewhere from every start; samples held back say which formula to believe."""
GOOD = 1e-6


def train(model: KAN, x: torch.Tensor, y: torch.Tensor, penalty: float, steps: int) -> float:
    """Least squares by L-BFGS, with a penalty on the number of edges; the error at the end."""
    optimizer = torch.optim.LBFGS(
        model.parameters(), max_iter=steps, line_search_fn="strong_wolfe", history_size=20
    )

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = (model(x) - y).square().mean() + penalty * model.regularization(x)
        loss.backward()
        return loss

    optimizer.step(closure)
    return (model(x) - y).detach().square().mean().sqrt().item()


def read(x: torch.Tensor, y: torch.Tensor, seed: int) -> SymbolicKAN:
    """Train from one start, prune, train on, read every edge as a simple form, refine."""
    torch.manual_seed(seed)
    model = KAN([3, 3, 1], grid_range=(-2, 2), dtype=torch.float64)
    train(model, x, y, penalty=1e-2, steps=100)
    model, report = prune_kan(model, x, threshold=0.1)
    print(f"{report.edges_before} edges, {report.edges_after} after pruning, {report.layer_sizes}")
    print(f"  error of the network: {train(model, x, y, penalty=0.0, steps=60):.1e}")
    symbolic = fit_symbolic(model, x, tolerance=0.01)
    symbolic.refine(x, y)
    return symbolic


def main() -> str:
    """Recover exp(sin(3 a) + b²) from 1000 samples of it."""
    torch.manual_seed(0)
    x = torch.rand(1200, 3, dtype=torch.float64) * 2 - 1  # the third input is not used
    y = torch.exp(torch.sin(3 * x[:, :1]) + x[:, 1:2] ** 2)
    best, least = None, float("inf")
    for seed in range(NUM_STARTS):
        symbolic = read(x[:1000], y[:1000], seed)
        with torch.no_grad():
            error = (symbolic(x[1000:]) - y[1000:]).square().mean().sqrt().item()
        print(f"  error of the formula on samples that it has not seen: {error:.1e}")
        if best is None or error < least:
            best, least = symbolic, error
        if least < GOOD:
            break
    (formula,) = best.formula(["a", "b", "c"], digits=3)
    print(formula)
    return formula


if __name__ == "__main__":
    main()
