"""Bytes to learn from and windows to be judged on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from neurarium.data.corpora import SentencePairs, Text

VOCABULARY = 256
IGNORED = -100
TUNING_SHARE = 0.05
"""The end of the training part that learning rates are chosen on."""

EVALUATED_AT_ONCE = 4096
"""Bytes of a batch of windows."""


@dataclass(frozen=True)
class Windows:
    """Inputs and targets, (windows, bytes); a target of −100 is not counted."""

    inputs: Tensor
    targets: Tensor


@dataclass(frozen=True)
class Corpus:
    """What a method is trained, tuned and judged on.

    Args:
        train: bytes, (N,), int64.
        tuning_start: where in them the part begins that learning rates are chosen on.
        tuning: its windows.
        test: windows of the held-out part.
        running: its bytes in contiguous windows without padding, (windows, bytes), to look at
            neurons.
    """

    train: Tensor
    tuning_start: int
    tuning: Windows
    test: Windows
    running: Tensor

    @property
    def unigram_entropy(self) -> float:
        """Bits per counted test byte of a model that knows frequencies of training bytes only."""
        counts = torch.bincount(self.train, minlength=VOCABULARY) + 1.0
        bits = -(counts / counts.sum()).log2()
        counted = self.test.targets[self.test.targets != IGNORED]
        return float(bits[counted].mean())


def corpus_of(data: Text | SentencePairs, block_size: int, max_windows: int | None) -> Corpus:
    """A text in contiguous windows; or sentence pairs, judged on their translations alone."""
    if isinstance(data, SentencePairs):
        return _pairs(data, block_size, max_windows)
    train, test = (torch.from_numpy(x.astype(np.int64)) for x in (data.train, data.validation))
    start = int((1 - TUNING_SHARE) * len(train))
    tuning, judged = (text_windows(x, block_size, max_windows) for x in (train[start:], test))
    return Corpus(train, start, tuning, judged, _contiguous(test, block_size))


def _contiguous(text: Tensor, block_size: int) -> Tensor:
    """All whole windows of a text; at least one, if a shorter one."""
    size = min(block_size, len(text))
    return text[: len(text) - len(text) % size].view(-1, size)


def text_windows(text: Tensor, block_size: int, max_windows: int | None) -> Windows:
    """All of a text; the last window is padded. With ``max_windows``, evenly spaced ones."""
    size = block_size * math.ceil((len(text) - 1) / block_size)
    inputs = torch.zeros(size, dtype=torch.int64)
    targets = torch.full((size,), IGNORED)
    inputs[: len(text) - 1], targets[: len(text) - 1] = text[:-1], text[1:]
    return _spaced(inputs.view(-1, block_size), targets.view(-1, block_size), max_windows)


def sentence_windows(
    sentences: Sequence[bytes], counted_from: Sequence[int], max_windows: int | None
) -> Windows:
    """One sentence a window; bytes count from a place in each, as targets."""
    length = max(map(len, sentences))
    inputs = torch.zeros(len(sentences), length - 1, dtype=torch.int64)
    targets = torch.full((len(sentences), length - 1), IGNORED)
    for row, (sentence, start) in enumerate(zip(sentences, counted_from, strict=True)):
        content = torch.tensor(list(sentence))
        inputs[row, : len(content) - 1] = content[:-1]
        targets[row, start - 1 : len(content) - 1] = content[start:]
    return _spaced(inputs, targets, max_windows)


def _spaced(inputs: Tensor, targets: Tensor, max_windows: int | None) -> Windows:
    step = 1 if max_windows is None else max(1, len(inputs) // max_windows)
    return Windows(inputs[::step], targets[::step])


def _pairs(data: SentencePairs, block_size: int, max_windows: int | None) -> Corpus:
    """Lines "English, tab, French" in random order; test and tuning lines stand alone."""
    lines = [f"{a}\t{b}\n".encode() for a, b in zip(data.source, data.target, strict=True)]
    starts = [len(a.encode()) + 1 for a in data.source]
    train, test = np.flatnonzero(~data.test), np.flatnonzero(data.test)
    draw = np.random.default_rng(0)
    order, mixed = draw.permutation(train), draw.permutation(test)
    kept = int((1 - TUNING_SHARE) * len(order))
    stream, running = (
        torch.tensor(list(b"".join(lines[i] for i in rows))) for rows in (order, mixed)
    )
    tuning, judged = (
        sentence_windows([lines[i] for i in rows], [starts[i] for i in rows], max_windows)
        for rows in (order[kept:], test)
    )
    start = sum(len(lines[i]) for i in order[:kept])
    return Corpus(stream, start, tuning, judged, _contiguous(running, block_size))


class Crops:
    """Random windows without end, the same for every method under one seed.

    Not a generator, which a training loop would close: training goes on after a validation.

    Args:
        text: bytes.
        block_size: inputs of a window; targets are one byte further.
        batch_size: windows at a time.
        seed: of the places.
        device: where the windows go.
    """

    def __init__(
        self, text: Tensor, block_size: int, batch_size: int, seed: int, device: str = "cpu"
    ) -> None:
        if len(text) <= block_size:
            raise ValueError(f"text must be longer than a window of {block_size}: got {len(text)}")
        self.text, self.block_size, self.batch_size = text, block_size, batch_size
        self.device = device
        self.generator = torch.Generator().manual_seed(seed)

    def __iter__(self) -> Crops:
        return self

    def __next__(self) -> tuple[Tensor, Tensor]:
        last = len(self.text) - self.block_size
        starts = torch.randint(last, (self.batch_size, 1), generator=self.generator)
        window = self.text[starts + torch.arange(self.block_size + 1)].to(self.device)
        return window[:, :-1], window[:, 1:]


@torch.no_grad()
def bits_per_byte(model: nn.Module, windows: Windows) -> float:
    """Mean over all counted targets, in evaluation mode."""
    was_training = model.training
    model.eval()
    nats, count = 0.0, 0
    device = next(model.parameters()).device
    rows = max(1, EVALUATED_AT_ONCE // windows.inputs.shape[1])
    batches = zip(windows.inputs.split(rows), windows.targets.split(rows), strict=True)
    for inputs, targets in batches:
        logits = model(inputs.to(device)).flatten(0, 1).float()
        nats += float(cross_entropy(logits, targets.to(device).flatten(), reduction="sum"))
        count += int((targets != IGNORED).sum())
    model.train(was_training)
    return nats / count / math.log(2)
