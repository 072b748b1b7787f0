"""Kuramoto's phase oscillators: one step of their dynamics, and how synchronous they are.

Kuramoto (1975); `Strogatz, Physica D 143 (2000) 1 <https://doi.org/10.1016/S0167-2789(00)00094-4>`_
reviews the theory. These are the units of :class:`~neurarium.memory.PhasorMemory`, the oscillatory
memory that this library sets beside "A brain basis of dynamical intelligence for AI and
computational neuroscience" (arXiv 2105.07284), which has no equations of its own.
"""

from __future__ import annotations

import math
import warnings

import torch
from jaxtyping import Complex, Float
from torch import Tensor

from neurarium.memory.arguments import require_tensor

COARSE = 0.5
"""Products of time step and coupling above this make Euler's method unreliable."""


def order_parameter(phases: Float[Tensor, "*batch N"]) -> Complex[Tensor, "*batch"]:
    r"""Mean of the oscillators on the unit circle: its modulus is their synchrony, 0 to 1.

    .. math:: r e^{i\psi} = \tfrac1N \sum_j e^{i\phi_j}

    Args:
        phases: (…, N) in radians.

    Shapes:
        - output: (…), complex

    Raises:
        TypeError: unless the phases are real.

    Example:
        >>> order_parameter(torch.tensor([0.3, 0.3, 0.3])).abs()
        tensor(1.)
    """
    _require_phases(phases)
    return torch.complex(phases.cos().mean(-1), phases.sin().mean(-1))


def kuramoto_step(
    phases: Float[Tensor, "*batch N"],
    frequencies: Float[Tensor, " N"] | None = None,
    weights: Complex[Tensor, "N N"] | Float[Tensor, "N N"] | None = None,
    *,
    coupling: float = 1.0,
    dt: float = 0.02,
    noise: float = 0.0,
    generator: torch.Generator | None = None,
) -> Float[Tensor, "*batch N"]:
    r"""One Euler step of coupled phase oscillators; differentiable in everything.

    .. math:: \dot\phi_i = \omega_i + K \sum_j |W_{ij}| \sin(\phi_j - \phi_i + \arg W_{ij})
              + \sigma \xi_i(t)

    Without weights every oscillator feels the mean of all, :math:`W_{ij} = 1/N`, at a cost linear
    in N. Lorentzian frequencies of half width g then synchronise to :math:`r = \sqrt{1 - 2g/K}`
    above :math:`K_c = 2g`.

    Args:
        phases: (…, N) in radians.
        frequencies: natural frequencies ω (N,); None for none.
        weights: W (N, N), real or complex.
        coupling: K.
        dt: time step.
        noise: σ, standard deviation of the phase after unit time.
        generator: draws the noise.

    Shapes:
        - output: (…, N), not wrapped

    Raises:
        TypeError: unless the phases are real.
        ValueError: for weights or frequencies of another size, or a time step that is not positive.

    Example:
        >>> phases, frequencies = torch.tensor([0.0, 2.0]), torch.tensor([0.4, -0.4])
        >>> for _ in range(600):
        ...     phases = kuramoto_step(phases, frequencies, coupling=1.6)
        >>> round(float((phases[0] - phases[1]).sin()), 4)  # locked: (0.4 + 0.4) / 1.6
        0.5
    """
    _require_phases(phases)
    check_step(coupling, dt, noise)
    size = phases.shape[-1]
    cos, sin = phases.cos(), phases.sin()
    if weights is None:
        real, imag = cos.mean(-1, keepdim=True), sin.mean(-1, keepdim=True)
    else:
        if weights.shape != (size, size):
            raise ValueError(f"weights must have shape [{size}, {size}]: got {list(weights.shape)}")
        state = torch.complex(cos, sin)
        drive = state @ weights.to(state.dtype).T
        real, imag = drive.real, drive.imag
    velocity = coupling * (cos * imag - sin * real)
    if frequencies is not None:
        if frequencies.shape != (size,):
            raise ValueError(f"frequencies must have shape [{size}]: got {list(frequencies.shape)}")
        velocity = velocity + frequencies
    return diffuse(phases + dt * velocity, dt, noise, generator)


def diffuse(phases: Tensor, dt: float, noise: float, generator: torch.Generator | None) -> Tensor:
    """Add what white noise does to phases within a time step."""
    if not noise:
        return phases
    drawn = torch.randn(phases.shape, generator=generator, dtype=phases.dtype, device=phases.device)
    return phases + noise * math.sqrt(dt) * drawn


def check_step(coupling: float, dt: float, noise: float) -> None:
    """Raise for a time step or a noise out of range; warn where Euler's method is unreliable."""
    if not (dt > 0 and math.isfinite(dt)):
        raise ValueError(f"dt must be positive: got {dt}")
    if not (noise >= 0 and math.isfinite(noise)):
        raise ValueError(f"noise must be at least 0: got {noise}")
    if dt * abs(coupling) > COARSE:
        warnings.warn(
            f"dt times coupling must be small: got {dt * abs(coupling):g}, above {COARSE}; "
            "the energy may rise",
            stacklevel=3,
        )


def _require_phases(phases: Tensor) -> None:
    require_tensor("phases", phases)
    if not phases.is_floating_point():
        raise TypeError(f"phases must be real floating point: got {phases.dtype}; use z.angle()")
    if not phases.ndim:
        raise ValueError("phases must have at least one dimension: got a number")
