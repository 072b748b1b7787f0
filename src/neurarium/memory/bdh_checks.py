"""What BDH (arXiv 2509.26507) refuses, each in one sentence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from neurarium.memory.arguments import require_count, require_tensor


def check_sizes(
    vocab_size: int,
    embed_dim: int,
    num_heads: int,
    neuron_ratio: int,
    num_layers: int,
    num_neurons: int | None,
    chunk_size: int | None,
) -> int:
    """The number of neurons, where they can be shared out to heads in pairs."""
    sizes: dict[str, Any] = {
        "vocab_size": vocab_size,
        "embed_dim": embed_dim,
        "num_heads": num_heads,
        "neuron_ratio": neuron_ratio,
        "num_layers": num_layers,
    }
    optional = {"num_neurons": num_neurons, "chunk_size": chunk_size}
    for name, size in {**sizes, **{k: v for k, v in optional.items() if v is not None}}.items():
        require_count(name, size)
    total = neuron_ratio * embed_dim if num_neurons is None else num_neurons
    name = "num_neurons" if num_neurons is not None else "neuron_ratio * embed_dim"
    if total % num_heads:
        raise ValueError(f"num_heads must divide {name}: got {num_heads} and {total}")
    if total // num_heads % 2:
        raise ValueError(
            f"{name} / num_heads must be even, because neurons rotate in pairs: got {total} / "
            f"{num_heads}"
        )
    return total


def check_tokens(tokens: Any, vocab_size: int, weight: Tensor) -> None:
    """Kind and shape; ids too where looking at them costs nothing."""
    require_tensor("tokens", tokens)
    if tokens.dtype not in (torch.int64, torch.int32):
        raise TypeError(f"tokens must be integer ids, int64 or int32: got {tokens.dtype}")
    if tokens.ndim != 2 or not tokens.numel():
        raise ValueError(
            f"tokens must have the shape (batch, length) with a token at least: got "
            f"{list(tokens.shape)}"
        )
    if weight.dtype == torch.float16 and weight.device.type == "cpu":
        raise ValueError(
            "dtype must be float32 or bfloat16 on the CPU: got torch.float16, which overflows"
        )
    if torch.compiler.is_compiling() or tokens.device.type != "cpu":
        return  # looking would wait for the accelerator
    if torch.is_autocast_enabled("cpu") and torch.get_autocast_dtype("cpu") == torch.float16:
        raise ValueError(
            "autocast on the CPU must be to bfloat16: got torch.float16, which overflows"
        )
    lowest, highest = (int(x) for x in tokens.aminmax())
    if lowest < 0 or highest >= vocab_size:
        wrong = lowest if lowest < 0 else highest
        raise IndexError(f"tokens must lie in 0 … {vocab_size - 1}: got id {wrong}")


def check_targets(targets: Any, tokens: Any) -> None:
    """One target for each token."""
    require_tensor("targets", targets)
    require_tensor("tokens", tokens)
    if targets.shape != tokens.shape:
        raise ValueError(
            f"targets must have the shape of tokens, {list(tokens.shape)}: got "
            f"{list(targets.shape)}"
        )
    if targets.dtype not in (torch.int64, torch.int32):
        raise TypeError(f"targets must be integer ids, int64 or int32: got {targets.dtype}")


def check_state(state: Any, shape: Sequence[int], dtype: torch.dtype) -> None:
    """A state of another batch, configuration or dtype."""
    if not (isinstance(state, tuple) and len(state) == 2 and isinstance(state[0], Tensor)):
        raise TypeError(
            f"state must be a BDHState: got {type(state).__name__}; start with init_state"
        )
    weights, position = state
    if isinstance(position, bool) or not isinstance(position, int | torch.SymInt):
        raise TypeError(f"state must have a whole number as its position: got {position!r}")
    if position < 0:
        raise ValueError(f"state must have a position of at least 0: got {position}")
    if weights.shape != torch.Size(shape):
        raise ValueError(
            "state must have weights of shape (layers, batch, heads, neurons, width) = "
            f"{list(shape)}: got {list(weights.shape)}"
        )
    if weights.dtype != dtype:
        raise ValueError(f"state must have weights of {dtype}: got {weights.dtype}")
