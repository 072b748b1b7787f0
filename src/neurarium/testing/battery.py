"""The battery: every check in order, each outcome in a report."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import nn

from . import argument_checks, documentation, module_checks
from .reload import reload
from .report import CheckReport, Outcome
from .subject import Skip, Subject, one_line
from .typed import types

Check = Callable[[Subject], str | None]

CHECKS: dict[str, Check] = {
    "forward": module_checks.forward,
    "quiet": module_checks.quiet,
    "determinism": module_checks.determinism,
    "backward": module_checks.backward,
    "float64": module_checks.float64,
    "bfloat16": module_checks.bfloat16,
    "state_dict": module_checks.state_dict,
    "deepcopy": module_checks.deepcopy,
    "reset": module_checks.reset,
    "capture": module_checks.capture,
    "reload": reload,
    "refused": argument_checks.refused,
    "bad_inputs": argument_checks.bad_inputs,
    "types": types,
    "docstring": lambda subject: documentation.docstring(type(subject.module)),
    "example": lambda subject: documentation.example(type(subject.module)),
}


def check_module(
    module: nn.Module,
    *inputs: Any,
    rebuild: Callable[[], nn.Module] | None = None,
    refused: Sequence[Callable[[], object]] = (),
    exempt: Mapping[str, str] | None = None,
    raise_on_failure: bool = True,
    **kwargs: Any,
) -> CheckReport:
    """Hold a layer or a model to what a PyTorch user may expect of it.

    ============  ==============================================================================
    check         what must hold
    ============  ==============================================================================
    forward       finite outputs in both modes; the inputs are left alone
    quiet         nothing printed, no warning, no global setting changed
    determinism   equal outputs in evaluation mode, no random number drawn
    backward      a finite gradient for every parameter that requires one
    float64       the same numbers in double precision, and the dtype kept
    bfloat16      finite numbers, and the dtype kept
    state_dict    a module that held other values gives equal outputs after loading
    deepcopy      an equal, independent copy after forward and backward
    reset         ``reset_parameters`` sets every parameter
    capture       one graph for ``torch.compile``, with eager mode's outputs and gradients
    reload        ``save_pretrained`` and ``from_pretrained`` in a new process, bit for bit
    refused       the bad arguments that you give raise one sentence
    bad_inputs    inputs of another rank, size or dtype work or raise one sentence
    types         inputs and outputs are what jaxtyping's annotations say
    docstring     one line, a link to the paper, Args, Shapes, Raises, every argument
    example       the docstring's example runs
    ============  ==============================================================================

    Args:
        module: what is checked; it is copied, never changed.
        *inputs: a small set of inputs of its forward.
        rebuild: makes a fresh module of the same configuration; ``state_dict`` then loads into it.
        refused: calls that must raise ValueError or TypeError, such as
            ``lambda: Layer(embed_dim=-1)``.
        exempt: check → the reason why it does not apply, such as
            ``{"capture": "the number of steps depends on the data"}``; ``"backward.NAME"`` excuses
            one parameter and ``"reload.NAME"`` one constructor argument.
        raise_on_failure: False: failures are only in the report.
        **kwargs: keyword inputs of its forward.

    Returns:
        One outcome for each check; ``print`` shows it as a table.

    Raises:
        AssertionError: one line for each failure.
        ValueError: ``exempt`` names no check.

    Example:
        >>> report = check_module(nn.Linear(3, 2), torch.randn(4, 3), raise_on_failure=False)
        >>> report.outcomes["capture"].status
        'passed'
        >>> report.failures["docstring"]
        'neither the docstring nor its module links to the paper'
    """
    subject = Subject(module, inputs, kwargs, rebuild, refused, exempt or {})
    report = run_checks(type(module).__name__, subject, CHECKS)
    if raise_on_failure:
        report.raise_failures()
    return report


def run_checks(name: str, subject: Subject, checks: Mapping[str, Check]) -> CheckReport:
    """The report of some checks; the global generator ends where it was."""
    unknown = {key.partition(".")[0] for key in subject.exempt} - set(CHECKS)
    if unknown:
        raise ValueError(f"exempt must name checks: got {sorted(unknown)}; they are {list(CHECKS)}")
    report = CheckReport(name)
    saved = {k: v.detach().clone() for k, v in subject.module.state_dict().items()}
    with torch.random.fork_rng(devices=[]):
        for check, fn in checks.items():
            report.outcomes[check] = outcome(partial(fn, subject), subject.exempt.get(check))
            for key, value in subject.module.state_dict(keep_vars=True).items():
                value.data = saved[key].clone()  # a copy that shares memory must not spoil the rest
    return report


def outcome(check: Callable[[], str | None], reason: str | None = None) -> Outcome:
    """Run one check, unless it is excused."""
    if reason is not None:
        return Outcome("exempt", reason)
    start = time.process_time()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            status, note = "passed", check() or ""
    except Skip as skip:
        status, note = "skipped", str(skip)
    except AssertionError as error:
        status, note = "failed", " ".join(str(error).split())
    except Exception as error:
        status, note = "failed", one_line(error)
    return Outcome(status, note, time.process_time() - start)
