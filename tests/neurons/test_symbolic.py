"""Edges read as forms: known curves are found, constants refined, formulas print what they do."""

import math
import runpy
from pathlib import Path

import pytest
import sympy
import torch
from torch.testing import assert_close

from neurarium.neurons import KAN, draw_edges, fit_symbolic
from neurarium.neurons.symbolic import SymbolicKAN, SymbolicLayer
from neurarium.neurons.symbolic_fit import EdgeFit, choose, fit_curves
from neurarium.neurons.symbolic_forms import FORMS

CURVES = {
    "x": lambda t: 2 * t - 1,
    "x^2": lambda t: 3 * (t - 0.2) ** 2 + 1,
    "x^3": lambda t: -2 * (t + 0.1) ** 3,
    "1/x": lambda t: 1 / (t + 1.5),
    "sqrt": lambda t: torch.sqrt(2 * t + 2.5),
    "exp": lambda t: 0.5 * torch.exp(-2 * t),
    "log": lambda t: torch.log(t + 1.4),
    "sin": lambda t: 0.3 * torch.sin(4 * t + 0.5) + 2,
    "tanh": lambda t: torch.tanh(3 * t),
    "gaussian": lambda t: torch.exp(-4 * (t - 0.3) ** 2),
    "abs": lambda t: (t - 0.25).abs(),
}


@pytest.mark.parametrize("low", [-1.0, 0.0])
def test_curves_of_every_form_are_recognised(low):
    high = torch.ones(len(CURVES), dtype=torch.float64)
    t = torch.linspace(low, 1, 128, dtype=torch.float64)
    curves = torch.stack([curve(t) for curve in CURVES.values()])
    found = fit_curves(curves, low * high, high, list(FORMS))
    for (name, curve), fits in zip(CURVES.items(), found, strict=True):
        fit = fits[name]
        values = fit.c * FORMS[name].value(fit.a * t + fit.b) + fit.d
        assert (values - curve(t)).abs().max() < 1e-3 * curve(t).std(), name
        if name != "abs" or low < 0:
            assert choose(fits, tolerance=1e-6, slack=2).form == name


def test_a_constant_curve_is_the_constant_form():
    fits = fit_curves(torch.full((1, 50), 3.0), torch.zeros(1), torch.ones(1), list(FORMS))[0]
    fit = choose(fits, tolerance=1e-6, slack=2)
    assert fit.form == "0"
    assert_close(fit.d, 3.0)


def edges_of(model, functions):
    """Give every edge of a network a function, as exactly as its splines can."""
    for layer, rows in zip(model.layers, functions, strict=True):
        t = torch.linspace(-1, 1, 400, dtype=torch.float64)[:, None].expand(-1, layer.in_features)
        design = layer.basis(t)[:, 0]
        with torch.no_grad():
            layer.base_weight.zero_()
            layer.spline_scale.fill_(1)
            for o, row in enumerate(rows):
                for i, function in enumerate(row):
                    target = function(t[:, :1])
                    layer.coefficients[o, :, i] = torch.linalg.lstsq(design, target).solution[:, 0]
    return model


def zero(t):
    return 0 * t


def test_a_known_network_prints_as_its_formula():
    """sin(2 x1) x2² as far as a network of two layers says it: exp(log …) is left to training."""
    model = KAN([2, 2, 1], grid_size=20, dtype=torch.float64)
    edges_of(
        model,
        [
            [[lambda t: 0.3 * torch.sin(2 * t), lambda t: 0.4 * t**2], [zero, lambda t: 0.5 * t]],
            [[lambda t: t**2, lambda t: 2 * t]],
        ],
    )
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(500, 2, generator=generator, dtype=torch.float64) * 2 - 1
    y = (0.3 * torch.sin(2 * x[:, :1]) + 0.4 * x[:, 1:] ** 2) ** 2 + x[:, 1:]
    assert_close(model(x), y, rtol=0, atol=1e-4)
    symbolic = fit_symbolic(model, x)
    assert symbolic.refine(x, y) < 1e-6
    (expression,) = symbolic.expressions(["a", "b"], digits=4)
    a, b = sympy.symbols("a b")
    wanted = sympy.expand((0.3 * sympy.sin(2 * a) + 0.4 * b**2) ** 2 + b)
    assert sympy.N(expression - wanted).subs({a: 0.3, b: -0.7}) < 1e-3
    assert {str(s) for s in expression.free_symbols} == {"a", "b"}
    assert expression.count(sympy.sin) == wanted.count(sympy.sin)
    assert len(expression.args) == len(wanted.args)


