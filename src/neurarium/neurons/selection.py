r"""Choosing among families of functions at every node: what S-KAN's layers have in common.

Yang et al., "Activation Space Selectable Kolmogorov-Arnold Networks"
(https://arxiv.org/abs/2408.08338). Probabilities p = softmax(α/T) over a pool weigh the families;
the winners are kept and trained on (:meth:`Selection.select`), the rest is cut away by the layers'
``prune``. The weights are folded into the coefficients, so that mixing costs no function more.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from neurarium.memory.arguments import require_count
from neurarium.neurons.bases import BASES
from neurarium.neurons.basis import Basis
from neurarium.neurons.make_basis import make_basis
from neurarium.neurons.reach import ReachWatch
from neurarium.neurons.selection_checks import require_arguments, require_positive, require_share
from neurarium.neurons.selection_loading import become

DEFAULT_POOL = ("bspline", "rbf", "chebyshev", "mexican_hat", "relu")
POOL_ARGUMENTS: Mapping[str, Mapping[str, Any]] = {"relu": {"grid_range": (-1.0, 1.0)}}
"""ReLU windows of a pool lie where its splines do."""
MANY_BYTES = 1 << 28
"""What a layer with a choice for every edge may hold without a warning."""


class Family(nn.Module):
    """One candidate of a pool: its functions and their coefficients.

    Args:
        basis: the functions.
        shape: out, then what follows the features, such as a kernel's height and width.
    """

    def __init__(self, basis: Basis, shape: Sequence[int], **factory: Any) -> None:
        super().__init__()
        out, *taps = shape
        self.basis = basis
        sizes = (out, basis.num_functions, basis.num_features, *taps)
        self.coefficients = nn.Parameter(torch.empty(sizes, **factory))

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """The family's own start, over as many inputs as an output has."""
        self.basis.reset_parameters()
        out, functions, features, *taps = self.coefficients.shape
        rows = self.coefficients[0, 0, 0].numel()
        drawn = self.coefficients.new_empty(out * rows, functions, features)
        self.basis.init_coefficients(drawn)
        drawn = drawn.view(out, rows, functions, features).permute(0, 2, 3, 1)
        self.coefficients.copy_(drawn.reshape(out, functions, features, *taps)).mul_(rows**-0.5)


