"""The dendrites' phase: candidates trained on a record of the layer, and on the whole network.

One thread, float32. The literal way passes every batch through the fixed network, forwards and
backwards, in each of the candidates' epochs, only to see the error at each layer. The network is
fixed, so the record of one epoch says the same: first both ways train the same candidates for three
epochs, which must find the same covariances. A layer without dendrites is timed beside the plain
layer.
"""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import nn
from torch.testing import assert_close

from benchmarks.timing import Comparison, measure, record
from neurarium.baselines import ConvNet
from neurarium.neurons import DendriteTrainer, Dendritic, to_dendritic

BATCH = 128
NETWORKS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...], list[str] | None]] = {
    "one layer of a six-layer perceptron of 256": (
        lambda: nn.Sequential(
            nn.Linear(256, 256), nn.ReLU(), *(m for _ in range(4) for m in
            (nn.Linear(256, 256), nn.ReLU())), nn.Linear(256, 10),
        ),
        (256,),
        ["10"],
    ),
    "all layers of a three-layer perceptron of 256": (
        lambda: nn.Sequential(
            nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 10)
        ),
        (256,),
        None,
    ),
    "the last layer of a convolutional network": (
        lambda: ConvNet(1, 10, (16, 32, 64)), (1, 28, 28), ["out"]
    ),
}  # fmt: skip


def make_trainer(name: str, cache: bool) -> tuple[DendriteTrainer, Callable[..., None]]:
    """A trainer whose network has been trained for one epoch."""
    torch.manual_seed(0)
    build, shape, names = NETWORKS[name]
    model = to_dendritic(build(), names=names)
    x, y = torch.randn(1024, *shape), torch.randint(10, (1024,))

    def train(model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        model.eval() if isinstance(optimizer, torch.optim.SGD) else model.train()
        for rows in torch.arange(len(x)).split(BATCH):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x[rows]), y[rows]).backward()
            optimizer.step()

    trainer = DendriteTrainer(
        model, lambda p: torch.optim.SGD(p, 0.01), max_epochs=1, pool_size=1, cache=cache,
        candidate_batch=BATCH,
    )  # fmt: skip
    trainer.train_neurons(train, lambda model: 0.0, [])
    trainer.set_phase("dendrite", train)
    return trainer, train


def same_covariances(name: str) -> None:
    """Records of two passes are equal, and so is what candidates that learn from them reach."""
    cached, _ = make_trainer(name, cache=True)
    literal, train = make_trainer(name, cache=False)
    for epoch in range(3):
        literal._records = literal._record(train)
        assert_close(cached._records, literal._records)
        found = []
        for trainer in (cached, literal):
            torch.manual_seed(epoch)
            trainer.candidate_step()
            found.append({key: pool.best for key, pool in trainer._pools.items()})
        assert_close(*found)


def phase(name: str, rounds: int) -> Comparison:
    """One epoch of candidates."""
    same_covariances(name)
    cached, _ = make_trainer(name, cache=True)
    literal, train = make_trainer(name, cache=False)

    def whole_network() -> None:
        literal._records = literal._record(train)
        literal.candidate_step()

    contenders: dict[str, Callable[[], object]] = {
        "ours": cached.candidate_step,
        "through the whole network": whole_network,
    }
    return measure(f"an epoch of candidates, {name}", contenders, rounds=rounds)


def overhead(rounds: int) -> Comparison:
    """A wrapped layer without dendrites."""
    plain = nn.Linear(256, 256)
    layer = Dendritic(copy.deepcopy(plain))
    x = torch.randn(256, 256)
    assert torch.equal(layer(x), plain(x))
    return measure(
        "a layer without dendrites, 256 to 256, batch 256",
        {"ours": lambda: layer(x), "the plain layer": lambda: plain(x)},
        rounds=rounds,
    )


def main(rounds: int = 9) -> None:
    """Measure, print and record."""
    torch.set_num_threads(1)
    rows = [phase(name, rounds) for name in NETWORKS] + [overhead(rounds)]
    record("neurons_perforated_backprop", rows)


if __name__ == "__main__":
    main()
