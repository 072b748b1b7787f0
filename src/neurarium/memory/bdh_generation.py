"""Sampling from BDH (arXiv 2509.26507): read the prompt at once, then one token after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from neurarium.memory.arguments import require_count

if TYPE_CHECKING:
    from neurarium.memory.bdh import BDH


@torch.no_grad()
def generate(
    model: BDH,
    prompt: Tensor,
    *,
    max_new_tokens: int,
    temperature: float,
    top_k: int | None,
    greedy: bool,
    use_state: bool,
    generator: torch.Generator | None,
) -> Tensor:
    """See :meth:`BDH.generate`."""
    model.require_evaluation("generate")
    _check(prompt, max_new_tokens, temperature, top_k)
    tokens = prompt
    logits, state = model(prompt, return_state=True)
    weights = state.weights.transpose(1, 2)  # this call's own, so that it can be changed in place
    for index in range(max_new_tokens):
        token = _choose(logits[:, -1], temperature, top_k, greedy, generator)
        tokens = torch.cat((tokens, token), 1)
        if index == max_new_tokens - 1:
            break
        if use_state:
            position = state.position + index
            logits, _ = model._run(token, position, weights, True, inplace=True)
        else:
            logits = model(tokens)
    return tokens


def _choose(
    logits: Tensor,
    temperature: float,
    top_k: int | None,
    greedy: bool,
    generator: torch.Generator | None,
) -> Tensor:
    """One id a row, (B, 1)."""
    if greedy:
        return logits.argmax(-1, keepdim=True)
    logits = logits.float() / temperature
    if top_k is not None:
        least = logits.topk(min(top_k, logits.shape[-1])).values[:, -1:]
        logits = logits.masked_fill(logits < least, -torch.inf)
    return torch.multinomial(logits.softmax(-1), 1, generator=generator)


def _check(prompt: Any, max_new_tokens: int, temperature: float, top_k: int | None) -> None:
    require_count("max_new_tokens", max_new_tokens)
    if isinstance(prompt, Tensor) and (prompt.ndim != 2 or not prompt.numel()):
        raise ValueError(
            "prompt must have the shape (batch, length) with a token at least: got "
            f"{list(prompt.shape)}"
        )
    if isinstance(temperature, bool) or not isinstance(temperature, int | float):
        raise TypeError(f"temperature must be a number: got {temperature!r}")
    if not temperature > 0:
        raise ValueError(
            f"temperature must be positive: got {temperature}; greedy=True takes the likeliest"
        )
    if top_k is not None:
        require_count("top_k", top_k, hint="; greedy=True takes the likeliest")
