"""How the battery calls the bases of Kolmogorov–Arnold layers."""

from .case import Case

INPUTS = (((4, 3), "float32"),)


def _case(*refused: dict, **kwargs: object) -> Case:
    return Case(
        kwargs={"num_features": 3, **kwargs},
        inputs=INPUTS,
        refused=({"num_features": 0}, {"num_features": 1.5}, *refused),
    )


BASIS_CASES = {
    "BSpline": _case(
        {"grid_size": 0}, {"degree": 0}, {"degree": 6}, {"grid_range": (1, -1)}, grid_size=4
    ),
    "GaussianRBF": _case({"grid_size": 1}, {"grid_range": (1, 1)}),
    "RSWAF": _case({"grid_size": 1}, {"grid_range": 2}),
    "Chebyshev": _case({"degree": 0}, {"squash": "sigmoid"}),
    "Jacobi": _case({"degree": 0}, {"alpha": -1.0}, {"beta": -2.0}),
    "Gram": _case({"degree": 1}, {"squash": "sigmoid"}),
    "Fourier": _case({"grid_size": 0}),
    "ReLUWindow": _case({"grid_size": 0}, {"order": 0}, {"grid_range": (0, 0)}),
    "Wavelet": _case({"kind": "haar"}, {"grid_size": 0}),
}
