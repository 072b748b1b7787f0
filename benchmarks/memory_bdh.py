"""``BDH`` beside the authors' sequence of operations: generation, training, attention alone.

One thread, float32. The reference computes the whole square of scores and, in generation, the whole
prefix for every token. Logits, gradients and tokens are compared before anything is timed. The
time of a token is that of one more token after a prompt, the prompt's own left out.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor
from torch.testing import assert_close

from benchmarks.memory_hopular import operator_shares
from benchmarks.timing import Comparison, measure, record
from neurarium.memory import BDH, causal_linear_attention

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests"))
from reference.bdh import authors_attention, authors_generate, authors_logits, authors_rotate

VOCABULARY = 256
SMALL = {"embed_dim": 64, "neuron_ratio": 32, "num_layers": 4}
TRAINING = ((SMALL, 16, 128), (SMALL, 4, 512), (SMALL, 2, 1024))
PROMPTS = (64, 256, 1024)


def build(sizes: dict[str, int]) -> BDH:
    """Activations of order 1, so that results can be compared."""
    model = BDH(VOCABULARY, **sizes, dropout=0.0)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.15)
    return model


def training(sizes: dict[str, int], batch: int, length: int, rounds: int) -> Comparison:
    """Loss and gradients."""
    model, tokens = build(sizes), torch.randint(VOCABULARY, (2, batch, length))

    def step(logits_of: Callable[[Tensor], Tensor]) -> Tensor:
        model.zero_grad()
        logits = logits_of(tokens[0]).flatten(0, 1)
        loss = torch.nn.functional.cross_entropy(logits, tokens[1].flatten())
        loss.backward()
        return loss

    def in_one_square(x: Tensor) -> Tensor:
        model.chunk_size = length
        logits = model(x)
        model.chunk_size = None
        return logits

    contenders = {
        "ours": lambda: step(model),
        "ours, one chunk": lambda: step(in_one_square),
        "authors": lambda: step(lambda x: authors_logits(model, x)),
    }
    found = {}
    for name, contender in contenders.items():
        loss = contender().detach()
        found[name] = (loss, {k: p.grad.clone() for k, p in model.named_parameters()})
    for name, (loss, gradients) in found.items():
        assert_close(
            loss, found["ours"][0], rtol=1e-4, atol=1e-4, msg=lambda m, n=name: f"{n}: {m}"
        )
        for key, gradient in gradients.items():
            error = (gradient - found["ours"][1][key]).norm() / gradient.norm()
            assert error < 1e-2, f"{name}: gradient of {key} differs by {error:.1%}"
    label = f"train: n {model.num_neurons}, E {model.embed_dim}, batch {batch}, T {length}"
    return measure(label, contenders, rounds=rounds)


def attention(length: int, rounds: int) -> Comparison:
    """Forward and backward of the attention of one layer, rotation included."""
    code = torch.randn(2, 4, length, 512).relu().requires_grad_()
    value = torch.randn(2, 1, length, 64, requires_grad=True)
    weight = torch.randn(2, 4, length, 64)

    def run(fn: Callable[[Tensor, Tensor], Tensor]) -> tuple[Tensor, ...]:
        out = fn(code, value)
        return (out, *torch.autograd.grad((out * weight).sum(), (code, value)))

    def ours(code: Tensor, value: Tensor) -> Tensor:
        return causal_linear_attention(authors_rotate(code), value)

    contenders = {"ours": lambda: run(ours), "authors": lambda: run(authors_attention)}
    for mine, theirs in zip(*(fn() for fn in contenders.values()), strict=True):
        assert (mine - theirs).norm() < 1e-4 * theirs.norm()
    return measure(f"attention: N 512, E 64, 4 heads, T {length}", contenders, rounds=rounds)


def generation(length: int, rounds: int) -> Comparison:
    """One more token after a prompt."""
    model = build(SMALL).eval()
    prompt = torch.randint(VOCABULARY, (1, length))
    expected = authors_generate(model, prompt, 8)
    for use_state in (True, False):
        found = model.generate(prompt, max_new_tokens=8, greedy=True, use_state=use_state)
        assert torch.equal(found, expected), f"other tokens with use_state={use_state}"
    _, state = model(prompt, return_state=True)
    # the state is written in place as ``generate`` does it: later calls read a fuller one
    weights = state.weights.transpose(1, 2).contiguous()
    token = prompt[:, -1:]

    @torch.no_grad()
    def one_more() -> Tensor:
        return model._run(token, length, weights, True, inplace=True)[0]

    @torch.no_grad()
    def anew(logits_of: Callable[[Tensor], Tensor]) -> Tensor:
        return logits_of(prompt)

    contenders = {
        "ours": one_more,
        "step, which copies the state": torch.no_grad()(lambda: model.step(token[:, 0], state)),
        "ours, prefix anew": lambda: anew(model),
        "authors, prefix anew": lambda: anew(lambda x: authors_logits(model, x)),
    }
    return measure(f"generate: one token after {length}, n 2048", contenders, rounds=rounds)


def profiles() -> dict[str, dict[str, float]]:
    """Where the time of our training goes: operator → share."""
    found = {}
    for sizes, batch, length in TRAINING:
        model, tokens = build(sizes), torch.randint(VOCABULARY, (batch, length))
        found[f"batch {batch}, T {length}"] = operator_shares(
            lambda m=model, x=tokens: m.loss(x, x).backward()
        )
    return found


def main(rounds: int = 5) -> None:
    """Measure, print and record."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    rows = [generation(length, rounds) for length in PROMPTS]
    rows += [training(*case, rounds) for case in TRAINING]
    rows += [attention(length, rounds) for length in (128, 1024)]
    record("memory_bdh", rows, profiles=profiles())


if __name__ == "__main__":
    main()
