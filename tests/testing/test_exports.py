"""Estimators, optimizers and functions get the checks that fit them; cases become modules."""

import pytest
import torch
from torch import nn

from neurarium.catalog import Call, Case, New
from neurarium.optim import Lamb
from neurarium.testing.exports import built_exports, check_export, subject_of
from neurarium.testing.matrix import matrix
from neurarium.testing.report import CheckReport, Outcome
from testing.layers import Good


class Memory(nn.Module):
    """Holds rows that were stored."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner
        self.rows = torch.empty(0)

    def store(self, rows):
        self.rows = rows
        return rows * 2

    def lookup(self, x, *, mask):
        return self.inner(x) * mask[:, None]


def test_a_case_becomes_a_module_with_inputs():
    case = Case(
        kwargs={"inner": New("testing.layers", "Good", {"num_features": 2})},
        inputs=([[1.0, 2.0], [3.0, 4.0]],),
        keyword_inputs={"mask": ((2,), "bool")},
        calls=(Call("store", (((3,), "int64", 2),)),),
        method="lookup",
        refused=({"inner": New("testing.layers", "Good", {"num_features": 2})},),
    )
    subject = subject_of(Memory, case)
    assert isinstance(subject.module.inner, Good)
    assert subject.module.rows.tolist() == [0, 1, 0]
    assert subject.args[0].tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert subject.kwargs["mask"].tolist() == [True, False]
    assert subject.run(subject.module).shape == (2, 2)
    subject = subject_of(Memory, Case(kwargs=case.kwargs, inputs=(Call("store", case.inputs),)))
    assert subject.args[0].tolist() == [[2.0, 4.0], [6.0, 8.0]]


class Sgd(torch.optim.Optimizer):
    """Descends.

    https://arxiv.org/abs/1904.00962

    Args:
        params: to move.

    Example:
        >>> 1
        1
    """

    def __init__(self, params):
        super().__init__(params, {"lr": 0.1})
        self.momentum = {}

    def step(self, closure=None):
        loss = closure()
        with torch.no_grad():
            for group in self.param_groups:
                for p in group["params"]:
                    self.momentum[p] = self.momentum.get(p, 0) * 0.9 + p.grad
                    p -= group["lr"] * self.momentum[p]
        return loss


class Ascends(Sgd):
    __doc__ = Sgd.__doc__

    def step(self, closure=None):
        for group in self.param_groups:
            group["lr"] = -0.1
        return super().step(closure)


def test_optimizers():
    assert check_export(Lamb).ok
    kept_outside = check_export(Sgd, raise_on_failure=False)
    assert kept_outside.failures == {"resumes": "a run resumed from state_dict differs"}
    assert "descends" in check_export(Ascends, raise_on_failure=False).failures


class Regressor:
    """Not an estimator yet."""

    def __init__(self, depth=3):
        self.depth = depth + 1

    def get_params(self, deep=True):
        return {"depth": self.depth}


def test_estimators():
    failures = check_export(Regressor, raise_on_failure=False).failures
    assert failures["interface"] == "has no method fit, set_params, predict, score, save, load"
    assert failures["parameters"] == "__init__ changes 'depth'"
    assert failures["example"].startswith("the docstring has no example")


def undocumented(x, y):
    """Adds.

    https://arxiv.org/abs/1904.00962

    Args:
        x: one.

    Example:
        >>> undocumented(1, 2)
        3
    """
    return x + y


def test_functions():
    report = check_export(undocumented, raise_on_failure=False)
    assert report.failures == {"docstring": "the docstring does not explain y"}


def test_the_matrix_is_a_table_with_reasons():
    export = next(iter(built_exports()))
    report = CheckReport("x", {"forward": Outcome("passed"), "capture": Outcome("exempt", "loops")})
    page = matrix([(export, report)])
    assert "| system | export | forward | capture |" in page
    assert f"| {export.slug} | `{export.name}` | ✓ | ○ |" in page
    assert f"- `{export.name}`, capture: loops" in page


def test_a_module_without_a_case_is_told_what_to_add():
    with pytest.raises(LookupError, match="Good must have a case: add `battery="):
        check_export(Good)
