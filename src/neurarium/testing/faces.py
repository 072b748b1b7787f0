"""What estimators and optimizers have in common, whatever they compute."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from .battery import Check
from .subject import expect


def estimator_checks(kind: Any) -> dict[str, Check]:
    """The scikit-learn face: methods, untouched parameters, a clone."""

    def face(_: object) -> None:
        wanted = ["fit", "get_params", "set_params"]
        predicts = ["predict", "score", "save", "load"]
        wanted += ["transform"] if hasattr(kind, "transform") else predicts
        wanted += ["predict_proba"] if getattr(kind, "_estimator_type", "") == "classifier" else []
        missing = [name for name in wanted if not hasattr(kind, name)]
        expect(not missing, f"has no method {', '.join(missing)}")

    def parameters(_: object) -> None:
        from sklearn.base import clone

        estimator = kind()
        for name, parameter in inspect.signature(kind.__init__).parameters.items():
            if name != "self":
                value = estimator.get_params(deep=False)[name]
                expect(value is parameter.default, f"__init__ changes {name!r}")
        twin = clone(estimator)
        expect(twin.get_params() == estimator.get_params(), "a clone has other parameters")

    return {"interface": face, "parameters": parameters}


def optimizer_checks(kind: Any, kwargs: Mapping[str, Any]) -> dict[str, Check]:
    """torch's contract: closure, parameter groups, a schedule, and a state that resumes."""

    def start() -> tuple[list[nn.Parameter], Any]:
        torch.manual_seed(0)
        params = [nn.Parameter(torch.randn(4, 3)), nn.Parameter(torch.randn(3, 3))]
        return params, kind([{"params": [p]} for p in params], **kwargs)

    def step(params: list[nn.Parameter], optimizer: Any) -> float:
        def closure() -> torch.Tensor:
            optimizer.zero_grad()
            loss = torch.stack([p.square().sum() for p in params]).sum()
            loss.backward()
            return loss

        return float(optimizer.step(closure))

    def descends(_: object) -> None:
        params, optimizer = start()
        schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)
        losses = []
        for _step in range(5):
            losses.append(step(params, optimizer))
            schedule.step()
        expect(losses == sorted(losses, reverse=True), f"the loss of ‖w‖² does not fall: {losses}")

    def resumes(_: object) -> None:
        params, optimizer = start()
        step(params, optimizer)
        twins, fresh = start()
        with torch.no_grad():
            for twin, p in zip(twins, params, strict=True):
                twin.copy_(p)
        fresh.load_state_dict(copy.deepcopy(optimizer.state_dict()))
        step(params, optimizer)
        step(twins, fresh)
        same = all(torch.equal(p, q) for p, q in zip(params, twins, strict=True))
        expect(same, "a run resumed from state_dict differs")

    return {"descends": descends, "resumes": resumes}
