"""What arms learn from: standardised tensors of three parts, whatever the domain."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from neurarium.data.cifar import load_cifar10_small
from neurarium.data.containers import Images, Table
from neurarium.data.formulas import Formula, load_formula
from neurarium.data.load import load
from neurarium.data.sentences import Sentences, load_movie_reviews
from neurarium.data.spoken_digits import NUM_TEST_TAKES, SpokenDigits, load_spoken_digits
from neurarium.estimators.table_encoder import TableEncoder

VALIDATION_SEED, TEST_SEED = 10_000, 20_000
"""Added to a seed for the points of a formula on which it is chosen and judged."""
NUM_SPLITS = 10
CLIP = 5.0
"""Standard deviations beyond which an input is taken for that many; the same for all arms."""


class Part:
    """Rows with their targets."""

    def __init__(self, x: Tensor, y: Tensor) -> None:
        self.x, self.y = x, y

    def __len__(self) -> int:
        return len(self.y)


@dataclass(frozen=True, eq=False)
class Problem:
    """One dataset for one seed.

    Args:
        parts: what is learned, what chooses, and what is asked once.
        in_features: width that the arm sees.
        out_features: numbers that it gives.
        task: ``"classification"`` or ``"regression"``.
        seed: of everything random.
        full_batch: whether steps see all rows, as on formulas, where L-BFGS is tried too.
        stem: ``stem()`` → what comes before the arm and is trained with it.
    """

    parts: Sequence[Part]
    in_features: int
    out_features: int
    task: str
    seed: int
    full_batch: bool = False
    stem: Callable[[], nn.Module] = field(default=nn.Identity)

    @property
    def train(self) -> Part:
        """What is learned."""
        return self.parts[0]

    @property
    def validation(self) -> Part:
        """What chooses."""
        return self.parts[1]

    @property
    def test(self) -> Part:
        """What is asked once."""
        return self.parts[2]

    def loss(self, output: Tensor, y: Tensor) -> Tensor:
        """Cross-entropy, or mean squared error."""
        return (
            F.cross_entropy(output, y) if self.task == "classification" else F.mse_loss(output, y)
        )

    def scores(self, output: Tensor, y: Tensor) -> dict[str, float]:
        """``score`` in points (accuracy in %, or 100 R²), and ``error``: NRMSE, or the share wrong.

        Targets that do not vary are judged by the training rows' deviation, which is 1.

        Args:
            output: of a network.
            y: targets.
        """
        if self.task == "classification":
            wrong = float((output.argmax(1) != y).double().mean())
            return {"score": 100 * (1 - wrong), "error": wrong}
        squared = float((output.double() - y.double()).square().mean())
        spread = float(y.double().var(correction=0))
        relative = squared / (spread if spread > 0 else 1.0)
        return {"score": 100 * (1 - relative), "error": relative**0.5}


def loaders(names: tuple[str, ...]) -> Mapping[str, Callable[[], Any]]:
    """Name → loader of its data."""
    return {name: _loader(name) for name in names}


def _loader(name: str) -> Callable[[], Any]:
    kind, _, rest = name.partition("/")
    if kind in ("feynman", "special"):
        return partial(load_formula, name)
    if kind == "table":
        return partial(load_sklearn, rest)
    known: dict[str, Callable[[], Any]] = {
        "cifar10_small": load_cifar10_small,
        "movie-review-sentences": load_movie_reviews,
        "fsdd": load_spoken_digits,
    }
    return known.get(name, partial(load, name))


def load_sklearn(name: str) -> Table:
    """A table of scikit-learn with ten splits of 60, 20 and 20 %.

    Args:
        name: breast_cancer, wine, diabetes or digits.
    """
    import pandas as pd
    from sklearn import datasets

    bunch = getattr(datasets, f"load_{name}")()
    task = "regression" if name == "diabetes" else "classification"
    y = bunch.target.astype(np.float64 if task == "regression" else np.int64)
    classes = () if task == "regression" else tuple(map(str, bunch.target_names))
    splits = []
    for seed in range(NUM_SPLITS):
        parts = np.repeat([0, 1, 2], [len(y) - 2 * (len(y) // 5), len(y) // 5, len(y) // 5])
        splits.append(np.random.default_rng(seed).permutation(parts).astype(np.int8))
    columns = [f"x{place}" for place in range(bunch.data.shape[1])]
    return Table(f"table/{name}", pd.DataFrame(bunch.data, columns=columns), y, task,
                 tuple(splits), classes)  # fmt: skip


def problem_of(data: Any, config: Any, seed: int) -> Problem:
    """The problem that a dataset poses for a seed.

    Args:
        data: what a loader gave, or a user's :class:`neurarium.data.Table`.
        config: of the comparison.
        seed: of the drawing, or the number of the split.
    """
    if isinstance(data, Formula):
        return _of_formula(data, config, seed)
    if isinstance(data, Table):
        return _of_table(data, seed)
    if isinstance(data, Images):
        return _of_images(data, config, seed)
    if isinstance(data, Sentences):
        return _of_sentences(data, seed)
    if isinstance(data, SpokenDigits):
        return _of_speech(data, seed)
    raise TypeError(f"data must be a neurarium.data.Table: got {type(data).__name__}")


def _of_formula(formula: Formula, config: Any, seed: int) -> Problem:
    sampled = [
        formula.sample(config.num_points, seed=seed + shift)
        for shift in (0, VALIDATION_SEED, TEST_SEED)
    ]
    (x, y) = sampled[0]
    parts = [
        Part(_standardised(a, x), torch.from_numpy((b - y.mean()) / y.std()).float()[:, None])
        for a, b in sampled
    ]
    return Problem(parts, x.shape[1], 1, "regression", seed, full_batch=True)


def _of_table(table: Table, seed: int) -> Problem:
    rows = table.split(seed % len(table.splits))
    encode = encoder_of(table.X.iloc[rows[0]])
    size, targets = _targets(table.y, rows[0], table.task, len(table.classes))
    parts = [Part(encode(table.X.iloc[part]), targets[torch.from_numpy(part)]) for part in rows]
    return Problem(parts, parts[0].x.shape[1], size, table.task, seed)


def encoder_of(X: Any, categorical_features: Any = "auto") -> Callable[[Any], Tensor]:
    """Standardised numbers, categories one-hot, and a flag where training cells were missing.

    Args:
        X: training rows, a DataFrame.
        categorical_features: as in :class:`neurarium.estimators.TableEncoder`.
    """
    encoder = TableEncoder(categorical_features=categorical_features).fit(X)
    missing = encoder.encode(X)[1]
    flagged = np.flatnonzero(missing.any(0) & ~missing.all(0))

    def encode(rows: Any) -> Tensor:
        import warnings

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # categories that training has not seen
            values, absent = encoder.encode(rows)
        joined = np.concatenate([values, absent[:, flagged]], 1, dtype=np.float32)
        return torch.from_numpy(joined).clamp(-CLIP, CLIP)

    return encode


def _targets(y: np.ndarray, rows: np.ndarray, task: str, classes: int) -> tuple[int, Tensor]:
    if task == "classification":
        return max(classes, int(y.max()) + 1), torch.from_numpy(y).long()
    return 1, standardised_targets(y, rows)


def standardised_targets(y: np.ndarray, rows: np.ndarray) -> Tensor:
    """By mean and deviation of the training rows, whatever their scale; (n, 1) in float32.

    Args:
        y: targets (n,).
        rows: which ones train.

    Example:
        >>> standardised_targets(1e-200 * np.array([1.0, 3.0, 5.0]), np.array([0, 1])).tolist()
        [[-1.0], [1.0], [3.0]]
    """
    centred = y - y[rows].mean()
    unit = np.abs(centred[rows]).max()  # squares of 1e-200 are 0, and of 1e160 infinite
    centred = centred / (unit if unit > 0 else 1)
    scale = centred[rows].std()
    return torch.from_numpy(centred / (scale if scale > 0 else 1)).float()[:, None]


POOLED_PIXELS = 1000
"""Values of an image above which 2 × 2 pixels are averaged, so that a unit costs about the same."""


def _flat(pixels: np.ndarray) -> np.ndarray:
    """Images (n, H, W) or (n, H, W, C) as rows in [0, 1]."""
    values = pixels.astype(np.float32) / 255
    if values[0].size > POOLED_PIXELS:
        n, height, width = values.shape[:3]
        values = values.reshape(n, height // 2, 2, width // 2, 2, -1).mean((2, 4))
    return values.reshape(len(values), -1)


def _of_images(images: Images, config: Any, seed: int) -> Problem:
    order = np.random.default_rng(seed).permutation(len(images.train))
    count = min(config.num_images, len(order) * 5 // 6)
    chosen = order[:count], order[count : count + count // 5]
    pixels = _flat(images.train[chosen[0]])
    mean, scale = pixels.mean(), pixels.std()

    def part(pixels: np.ndarray, labels: np.ndarray) -> Part:
        return Part(torch.from_numpy((_flat(pixels) - mean) / scale), torch.from_numpy(labels))

    parts = [part(images.train[rows], images.train_labels[rows]) for rows in chosen]
    test = part(images.test, images.test_labels)
    width, classes = parts[0].x.shape[1], len(images.classes)
    return Problem([*parts, test], width, classes, "classification", seed)


class WordBag(nn.Module):
    """The normalised mean of the words' vectors; the same before every arm."""

    def __init__(self, num_words: int, embed_dim: int) -> None:
        super().__init__()
        self.embedding = nn.EmbeddingBag(num_words, embed_dim, mode="mean", padding_idx=0)
        self.norm = nn.LayerNorm(embed_dim, elementwise_affine=False)

    def forward(self, ids: Tensor) -> Tensor:
        """(B, words) → (B, embed_dim)."""
        return self.norm(self.embedding(ids))


