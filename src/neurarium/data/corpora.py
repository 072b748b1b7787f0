"""Texts as bytes and pairs of sentences, as plain frozen dataclasses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

HELD_OUT_SHARE = 0.1


@dataclass(frozen=True, eq=False)
class Text:
    """One text as bytes; the last tenth is held out.

    Args:
        name: the name that ``load`` was asked for.
        content: uint8 (bytes,).

    Example:
        >>> text = Text("mine", np.frombuffer(b"to be or not to be", np.uint8))
        >>> bytes(text.validation)
        b'be'
    """

    name: str
    content: np.ndarray

    @property
    def train(self) -> np.ndarray:
        """All but the last tenth."""
        return self.content[: self._end]

    @property
    def validation(self) -> np.ndarray:
        """The last tenth."""
        return self.content[self._end :]

    @property
    def _end(self) -> int:
        return int((1 - HELD_OUT_SHARE) * len(self.content))

    def copy(self) -> Text:
        """An independent copy."""
        return Text(self.name, self.content.copy())


@dataclass(frozen=True, eq=False)
class SentencePairs:
    """Sentences with their translations; no source sentence is on both sides of the split.

    Args:
        name: the name that ``load`` was asked for.
        source: sentences of one language.
        target: their translations; a sentence may occur several times with different ones.
        test: bool (pairs,), those held out.
    """

    name: str
    source: tuple[str, ...]
    target: tuple[str, ...]
    test: np.ndarray

    def __len__(self) -> int:
        return len(self.source)

    def copy(self) -> SentencePairs:
        """An independent copy."""
        return SentencePairs(self.name, self.source, self.target, self.test.copy())
