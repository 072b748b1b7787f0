"""Scenes of digits show what their attributes say, and captions tell of nothing else."""

import numpy as np
import pytest
import torch

from neurarium.data.synthetic import (
    digit_scenes,
    encode_captions,
    scene_captions,
    scene_prompts,
    stroke_terciles,
)
from neurarium.data.synthetic.digit_scenes import PALETTE, measure_strokes
from neurarium.data.synthetic.scene_captions import (
    ALONE,
    ATTRIBUTES,
    MAX_WORDS,
    NOUNS,
    TOGETHER,
    WORDS,
    vocabulary,
)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def squares(num=600):
    """Images whose label, thickness and slant can be told: a bar of width 2, 4, … 12."""
    digits = np.arange(num) % 10
    images = np.zeros((num, 28, 28), np.uint8)
    for index in range(num):
        images[index, :, 8 : 10 + 2 * (index % 6)] = 255
    return images, digits


def random_attributes(num_scenes, num_digits):
    counts = [len(WORDS[name]) for name in ATTRIBUTES]
    columns = [torch.randint(n, (num_scenes, num_digits), generator=seeded()) for n in counts]
    return torch.stack(columns, -1)


def said(caption):
    """Attribute → values that words of the caption say."""
    meaning = {
        word: (name, value)
        for name, values in WORDS.items()
        for value, synonyms in enumerate(values)
        for word in synonyms
    }
    return [meaning[word] for word in caption.split() if word in meaning]


