"""Poolings and the bag classifier: closed forms, masks, equivalence."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from neurarium.baselines import (
    AttentionMIL,
    BagClassifier,
    MaxPooling,
    MeanPooling,
    lenet_embedding,
)


def poolings(width):
    return (
        AttentionMIL(width, gated=True),
        AttentionMIL(width, gated=False, hidden_features=4),
        MeanPooling(),
        MaxPooling(),
    )


def bags_of(lengths, width, seed=0):
    bags = torch.randn(
        len(lengths), max(lengths), width, generator=torch.Generator().manual_seed(seed)
    )
    return bags, torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]


@pytest.mark.parametrize("gated", [False, True])
def test_attention_is_the_papers_formula(gated):
    torch.manual_seed(0)
    pooling = AttentionMIL(5, hidden_features=3, gated=gated).double()
    bag = torch.randn(1, 4, 5, dtype=torch.float64)
    scores = []
    for h in bag[0]:
        hidden = torch.tanh(pooling.content.weight @ h + pooling.content.bias)
        if gated:
            hidden = hidden * torch.sigmoid(pooling.gate.weight @ h + pooling.gate.bias)
        scores.append(pooling.score.weight[0] @ hidden)
    weights = torch.softmax(torch.stack(scores), 0)
    pooled, attention = pooling(bag, return_attention=True)
    assert_close(attention[0], weights)
    assert_close(pooled[0], weights @ bag[0])


def test_padding_and_order_never_matter():
    bags, mask = bags_of([6, 2, 4], 5)
    other = torch.where(mask[..., None], bags, 1e6)
    for pooling in poolings(5):
        out = pooling(bags, mask=mask)
        assert_close(pooling(other, mask=mask), out)
        assert_close(pooling(bags[1:2, :2]), out[1:2])
        assert_close(pooling(bags.flip(1), mask=mask.flip(1)), out)


def test_an_empty_bag_gives_zeros_and_finite_gradients():
    bags, mask = bags_of([3, 3], 5)
    mask[1] = False
    for pooling in poolings(5):
        x = bags.clone().requires_grad_()
        out = pooling(x, mask=mask)
        assert (out[1] == 0).all()
        out.square().sum().backward()
        assert x.grad.isfinite().all()
        assert (x.grad[1] == 0).all()


def test_closed_forms_of_mean_and_max():
    bags, mask = bags_of([6, 2], 5)
    assert_close(MeanPooling()(bags, mask=mask)[1], bags[1, :2].mean(0))
    assert_close(MaxPooling()(bags, mask=mask)[1], bags[1, :2].amax(0))
    assert_close(MeanPooling()(bags), bags.mean(1))
    assert_close(MaxPooling()(bags), bags.amax(1))


def test_bag_classifier_embeds_real_instances_only():
    seen = []
    embedding = nn.Linear(5, 8)
    embedding.register_forward_hook(lambda module, inputs, output: seen.append(len(output)))
    network = BagClassifier(embedding, MeanPooling(), nn.Linear(8, 1))
    bags, mask = bags_of([6, 2, 4], 5)
    mask[0, 1] = False  # real instances need not come first
    logits = network(bags, mask)
    assert seen == [11]
    for bag, real, logit in zip(bags, mask, logits, strict=True):
        assert_close(network.head(embedding(bag[real]).mean(0))[0], logit)
    with pytest.raises(ValueError, match=r"mask must be bool with shape \[3, 6\]"):
        network(bags, mask.float())


def test_lenet_learns_from_images():
    network = BagClassifier(lenet_embedding(10), MaxPooling(), nn.Linear(10, 1))
    bags, mask = torch.randn(2, 3, 1, 28, 28), torch.ones(2, 3, dtype=torch.bool)
    network(bags, mask).sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


def test_bad_arguments():
    with pytest.raises(ValueError, match="in_features must be at least 1"):
        AttentionMIL(0)
    with pytest.raises(ValueError, match="hidden_features must be at least 1"):
        AttentionMIL(3, hidden_features=0)
