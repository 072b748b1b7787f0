"""Train a small BDH on Tiny Shakespeare for 100 steps, look at its neurons, let it write.

Run ``python examples/write_with_bdh.py``; the text is fetched if it is not here yet.
"""

import torch

from neurarium.data import load
from neurarium.engine import fit
from neurarium.memory import BDH, activation_density


def main(num_steps: int = 100) -> str:
    """Train, report, write."""
    torch.manual_seed(0)
    text = load("tinyshakespeare")
    train, held_out = (torch.from_numpy(part).long() for part in (text.train, text.validation))
    model = BDH(embed_dim=48, neuron_ratio=12, num_layers=3, dropout=0.0)

    def crops(epoch: int):
        while True:
            starts = torch.randint(len(train) - 64, (8, 1))
            yield train[starts + torch.arange(65)]

    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    fit(
        model,
        lambda model, window: model.loss(window[:, :-1], window[:, 1:]),
        crops,
        optimizer=optimizer,
        num_steps=num_steps,
    )
    windows = held_out[: 64 * 65].view(64, 65)
    with torch.no_grad():
        bits = float(model.eval().loss(windows[:, :-1], windows[:, 1:])) / torch.tensor(2.0).log()
    share = activation_density(model, windows).gated.mean()
    print(f"{bits:.2f} bits per byte of held-out text; {share:.0%} of the gated neurons are active")
    prompt = torch.tensor([list(b"ROMEO:\n")])
    written = model.generate(prompt, max_new_tokens=300, temperature=0.7, top_k=20)
    return bytes(written[0].tolist()).decode(errors="replace")


if __name__ == "__main__":
    print(main())
