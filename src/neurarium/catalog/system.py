"""A row of the catalogue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .case import Case

# Rooms inside a room whose names are imported from there, not from the family.
SECOND_FACES = ("neurarium.memory.theory", "neurarium.graphs.attacks", "neurarium.graphs.synthesis")


@dataclass(frozen=True)
class Provenance:
    """Where a system comes from and how our version relates to it.

    Args:
        authors: the paper's authors; a last entry ``"others"`` stands for the rest.
        repository: the authors' code as ``owner/name`` or a package's name; None where none exists.
        licence: of that code; ``"none stated"`` where it carries none, empty where we did not look.
        parity: what was measured against the authors' numbers, tolerance and date; empty before.
        deviations: where ours differs from the paper or from the authors' code, and why.
    """

    authors: tuple[str, ...]
    repository: str | None = None
    licence: str = ""
    parity: str = ""
    deviations: tuple[str, ...] = ()


@dataclass(frozen=True)
class System:
    """One published system.

    Args:
        slug: what the commands call it.
        title: the paper's title.
        arxiv: the paper's arXiv identifier.
        year: of the paper.
        family: the room that it lives in.
        kind: layer, model, training method, theory, benchmark or optimizer.
        about: what it is and what one imports it for.
        claim: the paper's headline claim in words.
        paper_value: the paper's own number for it; empty where no number could be confirmed.
        exports: module → the public names that this system is about.
        provenance: see :class:`Provenance`.
        notice: patent, trademark or non-commercial terms of the authors' code.
        battery: export → its smallest configuration, for ``neurarium.testing``.
    """

    slug: str
    title: str
    arxiv: str
    year: int
    family: str
    kind: str
    about: str
    claim: str
    exports: Mapping[str, tuple[str, ...]]
    provenance: Provenance
    paper_value: str = ""
    notice: str = ""
    battery: Mapping[str, Case] = field(default_factory=dict)

    @property
    def experiment(self) -> str:
        """The module that declares the experiment."""
        return f"neurarium.experiments.{self.slug.replace('-', '_')}"

    @property
    def faces(self) -> dict[str, tuple[str, ...]]:
        """What a user imports from where: public room → names.

        Example:
            >>> from neurarium import catalog
            >>> catalog.find("g-ssnn").faces["neurarium.graphs.synthesis"][0]
            'Program'
        """
        faces: dict[str, tuple[str, ...]] = {}
        for module, names in self.exports.items():
            second = next((f for f in SECOND_FACES if f"{module}.".startswith(f"{f}.")), None)
            room = second or ".".join(module.split(".")[:2])
            faces[room] = (*faces.get(room, ()), *names)
        return faces

    @property
    def url(self) -> str:
        """The paper on arXiv."""
        return f"https://arxiv.org/abs/{self.arxiv}"