def test_the_printed_formula_is_the_network():
    torch.manual_seed(1)
    model = KAN([2, 2, 2], dtype=torch.float64)
    torch.nn.init.normal_(model.layers[0].coefficients, std=0.3)
    x = torch.rand(100, 2, dtype=torch.float64) * 2 - 1
    symbolic = fit_symbolic(model, x)
    values = symbolic(x)
    names = sympy.symbols("u v")
    for o, expression in enumerate(symbolic.expressions(["u", "v"], digits=15)):
        evaluate = sympy.lambdify(names, expression, "math")
        for n in (0, 7, 50):
            printed = evaluate(*x[n].tolist())
            assert math.isclose(printed, float(values[n, o].detach()), rel_tol=1e-6, abs_tol=1e-8)


def test_refinement_never_makes_it_worse():
    torch.manual_seed(0)
    model = KAN([2, 3, 1], dtype=torch.float64)
    x = torch.rand(200, 2, dtype=torch.float64) * 2 - 1
    y = torch.exp(torch.sin(3 * x[:, :1]) + x[:, 1:] ** 2)
    symbolic = fit_symbolic(model, x)
    before = float((symbolic(x) - y).square().mean().sqrt().detach())
    after = symbolic.refine(x, y)
    assert after < before
    assert_close(after, float((symbolic(x) - y).square().mean().sqrt().detach()))


def test_cut_edges_are_not_read():
    model = KAN([2, 1], dtype=torch.float64)
    model.layers[0].mask = torch.tensor([[1.0, 0.0]], dtype=torch.float64)
    x = torch.rand(50, 2, dtype=torch.float64)
    (expression,) = fit_symbolic(model, x).expressions()
    assert {str(s) for s in expression.free_symbols} == {"x1"}
    figure = draw_edges(model, x, samples=True)
    assert len(figure.axes) == 1


def test_a_network_without_edges_is_its_constant():
    model = KAN([2, 1], bias=True)
    model.layers[0].mask = torch.zeros(1, 2)
    model.layers[0].bias.data.fill_(1.5)
    symbolic = fit_symbolic(model, torch.rand(50, 2))
    assert symbolic.formula() == ["1.500"]
    assert_close(symbolic(torch.rand(4, 2)), torch.full((4, 1), 1.5))


def test_what_cancels_is_gone_from_what_is_printed():
    """(100 x + 1)² − 10000 x² − 200 x is 1, although three digits of 10 000 hide it."""
    square = EdgeFit("x^2", 100.0, 1.0, 1.0, 0.0, 0.0)
    first = SymbolicLayer({(0, 0): square, (1, 0): EdgeFit("x^2", 1.0, 0.01, 1.0, 0.0, 0.0)}, 1, 2)
    sum_of = {(0, 0): EdgeFit("x", 1.0, 0.0, 1.0, 0.0, 0.0),
              (0, 1): EdgeFit("x", 1.0, 0.0, -9999.5, 0.0, 0.0)}  # fmt: skip
    (expression,) = SymbolicKAN([first, SymbolicLayer(sum_of, 2, 1)]).expressions(["x"], digits=3)
    x = sympy.Symbol("x")
    assert abs(float(expression.subs(x, 2.0)) - (0.5 * 2.01**2)) < 0.02


def test_pictures_show_the_functions():
    model = edges_of(KAN([1, 2], dtype=torch.float64), [[[lambda t: t**2], [zero]]])
    x = torch.linspace(-1, 1, 201, dtype=torch.float64)[:, None]
    figure = draw_edges(model, x)
    upper, lower = figure.axes
    curve = upper.lines[0].get_xydata()
    wanted = curve[:, 0] ** 2
    assert abs(curve[:, 1] - (wanted - (x**2).mean().item())).max() < 1e-6
    assert upper.lines[0].get_alpha() == 1
    assert lower.lines[0].get_alpha() == pytest.approx(0.15)
    assert len(draw_edges(KAN([20, 9, 1]), torch.rand(30, 20), max_nodes=3).axes) == 9 + 3


def test_the_example_finds_its_formula():
    main = runpy.run_path(str(Path(__file__).parents[2] / "examples" / "fit_formula.py"))["main"]
    a, b = sympy.symbols("a b")
    found = sympy.sympify(main(), locals={"a": a, "b": b})
    for point in ((0.2, 0.7), (-0.8, 0.1), (0.9, -0.9)):
        wanted = math.exp(math.sin(3 * point[0]) + point[1] ** 2)
        assert float(found.subs(dict(zip((a, b), point, strict=True)))) == pytest.approx(
            wanted, rel=2e-2
        )


