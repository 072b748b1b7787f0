r"""A neural memory network: an external memory with a read, an output and a write controller.

Fernando, Denman, Sridharan, Fookes, "Fast & Slow Learning: Incorporating Synthetic Gradients in
Neural Memory Controllers" (arXiv 2011.05438). The cell is that of neural semantic encoders
(Munkhdalai, Yu, arXiv 1607.04315), on which such networks build. With M in R^(S x k):

    h^r_t = LSTM_r(x_t),   a_t = softmax(scale M_{t-1} h^r_t),   z_t = a_t M_{t-1}
    o_t = f_o([h^r_t, z_t]),   h^w_t = LSTM_w(o_t)
    M_t = M_{t-1} (1 - a_t 1^T) + a_t h^w_t^T

Only the recurrence is computed step by step: what the read controller makes of the inputs is one
product over all steps, and so is the head.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from neurarium.memory.arguments import require_count
from neurarium.memory.memory_network_checks import check_sequence, check_state


class NeuralMemoryState(NamedTuple):
    """What a neural memory carries from step to step.

    Attributes:
        read_hidden: h of the read controller, (B, k).
        read_cell: its c, (B, k).
        write_hidden: h of the write controller, (B, k).
        write_cell: its c, (B, k).
        memory: M, (B, S, k).
    """

    read_hidden: Tensor
    read_cell: Tensor
    write_hidden: Tensor
    write_cell: Tensor
    memory: Tensor

    def by_role(self) -> dict[str, Tensor]:
        """The same numbers by what they belong to: read (B, 2k), write (B, 2k), memory."""
        return {
            "read": torch.cat([self.read_hidden, self.read_cell], -1),
            "write": torch.cat([self.write_hidden, self.write_cell], -1),
            "memory": self.memory,
        }


class Emissions(NamedTuple):
    """What the controllers put out, one tensor a step.

    Attributes:
        read_hidden: h^r_t, each (B, k).
        read: z_t, each (B, k).
        output: o_t, each (B, output_size).
        write_hidden: h^w_t, each (B, k).
        attention: a_t, each (B, S).
    """

    read_hidden: tuple[Tensor, ...]
    read: tuple[Tensor, ...]
    output: tuple[Tensor, ...]
    write_hidden: tuple[Tensor, ...]
    attention: tuple[Tensor, ...]


class NeuralMemoryCell(nn.Module):
    r"""One step of a neural memory: read by content, put out, erase and write.

    `Fast & Slow Learning <https://arxiv.org/abs/2011.05438>`_, with the memory of
    `Neural Semantic Encoders <https://arxiv.org/abs/1607.04315>`_:

    .. math:: a_t = \mathrm{softmax}(s\, M_{t-1} h^r_t), \quad z_t = a_t^\top M_{t-1}, \quad
              o_t = f_o([h^r_t, z_t]), \\
              M_t = M_{t-1} \odot (1 - a_t 1^\top) + a_t (h^w_t)^\top

    The erased share of a slot is what is written into it, so a slot attended to alone is replaced
    and one not attended to keeps its bits.

    Args:
        input_size: width of :math:`x_t`.
        memory_size: k, width of a slot and of both recurrent controllers.
        num_slots: S.
        output_size: width of :math:`o_t`; k by default.
        attention_scale: s; :math:`1/\sqrt{k}` by default.
        separate_write_attention: write where :math:`h^w_t` attends, not where was read.

    Shapes:
        - x: (B, input_size); output: (B, output_size), and the :class:`NeuralMemoryState`

    Raises:
        TypeError: for sizes that are no whole numbers and inputs that are no floating-point tensor.
        ValueError: for sizes below 1, a scale that is not positive and finite, and an input or a
            state that does not fit.

    Example:
        >>> cell = NeuralMemoryCell(3, 8, num_slots=4)
        >>> output, state = cell(torch.randn(2, 3))
        >>> output, state = cell(torch.randn(2, 3), state)
        >>> output.shape, state.memory.shape
        (torch.Size([2, 8]), torch.Size([2, 4, 8]))
    """

    def __init__(
        self,
        input_size: int,
        memory_size: int = 64,
        *,
        num_slots: int = 32,
        output_size: int | None = None,
        attention_scale: float | None = None,
        separate_write_attention: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.output_size = memory_size if output_size is None else output_size
        for name, count in (
            ("input_size", input_size),
            ("memory_size", memory_size),
            ("num_slots", num_slots),
            ("output_size", self.output_size),
        ):
            require_count(name, count)
        if attention_scale is not None and not 0 < attention_scale < math.inf:
            raise ValueError(f"attention_scale must be positive and finite: got {attention_scale}")
        self.input_size, self.memory_size, self.num_slots = input_size, memory_size, num_slots
        self.attention_scale = memory_size**-0.5 if attention_scale is None else attention_scale
        self.separate_write_attention = separate_write_attention
        factory: dict[str, Any] = {"device": device, "dtype": dtype}
        self.read = nn.LSTMCell(input_size, memory_size, **factory)
        self.output = nn.Sequential(
            nn.Linear(2 * memory_size, memory_size, **factory),
            nn.Tanh(),
            nn.Linear(memory_size, self.output_size, **factory),
            nn.Tanh(),
        )
        self.write = nn.LSTMCell(self.output_size, memory_size, **factory)
        self.initial_memory = nn.Parameter(torch.empty(num_slots, memory_size, **factory))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """PyTorch's defaults for the controllers, N(0, 0.1²) for the memory before the first step.

        Slots must differ: equal ones would be read and written alike for ever.
        """
        for controller in (self.read, self.write, self.output[0], self.output[2]):
            controller.reset_parameters()  # type: ignore[operator]
        nn.init.normal_(self.initial_memory, std=0.1)

    def extra_repr(self) -> str:
        """Sizes."""
        return (
            f"input_size={self.input_size}, memory_size={self.memory_size}, "
            f"num_slots={self.num_slots}, output_size={self.output_size}"
        )

    def controllers(self) -> dict[str, list[nn.Parameter]]:
        """The parameters of each controller: read, output, write."""
        return {
            name: list(getattr(self, name).parameters()) for name in ("read", "output", "write")
        }

    def init_state(self, batch_size: int) -> NeuralMemoryState:
        """The state before the first step: zeros, and the learned memory."""
        require_count("batch_size", batch_size)
        zeros = self.initial_memory.new_zeros(batch_size, self.memory_size)
        return NeuralMemoryState(
            zeros, zeros, zeros, zeros, self.initial_memory.expand(batch_size, -1, -1)
        )

    def forward(
        self, x: Float[Tensor, "B d"], state: NeuralMemoryState | None = None
    ) -> tuple[Float[Tensor, "B o"], NeuralMemoryState]:
        """One step.

        Args:
            x: the input.
            state: from the step before; None before the first one.
        """
        check_sequence("x", x, ("batch", self.input_size), self.initial_memory.dtype)
        emitted, state = self.unroll(x[:, None], state)
        return emitted.output[0], state

    def unroll(
        self, x: Float[Tensor, "B T d"], state: NeuralMemoryState | None = None
    ) -> tuple[Emissions, NeuralMemoryState]:
        """All steps of a sequence: what the controllers put out, and the state after the last."""
        check_sequence("x", x, ("batch", "time", self.input_size), self.initial_memory.dtype)
        if state is None:
            state = self.init_state(len(x))
        check_state(state, len(x), self.num_slots, self.memory_size)
        steps = []
        for gates in self._read_inputs(x).unbind(1):
            emitted, state = self._step(gates, state)
            steps.append(emitted)
        return Emissions(*zip(*steps, strict=True)), state

    def replay(
        self, x: Float[Tensor, "B T d"], emitted: Emissions, state: NeuralMemoryState
    ) -> tuple[Float[Tensor, "B T k"], Float[Tensor, "B T o"], Float[Tensor, "B T k"]]:
        """The emissions of an unrolled sequence once more, each controller cut off from the others.

        Every controller gets what the others put out, and what it put out itself one step earlier,
        as constants; only the c of an LSTM links the steps. So all steps are computed at once.

        Args:
            x: the inputs.
            emitted: what :meth:`unroll` returned for them.
            state: the state before the first of them.

        Returns:
            h^r, o and h^w of all steps: the values of ``emitted``, with gradients of their own.
        """
        hidden, read, output, written = (torch.stack(steps, 1).detach() for steps in emitted[:4])
        gates = self._read_inputs(x) + F.linear(
            _shifted(state.read_hidden, hidden), self.read.weight_hh
        )
        again = lstm_scan(gates, state.read_cell.detach())
        put_out = self.output(torch.cat([hidden, read], -1))
        gates = F.linear(output, self.write.weight_ih, self.write.bias_ih + self.write.bias_hh)
        gates = gates + F.linear(_shifted(state.write_hidden, written), self.write.weight_hh)
        return again, put_out, lstm_scan(gates, state.write_cell.detach())

    def _read_inputs(self, x: Tensor) -> Tensor:
        """What inputs add to the read controller's gates, (B, T, 4k): one product for all steps."""
        return F.linear(x, self.read.weight_ih, self.read.bias_ih + self.read.bias_hh)

    def _step(
        self, gates: Tensor, state: NeuralMemoryState
    ) -> tuple[tuple[Tensor, ...], NeuralMemoryState]:
        memory = state.memory
        hidden, cell = lstm_update(
            torch.addmm(gates, state.read_hidden, self.read.weight_hh.t()), state.read_cell
        )
        attention = self._attend(memory, hidden)
        read = torch.bmm(attention[:, None], memory)[:, 0]
        output = self.output(torch.cat([hidden, read], -1))
        written, write_cell = self.write(output, (state.write_hidden, state.write_cell))
        where = self._attend(memory, written) if self.separate_write_attention else attention
        memory = torch.lerp(memory, written[:, None], where[:, :, None])
        emitted = (hidden, read, output, written, attention)
        return emitted, NeuralMemoryState(hidden, cell, written, write_cell, memory)

    def _attend(self, memory: Tensor, key: Tensor) -> Tensor:
        logits = torch.bmm(memory, (self.attention_scale * key)[:, :, None])[:, :, 0]
        return logits.softmax(-1)