def test_pictures_show_colour_and_place():
    images, digits = squares()
    scenes = digit_scenes(images, digits, 300, generator=seeded())
    assert scenes.images.dtype == torch.uint8
    for picture, attributes in zip(scenes.images.float(), scenes.attributes, strict=True):
        background = picture[:, :1, :1]
        inked = (picture - background).abs().amax(0) > 0
        corners = [(p // 2, p % 2) for p in attributes[:, 2].tolist()]
        assert len(set(corners)) == 2
        for (row, column), colour in zip(corners, attributes[:, 1].tolist(), strict=True):
            part = picture[:, 16 * row : 16 * row + 16, 16 * column : 16 * column + 16]
            ink = inked[16 * row : 16 * row + 16, 16 * column : 16 * column + 16]
            paint = part[:, ink].T
            distance = (paint[:, None] - torch.tensor(PALETTE)).abs().amax(-1)
            assert (distance.argmin(1) == colour).all()
            assert distance.min() <= 20
        free = {(0, 0), (0, 1), (1, 0), (1, 1)} - set(corners)
        for row, column in free:
            assert not inked[16 * row : 16 * row + 16, 16 * column : 16 * column + 16].any()


def test_every_image_is_used_once_and_its_strokes_are_measured():
    images, digits = squares(600)
    scenes = digit_scenes(images, digits, 300, generator=seeded())
    assert torch.equal(scenes.attributes[..., 0].flatten().bincount(), torch.full((10,), 60))
    assert torch.equal(scenes.attributes[..., 3].flatten().bincount(), torch.full((3,), 200))
    ones = digit_scenes(images[:60], digits[:60], 60, num_digits=1, generator=seeded())
    ink = (ones.images - ones.images[:, :, :1, :1].float()).abs().amax(1).gt(0).sum((1, 2))
    order = ones.attributes[:, 0, 3][ink.argsort()]
    assert (order.diff() >= 0).all()  # the thicker, the more ink


def test_terciles_are_those_of_the_training_digits():
    images, digits = squares()
    limits = stroke_terciles(images)
    assert limits.shape == (2, 2)
    assert (limits[:, 0].diff() > 0).all()
    widest = images[5::6], digits[5::6]
    given = digit_scenes(*widest, 50, num_digits=1, terciles=limits, generator=seeded())
    assert (given.attributes[..., 3] == 2).all()
    own = digit_scenes(*widest, 50, num_digits=1, generator=seeded())
    assert (own.attributes[..., 3] == 0).all()  # none is thicker than another


def test_slant_follows_a_sheared_stroke():
    rows, columns = np.mgrid[:28, :28]
    slants = (-0.5, 0.0, 0.4)
    images = np.stack(
        [255 * (abs(columns - 14 + s * (rows - 14)) < 2).astype(np.uint8) for s in slants]
    )
    assert measure_strokes(images)[:, 1].tolist() == pytest.approx(slants, abs=0.03)


@pytest.mark.parametrize("num_digits", [1, 2])
def test_captions_tell_the_truth_and_omit(num_digits):
    attributes = random_attributes(3000, num_digits)
    captions = scene_captions(attributes, generator=seeded(1))
    counts, about_both = [], 0
    for caption, values in zip(captions, attributes.tolist(), strict=True):
        parts = [said(part) for part in _of_each(caption)]
        about_both += len(parts) == 2
        for part in parts:
            assert part  # at least one attribute
            assert len({name for name, _ in part}) == len(part)
            counts.append(len(part))
        fits = [
            [all(digit[ATTRIBUTES.index(n)] == v for n, v in part) for digit in values]
            for part in parts
        ]
        assert any(
            all(fits[i][order[i]] for i in range(len(parts)))
            for order in ((0, 1), (1, 0))[:num_digits]
        )
    shares = np.bincount(counts, minlength=6)[1:] / len(counts)
    assert abs(shares - 0.2).max() < 0.03  # one to five, equally often
    assert about_both / 3000 == pytest.approx(0.5 if num_digits == 2 else 0.0, abs=0.03)


def _of_each(caption):
    """What is told of each digit."""
    for between in ("next to", "together with", "besides", "and also", "and"):
        if f" {between} " in caption:
            return caption.split(f" {between} ")
    return [caption]


def test_all_words_are_known_and_told_apart():
    assert len(ALONE) + len(TOGETHER) == 12
    words = [word for values in WORDS.values() for synonyms in values for word in synonyms]
    assert len(set(words)) == len(words)  # no word says two things
    tokens = encode_captions(scene_captions(random_attributes(2000, 2), generator=seeded()))
    assert (tokens != vocabulary()["<unknown>"]).all()
    assert tokens.shape[1] == MAX_WORDS
    ends = (tokens == vocabulary()["<end>"]).int()
    assert (ends.sum(1) == 1).all()
    assert torch.equal((tokens == 0).sum(1), MAX_WORDS - 1 - ends.argmax(1))
    assert encode_captions(["a purple three"])[0, 1] == vocabulary()["<unknown>"]
    with pytest.raises(ValueError, match="at most 19 words"):
        encode_captions(["red " * 20])


@pytest.mark.parametrize("attribute", ATTRIBUTES)
def test_prompts_tell_their_value_alone(attribute):
    names = {token: word for word, token in vocabulary().items()}
    prompts = scene_prompts(attribute)
    assert len(prompts) == len(WORDS[attribute])
    for value, tokens in enumerate(prompts):
        assert len(tokens) == 2 * len(ALONE) * (1 if attribute == "digit" else len(NOUNS))
        for row in tokens.tolist():
            caption = " ".join(names[token] for token in row if token > 1)
            assert said(caption) == [(attribute, value)]


def test_equal_generators_give_equal_scenes():
    images, digits = squares(40)
    one, other = (digit_scenes(images, digits, 20, generator=seeded(3)) for _ in range(2))
    assert torch.equal(one.images, other.images)
    assert one.captions == other.captions
    assert not torch.equal(one.images, digit_scenes(images, digits, 20, generator=seeded(4)).images)


@pytest.mark.parametrize(
    ("change", "error", "sentence"),
    [
        ({"images": np.zeros((4, 28, 28))}, TypeError, "images must be uint8: got float64"),
        ({"images": np.zeros((4, 8, 8), np.uint8)}, ValueError, r"shape \(n, 28, 28\): got"),
        ({"digits": np.arange(3)}, ValueError, "one number from 0 to 9 for each image"),
        ({"digits": np.arange(4) + 8}, ValueError, "one number from 0 to 9"),
        ({"num_digits": 3}, ValueError, "num_digits must be 1 or 2: got 3"),
        ({"num_scenes": 3}, ValueError, "at most 4 digits: got 3 scenes of 2"),
        ({"num_scenes": 0}, ValueError, "num_scenes must be at least 1"),
    ],
)
def test_bad_arguments(change, error, sentence):
    given = {"images": np.zeros((4, 28, 28), np.uint8), "digits": np.arange(4), "num_scenes": 2}
    with pytest.raises(error, match=sentence):
        digit_scenes(**given | change)


def test_an_unknown_attribute_is_refused():
    with pytest.raises(ValueError, match="attribute must be one of digit, colour"):
        scene_prompts("size")
