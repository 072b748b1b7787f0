"""The checks of what a module does: one function each, which returns a note or raises."""

from __future__ import annotations

import contextlib
import copy
import io
import math
import warnings
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from .subject import Skip, Subject, difference, equal, expect, floats, objective


def forward(subject: Subject) -> None:
    """Runs in both modes, gives finite numbers, leaves its inputs alone."""
    args, kwargs = subject.inputs()
    for train in (True, False):
        output = subject.entry(subject.fresh(train=train))(*args, **kwargs)
        mode = "training" if train else "evaluation"
        for leaf in floats(output):
            expect(leaf.isfinite().all(), f"the output in {mode} mode holds NaN or infinite values")
    expect(
        any(isinstance(leaf, Tensor) for leaf in tree_leaves(output)), "forward returns no tensor"
    )
    expect(equal((args, kwargs), subject.inputs()), "forward changes its inputs in place")


def quiet(subject: Subject) -> None:
    """Prints and warns nothing, and leaves global switches as they were."""
    switches = (torch.get_default_dtype, torch.is_grad_enabled, torch.get_num_threads)
    before = [switch() for switch in switches]
    out = io.StringIO()
    with (
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(out),
        warnings.catch_warnings(record=True) as caught,
    ):
        warnings.simplefilter("always")
        if subject.rebuild is not None:
            subject.rebuild()
        for train in (True, False):
            subject.run(subject.fresh(train=train))
    printed = " ".join(out.getvalue().split())
    expect(not printed, f"prints {printed[:60]!r}")
    expect(not caught, f"warns {[str(w.message)[:80] for w in caught[:1]]}")
    expect([switch() for switch in switches] == before, "changes a global setting of torch")


def determinism(subject: Subject) -> None:
    """In evaluation mode equal inputs give equal outputs, and nothing is drawn."""
    call = subject.entry(subject.fresh())
    first = call(*subject.args, **subject.kwargs)
    torch.manual_seed(1234)
    state = torch.get_rng_state()
    second = call(*subject.args, **subject.kwargs)
    expect(equal(first, second), "two calls in evaluation mode differ")
    expect(torch.equal(torch.get_rng_state(), state), "draws random numbers in evaluation mode")


def backward(subject: Subject) -> str:
    """Every parameter and floating-point input gets a finite gradient."""
    module = subject.fresh(train=True)
    objective(subject.run(module)).backward()
    excused = {key.partition(".")[2] for key in subject.exempt if key.startswith("backward.")}
    wanted = {k: p for k, p in module.named_parameters() if p.requires_grad and k not in excused}
    missing = [name for name, p in wanted.items() if p.grad is None]
    expect(not missing, f"no gradient reaches {', '.join(missing)}")
    broken = [k for k, p in wanted.items() if p.grad is not None and not p.grad.isfinite().all()]
    expect(not broken, f"the gradient of {', '.join(broken)} is not finite")
    return f"without gradient: {', '.join(sorted(excused))}" if excused else ""


def float64(subject: Subject) -> None:
    """Works in double precision, to the same numbers."""
    reference = subject.run(subject.fresh())
    output = subject.run(subject.fresh().double(), dtype=torch.float64)
    _expect_dtype(output, torch.float64)
    gap = difference(reference, output)
    expect(gap < 1e-3, f"float32 and float64 outputs differ by {gap:.1e} of the largest value")


def bfloat16(subject: Subject) -> None:
    """Works in bfloat16: finite numbers of that type, forwards and backwards."""
    module = subject.fresh(train=True).to(torch.bfloat16)
    output = subject.run(module, dtype=torch.bfloat16)
    _expect_dtype(output, torch.bfloat16)
    expect(all(leaf.isfinite().all() for leaf in floats(output)), "the output is not finite")
    with contextlib.suppress(Skip):
        objective(output).backward()


def state_dict(subject: Subject) -> None:
    """What is loaded is all that counts: a module that held other values gives equal outputs."""
    expected = subject.run(subject.fresh())
    saved = {k: v.clone() for k, v in subject.module.state_dict().items()}
    torch.manual_seed(1234)  # what a constructor draws and does not save must differ
    other = subject.fresh() if subject.rebuild is None else subject.rebuild().eval()
    with torch.no_grad():
        for value in other.state_dict().values():
            if value.is_floating_point():
                value.fill_(0.123)  # in place, as an optimizer would: caches must notice
        with contextlib.suppress(Exception):
            subject.run(other)
    other.load_state_dict(saved)
    expect(equal(subject.run(other), expected), "outputs differ after load_state_dict")


def deepcopy(subject: Subject) -> None:
    """Can be copied after a forward and a backward; the copy is equal and independent."""
    module = subject.fresh(train=True)
    with contextlib.suppress(Skip):
        objective(subject.run(module)).backward()
    expected = subject.run(module.eval())
    twin = copy.deepcopy(module)
    expect(equal(subject.run(twin), expected), "the copy's output differs")
    with torch.no_grad():
        for value in twin.state_dict().values():
            if value.is_floating_point():
                value.fill_(math.nan)
    expect(equal(subject.run(module), expected), "the copy shares memory with the original")


def reset(subject: Subject) -> None:
    """``reset_parameters`` draws every parameter of its own anew, and the same under one seed."""
    module: Any = subject.fresh()
    if not hasattr(module, "reset_parameters"):
        own = [name for name, _ in module.named_parameters(recurse=False)]
        expect(not own, f"has parameters ({', '.join(own)}) but no reset_parameters")
        raise Skip("no parameter of its own")
    drawn = []
    for rubbish in (math.nan, 3.0):
        with torch.no_grad():
            for parameter in module.parameters():
                parameter.fill_(rubbish)
        torch.manual_seed(0)
        module.reset_parameters()
        drawn.append({k: p.detach().clone() for k, p in module.named_parameters()})
    left = [name for name, p in drawn[0].items() if not torch.equal(p, drawn[1][name])]
    expect(not left, f"reset_parameters does not set {', '.join(left)}")


def capture(subject: Subject) -> None:
    """``torch.compile`` takes it as one graph; outputs and gradients are those of eager mode."""
    torch._dynamo.reset()
    module = subject.fresh()
    expected = subject.run(module)
    with contextlib.suppress(Skip):
        objective(expected).backward()
    gradients = _gradients(module)
    twin = subject.fresh()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        compiled = torch.compile(subject.entry(twin), fullgraph=True, backend="aot_eager")
        torch.manual_seed(0)
        args, kwargs = subject.inputs()
        output = compiled(*args, **kwargs)
        with contextlib.suppress(Skip):
            objective(output).backward()
    gap = difference(output, expected)
    expect(gap < 1e-4, f"captured and eager outputs differ by {gap:.1e} of the largest value")
    captured = _gradients(twin)
    expect(
        captured.keys() == gradients.keys(), "captured and eager gradients reach other parameters"
    )
    gap = difference(list(captured.values()), list(gradients.values()))
    expect(gap < 1e-3, f"captured and eager gradients differ by {gap:.1e} of the largest value")
    torch._dynamo.reset()


def _gradients(module: nn.Module) -> dict[str, Tensor]:
    return {name: p.grad for name, p in module.named_parameters() if p.grad is not None}


def _expect_dtype(output: object, dtype: torch.dtype) -> None:
    wrong = {str(leaf.dtype) for leaf in floats(output) if leaf.dtype != dtype}
    expect(not wrong, f"{dtype} inputs give {', '.join(sorted(wrong))} outputs")
