"""Movie reviews of one sentence with their polarity (Pang and Lee 2005), as bags of words."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import locate
from .entry import Dataset, File
from .locate import Root

if TYPE_CHECKING:
    import numpy as np

UNKNOWN = 1
"""Id of words beyond the vocabulary; 0 pads."""


@dataclass(frozen=True, eq=False)
class Sentences:
    """Tokenised sentences with labels and a fixed split.

    Args:
        name: what they were loaded as.
        words: of each sentence.
        labels: int64 (sentences,).
        parts: int8 (sentences,), 0 training, 1 validation, 2 test.

    Example:
        >>> import numpy as np
        >>> parts = np.array([0, 0, 2])
        >>> few = Sentences("mine", (("so", "so"), ("not", "so"), ("bad",)), parts, parts)
        >>> few.encode(max_words=2)[0]
        array([[2, 2],
               [3, 2],
               [1, 0]])
    """

    name: str
    words: tuple[tuple[str, ...], ...]
    labels: np.ndarray
    parts: np.ndarray

    def encode(self, *, num_words: int = 10_000, max_words: int = 40) -> tuple[Any, int]:
        """Ids (sentences, max_words) by frequency in the training part; and how many there are.

        Args:
            num_words: size of the vocabulary with the two ids for padding and unknown words.
            max_words: of a sentence; further ones are left out.
        """
        import numpy as np

        training = (w for w, part in zip(self.words, self.parts, strict=True) if part == 0)
        counts = Counter(word for sentence in training for word in sentence)
        common = [word for word, _ in counts.most_common(num_words - 2)]
        ids = {word: place for place, word in enumerate(common, 2)}
        found = np.zeros((len(self.words), max_words), np.int64)
        for row, sentence in zip(found, self.words, strict=True):
            known = [ids.get(word, UNKNOWN) for word in sentence[:max_words]]
            row[: len(known)] = known
        return found, len(ids) + 2

    def copy(self) -> Sentences:
        """An independent copy: changing its arrays changes no other."""
        return Sentences(self.name, self.words, self.labels.copy(), self.parts.copy())


MOVIE_REVIEWS = Dataset(
    name="movie-review-sentences",
    title="10 662 sentences of movie reviews, positive or negative",
    files=(
        File(
            "movie-review-sentences/mr.tsv.gz",
            "839a89103292ef1ea05c33e66b25d52824abbb2c9b88e15f0c06cef3313cf68c",
        ),
    ),
    read=lambda name, contents: read_sentences(name, contents[0]),  # type: ignore[arg-type, return-value]
    origin="https://github.com/yoonkim/CNN_sentence",
    licence="not stated; distributed by its authors for research",
    citation="Pang, Lee, Seeing stars, ACL 2005",
)


def read_sentences(name: str, content: bytes) -> Sentences:
    """Lines of split, label and text, separated by tabs, below a header."""
    import numpy as np

    rows = [line.split("\t") for line in content.decode("utf-8").split("\n")[1:] if line]
    places = {"train": 0, "valid": 1, "test": 2}
    return Sentences(
        name,
        tuple(tuple(text.split()) for _, _, text in rows),
        np.array([int(label) for _, label, _ in rows], np.int64),
        np.array([places[split] for split, _, _ in rows], np.int8),
    )


def load_movie_reviews(root: Root = None) -> Sentences:
    """The movie reviews, from ``root`` or a folder of ``$NEURARIUM_DATA``.

    Args:
        root: a folder to look in first.

    Raises:
        FileNotFoundError: no place has the file.
        ValueError: a file with another content.
    """
    path = locate.locate(MOVIE_REVIEWS, root)[0]
    return read_sentences(MOVIE_REVIEWS.name, locate.content(MOVIE_REVIEWS.files[0], path))
