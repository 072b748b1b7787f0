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

from neurarium.memory.arguments import require_count, require_tensor
from neurarium.neurons.kan import KAN
from neurarium.neurons.selection import Selection
from neurarium.neurons.selection_checks import require_fractions, require_positive, require_share

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

    :meth:`step` is a callback of :func:`neurarium.engine.fit`
    (``optimizer=optimizer, after_step=[schedule.step]``), whose checkpoints then hold the stages.
    Elsewhere, resume by loading states into a new model, optimizer and schedule, in that order:
    layers that were pruned become so when the model's state is loaded, and the optimizer follows.

    Args:
        model: with selectable layers; changed in place, so it must not be one itself.
        num_steps: of the whole training.
        fractions: of the steps in the three stages; the first has at least one step.
        optimizer: the user's; None: make a new one when :meth:`step` returns ``"pruned"``.
        top_k: families that a node has in the end.
        threshold: least share of what the second stage trains.
        final_temperature: that of the choice when the first stage ends; lower is harder.
        lr_factor: what fine-tuning multiplies learning rates by.
        node_threshold: hidden nodes of a ``KAN`` whose contribution is below this share of the
            layer's largest go as well; needs ``samples``, and no ``norm="layer"``.
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
        require_fractions(fractions)
        require_share("threshold", threshold)
        require_share("node_threshold", node_threshold)
        require_positive("lr_factor", lr_factor)
        require_positive("final_temperature", final_temperature)
        self.model, self.optimizer, self.num_steps = model, optimizer, num_steps
        first = max(1, round(fractions[0] * num_steps))
        self.ends = first, max(first, round(sum(fractions[:2]) * num_steps))
        self.top_k, self.threshold, self.lr_factor = top_k, threshold, lr_factor
        self.final_temperature = final_temperature
        self.node_threshold, self.samples = node_threshold, samples
        self.num_taken = 0
        self._starts = [layer.temperature.item() for layer in self.layers()]
        if not self._starts:
            raise ValueError(f"model must hold selectable layers: got {type(model).__name__}")
        if node_threshold:
            if samples is None or not isinstance(model, KAN):
                raise ValueError(
                    f"node_threshold must be 0 without samples of a KAN: got {node_threshold}"
                )
            require_droppable(model, samples)
        self._groups: dict[str, int] = {}
        if optimizer is not None:
            require_optimizer(optimizer, self.layers())
            self._groups = groups_by_name(optimizer, model)
            optimizer.register_load_state_dict_pre_hook(self._follow)

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

    def step(self, *_: Any) -> str:
        """Count a step of the optimizer, and begin the next stage when one ends.

        Arguments are ignored.

        Returns:
            The stage that the next step is in.

        Raises:
            RuntimeError: after the last step, and for a model that was pruned elsewhere.
        """
        if self.num_taken >= self.num_steps:
            raise RuntimeError(f"step must be called num_steps={self.num_steps} times at most")
        before = self.stage
        if before != "pruned" and not self.layers():
            raise RuntimeError(
                f"step must follow the schedule's own state for a pruned model: got stage "
                f"{before!r}; load what state_dict gave"
            )
        self.num_taken += 1
        if before == "full":
            self._cool()
        if before == "full" and self.stage != "full":
            for layer in self.layers():
                layer.select(None, threshold=self.threshold)
        if before != "pruned" and self.stage == "pruned":
            self._prune()
        return self.stage

    def state_dict(self) -> dict[str, Any]:
        """Where the training is; temperatures and choices are in the model's state."""
        return {
            "num_taken": self.num_taken,
            "num_steps": self.num_steps,
            "starts": list(self._starts),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take what :meth:`state_dict` gave; the model's and optimizer's states come first.

        Raises:
            RuntimeError: where the model is not of the stage that is loaded.
            ValueError: for the state of a training of another length.
        """
        if state["num_steps"] != self.num_steps:
            raise ValueError(
                f"state must be of num_steps={self.num_steps}: got one of {state['num_steps']}"
            )
        self.num_taken, self._starts = state["num_taken"], list(state["starts"])
        if (self.stage == "pruned") == bool(self.layers()):
            raise RuntimeError(
                f"state must follow the model's own state: got stage {self.stage!r} of a model "
                f"with {len(self.layers())} selectable layers"
            )

    def _follow(self, optimizer: torch.optim.Optimizer, _: Any) -> None:
        """An optimizer that loads a state holds the parameters of what the model became."""
        if not self.layers():
            _hand_over(optimizer, self._groups, self.model, 1.0)

    def _cool(self) -> None:
        """Temperatures fall geometrically to the final one."""
        progress = min(1.0, self.num_taken / self.ends[0])
        for layer, start in zip(self.layers(), self._starts, strict=True):
            layer.temperature.fill_(start * (self.final_temperature / start) ** progress)

    def _prune(self) -> None:
        for layer in self.layers():
            layer.select(self.top_k)
        if self.optimizer is not None:
            self._groups = groups_by_name(self.optimizer, self.model)
        if self.node_threshold and isinstance(self.model, KAN) and self.samples is not None:
            drop_idle_nodes(self.model, self.samples, self.node_threshold)
        prune_selectable(self.model)
        if self.optimizer is None:
            warnings.warn(
                "the model's parameters are other ones after pruning: make a new optimizer over "
                "model.parameters()",
                stacklevel=3,
            )
            return
        _hand_over(self.optimizer, self._groups, self.model, self.lr_factor)


def prune_selectable(model: nn.Module) -> list[nn.Parameter]:
    """Replace every selectable layer of a model by its pruned one, in place.

    The third stage of `S-KAN <https://arxiv.org/abs/2408.08338>`_.

    Args:
        model: after ``select`` of its selectable layers; not one itself.

    Returns:
        The model's parameters, for a new optimizer.

    Raises:
        RuntimeError: before ``select``.
        TypeError: for a selectable layer itself, which nothing holds.

    Example:
        >>> from neurarium.neurons import KAN
        >>> model = KAN([2, 1], layer="selectable", bases=("rbf", "relu"))
        >>> _ = nn.init.normal_(model.layers[0].logits)
        >>> _ = model.layers[0].select()
        >>> len(prune_selectable(model)) < len(list(KAN([2, 1], layer="selectable").parameters()))
        True
    """
    if isinstance(model, Selection):
        raise TypeError(
            f"model must be a module that holds selectable layers: got {type(model).__name__}; "
            "use its prune()"
        )
    pruned: dict[int, nn.Module] = {}  # a layer may have several names
    for module in list(model.modules()):
        for name, child in module._modules.items():
            if isinstance(child, Selection):
                if id(child) not in pruned:
                    pruned[id(child)] = child.prune()  # type: ignore[operator]
                module._modules[name] = pruned[id(child)]
    return list(model.parameters())


@torch.no_grad()
def drop_idle_nodes(model: KAN, x: Float[Tensor, "N in"], threshold: float) -> list[int]:
    """Remove hidden nodes that contribute little, in place; the widths that are left.

    Args:
        model: of selectable layers.
        x: samples of its inputs.
        threshold: a node goes if the root mean square of its contributions is below this share of
            the layer's largest.

    Raises:
        TypeError: for another kind of model or samples.
        ValueError: for layers with ``norm="layer"``, and samples and thresholds that do not fit.

    Example:
        >>> model = KAN([2, 3, 1], layer="selectable", bases=("rbf", "relu"))
        >>> for family in model.layers[1].families.values():
        ...     _ = nn.init.zeros_(family.coefficients[:, :, 1])
        >>> _ = nn.init.zeros_(model.layers[1].base_weight[:, 1])
        >>> drop_idle_nodes(model, torch.rand(9, 2), 0.01)
        [2, 2, 1]
    """
    require_share("threshold", threshold)
    require_droppable(model, x)
    layers: Any = model.layers
    modes = [layer.training for layer in layers]
    model.eval()  # samples are for the measure only: running statistics stay as they are
    try:
        for place, _ in enumerate(itertools.pairwise(list(layers))):
            x = layers[place](x)
            norms = layers[place + 1].node_norms(x)
            alive = (norms >= threshold * norms.max()).nonzero().flatten()
            layers[place] = layers[place].take(outputs=alive)
            layers[place + 1] = layers[place + 1].take(inputs=alive)
            x = x[:, alive]
    finally:
        for layer, mode in zip(layers, modes, strict=True):
            layer.train(mode)
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


def require_optimizer(optimizer: Any, layers: Sequence[Selection]) -> None:
    """Raise unless an optimizer holds parameters of selectable layers.

    Example:
        >>> require_optimizer(3, [])
        Traceback (most recent call last):
        TypeError: optimizer must be a torch.optim.Optimizer or None: got int
    """
    if not isinstance(optimizer, torch.optim.Optimizer):
        raise TypeError(
            f"optimizer must be a torch.optim.Optimizer or None: got {type(optimizer).__name__}"
        )
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    if not held & {id(p) for layer in layers for p in layer.parameters()}:
        raise ValueError(
            "optimizer must hold the parameters of the model's selectable layers: got none "
            "of them; make it after the model"
        )


def require_droppable(model: Any, samples: Any) -> None:
    """Raise unless hidden nodes of a KAN can be taken out, judged by these samples.

    Example:
        >>> require_droppable(KAN([2, 3, 1], layer="selectable"), torch.rand(9, 3))
        Traceback (most recent call last):
        ValueError: samples must have shape (N, 2) with N above 0: got [9, 3]
    """
    if not isinstance(model, KAN) or not all(isinstance(each, Selection) for each in model.layers):
        raise TypeError(f"model must be a KAN of selectable layers: got {type(model).__name__}")
    if any(isinstance(each.norm, nn.LayerNorm) for each in list(model.layers)[1:]):
        raise ValueError("norm must be 'batch' or None to take out nodes: got 'layer'")
    require_tensor("samples", samples)
    width = model.layer_sizes[0]
    if samples.ndim != 2 or samples.shape[1] != width or not len(samples):
        raise ValueError(
            f"samples must have shape (N, {width}) with N above 0: got {list(samples.shape)}"
        )
    kind = next(model.parameters()).dtype
    if samples.dtype != kind:
        raise TypeError(f"samples must be {kind} as the model: got {samples.dtype}")
    if not samples.isfinite().all():
        raise ValueError("samples must be finite: got NaN or infinity")


def groups_by_name(optimizer: torch.optim.Optimizer, model: nn.Module) -> dict[str, int]:
    """Name of a parameter that an optimizer holds → its group.

    Example:
        >>> model = nn.Linear(1, 1)
        >>> groups_by_name(torch.optim.SGD([model.weight], lr=0.1), model)
        {'weight': 0}
    """
    place: dict[int, int] = {}
    for number, group in enumerate(optimizer.param_groups):
        place |= dict.fromkeys(map(id, group["params"]), number)
    named = model.named_parameters(remove_duplicate=False)
    return {name: place[id(p)] for name, p in named if id(p) in place}


def _hand_over(
    optimizer: torch.optim.Optimizer, groups: dict[str, int], model: nn.Module, lr_factor: float
) -> None:
    """The optimizer forgets what is gone, learns of what is new, and takes smaller steps.

    A new parameter has the name, and so the group, of the one that it was cut from.
    """
    named = dict(model.named_parameters())
    used, held = {id(p) for p in named.values()}, set()
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            if id(parameter) not in used:
                optimizer.state.pop(parameter, None)
        group["params"] = [p for p in group["params"] if id(p) in used]
        held |= {id(p) for p in group["params"]}
        for name in ("lr", "initial_lr"):
            if name in group:
                group[name] = group[name] * lr_factor
    for name, parameter in named.items():
        if id(parameter) not in held and name in groups:
            optimizer.param_groups[groups[name]]["params"].append(parameter)