class NeuralMemoryNetwork(nn.Module):
    r"""A neural memory over sequences, with a head that answers after every step.

    `Fast & Slow Learning <https://arxiv.org/abs/2011.05438>`_: :math:`y_t = \mathrm{head}(o_t)`.

    Args:
        cell: the memory with its controllers.
        head: any module from (B, T, output_size) to (B, T, out).

    Shapes:
        - x: (B, T, input_size); output: (B, T, out)

    Raises:
        TypeError: for a cell or head of another kind, and inputs that are no floating-point tensor.
        ValueError: for an input, an empty sequence or a state that does not fit.

    Example:
        >>> network = NeuralMemoryNetwork(NeuralMemoryCell(3, 8, num_slots=4), nn.Linear(8, 2))
        >>> answers, state = network(torch.randn(5, 7, 3), return_state=True)
        >>> answers.shape, network.step(torch.randn(5, 3), state)[0].shape
        (torch.Size([5, 7, 2]), torch.Size([5, 2]))
    """

    def __init__(self, cell: NeuralMemoryCell, head: nn.Module) -> None:
        super().__init__()
        if not isinstance(cell, NeuralMemoryCell):
            raise TypeError(f"cell must be a NeuralMemoryCell: got {type(cell).__name__}")
        if not isinstance(head, nn.Module):
            raise TypeError(f"head must be a module: got {type(head).__name__}")
        self.cell, self.head = cell, head

    def controllers(self) -> dict[str, list[nn.Parameter]]:
        """The parameters of each controller: read, output, write."""
        return self.cell.controllers()

    def init_state(self, batch_size: int) -> NeuralMemoryState:
        """The state before the first step."""
        return self.cell.init_state(batch_size)

    def forward(
        self,
        x: Float[Tensor, "B T d"],
        *,
        state: NeuralMemoryState | None = None,
        return_state: bool = False,
    ) -> Float[Tensor, "B T out"] | tuple[Float[Tensor, "B T out"], NeuralMemoryState]:
        """An answer after every step.

        Args:
            x: the inputs.
            state: what earlier steps have left; None at the beginning.
            return_state: also return the state after the last step.
        """
        emitted, state = self.cell.unroll(x, state)
        output = self.head(torch.stack(emitted.output, 1))
        return (output, state) if return_state else output

    def step(
        self, x: Float[Tensor, "B d"], state: NeuralMemoryState
    ) -> tuple[Float[Tensor, "B out"], NeuralMemoryState]:
        """The answer after one more step, and the new state."""
        output, state = self.cell(x, state)
        return self.head(output[:, None])[:, 0], state