class Selection(nn.Module):
    """A pool of families with learned weights; layers say what they are summed over.

    Args:
        features: nodes of the layer.
        shape: out, then a kernel's height and width where there is one.
        bases: names in ``BASES``.
        granularity: what has a choice of its own.
        granularities: the ones this layer knows, name → shape of the choices.
        temperature: T, kept with the state.
        basis_arguments: name of a basis → its arguments.
    """

    kept: Tensor | None
    logits: Tensor
    temperature: Tensor

    def __init__(
        self,
        features: int,
        shape: Sequence[int],
        *,
        bases: Sequence[str],
        granularity: str,
        granularities: Mapping[str, Sequence[int]],
        temperature: float,
        basis_arguments: Mapping[str, Mapping[str, Any]] | None,
        **factory: Any,
    ) -> None:
        super().__init__()
        _require_pool(bases)
        if not isinstance(granularity, str) or granularity not in granularities:
            names = ", ".join(map(repr, granularities))
            raise ValueError(f"granularity must be one of {names}: got {granularity!r}")
        require_positive("temperature", temperature)
        require_arguments(basis_arguments)
        given = basis_arguments or {}
        for name in set(given) - set(bases):
            raise ValueError(f"basis_arguments must be of bases in the pool: got {name!r}")
        self.bases, self.granularity = tuple(bases), granularity
        self.basis_arguments = {n: {**POOL_ARGUMENTS.get(n, {}), **given.get(n, {})} for n in bases}
        made = {
            name: make_basis(name, features, self.basis_arguments[name], **factory)
            for name in bases
        }
        choices = (*granularities[granularity], len(self.bases))
        if granularity == "edge":
            num_functions = sum(basis.num_functions for basis in made.values())
            _warn_of_memory(
                math.prod(choices), num_functions * features * math.prod(shape), factory
            )
        self.families = nn.ModuleDict(
            {name: Family(basis, shape, **factory) for name, basis in made.items()}
        )
        self.logits = nn.Parameter(torch.empty(choices, **factory))
        self.register_buffer("temperature", torch.full((), float(temperature), **factory))
        self.register_buffer("kept", None)
        self._active = self.bases
        self._watch = ReachWatch()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """All families with equal weights, and none cut."""
        for family in self._members():
            family.reset_parameters()
        nn.init.zeros_(self.logits)
        self._keep(None)

    def extra_repr(self) -> str:
        """The pool."""
        return f"bases={self.bases}, granularity={self.granularity!r}"

    def selection(self) -> Float[Tensor, "*choices K"]:
        """Probability of each family for each choice; they sum to 1, and are 0 for what is cut."""
        # An infinite logit means certainty, where a softmax of infinities would be NaN.
        logits = (self.logits / self.temperature).clamp(max=torch.finfo(self.logits.dtype).max)
        if self.kept is not None:
            logits = logits.masked_fill(~self.kept, -torch.inf)
        return logits.softmax(-1)

    @torch.no_grad()
    def select(
        self, top_k: int | None = 1, *, threshold: float | None = None
    ) -> Bool[Tensor, "*choices K"]:
        """Cut families that carry little; what is cut has weight 0 and learns no more.

        Args:
            top_k: how many families each choice keeps at most; None: any number.
            threshold: least probability of what is kept beside the largest.

        Returns:
            What is kept.

        Raises:
            RuntimeError: before training, when all weights are equal.
        """
        if top_k is not None:
            require_count("top_k", top_k)
        if threshold is not None:
            require_share("threshold", threshold)
        if len(self.bases) > 1 and bool((self.logits == self.logits[..., :1]).all()):
            raise RuntimeError("select must come after training: all logits are still equal")
        p = self.selection()
        order = p.sort(stable=True, dim=-1, descending=True).indices
        rank = torch.empty_like(order).scatter_(
            -1, order, torch.arange(len(self.bases), device=p.device).expand_as(order)
        )
        kept = p > 0
        if top_k is not None:
            kept &= rank < top_k
        if threshold is not None:
            kept &= (p >= threshold) | (rank == 0)
        self._keep(kept)
        return kept

    def counts(self) -> dict[str, int]:
        """How many choices each family wins: the histogram of the selection."""
        winners = self.selection().argmax(-1).flatten().bincount(minlength=len(self.bases))
        return dict(zip(self.bases, winners.tolist(), strict=True))

    def weighted(self) -> Iterator[tuple[Basis, Tensor]]:
        """The families that are not cut everywhere, with p folded into their coefficients."""
        shares = self.selection().unbind(-1)
        for name, share in zip(self.bases, shares, strict=True):
            if name in self._active:
                family = self.families[name]
                assert isinstance(family, Family)
                yield family.basis, family.coefficients * self.spread(share)

    def spread(self, choices: Tensor) -> Tensor:
        """A value for each choice, so that it multiplies coefficients (out, K, F, …)."""
        if self.granularity == "edge":
            return choices[:, None]
        if self.granularity in ("node", "channel"):
            return choices.view(-1, *[1] * (self._members()[0].coefficients.ndim - 3))
        return choices

    def require_pool(self, names: Iterable[str]) -> None:
        """Raise unless these families are in the pool: those of a pruned state that is loaded."""
        for name in names:
            if name not in self.bases:
                raise RuntimeError(
                    f"state_dict must be of families in {list(self.bases)}: got {name!r}"
                )

    def require_selected(self) -> Tensor:
        """What is kept.

        Raises:
            RuntimeError: if nothing was selected.
        """
        if self.kept is None:
            raise RuntimeError("prune must come after select: all families are still in use")
        return self.kept

    def warn_of_reach(self, x: Tensor, axis: int = -1) -> None:
        """Warn once if most inputs lie beyond all that a family in use sees."""
        if getattr(self, "norm", None) is None:
            active = [family.basis for family in self._members(self._active)]
            advice = "normalise them, by norm='batch' for instance"
            self._watch.look(x, active, advice=advice, axis=axis)

    def _members(self, names: Iterable[str] | None = None) -> list[Family]:
        chosen = [self.families[name] for name in self.bases if names is None or name in names]
        return [family for family in chosen if isinstance(family, Family)]

    def _keep(self, kept: Tensor | None) -> None:
        self.kept = kept
        self._active = self.bases
        if kept is not None:
            used = kept.flatten(0, -2).any(0) if kept.ndim > 1 else kept
            self._active = tuple(
                name for name, is_used in zip(self.bases, used.tolist(), strict=True) if is_used
            )

    def _as_saved(self, state_dict: Mapping[str, Any], prefix: str) -> nn.Module | None:
        """The pruned layer that a state is of, or None where it is not pruned."""
        raise NotImplementedError

    def _load_from_state_dict(self, state_dict: Mapping[str, Any], prefix: str, *args: Any) -> None:
        """What is cut is as in what is loaded, also where that is a pruned layer's state."""
        pruned = self._as_saved(state_dict, prefix)
        if pruned is not None:
            become(self, pruned)
            self._load_from_state_dict(state_dict, prefix, *args)
            return
        if isinstance(state_dict, dict) and f"{prefix}logits" in state_dict:
            # States from before the temperature was part of them.
            state_dict.setdefault(f"{prefix}temperature", self.temperature)
        saved = state_dict.get(f"{prefix}kept")
        if isinstance(saved, Tensor) and saved.shape == self.logits.shape:
            self.kept = torch.empty_like(self.logits, dtype=torch.bool)
        super()._load_from_state_dict(state_dict, prefix, *args)
        self._keep(self.kept)


def _require_pool(bases: Any) -> None:
    """Raise unless ``bases`` are different names in ``BASES``; warn of a pool of one."""
    if isinstance(bases, str) or not isinstance(bases, Sequence):
        raise TypeError(f"bases must be names of bases: got {bases!r}")
    if not bases:
        raise ValueError("bases must be at least one name: got none")
    for name in bases:
        BASES.find(name, "bases")
    if len(set(bases)) < len(bases):
        raise ValueError(f"bases must be different: got {list(bases)}")
    if len(bases) == 1:
        warnings.warn(
            f"bases has one family, {bases[0]!r}: nothing is selected; use KANLinear", stacklevel=4
        )


def _warn_of_memory(num_logits: int, num_coefficients: int, factory: Mapping[str, Any]) -> None:
    """Warn before a choice for every edge takes much memory."""
    size = (factory.get("dtype") or torch.get_default_dtype()).itemsize
    logits, coefficients = size * num_logits, size * num_coefficients
    if logits + coefficients > MANY_BYTES:
        warnings.warn(
            f"granularity='edge' takes {logits / 2**20:.3g} MiB of logits beside "
            f"{coefficients / 2**20:.3g} MiB of coefficients; 'node' needs none for edges",
            stacklevel=4,
        )
