"""A network that picks its own basis: train a pool of families, keep the winners, and look.

Run ``python examples/choose_basis.py``; it takes a few seconds and prints what was chosen.
"""

import torch

from neurarium.neurons import KAN, SelectionSchedule, selection_param_groups


def main() -> tuple[dict[str, int], float]:
    """Fit a step and a wave; which families the nodes chose, and the error."""
    torch.manual_seed(0)
    x = torch.rand(500, 2) * 2 - 1
    y = torch.tanh(20 * x[:, :1]) + torch.sin(4 * x[:, 1:])
    model = KAN([2, 1], layer="selectable", bases=("bspline", "fourier", "chebyshev", "relu"))
    before = sum(p.numel() for p in model.parameters())
    optimizer = torch.optim.Adam(selection_param_groups(model, lr=0.03))
    schedule = SelectionSchedule(model, num_steps=200, optimizer=optimizer)
    for _ in range(200):
        optimizer.zero_grad()
        loss = (model(x) - y).square().mean()
        loss.backward()
        optimizer.step()
        schedule.step()  # full training, then the winners, then pruning
    after = sum(p.numel() for p in model.parameters())
    chosen = schedule.histogram()
    print(f"chosen: {chosen}; {before} parameters in training, {after} in the end")
    print(f"root mean square error {loss.item() ** 0.5:.3f}")
    return chosen, loss.item() ** 0.5


if __name__ == "__main__":
    main()
