r"""Reading a trained Kolmogorov–Arnold network as a formula.

KAN (https://arxiv.org/abs/2404.19756, Sec. 2.5.1): every edge becomes the nearest simple form
c F(a t + b) + d, the constants are trained once more together, and the composition is printed.
Whether the formula is the true one is for held-out data to say.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from neurarium.memory.arguments import require_count, require_tensor
from neurarium.neurons.basis import require_points
from neurarium.neurons.kan import KAN, require_rows
from neurarium.neurons.kan_linear import KANLinear, require_finite
from neurarium.neurons.symbolic_fit import EdgeFit, choose, fit_curves
from neurarium.neurons.symbolic_forms import FORMS

NUM_POINTS = 128
EXACT = 17
"""Digits that tell two numbers of double precision apart."""
HALF = 0.5 - 1e-6
"""An exponent that is farther from a half is a whole number."""
DUST = 1e-6
"""A factor that much smaller than the largest of a sum is rounding."""


class SymbolicLayer(nn.Module):
    """Sums of simple forms: y_o = Σ_i c F(a x_i + b) + d_o.

    `KAN: Kolmogorov-Arnold Networks <https://arxiv.org/abs/2404.19756>`_, Sec. 2.5.1.

    Args:
        fits: (output, input) → what the edge is read as.
        in_features: width of the input.
        out_features: width of the output.
    """

    def __init__(
        self, fits: dict[tuple[int, int], EdgeFit], in_features: int, out_features: int
    ) -> None:
        super().__init__()
        self.in_features, self.out_features = in_features, out_features
        self.edges = [(o, i, fit.form) for (o, i), fit in fits.items() if fit.form != "0"]
        kept = [fit for fit in fits.values() if fit.form != "0"]
        inner = torch.tensor([[f.a, f.b] for f in kept], dtype=torch.float64).reshape(-1, 2)
        outer = torch.tensor([f.c for f in kept], dtype=torch.float64)
        self.inner, self.outer = nn.Parameter(inner), nn.Parameter(outer)
        constant = torch.zeros(out_features, dtype=torch.float64)
        for (o, _), fit in fits.items():
            constant[o] += fit.d
        self.constant = nn.Parameter(constant)

    def forward(self, x: Float[Tensor, "*batch in"]) -> Float[Tensor, "*batch out"]:
        """Evaluate."""
        terms: list[Tensor] = [self.constant.expand(*x.shape[:-1], -1)]
        for place, (o, i, form) in enumerate(self.edges):
            a, b = self.inner[place]
            term = self.outer[place] * FORMS[form].value(a * x[..., i] + b)
            unit = nn.functional.one_hot(torch.tensor(o), self.out_features).to(term)
            terms.append(term[..., None] * unit)
        return torch.stack(terms).sum(0)

    def expressions(self, inputs: Sequence[Any]) -> list[Any]:
        """Sympy expressions of the outputs, numbers as they are."""
        import sympy

        def number(value: Tensor) -> Any:
            return sympy.Float(value.item(), EXACT)

        found = [number(value) for value in self.constant]
        for place, (o, i, form) in enumerate(self.edges):
            a, b = self.inner[place]
            b = (b + math.pi) % (2 * math.pi) - math.pi if form == "sin" else b
            argument = number(a) * inputs[i] + number(b)
            found[o] += number(self.outer[place]) * FORMS[form].expression(argument)
        return found


class SymbolicKAN(nn.Module):
    """A network of simple forms, which prints as a formula; made by :func:`fit_symbolic`.

    `KAN: Kolmogorov-Arnold Networks <https://arxiv.org/abs/2404.19756>`_, Sec. 2.5.1. It works in
    double precision, and where a form is not defined the output is NaN.

    Args:
        layers: of forms.

    Shapes:
        - x: (…, in); output: (…, out)

    Raises:
        TypeError: for inputs that are not floating point.
        ValueError: for another width.

    Example:
        >>> fits = {(0, 0): EdgeFit("x^2", 1.0, 0.0, 3.0, 1.0, 0.0)}
        >>> model = SymbolicKAN([SymbolicLayer(fits, 1, 1)])
        >>> model.formula(["x"])
        ['3.0*x**2 + 1.0']
        >>> model(torch.tensor([[2.0]])).item()
        13.0
    """

    def __init__(self, layers: Sequence[SymbolicLayer]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)

    def forward(self, x: Float[Tensor, "*batch in"]) -> Float[Tensor, "*batch out"]:
        """Evaluate the formulas."""
        require_points(x, cast(Any, self.layers[0]).in_features)
        dtype, x = x.dtype, x.double()
        for layer in self.layers:
            x = layer(x)
        return x.to(dtype)

    def refine(self, x: Tensor, y: Tensor, *, max_iter: int = 200) -> float:
        """Train all constants together by least squares with L-BFGS; the error that is left.

        A step that makes the formula undefined or worse is taken back.

        Args:
            x: inputs (N, in).
            y: targets (N, out).
            max_iter: of L-BFGS.

        Raises:
            TypeError: for what is no floating-point tensor.
            ValueError: for other shapes, NaN and infinity.
        """
        require_count("max_iter", max_iter)
        require_points(x, cast(Any, self.layers[0]).in_features)
        require_tensor("y", y)
        if x.ndim != 2 or not len(x):
            raise ValueError(f"x must be samples (N, in): got shape {list(x.shape)}")
        wanted = (len(x), cast(Any, self.layers[-1]).out_features)
        if tuple(y.shape) != wanted:
            raise ValueError(f"y must be (N, out) = {wanted}: got shape {list(y.shape)}")
        for name, value in (("x", x), ("y", y)):
            if not value.isfinite().all():
                raise ValueError(f"{name} must be finite: got NaN or infinity")
        x, y = x.double(), y.double()
        parameters = [p for p in self.parameters() if p.numel()]
        optimizer = torch.optim.LBFGS(
            parameters, max_iter=max_iter, history_size=50, line_search_fn="strong_wolfe",
            tolerance_grad=1e-12, tolerance_change=1e-15,
        )  # fmt: skip
        best = [float("inf"), [p.detach().clone() for p in parameters]]
        scale = y.var().clamp_min(1e-300)

        def closure() -> Tensor:
            optimizer.zero_grad()
            loss = (self(x) - y).square().mean() / scale
            if loss.isfinite():
                if loss.item() < cast(float, best[0]):
                    best[:] = [loss.item(), [p.detach().clone() for p in parameters]]
                loss.backward()
                return loss
            return torch.full_like(loss, 1e10)

        optimizer.step(closure)  # type: ignore[arg-type]
        with torch.no_grad():
            for parameter, value in zip(parameters, cast(list[Tensor], best[1]), strict=True):
                parameter.copy_(value)
        return float((self(x) - y).detach().square().mean().sqrt())

    def expressions(self, names: Sequence[str] | None = None, *, digits: int = 4) -> list[Any]:
        """A sympy expression for each output: multiplied out, and only then rounded.

        Args:
            names: of the inputs, all different; x1, x2 … by default.
            digits: of every constant.
        """
        import sympy

        require_count("digits", digits)

        width = cast(Any, self.layers[0]).in_features
        names = [f"x{i + 1}" for i in range(width)] if names is None else list(names)
        if len(names) != width:
            raise ValueError(f"names must be {width}, one for each input: got {len(names)}")
        if not all(isinstance(name, str) for name in names):
            raise TypeError(f"names must be text: got {names}")
        if len(set(names)) < width:
            raise ValueError(f"names must differ: got {names}")
        found: list[Any] = [sympy.Symbol(name) for name in names]
        for layer in self.layers:
            found = cast(Any, layer).expressions(found)
        found = [sympy.expand(expression, power_exp=False) for expression in found]
        return [_rounded(expression, digits) for expression in found]

    def formula(self, names: Sequence[str] | None = None, *, digits: int = 4) -> list[str]:
        """The outputs as text.

        Args:
            names: of the inputs.
            digits: of every constant.
        """
        return [str(expression) for expression in self.expressions(names, digits=digits)]


@torch.no_grad()
def fit_symbolic(
    model: KAN,
    x: Float[Tensor, "N in"],
    *,
    forms: Sequence[str] | None = None,
    tolerance: float = 1e-3,
    slack: float = 2.0,
) -> SymbolicKAN:
    r"""Read every edge of a network as the simplest form that fits it.

    `KAN: Kolmogorov-Arnold Networks <https://arxiv.org/abs/2404.19756>`_, Sec. 2.5.1: edges become
    :math:`c F(a t + b) + d`. Train and prune first, then call :meth:`SymbolicKAN.refine`. Needs
    scipy, and sympy to print.

    Args:
        model: layers of functions on edges.
        x: samples of its inputs, which say where the functions matter.
        forms: names of forms; all by default. ``0`` is always among them.
        tolerance: share of an edge's variance that any form may leave unexplained, at least 0.
        slack: a simpler form may leave this many times as much as the best one, at least 1.

    Raises:
        TypeError: for another model, and samples that are no tensor of its precision.
        ValueError: for unknown forms, and samples and tolerances that do not fit.

    Example:
        >>> _ = torch.manual_seed(0)
        >>> x = torch.rand(200, 1, dtype=torch.float64) * 2 - 1
        >>> layer = KAN([1, 1], dtype=torch.float64)
        >>> edge = layer.layers[0]
        >>> design = edge.basis(x)[:, 0]
        >>> _ = edge.base_weight.data.zero_(), edge.spline_scale.data.fill_(1)
        >>> target = torch.linalg.lstsq(design, 3 * x**2).solution
        >>> _ = edge.coefficients.data.copy_(target[None])
        >>> fit_symbolic(layer, x).formula(["x"], digits=3)
        ['3.0*x**2']
    """
    if isinstance(forms, str):
        raise TypeError(f"forms must be a sequence of names: got {forms!r}")
    for name, share, least in (("tolerance", tolerance, 0), ("slack", slack, 1)):
        require_finite(name, share)
        if share < least:
            raise ValueError(f"{name} must be at least {least}: got {share}")
    names = list(FORMS) if forms is None else list(dict.fromkeys(["0", *forms]))
    for name in names:
        if name not in FORMS:
            raise ValueError(f"forms must be among {', '.join(FORMS)}: got {name!r}")
    if not isinstance(model, KAN) or not all(isinstance(m, KANLinear) for m in model.layers):
        raise TypeError(f"model must be a KAN of KANLinear layers: got {type(model).__name__}")
    require_rows(x, cast(KANLinear, model.layers[0]), least=1)
    layers = []
    for layer in cast(list[KANLinear], list(model.layers)):
        if layer.norm is not None:
            raise ValueError("norm must be None to be read as formulas: got a layer with one")
        layers.append(_read_layer(layer, x, names, tolerance, slack))
        x = layer(x)
    return SymbolicKAN(layers)


def _read_layer(
    layer: KANLinear, x: Tensor, names: list[str], tolerance: float, slack: float
) -> SymbolicLayer:
    low, high = x.amin(0), x.amax(0)
    spread = torch.linspace(0, 1, NUM_POINTS, dtype=x.dtype, device=x.device)[:, None]
    curves = layer.edge_values(low + spread * (high - low))
    if not curves.isfinite().all():
        raise ValueError("model must have finite functions: got NaN or infinity")
    mask = torch.ones_like(curves[..., 0]) if layer.mask is None else layer.mask
    edges = [tuple(edge) for edge in mask.nonzero().tolist()]
    rows = curves[mask != 0]
    inputs = mask.nonzero()[:, 1]
    found = fit_curves(rows, low[inputs], high[inputs], names)
    largest = float(curves.std(-1).max())
    fits = {}
    for edge, row, candidates in zip(edges, rows, found, strict=True):
        if float(row.std()) < 1e-4 * largest:
            candidates = {"0": candidates["0"]}
        fits[cast(tuple[int, int], edge)] = choose(candidates, tolerance=tolerance, slack=slack)
    read = SymbolicLayer(fits, layer.in_features, layer.out_features)
    if layer.bias is not None:
        read.constant.data += layer.bias.double().cpu()
    return read


def _rounded(expression: Any, digits: int) -> Any:
    """Every number to so many digits; in sums, terms that are nothing beside the rest left out."""
    import sympy

    def without_dust(total: Any) -> Any:
        factors = {term: abs(float(term.as_coeff_Mul()[0])) for term in total.args}
        least = DUST * max(factors.values())
        return sympy.Add(*(term for term, factor in factors.items() if factor > least))

    def is_nearly_whole(part: Any) -> bool:
        exponent = part.exp if part.is_Pow else None
        return bool(exponent is not None and exponent.is_Float and abs(exponent % 1 - 0.5) > HALF)

    expression = expression.replace(lambda part: part.is_Add, without_dust)
    expression = expression.replace(is_nearly_whole, lambda part: part.base ** round(part.exp))
    numbers = {n: sympy.Float(n, digits) for n in expression.atoms(sympy.Float)}
    return expression.xreplace(numbers)
