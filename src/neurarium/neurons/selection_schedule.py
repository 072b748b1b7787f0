r"""The three stages of S-KAN on a user's own model and training loop.

Yang et al. (https://arxiv.org/abs/2408.08338): full training of all families and their weights,
selective training of those that carry weight, pruning and fine-tuning.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from neurarium.memory.arguments import require_count
from neurarium.neurons.kan import KAN
from neurarium.neurons.selection import Selection

STAGES = ("full", "selective", "pruned")


class SelectionSchedule:
    """Full training, selective training, pruning: one call after each step of the optimizer.

    `S-KAN <https://arxiv.org/abs/2408.08338>`_. During the first stage the choice hardens
    (``final_temperature``). When it ends, every node keeps the families of at least ``threshold``
    and always the largest; when the second ends, the largest ``top_k``, and everything else is
    removed from the model. A soft choice that is cut at the end costs more than one that is made
    early. Parameters are then other ones: an optimizer that is given here is told of them, and its
    learning rates (``lr``, ``initial_lr``) are multiplied by ``lr_factor``; a scheduler that keeps
    rates of its own, as ``LambdaLR`` does, overwrites them.

    Args:
        model: with selectable layers; changed in place, so it must not be one itself.
        num_steps: of the whole training.
        fractions: of the steps in the three stages.
        optimizer: the user's; None: make a new one when :meth:`step` returns ``"pruned"``.
        top_k: families that a node has in the end.
        threshold: least share of what the second stage trains.
        final_temperature: that of the choice when the first stage ends; lower is harder.
        lr_factor: what fine-tuning multiplies learning rates by.
        node_threshold: hidden nodes of a ``KAN`` whose contribution is below this share of the
            layer's largest go as well; needs ``samples``.
        samples: inputs of the model.

    Raises:
        TypeError: for another kind of model, and counts that are no whole numbers.
        ValueError: for a model without selectable layers, and numbers that do not fit.

    Example:
        >>> from neurarium.neurons import KAN
        >>> model = KAN([2, 3, 1], layer="selectable", bases=("rbf", "chebyshev"))
        >>> optimizer = torch.optim.Adam(selection_param_groups(model, lr=0.01))
        >>> schedule = SelectionSchedule(model, 5, optimizer=optimizer)
        >>> x = torch.rand(50, 2)
        >>> for _ in range(5):
        ...     optimizer.zero_grad()
        ...     (model(x) - x.prod(1, keepdim=True)).square().mean().backward()
        ...     optimizer.step()
        ...     stage = schedule.step()
        >>> stage, sum(model.layers[0].counts().values())
        ('pruned', 2)
    """

    def __init__(
        self,
        model: nn.Module,
        num_steps: int,
        *,
        fractions: Sequence[float] = (0.4, 0.4, 0.2),
        optimizer: torch.optim.Optimizer | None = None,
        top_k: int = 1,
        threshold: float = 0.5,
        final_temperature: float = 0.1,
        lr_factor: float = 0.3,
        node_threshold: float = 0.0,
        samples: Float[Tensor, "N ..."] | None = None,
    ) -> None:
        if not isinstance(model, nn.Module) or isinstance(model, Selection):
            raise TypeError(
                f"model must be a module that holds selectable layers: got {type(model).__name__}"
            )
        require_count("num_steps", num_steps)
        require_count("top_k", top_k)
        if len(fractions) != 3 or min(fractions) < 0 or not abs(sum(fractions) - 1) <= 1e-6:
            raise ValueError(f"fractions must be three that sum to 1: got {tuple(fractions)}")
        if not 0 <= threshold <= 1:
            raise ValueError(f"threshold must lie in [0, 1]: got {threshold}")
        if not lr_factor > 0:
            raise ValueError(f"lr_factor must be above 0: got {lr_factor}")
        if not final_temperature > 0:
            raise ValueError(f"final_temperature must be above 0: got {final_temperature}")
        if node_threshold and (samples is None or not isinstance(model, KAN)):
            raise ValueError(
                f"node_threshold must be 0 without samples of a KAN: got {node_threshold}"
            )
        self.model, self.optimizer, self.num_steps = model, optimizer, num_steps
        self.ends = round(fractions[0] * num_steps), round(sum(fractions[:2]) * num_steps)
        self.top_k, self.threshold, self.lr_factor = top_k, threshold, lr_factor
        self.final_temperature = final_temperature
        self.node_threshold, self.samples = node_threshold, samples
        self.num_taken = 0
        self._starts = [layer.temperature for layer in self.layers()]
        if not self._starts:
            raise ValueError(f"model must hold selectable layers: got {type(model).__name__}")
        if optimizer is not None:
            held = {id(p) for group in optimizer.param_groups for p in group["params"]}
            if not held & {id(p) for layer in self.layers() for p in layer.parameters()}:
                raise ValueError(
                    "optimizer must hold the parameters of the model's selectable layers: got none "
                    "of them; make it after the model"
                )

    @property
    def stage(self) -> str:
        """``"full"``, ``"selective"`` or ``"pruned"``."""
        return STAGES[sum(self.num_taken >= end for end in self.ends)]

    def layers(self) -> list[Selection]:
        """The selectable layers that are left."""
        return [module for module in self.model.modules() if isinstance(module, Selection)]

    def histogram(self) -> dict[str, int]:
        """How many choices each family wins, over all layers."""
        total: dict[str, int] = {}
        for module in self.model.modules():
            if isinstance(module, Selection) or hasattr(module, "chosen"):
                for name, count in module.counts().items():  # type: ignore[operator]
                    total[name] = total.get(name, 0) + count
        return total

    def step(self) -> str:
        """Count a step of the optimizer, and begin the next stage when one ends.

        Returns:
            The stage that the next step is in.

        Raises:
            RuntimeError: after the last step.
        """
        if self.num_taken >= self.num_steps:
            raise RuntimeError(f"step must be called num_steps={self.num_steps} times at most")
        before = self.stage
        self.num_taken += 1
        if before == "full":
            self._cool()
        if before == "full" and self.stage != "full":
            for layer in self.layers():
                layer.select(None, threshold=self.threshold)
        if before != "pruned" and self.stage == "pruned":
            self._prune()
        return self.stage

    def _cool(self) -> None:
        """Temperatures fall geometrically to the final one."""
        progress = min(1.0, self.num_taken / max(1, self.ends[0]))
        for layer, start in zip(self.layers(), self._starts, strict=True):
            layer.temperature = start * (self.final_temperature / start) ** progress

    def _prune(self) -> None:
        for layer in self.layers():
            layer.select(self.top_k)
        before = list(self.model.parameters())
        if self.node_threshold and isinstance(self.model, KAN) and self.samples is not None:
            drop_idle_nodes(self.model, self.samples, self.node_threshold)
        parameters = prune_selectable(self.model)
        if self.optimizer is None:
            warnings.warn(
                "the model's parameters are other ones after pruning: make a new optimizer over "
                "model.parameters()",
                stacklevel=3,
            )
            return
        _hand_over(self.optimizer, before, parameters, self.lr_factor)


def prune_selectable(model: nn.Module) -> list[nn.Parameter]:
    """Replace every selectable layer of a model by its pruned one, in place.

    The third stage of `S-KAN <https://arxiv.org/abs/2408.08338>`_.

    Args:
        model: after ``select`` of its selectable layers; not one itself.

    Returns:
        The model's parameters, for a new optimizer.

    Raises:
        RuntimeError: before ``select``.

    Example:
        >>> from neurarium.neurons import KAN
        >>> model = KAN([2, 1], layer="selectable", bases=("rbf", "relu"))
        >>> _ = nn.init.normal_(model.layers[0].logits)
        >>> _ = model.layers[0].select()
        >>> len(prune_selectable(model)) < len(list(KAN([2, 1], layer="selectable").parameters()))
        True
    """
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, Selection):
                setattr(module, name, child.prune())  # type: ignore[operator]
    return list(model.parameters())


@torch.no_grad()
def drop_idle_nodes(model: KAN, x: Float[Tensor, "N in"], threshold: float) -> list[int]:
    """Remove hidden nodes that contribute little, in place; the widths that are left.

    Args:
        model: of selectable layers.
        x: samples of its inputs.
        threshold: a node goes if the root mean square of its contributions is below this share of
            the layer's largest.

    Example:
        >>> model = KAN([2, 3, 1], layer="selectable", bases=("rbf", "relu"))
        >>> for family in model.layers[1].families.values():
        ...     _ = nn.init.zeros_(family.coefficients[:, :, 1])
        >>> _ = nn.init.zeros_(model.layers[1].base_weight[:, 1])
        >>> drop_idle_nodes(model, torch.rand(9, 2), 0.01)
        [2, 2, 1]
    """
    layers: Any = model.layers
    for place, _ in enumerate(itertools.pairwise(list(layers))):
        x = layers[place](x)
        norms = layers[place + 1].node_norms(x)
        alive = (norms >= threshold * norms.max()).nonzero().flatten()
        layers[place] = layers[place].take(outputs=alive)
        layers[place + 1] = layers[place + 1].take(inputs=alive)
        x = x[:, alive]
    return model.layer_sizes


def selection_param_groups(
    model: nn.Module, lr: float, *, logit_factor: float = 3.0
) -> list[dict[str, Any]]:
    """Groups for any optimizer: logits of the choices learn faster than everything else.

    Args:
        model: with selectable layers.
        lr: of coefficients and everything else.
        logit_factor: what the logits' learning rate is multiplied by.

    Example:
        >>> from neurarium.neurons import KAN
        >>> groups = selection_param_groups(KAN([2, 1], layer="selectable"), 0.01)
        >>> [round(group["lr"], 6) for group in groups]
        [0.01, 0.03]
    """
    logits = [m.logits for m in model.modules() if isinstance(m, Selection)]
    known = {id(p) for p in logits}
    rest = [p for p in model.parameters() if id(p) not in known]
    return [{"params": rest, "lr": lr}, {"params": logits, "lr": lr * logit_factor}]


def _hand_over(
    optimizer: torch.optim.Optimizer,
    before: list[nn.Parameter],
    after: list[nn.Parameter],
    lr_factor: float,
) -> None:
    """The optimizer forgets what is gone, learns of what is new, and takes smaller steps."""
    gone = {id(p) for p in before} - {id(p) for p in after}
    fresh = [p for p in after if id(p) not in {id(p) for p in before}]
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            if id(parameter) in gone:
                optimizer.state.pop(parameter, None)
        group["params"] = [p for p in group["params"] if id(p) not in gone]
        for name in ("lr", "initial_lr"):
            if name in group:
                group[name] = group[name] * lr_factor
    optimizer.param_groups[0]["params"].extend(fresh)
