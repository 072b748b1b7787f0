"""What Txt2Img-MHN (arXiv 2208.04441) refuses, each in one sentence."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from neurarium.memory.arguments import require_count, require_tensor
from neurarium.memory.txt2img_words import split_words

INTEGERS = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)


def check_ids(name: str, ids: Any, limit: int, length: int, *, shorter: bool = False) -> None:
    """Integer ids (B, length) below ``limit``; values where looking at them costs nothing.

    Args:
        name: of the argument.
        ids: what was given.
        limit: one more than the largest id.
        length: how many a row has.
        shorter: whether fewer are fine too.

    Example:
        >>> check_ids("text", torch.tensor([[3, 9]]), 5, 2)
        Traceback (most recent call last):
        IndexError: text must hold ids from 0 to 4: got 9
    """
    require_tensor(name, ids)
    if ids.dtype not in INTEGERS:
        raise TypeError(f"{name} must be integer ids: got {ids.dtype}")
    fits = ids.ndim == 2 and (ids.shape[1] <= length if shorter else ids.shape[1] == length)
    if not fits:
        least = "at most " if shorter else ""
        raise ValueError(
            f"{name} must have the shape (batch, {least}{length}): got {list(ids.shape)}"
        )
    if torch.compiler.is_compiling() or ids.device.type != "cpu" or not ids.numel():
        return  # looking would wait for the accelerator
    lowest, highest = (int(x) for x in ids.aminmax())
    if lowest < 0 or highest >= limit:
        wrong = lowest if lowest < 0 else highest
        raise IndexError(f"{name} must hold ids from 0 to {limit - 1}: got {wrong}")


def check_pixels(images: Tensor) -> None:
    """Values in [0, 1], where looking at them costs nothing.

    Example:
        >>> check_pixels(torch.tensor([0.0, 255.0]))
        Traceback (most recent call last):
        ValueError: images must lie in [0, 1]: got values from 0 to 255
    """
    if torch.compiler.is_compiling() or images.device.type != "cpu" or not images.numel():
        return  # looking would wait for the accelerator
    low, high = (float(x) for x in images.detach().aminmax())
    if not (low >= 0 and high <= 1):
        raise ValueError(f"images must lie in [0, 1]: got values from {low:g} to {high:g}")


def check_tokenizer(tokenizer: Any) -> None:
    """Whether this turns images into ids and back."""
    lacking = [
        name
        for name in ("num_codes", "grid_size", "encode", "decode")
        if not hasattr(tokenizer, name)
    ]
    if not isinstance(tokenizer, nn.Module) or lacking:
        raise TypeError(
            "tokenizer must be a module with num_codes, grid_size, encode and decode: got "
            f"{type(tokenizer).__name__}"
        )


def check_frozen(tokenizer: nn.Module) -> None:
    """A tokenizer that goes on learning would change the meaning of the ids."""
    if tokenizer.training or any(p.requires_grad for p in tokenizer.parameters()):
        raise RuntimeError(
            "tokenizer must be frozen and in evaluation mode: got one that may change; call "
            "tokenizer.requires_grad_(False).eval()"
        )


def check_sampling(
    num_images: int,
    top_k_filter: float,
    temperature: float,
    guidance: float,
    text_dropout: float,
    training: bool,
) -> None:
    """The arguments of ``generate``."""
    require_count("num_images", num_images)
    if not 0 <= top_k_filter < 1:
        raise ValueError(f"top_k_filter must lie in [0, 1): got {top_k_filter}")
    if not 0 < temperature < math.inf:
        raise ValueError(
            f"temperature must be positive and finite: got {temperature}; greedy=True takes the "
            "likeliest"
        )
    if not math.isfinite(guidance):
        raise ValueError(f"guidance must be finite: got {guidance}")
    if guidance != 1 and text_dropout == 0:
        raise ValueError(
            f"guidance must be 1 for a model trained with every text: got {guidance}; train with "
            "text_dropout > 0"
        )
    if training:
        raise RuntimeError("model must be in evaluation mode for generate: call eval() first")


def check_words(words: Sequence[str], vocab_size: int) -> None:
    """Different words, each as it is found in captions, and room for them beside padding.

    Example:
        >>> check_words(["a", "River"], 9)
        Traceback (most recent call last):
        ValueError: words must be single lower-case words: got 'River'; call collect_words
    """
    if isinstance(words, str) or not all(isinstance(word, str) for word in words):
        raise TypeError(f"words must be a list of texts: got {words!r}; call collect_words")
    if len(words) >= vocab_size:
        raise ValueError(
            f"vocab_size must exceed the number of words, because 0 is padding: got "
            f"{vocab_size} and {len(words)}"
        )
    known: set[str] = set()
    for word in words:
        if split_words(word) != [word]:
            raise ValueError(
                f"words must be single lower-case words: got {word!r}; call collect_words"
            )
        if word in known:
            raise ValueError(f"words must differ from each other: got {word!r} twice")
        known.add(word)


def check_share(name: str, value: float) -> None:
    """A probability below 1."""
    if not 0 <= value < 1:
        raise ValueError(f"{name} must lie in [0, 1): got {value}")


def check_stream(x: Any, embed_dim: int) -> None:
    """A floating-point sequence (B, L, E)."""
    require_tensor("x", x)
    if not x.is_floating_point():
        raise TypeError(f"x must be floating point: got {x.dtype}")
    if x.ndim != 3 or x.shape[-1] != embed_dim:
        raise ValueError(f"x must have the shape (batch, length, {embed_dim}): got {list(x.shape)}")


def require_same_kind(x: Tensor, weight: Tensor) -> None:
    """Inputs and weights of one dtype."""
    if x.dtype != weight.dtype and not torch.is_autocast_enabled(x.device.type):
        raise TypeError(f"x must have the dtype of the weights, {weight.dtype}: got {x.dtype}")
