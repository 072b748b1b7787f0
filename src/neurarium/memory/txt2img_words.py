"""Captions as ids of words, with a vocabulary learned from the user's own captions.

For Txt2Img-MHN (arXiv 2208.04441): id 0 is padding, a word's id is its place in the vocabulary
plus 1.
"""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Iterable, Sequence

import torch
from jaxtyping import Int
from torch import Tensor

from neurarium.memory.arguments import require_count

_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")


def split_words(caption: str) -> list[str]:
    """The words of a caption in lower case, without punctuation.

    Example:
        >>> split_words("A thin, upright three (top-left).")
        ['a', 'thin', 'upright', 'three', 'top-left']
    """
    return _WORD.findall(caption.lower())


def collect_words(captions: Iterable[str], max_words: int = 5000) -> list[str]:
    """The words of some captions, the most frequent ones first.

    For ``Txt2ImgMHN(…, words=collect_words(captions))``,
    `Txt2Img-MHN <https://arxiv.org/abs/2208.04441>`_ with a vocabulary of one's own.

    Args:
        captions: texts.
        max_words: rarer words than these many are left out.

    Raises:
        TypeError: for a single text and for what is no text.
        ValueError: for captions without a word.

    Example:
        >>> collect_words(["A river.", "a river with a bridge"])
        ['a', 'river', 'bridge', 'with']
    """
    require_count("max_words", max_words)
    captions = _texts(captions)
    counted = Counter(word for caption in captions for word in split_words(caption))
    if not counted:
        raise ValueError("captions must hold a word: got none")
    ranked = sorted(counted, key=lambda word: (-counted[word], word))
    return ranked[:max_words]


def encode_words(
    captions: Sequence[str], words: Sequence[str], length: int, *, truncate: bool = False
) -> Int[Tensor, "B T"]:
    """Ids of the words of captions, then zeros.

    Args:
        captions: texts.
        words: the vocabulary.
        length: T.
        truncate: cut off what is too long.

    Raises:
        TypeError: for a single text and for what is no text.
        ValueError: for an empty caption, an unknown word, and a caption that is too long.

    Example:
        >>> encode_words(["a bridge"], ["a", "river", "bridge"], 4)
        tensor([[1, 3, 0, 0]])
    """
    captions = _texts(captions)
    known = {word: place + 1 for place, word in enumerate(words)}
    tokens = torch.zeros(len(captions), length, dtype=torch.int64)
    for row, caption in enumerate(captions):
        found = split_words(caption)
        if not found:
            raise ValueError(f"captions must not be empty: got {caption!r}")
        if len(found) > length and not truncate:
            raise ValueError(
                f"captions must have at most {length} words: got {len(found)} in {caption!r}; set "
                "truncate=True"
            )
        found = found[:length]
        if unknown := [word for word in found if word not in known]:
            near = difflib.get_close_matches(unknown[0], words, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ValueError(f"captions must use known words: got {unknown[0]!r}{hint}")
        tokens[row, : len(found)] = torch.tensor([known[word] for word in found])
    return tokens


def _texts(captions: Iterable[str]) -> list[str]:
    if isinstance(captions, str) or not isinstance(captions, Iterable):
        raise TypeError(f"captions must be several texts: got {captions!r}; put one into a list")
    found = list(captions)
    for caption in found:
        if not isinstance(caption, str):
            raise TypeError(f"captions must be texts: got {caption!r}")
    return found