def lstm_update(gates: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
    """h and c of an LSTM from its gates (B, 4k) before their activation, in PyTorch's order."""
    enter, forget, candidate, leave = gates.chunk(4, -1)
    cell = torch.addcmul(forget.sigmoid() * cell, enter.sigmoid(), candidate.tanh())
    return leave.sigmoid() * cell.tanh(), cell


def lstm_scan(gates: Tensor, cell: Tensor) -> Tensor:
    """h of an LSTM at all steps, (B, T, k), where the gates (B, T, 4k) are known beforehand."""
    enter, forget, candidate, leave = gates.chunk(4, -1)
    added = (enter.sigmoid() * candidate.tanh()).unbind(1)
    cells = torch.stack(list(_accumulate(forget.sigmoid().unbind(1), added, cell)), 1)
    return leave.sigmoid() * cells.tanh()


def _accumulate(
    kept: tuple[Tensor, ...], added: tuple[Tensor, ...], cell: Tensor
) -> Iterator[Tensor]:
    """c_t = kept_t c_{t-1} + added_t."""
    for keep, add in zip(kept, added, strict=True):
        cell = torch.addcmul(add, keep, cell)
        yield cell


def _shifted(before: Tensor, steps: Tensor) -> Tensor:
    """What was there one step earlier, (B, T, k), as a constant."""
    return torch.cat([before.detach()[:, None], steps[:, :-1]], 1)
