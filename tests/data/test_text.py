"""Texts and sentence pairs: their splits, and that preparation makes the registered files."""

import gzip
import hashlib
import os
from pathlib import Path

import numpy as np
import pytest

from neurarium.data import DATASETS, SentencePairs, Text, load
from neurarium.data.text import NUM_TEST_PAIRS, _read_pairs, compress, prepare_pairs

needs_data = pytest.mark.skipif(
    "NEURARIUM_DATA" not in os.environ, reason="NEURARIUM_DATA names no folder with texts"
)


def test_the_last_tenth_of_a_text_is_held_out():
    text = Text("mine", np.arange(205, dtype=np.uint8))
    assert len(text.validation) == 21
    assert np.array_equal(np.concatenate((text.train, text.validation)), text.content)
    copy = text.copy()
    copy.content[0] = 9
    assert text.content[0] == 0


def test_source_sentences_are_on_one_side_only_and_the_split_is_fixed():
    lines = [f"number {i // 3}\tnuméro {i}\tsomeone" for i in range(3000)]
    content = ("english\tfrench\tattribution\n" + "\n".join(lines) + "\n").encode()
    pairs, again = (_read_pairs("mine", [content]) for _ in range(2))
    assert len(pairs) == 3000
    assert pairs.source[4] == "number 1"
    assert pairs.target[4] == "numéro 4"
    assert np.array_equal(pairs.test, again.test)
    assert NUM_TEST_PAIRS <= pairs.test.sum() < NUM_TEST_PAIRS + 3
    sides = [{s for s, t in zip(pairs.source, pairs.test, strict=True) if t == x} for x in (0, 1)]
    assert not sides[0] & sides[1]


def test_preparation_compresses_what_is_public_and_names_the_columns():
    assert gzip.decompress(compress([b"to be"])[0]) == b"to be"
    prepared = gzip.decompress(prepare_pairs([b"a\tb\tc\n"])[0])
    assert prepared == b"english\tfrench\tattribution\na\tb\tc\n"


@needs_data
def test_the_registered_texts():
    text = load("tinyshakespeare")
    assert isinstance(text, Text)
    assert len(text.content) == 1_115_394
    assert len(text.validation) == 111_540
    assert bytes(text.train[:14]) == b"First Citizen:"
    (source,) = DATASETS["tinyshakespeare"].sources
    assert hashlib.sha256(text.content.tobytes()).hexdigest() == source.sha256
    pairs = load("tatoeba-eng-fra")
    assert isinstance(pairs, SentencePairs)
    assert len(pairs) == 5000
    assert all(pairs.source)
    assert all(pairs.target)
    assert not set(np.array(pairs.source)[pairs.test]) & set(np.array(pairs.source)[~pairs.test])


@needs_data
def test_the_public_pairs_become_the_registered_file():
    """Without its first line the file is the public one."""
    (entry,) = DATASETS["tatoeba-eng-fra"].files
    for root in os.environ["NEURARIUM_DATA"].split(os.pathsep):
        path = Path(root) / entry.path
        if path.exists():
            content = gzip.decompress(path.read_bytes())
            header, public = content.split(b"\n", 1)
            assert header == b"english\tfrench\tattribution"
            (source,) = DATASETS["tatoeba-eng-fra"].sources
            assert hashlib.sha256(public).hexdigest() == source.sha256
            return
    pytest.skip("no root has the file")
