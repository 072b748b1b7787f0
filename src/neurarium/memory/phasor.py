"""A sparse network of phase oscillators as an associative memory of phase patterns.

Oscillator memories in the line of Hoppensteadt and Izhikevich, "Oscillatory neurocomputers with
dynamic connectivity", Phys. Rev. Lett. 82 (1999) 2983, and of Noest's phasor networks (1988),
derived again here. "A brain basis of dynamical intelligence for AI and computational neuroscience"
(arXiv 2105.07284) argues for sparsity and synchrony but has no equations; none of these is its own.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import torch
from jaxtyping import Bool, Complex, Float
from torch import Tensor, nn
from torch.nn.functional import pad

from neurarium.memory.arguments import require_count, require_tensor
from neurarium.memory.associative import Recall
from neurarium.memory.phasor_kuramoto import check_step, diffuse

SETTLED = 1e-4
"""Radians: a state has converged when its last step moved no phase by more."""

SPARSE = 0.15
"""Density up to which products with the connections that exist are faster than with all."""

BACKENDS = ("auto", "dense", "sparse")


class PhasorMemory(nn.Module):
    r"""Stores patterns of phases in a sparse Hermitian network and recalls them by synchrony.

    Units are :math:`z_i = e^{i\phi_i}` in the frame that rotates at their common frequency; A is a
    symmetric random mask of density c (`arXiv 2105.07284 <https://arxiv.org/abs/2105.07284>`_
    argues for such networks; the equations are textbook theory):

    .. math:: W = \frac{A \odot \sum_\mu Z^\mu Z^{\mu\dagger}}{cN}, \qquad
              \dot\phi_i = \omega_i + K \,\mathrm{Im}(\bar z_i (Wz)_i) + \sigma\xi_i,
              \qquad E = -\tfrac12 \mathrm{Re}\, z^\dagger W z

    Without noise and frequencies the flow descends E. Neither E nor the flow depends on a global
    phase: that of the overlap :math:`o_\mu = Z^{\mu\dagger} z / N` is free, and
    :class:`ThetaGammaMemory` counts with it. About 0.05 cN random patterns can be recalled.

    Args:
        num_units: N.
        density: c, the share of connections that exist.
        coupling: K.
        mask: (N, N), True where a connection exists, in place of a random one; ``density`` is
            then counted.
        allow_asymmetric: accept a mask that is not symmetric, without which the energy may rise.
        backend: ``"dense"`` multiplies by all of W, ``"sparse"`` by the connections that exist;
            ``"auto"`` takes the second up to a density of 0.15, on a CPU and outside
            ``torch.compile``, which captures only the first.
        generator: draws the mask.

    Shapes:
        - patterns: (K, N) complex of modulus 1; state: (B, N) complex, of which only phases count
        - overlaps: (B, K) complex; energy: (B,)

    Raises:
        TypeError: for patterns and states that are not complex.
        ValueError: for a density outside (0, 1], a mask that is not symmetric, an unknown backend,
            patterns whose modulus is not 1, and shapes that do not fit.
        RuntimeError: if nothing was stored.

    Example:
        >>> generator = torch.Generator().manual_seed(0)
        >>> phases = 2 * math.pi * torch.rand(4, 400, generator=generator)
        >>> memory = PhasorMemory(400, density=0.2, generator=generator)
        >>> memory.store(torch.polar(torch.ones(4, 400), phases))
        >>> jitter = torch.randn(4, 400, generator=generator)
        >>> cue = torch.polar(torch.ones(4, 400), phases + jitter)
        >>> memory.overlaps(cue).abs().diagonal().mean() < 0.65
        tensor(True)
        >>> memory.recall(cue).overlaps.abs().diagonal().mean() > 0.9
        tensor(True)
    """

    phases: Tensor
    weights: Tensor
    mask: Tensor

    def __init__(
        self,
        num_units: int,
        *,
        density: float = 1.0,
        coupling: float = 8.0,
        mask: Bool[Tensor, "N N"] | None = None,
        allow_asymmetric: bool = False,
        backend: str = "auto",
        generator: torch.Generator | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        require_count("num_units", num_units)
        if not 0 < density <= 1:
            raise ValueError(f"density must lie in (0, 1]: got {density}")
        if not (coupling > 0 and math.isfinite(coupling)):
            raise ValueError(f"coupling must be positive: got {coupling}")
        if backend not in BACKENDS:
            raise ValueError(f"backend must be one of {', '.join(BACKENDS)}: got {backend!r}")
        if mask is None:
            mask = random_mask(num_units, density, generator=generator)
        else:
            mask = _checked_mask(mask, num_units, allow_asymmetric)
            density = float(mask.sum()) / max(num_units * (num_units - 1), 1)
        if isolated := int((~mask.any(1)).sum()) if num_units > 1 else 0:
            warnings.warn(
                f"density must leave no unit without connections: got {isolated} isolated "
                f"units of {num_units} at {density:g}",
                stacklevel=2,
            )
        self.num_units, self.density, self.coupling = num_units, density, coupling
        self.backend = backend
        factory: dict[str, Any] = {"device": device, "dtype": dtype}
        self.register_buffer("mask", mask.to(device=device))
        self.register_buffer("phases", torch.empty(0, num_units, **factory))
        # Real part over imaginary part: of complex buffers Module.to(dtype) keeps only the first.
        self.register_buffer("weights", torch.zeros(2 * num_units, num_units, **factory))
        self.register_load_state_dict_pre_hook(_size_from_file)

    def extra_repr(self) -> str:
        """Sizes and constants."""
        return f"{self.num_units}, density={self.density:g}, coupling={self.coupling:g}"

    @property
    def patterns(self) -> Complex[Tensor, "K N"]:
        """What is stored."""
        return _on_circle(self._exact(self.phases))

    @torch.no_grad()
    def store(self, patterns: Complex[Tensor, "K N"]) -> None:
        """Store patterns of modulus 1 in place of those stored before."""
        self._require_state("patterns", patterns, "K")
        wrong = ~((patterns.abs() - 1).abs() <= 1e-3)  # also where it is nan
        if wrong.any():
            value = patterns[wrong][0].abs().item()
            raise ValueError(
                f"patterns must have modulus 1: got {value:g}; divide them by their abs()"
            )
        self.phases = patterns.angle().to(self.weights)
        self.weights = self._couplings(self.patterns, self.patterns).to(self.weights)

    def _couplings(
        self, after: Complex[Tensor, "K N"], before: Complex[Tensor, "K N"]
    ) -> Float[Tensor, "2N N"]:
        """A ∘ Σ after before† / (cN), real part over imaginary part."""
        outer = after.T @ before.conj() / (self.density * self.num_units)
        outer = outer * self.mask
        return torch.cat([outer.real, outer.imag])

    def energy(self, state: Complex[Tensor, "B N"]) -> Float[Tensor, " B"]:
        """−½ Re z†Wz of each state."""
        cos, sin = self._parts(state)
        real, imag = _drive(cos, sin, self._operator())
        return -(cos * real + sin * imag).sum(-1).to(self.weights) / 2

    def overlaps(self, state: Complex[Tensor, "B N"]) -> Complex[Tensor, "B K"]:
        """Overlap with each pattern: its modulus is the match, its argument the global phase."""
        return torch.complex(*self._parts(state)) @ self.patterns.mH / self.num_units

    def recall(
        self,
        state: Complex[Tensor, "B N"],
        *,
        num_steps: int = 400,
        dt: float = 0.02,
        noise: float = 0.0,
        frequencies: Float[Tensor, " N"] | None = None,
        generator: torch.Generator | None = None,
    ) -> Recall:
        """Let the oscillators run from each state; differentiable in states and frequencies.

        Args:
            state: the cues.
            num_steps: Euler steps.
            dt: of a step; at most 0.5 / coupling, or the energy may rise.
            noise: σ.
            frequencies: ω, relative to the common one.
            generator: draws the noise.
        """
        if not len(self.phases):
            raise RuntimeError("patterns must be stored before a recall: call store(patterns)")
        require_count("num_steps", num_steps)
        check_step(self.coupling, dt, noise)
        cos, sin = self._parts(state)
        phases = torch.atan2(sin, cos)
        if frequencies is not None:
            if frequencies.shape != (self.num_units,):
                raise ValueError(
                    f"frequencies must have shape [{self.num_units}]: got {list(frequencies.shape)}"
                )
            frequencies = frequencies.to(phases)
        weights = self._operator()
        settled, moved = self._flow(weights, phases, num_steps, dt, noise, frequencies, generator)
        state = _on_circle(settled)
        return Recall(state, self.overlaps(state), moved < SETTLED)

    def _operator(self) -> Tensor:
        """W as the backend multiplies by it: complex, or in CSR form, real part over imaginary."""
        weights = self._exact(self.weights)
        sparse = self.backend == "sparse"
        if self.backend == "auto":
            sparse = self.density <= SPARSE and weights.device.type == "cpu"
            sparse = sparse and not torch.compiler.is_compiling()
        return _compressed(weights, self.mask) if sparse else torch.complex(*weights.chunk(2))

    def _flow(
        self,
        weights: Tensor,
        phases: Float[Tensor, "B N"],
        num_steps: int,
        dt: float,
        noise: float = 0.0,
        frequencies: Float[Tensor, " N"] | None = None,
        generator: torch.Generator | None = None,
    ) -> tuple[Float[Tensor, "B N"], Float[Tensor, " B"]]:
        """The phases after some steps, and by how much the last one moved them at most."""
        before = phases
        for _ in range(num_steps):
            before = phases
            cos, sin = phases.cos(), phases.sin()
            real, imag = _drive(cos, sin, weights)
            velocity = self.coupling * (cos * imag - sin * real)
            if frequencies is not None:
                velocity = velocity + frequencies
            phases = diffuse(phases + dt * velocity, dt, noise, generator)
        return phases, (phases - before).abs().amax(-1)

    def _parts(self, state: Tensor) -> tuple[Tensor, Tensor]:
        """Cosine and sine of the state's phases."""
        self._require_state("state", state, "B")
        phases = state.angle().to(self._exact(self.weights))
        return phases.cos(), phases.sin()

    def _require_state(self, name: str, value: Any, rows: str) -> None:
        require_tensor(name, value)
        if not value.is_complex():
            raise TypeError(
                f"{name} must be complex: got {value.dtype}; torch.polar(ones, phases) makes it so"
            )
        if value.ndim != 2 or value.shape[1] != self.num_units or not len(value):
            raise ValueError(
                f"{name} must have shape ({rows} >= 1, {self.num_units}): got {list(value.shape)}"
            )

    @staticmethod
    def _exact(value: Tensor) -> Tensor:
        """In a precision that complex numbers exist in."""
        return value if value.dtype in (torch.float32, torch.float64) else value.float()


