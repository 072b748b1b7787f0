r"""The network that predicts gradients: the feedback path of arXiv 2011.05438.

Decoupled neural interfaces (Jaderberg et al., arXiv 1608.05343): in place of waiting for the loss
of what is still to come, a small network says what its gradient will be, from what is there now.
Trained towards gradients that contain its own next prediction (bootstrapping).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from neurarium.memory.arguments import require_count
from neurarium.memory.synthetic_gradients_checks import check_interface

if TYPE_CHECKING:
    from neurarium.memory.memory_network import NeuralMemoryCell

Interface = Literal["state", "controller"]


class SyntheticGradient(nn.Module):
    r"""Predicts the gradient of the coming loss by a network of its own for each role.

    `Fast & Slow Learning <https://arxiv.org/abs/2011.05438>`_ after
    `Decoupled Neural Interfaces <https://arxiv.org/abs/1608.05343>`_. For a role with feature v and
    a condition u (what was read, an error),

    .. math:: \hat g = W_2\, \mathrm{relu}(W_1 [v, u] + b_1) + b_2, \qquad W_2 = b_2 = 0
              \text{ at first}

    so that training starts without any synthetic gradient. A role in slots (a memory) has one
    network for all slots, which sees the slot, the mean of all slots and the condition: slots may
    be permuted, and each gets a gradient of its own.

    One such module may serve several networks of equal widths, as a channel between them: see
    :func:`step_together`.

    Args:
        sizes: role → width of its feature, in the order in which features are given.
        hidden_features: width of each hidden layer.
        condition_size: width of the condition; 0 for none.
        slots: the roles that come in slots.

    Shapes:
        - features: one a role, (…, width), or (…, S, width) for a role in slots
        - condition: (…, condition_size)
        - output: a gradient a role, shaped as its feature

    Raises:
        TypeError: for sizes that are no whole numbers.
        ValueError: for sizes below 1, unknown slots, and features that do not fit.

    Example:
        >>> feedback = SyntheticGradient({"read": 6, "memory": 4}, slots=["memory"])
        >>> read, memory = feedback(torch.randn(2, 6), torch.randn(2, 5, 4))
        >>> memory.shape, bool(memory.any())
        (torch.Size([2, 5, 4]), False)
    """

    def __init__(
        self,
        sizes: Mapping[str, int],
        *,
        hidden_features: int = 128,
        condition_size: int = 0,
        slots: Sequence[str] = (),
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        if not sizes:
            raise ValueError("sizes must name at least one role: got none")
        for role, size in sizes.items():
            require_count(f"sizes[{role!r}]", size)
        require_count("hidden_features", hidden_features)
        if condition_size:
            require_count("condition_size", condition_size)
        unknown = sorted(set(slots) - set(sizes))
        if unknown:
            raise ValueError(f"slots must be among {', '.join(sizes)}: got {', '.join(unknown)}")
        factory: dict[str, Any] = {"device": device, "dtype": dtype}
        self.sizes, self.condition_size, self.slots = dict(sizes), condition_size, tuple(slots)
        self.networks = nn.ModuleDict(
            {
                role: nn.Sequential(
                    nn.Linear(
                        (2 if role in slots else 1) * size + condition_size,
                        hidden_features,
                        **factory,
                    ),
                    nn.ReLU(),
                    nn.Linear(hidden_features, size, **factory),
                )
                for role, size in sizes.items()
            }
        )
        self.reset_parameters()

    @classmethod
    def for_cell(
        cls,
        cell: NeuralMemoryCell,
        *,
        interface: Interface = "state",
        error_size: int = 0,
        hidden_features: int = 128,
    ) -> SyntheticGradient:
        """Feedback that fits a neural memory; its condition is what was read, and an error if any.

        Args:
            cell: the memory.
            interface: what gets gradients: the carried state, or what controllers put out.
            error_size: width of the error that the trainer's ``error`` returns.
            hidden_features: width of each hidden layer.

        Raises:
            ValueError: for an unknown interface and a negative width.

        Example:
            >>> from neurarium.memory import NeuralMemoryCell
            >>> SyntheticGradient.for_cell(NeuralMemoryCell(3, 8)).sizes
            {'read': 16, 'write': 16, 'memory': 8}
        """
        check_interface(interface)
        if error_size:
            require_count("error_size", error_size)
        k = cell.memory_size
        sizes = {
            "state": {"read": 2 * k, "write": 2 * k, "memory": k},
            "controller": {"read": k, "output": cell.output_size, "write": k},
        }[interface]
        weight = cell.initial_memory
        return cls(
            sizes,
            hidden_features=hidden_features,
            condition_size=k + error_size,
            slots=["memory"] if interface == "state" else [],
            device=weight.device,
            dtype=weight.dtype,
        )

    def reset_parameters(self) -> None:
        """PyTorch's default for hidden layers, zero for the last ones."""
        for network in self.networks.values():
            first, last = network[0], network[2]  # type: ignore[index]
            first.reset_parameters()
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)

    def extra_repr(self) -> str:
        """Widths."""
        return f"sizes={self.sizes}, condition_size={self.condition_size}, slots={self.slots}"

    def forward(
        self,
        *features: Float[Tensor, "... _"],
        condition: Float[Tensor, "... _"] | None = None,
    ) -> tuple[Float[Tensor, "... _"], ...]:
        """A gradient for each role.

        Args:
            features: one a role, in the order of ``sizes``.
            condition: what else the prediction depends on.
        """
        self._check(features, condition)
        return tuple(
            self._predict(role, feature, condition)
            for role, feature in zip(self.sizes, features, strict=True)
        )

    def _predict(self, role: str, feature: Tensor, condition: Tensor | None) -> Tensor:
        network = self.networks[role]
        seen = [] if condition is None else [condition]
        if role not in self.slots:
            return network(torch.cat([feature, *seen], -1))
        # What all slots see goes through the first layer once, not once a slot.
        first, size = network[0], self.sizes[role]  # type: ignore[index]
        own, common = first.weight[:, :size], first.weight[:, size:]
        shared = F.linear(torch.cat([feature.mean(-2), *seen], -1), common, first.bias)
        return network[1:](F.linear(feature, own) + shared.unsqueeze(-2))  # type: ignore[index]

    def _check(self, features: tuple[Tensor, ...], condition: Tensor | None) -> None:
        if len(features) != len(self.sizes):
            raise ValueError(
                f"features must be one for each of {', '.join(self.sizes)}: got {len(features)}"
            )
        dtype = next(self.parameters()).dtype
        first = features[0]
        lead = first.shape[: -2 if next(iter(self.sizes)) in self.slots else -1]
        for (role, size), feature in zip(self.sizes.items(), features, strict=True):
            rank = len(lead) + (2 if role in self.slots else 1)
            if (
                feature.ndim != rank
                or feature.shape[-1] != size
                or feature.shape[: len(lead)] != lead
            ):
                what = "(…, slots, " if role in self.slots else "(…, "
                raise ValueError(
                    f"feature {role!r} must have the shape {what}{size}) with the leading sizes of "
                    f"the first feature: got {list(feature.shape)}"
                )
            if feature.dtype != dtype:
                raise TypeError(f"feature {role!r} must be {dtype}: got {feature.dtype}")
        found = [*lead, 0] if condition is None else list(condition.shape)
        if found != [*lead, self.condition_size]:
            raise ValueError(
                f"condition must have the shape {[*lead, self.condition_size]}: got {found}"
            )
        if condition is not None and condition.dtype != dtype:
            raise TypeError(f"condition must be {dtype}: got {condition.dtype}")
