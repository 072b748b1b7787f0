"""The families of univariate functions that Kolmogorov–Arnold layers are made of, by name.

Assessed in https://arxiv.org/abs/2407.11075, candidates of https://arxiv.org/abs/2408.08338. Each
is a :class:`~neurarium.neurons.basis.Basis`, (…, F) → (…, F, K).
"""

from neurarium.neurons.basis import Basis
from neurarium.neurons.bspline import BSpline
from neurarium.neurons.fourier import Fourier
from neurarium.neurons.polynomials import Chebyshev, Gram, Jacobi
from neurarium.neurons.radial import RSWAF, GaussianRBF
from neurarium.neurons.registry import Registry
from neurarium.neurons.relu_window import ReLUWindow
from neurarium.neurons.wavelet import WAVELETS, Wavelet

__all__ = [
    "BASES",
    "RSWAF",
    "BSpline",
    "Basis",
    "Chebyshev",
    "Fourier",
    "GaussianRBF",
    "Gram",
    "Jacobi",
    "ReLUWindow",
    "Wavelet",
]

BASES = Registry(
    "BASES",
    {
        "bspline": "neurarium.neurons.bspline:BSpline",
        "rbf": "neurarium.neurons.radial:GaussianRBF",
        "rswaf": "neurarium.neurons.radial:RSWAF",
        "chebyshev": "neurarium.neurons.polynomials:Chebyshev",
        "jacobi": "neurarium.neurons.polynomials:Jacobi",
        "gram": "neurarium.neurons.polynomials:Gram",
        "fourier": "neurarium.neurons.fourier:Fourier",
        "relu": "neurarium.neurons.relu_window:ReLUWindow",
        "rational": "neurarium.neurons.rational_basis:Rational",
        **{kind: ("neurarium.neurons.wavelet:Wavelet", {"kind": kind}) for kind in WAVELETS},
    },
)
"""Name of a basis → its class: ``BASES["rbf"](num_features, grid_size=8)``."""
