"""From a slug, a part and a preset to declared experiments and their configuration as flags."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from neurarium import catalog

if TYPE_CHECKING:
    from neurarium.evaluation import Experiment


def experiments_of(slug: str, part: str | None) -> tuple[Experiment, ...]:
    """The declared experiments of a system; one of them if ``part`` is given.

    Raises:
        ValueError: unknown slug or part, or a system that is only planned.
    """
    system = catalog.find(slug)
    if catalog.state(system) == "planned":
        raise ValueError(
            f"slug must name a system that has its experiment: got {slug!r}, which is planned; "
            "see `neurarium list`"
        )
    declared: tuple[Experiment, ...] = importlib.import_module(system.experiment).EXPERIMENTS
    if part is None:
        return declared
    names = [experiment.part for experiment in declared]
    if part not in names:
        raise ValueError(
            f"--part must be one of {', '.join(names)}: got {part!r}{_near(part, names)}"
        )
    return (declared[names.index(part)],)


def check_preset(experiment: Experiment, preset: str) -> None:
    """Raise a ValueError that lists the presets if this is none of them."""
    if preset not in experiment.presets:
        names = list(experiment.presets)
        raise ValueError(
            f"--preset must be one of {', '.join(names)}: got {preset!r}{_near(preset, names)}"
        )


def flag_value(words: Sequence[str], flag: str) -> str | None:
    """The last value given to ``--flag``, before everything else is parsed."""
    value = None
    for word, after in zip(words, [*words[1:], None], strict=True):
        if word == flag:
            value = after
        elif word.startswith(f"{flag}="):
            value = word.partition("=")[2]
    return value


def first_word(words: Sequence[str]) -> str | None:
    """The slug: the first word, which stands before any flag."""
    return words[0] if words and not words[0].startswith("-") else None


def _near(word: str, names: Sequence[str]) -> str:
    near = difflib.get_close_matches(word, names, n=1)
    return f"; did you mean {near[0]!r}?" if near else ""