WORD_DIM = 32


def _of_sentences(sentences: Sentences, seed: int) -> Problem:
    ids, num_words = sentences.encode()
    parts = [
        Part(torch.from_numpy(ids[rows]), torch.from_numpy(sentences.labels[rows]))
        for rows in (sentences.parts == part for part in (0, 1, 2))
    ]
    stem = partial(WordBag, num_words, WORD_DIM)
    return Problem(parts, WORD_DIM, 2, "classification", seed, stem=stem)


def _of_speech(speech: SpokenDigits, seed: int) -> Problem:
    features = speech.log_mel()
    test = speech.takes < NUM_TEST_TAKES
    rest = np.random.default_rng(seed).permutation(np.flatnonzero(~test))
    count = len(rest) // 5
    rows = rest[count:], rest[:count], np.flatnonzero(test)
    parts = [
        Part(
            _standardised(features[part], features[rows[0]]), torch.from_numpy(speech.digits[part])
        )
        for part in rows
    ]
    return Problem(parts, features.shape[1], 10, "classification", seed)


def _standardised(x: np.ndarray, training: np.ndarray) -> Tensor:
    scale = training.std(0)
    rows = (x - training.mean(0)) / np.where(scale > 0, scale, 1)
    return torch.from_numpy(rows).float().clamp(-CLIP, CLIP)
