"""What the loop costs: `fit` beside a loop written by hand, on a step of about one millisecond."""

import torch
from torch import nn

from benchmarks.timing import measure, record
from neurarium.engine import fit

NUM_STEPS = 50


def main() -> None:
    torch.manual_seed(0)
    x = torch.randn(256, 128)
    y = x[:, :1]
    batches = [(x, y)] * NUM_STEPS
    start = nn.Sequential(nn.Linear(128, 192), nn.ReLU(), nn.Linear(192, 1)).state_dict()

    def make() -> tuple[nn.Module, torch.optim.Optimizer]:
        model = nn.Sequential(nn.Linear(128, 192), nn.ReLU(), nn.Linear(192, 1))
        model.load_state_dict(start)
        return model, torch.optim.AdamW(model.parameters(), lr=1e-3)

    def loss(model: nn.Module, batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        return (model(batch[0]) - batch[1]).square().mean()

    def by_hand() -> nn.Module:
        model, optimizer = make()
        for batch in batches:
            optimizer.zero_grad()
            loss(model, batch).backward()
            optimizer.step()
        return model

    def by_fit() -> nn.Module:
        model, optimizer = make()
        fit(model, loss, batches, optimizer=optimizer, num_steps=NUM_STEPS)
        return model

    pairs = zip(by_hand().parameters(), by_fit().parameters(), strict=True)
    assert all(torch.equal(p, q) for p, q in pairs)
    row = measure(f"fit, {NUM_STEPS} steps", {"ours": by_fit, "by hand": by_hand}, rounds=25)
    step = row.seconds["by hand"] / NUM_STEPS
    overhead = 1 / row.ratio["by hand"] - 1
    print(f"a step by hand takes {step * 1e3:.2f} ms; fit adds {overhead:.1%}")
    record("engine", [row], step_ms=step * 1e3, overhead=overhead)


if __name__ == "__main__":
    main()
