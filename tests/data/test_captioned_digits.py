"""Captions of digits: what they say is what can be measured."""

import numpy as np
import pytest
import torch

from neurarium.data.synthetic import captioned_digits, digit_captions, digit_terciles
from neurarium.data.synthetic.captioned_digits import SENTENCES, WORDS, measure_digits


def drawn_bars(count=90, seed=0):
    """Upright bars of random thickness and height."""
    generator = np.random.default_rng(seed)
    images = np.zeros((count, 28, 28), np.uint8)
    for image in images:
        width, height = generator.integers(1, 9), generator.integers(4, 24)
        image[2 : 2 + height, 10 : 10 + width] = 255
    return images


def test_measures_of_a_bar():
    image = np.zeros((1, 28, 28), np.uint8)
    image[0, 3:13, 5:9] = 255
    thickness, slant, size = measure_digits(image)[0].tolist()
    assert thickness == pytest.approx(40)
    assert slant == pytest.approx(0, abs=1e-5)
    assert size == 40
    assert measure_digits(np.zeros((1, 28, 28), np.uint8))[0, 2] == 0


def test_terciles_divide_into_thirds():
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (300, 12, 12), dtype=np.uint8)
    found = captioned_digits(images, np.zeros(300, np.int64))
    for column in (1, 2):
        assert found.attributes[:, column].bincount(minlength=3).tolist() == [100] * 3


def test_limits_of_the_training_digits_hold_for_others():
    train, other = drawn_bars(), drawn_bars(seed=1)
    terciles = digit_terciles(train)
    found = captioned_digits(other, np.full(90, 7), terciles=terciles)
    thickness = measure_digits(other)[:, 0]
    expected = (thickness > terciles[0, 0]).long() + (thickness > terciles[1, 0]).long()
    assert torch.equal(found.attributes[:, 1], expected)


def test_a_caption_says_its_attributes_and_no_others():
    attributes = torch.cartesian_prod(torch.arange(10), *[torch.arange(3)] * 3)
    captions = digit_captions(attributes, generator=torch.Generator().manual_seed(0))
    for row, caption in zip(attributes.tolist(), captions, strict=True):
        words = caption.split()
        for name, value in zip(WORDS, row, strict=True):
            said = [v for v, synonyms in enumerate(WORDS[name]) if set(synonyms) & set(words)]
            assert said == [value], caption
        assert len(words) <= 12
    again = digit_captions(attributes, generator=torch.Generator().manual_seed(0))
    assert captions == again
    assert len({caption.split()[0] for caption in captions}) > len(SENTENCES) / 2


def test_bad_images_are_one_sentence():
    images = drawn_bars(3)
    with pytest.raises(TypeError, match="must be uint8: got float64"):
        captioned_digits(images / 255, np.arange(3))
    with pytest.raises(ValueError, match="n >= 1, H, W"):
        captioned_digits(images[0], np.arange(3))
    with pytest.raises(ValueError, match="one number from 0 to 9"):
        captioned_digits(images, np.array([1, 2, 10]))
