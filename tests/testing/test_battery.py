"""The battery catches every kind of broken layer with the right check, and passes a good one."""

import re

import pytest
import torch
from torch import nn

from neurarium.testing import CheckReport, check_module
from neurarium.testing.battery import CHECKS, run_checks
from neurarium.testing.reload import reload_many
from neurarium.testing.subject import Subject
from testing.layers import BROKEN, Good

INPUT = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
ELSEWHERE = {  # layers whose fault other checks notice too
    "NotFinite": {"backward", "bfloat16", "float64", "state_dict", "deepcopy", "capture"},
    "DropsInEvaluation": {"capture"},
    "Counts": {"state_dict", "deepcopy", "capture"},
    "GradientNotFinite": {"capture"},
    "SharesWhenCopied": {"capture"},
    "AlwaysFloat32": {"bfloat16"},
    "Prints": {"capture"},
    "Warns": {"capture", "reload"},
    "ChangesItsInput": {"determinism"},
    "NoDocstring": {"example"},
    "StateOutsideTheStateDict": {"reload"},
    "KeepsTheGraph": {"forward"},
}


def subject_of(kind):
    torch.manual_seed(0)
    return Subject(
        kind(3, dropout=0.5),
        (INPUT,),
        {},
        rebuild=lambda: kind(3, dropout=0.5),
        refused=[lambda: kind(0)],
    )


@pytest.fixture(scope="module")
def reloads():
    """One new process for all layers."""
    kinds = [Good, *BROKEN]
    return reload_many({kind.__name__: subject_of(kind) for kind in kinds})


def test_a_good_layer_passes(reloads):
    report = check_module(
        Good(3, dropout=0.5),
        INPUT,
        rebuild=lambda: Good(3, dropout=0.5),
        refused=[lambda: Good(0)],
        exempt={"reload": "with the other layers, in one process"},
    )
    assert list(report.outcomes) == list(CHECKS)
    assert {k for k, v in report.outcomes.items() if v.status != "passed"} == {"reload"}
    assert reloads["Good"] == ""


@pytest.mark.slow
def test_a_single_layer_is_reloaded_in_a_process_of_its_own():
    wanted = {name: "not here" for name in CHECKS if name != "reload"}
    report = check_module(Good(3, dropout=0.5), INPUT, exempt=wanted)
    assert report.outcomes["reload"].status == "passed"
    report = check_module(Good(3), INPUT, exempt=wanted)
    assert report.outcomes["reload"].note == "at their defaults: dropout"


@pytest.mark.parametrize("kind", BROKEN, ids=lambda kind: kind.__name__)
def test_a_broken_layer_is_caught_by_the_right_check(kind, reloads):
    check, message = BROKEN[kind]
    checks = {name: fn for name, fn in CHECKS.items() if name != "reload"}
    failures = run_checks(kind.__name__, subject_of(kind), checks).failures
    if reloads[kind.__name__]:
        failures["reload"] = reloads[kind.__name__]
    assert re.search(message, failures[check]), failures
    assert set(failures) <= {check} | ELSEWHERE.get(kind.__name__, set()), failures


def test_failures_are_raised_together():
    with pytest.raises(AssertionError) as caught:
        check_module(nn.Linear(3, 2), INPUT)
    lines = str(caught.value).splitlines()
    assert lines[0].startswith("Linear: bad_inputs: input 0 with no dimensions: must raise")
    assert "Linear: docstring: neither the docstring nor its module links to the paper" in lines


def test_exemptions_are_shown_with_their_reason():
    report = check_module(
        nn.Linear(3, 2),
        INPUT,
        exempt={"capture": "only an example", "backward.bias": "frozen by hand"},
        raise_on_failure=False,
    )
    assert report.outcomes["capture"].status == "exempt"
    assert report.outcomes["backward"].note == "without gradient: bias"
    assert "capture      exempt   only an example" in str(report)


def test_unknown_exemptions_are_refused():
    with pytest.raises(ValueError, match=r"exempt must name checks: got \['captured'\]"):
        check_module(nn.Linear(3, 2), INPUT, exempt={"captured": "no"})


def test_the_module_and_the_generator_are_left_alone():
    layer = Good(3, dropout=0.5)
    before = {k: v.clone() for k, v in layer.state_dict().items()}
    state = torch.get_rng_state()
    check_module(layer, INPUT, exempt={"reload": "slow", "capture": "slow"})
    assert all(torch.equal(before[k], v) for k, v in layer.state_dict().items())
    assert layer.training
    assert all(p.grad is None for p in layer.parameters())
    assert torch.equal(torch.get_rng_state(), state)


def test_a_crash_is_a_failure_and_not_the_end():
    class Crashes(nn.Module):
        def forward(self, x):
            raise ZeroDivisionError("no")

    report = check_module(Crashes(), INPUT, raise_on_failure=False)
    assert isinstance(report, CheckReport)
    assert report.failures["forward"] == "ZeroDivisionError: no"
    assert report.outcomes["reload"].status == "skipped"