def random_mask(
    num_units: int, density: float, *, generator: torch.Generator | None = None
) -> Bool[Tensor, "N N"]:
    """A symmetric mask without diagonal whose pairs are connected with probability ``density``."""
    upper = (torch.rand(num_units, num_units, generator=generator) >= 1 - density).triu(1)
    return upper | upper.T


def _checked_mask(mask: Any, num_units: int, allow_asymmetric: bool) -> Tensor:
    require_tensor("mask", mask)
    if mask.dtype != torch.bool or mask.shape != (num_units, num_units):
        raise ValueError(
            f"mask must be bool of shape [{num_units}, {num_units}]: "
            f"got {mask.dtype} {list(mask.shape)}"
        )
    one_way = int((mask & ~mask.T).sum())
    if one_way and not allow_asymmetric:
        raise ValueError(
            f"mask must be symmetric, or the energy may rise: got {one_way} one-way connections; "
            "use mask | mask.T, or allow_asymmetric=True"
        )
    return mask & ~torch.eye(num_units, dtype=torch.bool, device=mask.device)


def _drive(cos: Tensor, sin: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Real and imaginary part of W z."""
    if weights.is_complex():
        drive = torch.complex(cos, sin) @ weights.T
        return drive.real, drive.imag
    batch, size = cos.shape
    products = (weights @ torch.cat([cos, sin]).T).T
    real = products[:batch, :size] - products[batch:, size:]
    return real, products[:batch, size:] + products[batch:, :size]


def _compressed(weights: Tensor, mask: Tensor) -> Tensor:
    """Stacked weights in CSR form, without torch's remark that this form is new."""
    rows, columns = mask.nonzero(as_tuple=True)
    starts = pad(mask.sum(1).repeat(2).cumsum(0), (1, 0))
    values = weights.unflatten(0, (2, -1))[:, rows, columns].flatten()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta")
        return torch.sparse_csr_tensor(
            starts, columns.repeat(2), values, tuple(weights.shape), check_invariants=False
        )


def _on_circle(phases: Tensor) -> Tensor:
    return torch.complex(phases.cos(), phases.sin())


def _size_from_file(module: nn.Module, state_dict: dict[str, Tensor], prefix: str, *_: Any) -> None:
    """Memories are as large as the file says."""
    for name, buffer in list(module.named_buffers(recurse=False)):
        saved = state_dict.get(prefix + name)
        if saved is not None and saved.ndim == buffer.ndim and len(saved) != len(buffer):
            setattr(module, name, buffer.new_empty(saved.shape))
