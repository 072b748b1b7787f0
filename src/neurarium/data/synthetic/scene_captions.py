"""A small grammar of captions for scenes of digits: templates, synonyms, omissions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache

import torch
from jaxtyping import Int
from torch import Tensor

COLOURS = (
    ("red", "crimson"),
    ("green", "emerald"),
    ("blue", "azure"),
    ("yellow", "golden"),
    ("magenta", "pink"),
    ("cyan", "turquoise"),
)
NUMERALS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
WORDS: dict[str, tuple[tuple[str, ...], ...]] = {
    "digit": tuple((word, str(number)) for number, word in enumerate(NUMERALS)),
    "colour": COLOURS,
    "position": tuple(
        (f"{near}-{side}", f"{other}-{side}")
        for near, other in (("top", "upper"), ("bottom", "lower"))
        for side in ("left", "right")
    ),
    "thickness": (("thin", "fine"), ("medium", "regular"), ("thick", "bold")),
    "slant": (("upright", "straight"), ("tilted", "inclined"), ("slanted", "leaning")),
}
"""Attribute → for each of its values the words that say it."""

ATTRIBUTES = tuple(WORDS)
NOUNS = ("digit", "number", "figure")
"""Where a caption does not say which digit it is."""

ALONE = (
    "{0}",
    "a picture of {0}",
    "there is {0}",
    "an image with {0}",
    "{0} on dark ground",
    "we see {0}",
)
TOGETHER = (
    "{0} and {1}",
    "a picture of {0} and {1}",
    "there is {0} next to {1}",
    "{0} together with {1}",
    "we see {0} besides {1}",
    "an image with {0} and also {1}",
)
"""Sentences about one digit and about two."""

MAX_WORDS = 20
"""Tokens of a caption, the end mark included."""


@cache
def vocabulary() -> dict[str, int]:
    """Word → token; 0 is padding, 1 the end mark, 2 stands for any other word."""
    words = dict.fromkeys(
        word
        for text in (
            *ALONE,
            *TOGETHER,
            *NOUNS,
            "a an at",
            *(word for values in WORDS.values() for synonyms in values for word in synonyms),
        )
        for word in text.split()
        if "{" not in word
    )
    return {"<pad>": 0, "<end>": 1, "<unknown>": 2} | {w: i + 3 for i, w in enumerate(words)}


def encode_captions(captions: Sequence[str]) -> Int[Tensor, "N 20"]:
    """Tokens of captions, an end mark, then padding.

    Args:
        captions: texts of at most 19 words.

    Raises:
        ValueError: for a caption that is too long.

    Example:
        >>> encode_captions(["a red three"])[0, :5].tolist() == [
        ...     *(vocabulary()[word] for word in ("a", "red", "three", "<end>")), 0]
        True
    """
    known = vocabulary()
    tokens = torch.zeros(len(captions), MAX_WORDS, dtype=torch.int64)
    for row, caption in enumerate(captions):
        words = caption.split()
        if len(words) >= MAX_WORDS:
            raise ValueError(f"captions must have at most {MAX_WORDS - 1} words: got {caption!r}")
        found = [known.get(word, known["<unknown>"]) for word in words] + [known["<end>"]]
        tokens[row, : len(found)] = torch.tensor(found)
    return tokens


def scene_captions(
    attributes: Int[Tensor, "N digits 5"], *, generator: torch.Generator | None = None
) -> tuple[str, ...]:
    """One caption a scene, about one of its digits or about both; 1 to 5 attributes of each.

    Half of the captions of scenes of two digits tell of one alone. How many attributes are told is
    uniform, then which ones.

    Args:
        attributes: values in the order of ``ATTRIBUTES``.
        generator: draws omissions, synonyms and templates.

    Example:
        >>> scene = torch.tensor([[[3, 0, 1, 2, 0]]])
        >>> scene_captions(scene, generator=torch.Generator().manual_seed(1))[0].split()[-1]
        'upper-right'
    """
    num_scenes, num_digits, num_attributes = attributes.shape
    # All that is drawn, at once; every word is a choice by a uniform number.
    told = torch.rand(attributes.shape, generator=generator).argsort(-1).argsort(-1)
    counts = torch.randint(1, num_attributes + 1, (num_scenes, num_digits, 1), generator=generator)
    chosen = (told < counts).tolist()
    choices = torch.rand(num_scenes, num_digits, 8, generator=generator).tolist()
    both = (torch.rand(num_scenes, generator=generator) < 0.5).tolist()
    orders = torch.rand(num_scenes, num_digits, generator=generator).argsort(1).tolist()
    template = torch.rand(num_scenes, generator=generator).tolist()
    captions = []
    for scene, values in enumerate(attributes.tolist()):
        order = orders[scene][: 2 if both[scene] else 1]
        phrases = [_phrase(values[i], chosen[scene][i], choices[scene][i]) for i in order]
        sentences = TOGETHER if len(phrases) == 2 else ALONE
        captions.append(_pick(sentences, template[scene]).format(*phrases))
    return tuple(captions)


def scene_prompts(attribute: str) -> list[Int[Tensor, "P 20"]]:
    """For each value of an attribute the captions that tell it alone: prompts of a classifier.

    Every template about one digit with every synonym.

    Args:
        attribute: one of ``ATTRIBUTES``.

    Raises:
        ValueError: for another attribute.

    Example:
        >>> len(scene_prompts("colour")), len(scene_prompts("colour")[0])
        (6, 36)
    """
    if attribute not in WORDS:
        raise ValueError(f"attribute must be one of {', '.join(ATTRIBUTES)}: got {attribute!r}")
    return [
        encode_captions([t.format(p) for t in ALONE for p in _every_phrase(attribute, synonyms)])
        for synonyms in WORDS[attribute]
    ]


def _phrase(values: Sequence[int], told: Sequence[bool], choices: Sequence[float]) -> str:
    words = {
        name: _pick(WORDS[name][value], choice)
        for name, value, is_told, choice in zip(ATTRIBUTES, values, told, choices, strict=False)
        if is_told
    }
    return _join(words, _pick(NOUNS, choices[-1]))


def _every_phrase(attribute: str, synonyms: Sequence[str]) -> Iterator[str]:
    for word in synonyms:
        for noun in NOUNS[:1] if attribute == "digit" else NOUNS:
            yield _join({attribute: word}, noun)


def _join(words: dict[str, str], noun: str) -> str:
    """A noun with its article, what comes before it, and where it is."""
    before = [words[name] for name in ("thickness", "slant", "colour") if name in words]
    phrase = [*before, words.get("digit", noun)]
    article = "an" if phrase[0][0] in "aeiou" and phrase[0] != "one" else "a"
    place = ["at", words["position"]] if "position" in words else []
    return " ".join([article, *phrase, *place])


def _pick(options: Sequence[str], uniform: float) -> str:
    return options[int(uniform * len(options))]