def test_bad_arguments():
    x = torch.rand(30, 2)
    with pytest.raises(ValueError, match=r"forms must be among 0, x, .*: got 'cosh'"):
        fit_symbolic(KAN([2, 1]), x, forms=["cosh"])
    with pytest.raises(TypeError, match="model must be a KAN of KANLinear layers: got Linear"):
        fit_symbolic(torch.nn.Linear(2, 1), x)
    with pytest.raises(ValueError, match="norm must be None to be read as formulas"):
        fit_symbolic(KAN([2, 1], norm="layer"), x)
    symbolic = fit_symbolic(KAN([2, 1]), x, forms=["x", "x^2"])
    assert {form for *_, form in symbolic.layers[0].edges} <= {"x", "x^2"}
    with pytest.raises(ValueError, match="names must be 2, one for each input: got 1"):
        symbolic.formula(["x"])
    with pytest.raises(ValueError, match=r"y must be \(N, out\) = \(30, 1\): got shape \[30\]"):
        symbolic.refine(x, torch.rand(30))
    with pytest.raises(TypeError, match="model must have functions on its edges"):
        draw_edges(KAN([2, 1], layer="spline_mlp"), x)


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        (torch.rand(30, 3), ValueError, "x must have 2 features"),
        (torch.rand(0, 2), ValueError, "x must be at least . samples"),
        (torch.ones(30, 2).long(), TypeError, "x must be floating point"),
        (torch.full((30, 2), math.nan), ValueError, "x must be finite: got NaN or infinity"),
        ([[1.0, 2.0]] * 9, TypeError, "x must be a tensor: got list"),
        (torch.rand(30, 2).double(), TypeError, "x must be torch.float32 as the layer"),
    ],
)
def test_bad_samples(x, error, message):
    for call in (fit_symbolic, draw_edges):
        with pytest.raises(error, match=message):
            call(KAN([2, 1]), x)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"tolerance": math.nan}, ValueError, "tolerance must be a finite number: got nan"),
        ({"tolerance": -0.1}, ValueError, "tolerance must be at least 0: got -0.1"),
        ({"slack": math.nan}, ValueError, "slack must be a finite number: got nan"),
        ({"slack": 0.5}, ValueError, "slack must be at least 1: got 0.5"),
        ({"forms": "x^2"}, TypeError, "forms must be a sequence of names: got 'x\\^2'"),
    ],
)
def test_bad_tolerances(arguments, error, message):
    with pytest.raises(error, match=message):
        fit_symbolic(KAN([2, 1]), torch.rand(30, 2), **arguments)


def test_bad_calls_of_a_formula():
    x = torch.rand(30, 2)
    symbolic = fit_symbolic(KAN([2, 1]), x)
    with pytest.raises(ValueError, match=r"names must differ: got \['a', 'a'\]"):
        symbolic.formula(["a", "a"])
    with pytest.raises(TypeError, match=r"names must be text: got \[1, 2\]"):
        symbolic.formula([1, 2])
    with pytest.raises(ValueError, match="digits must be at least 1: got 0"):
        symbolic.formula(digits=0)
    with pytest.raises(ValueError, match="y must be finite: got NaN or infinity"):
        symbolic.refine(x, torch.full((30, 1), math.nan))
    with pytest.raises(ValueError, match="x must be finite: got NaN or infinity"):
        symbolic.refine(x * math.nan, torch.rand(30, 1))
    with pytest.raises(TypeError, match="y must be a tensor: got NoneType"):
        symbolic.refine(x, None)
    with pytest.raises(ValueError, match="max_nodes must be at least 1: got 0"):
        draw_edges(KAN([2, 1]), x, max_nodes=0)


def test_a_product_read_as_the_exponential_of_logarithms_prints_as_one():
    logs = {(0, i): EdgeFit("log", 1.0, 0.0, 1.0 + 1e-9 * i, 0.0, 0.0) for i in range(2)}
    model = SymbolicKAN(
        [SymbolicLayer(logs, 2, 1), SymbolicLayer({(0, 0): EdgeFit("exp", 1, 0, 1.5, 0, 0)}, 1, 1)]
    )
    assert model.formula(["V", "p"], digits=3) == ["1.5*V*p"]
