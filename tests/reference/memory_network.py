"""A neural memory as its equations read, one step after the other (arXiv 2011.05438)."""

from __future__ import annotations

import torch
from torch import Tensor

from neurarium.memory import NeuralMemoryCell, NeuralMemoryNetwork


def lstm(
    x: Tensor, hidden: Tensor, cell: Tensor, weights: torch.nn.LSTMCell
) -> tuple[Tensor, Tensor]:
    """An LSTM's step, written out."""
    gates = x @ weights.weight_ih.T + weights.bias_ih + hidden @ weights.weight_hh.T
    enter, forget, candidate, leave = (gates + weights.bias_hh).chunk(4, 1)
    cell = torch.sigmoid(forget) * cell + torch.sigmoid(enter) * torch.tanh(candidate)
    return torch.sigmoid(leave) * torch.tanh(cell), cell


def unroll(cell: NeuralMemoryCell, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """o_t (B, T, o), a_t (B, T, S) and M_T with the weights of a cell; erase, then add."""
    batch, k = len(x), cell.memory_size
    h_r, c_r, h_w, c_w = (x.new_zeros(batch, k) for _ in range(4))
    memory = cell.initial_memory.repeat(batch, 1, 1)
    outputs, attentions = [], []
    for t in range(x.shape[1]):
        h_r, c_r = lstm(x[:, t], h_r, c_r, cell.read)
        a = torch.softmax(cell.attention_scale * torch.einsum("bsk,bk->bs", memory, h_r), 1)
        z = torch.einsum("bs,bsk->bk", a, memory)
        first, second = cell.output[0], cell.output[2]
        o = torch.tanh(second(torch.tanh(first(torch.cat([h_r, z], 1)))))
        h_w, c_w = lstm(o, h_w, c_w, cell.write)
        w = a
        if cell.separate_write_attention:
            w = torch.softmax(cell.attention_scale * torch.einsum("bsk,bk->bs", memory, h_w), 1)
        erased = memory * (1 - torch.einsum("bs,k->bsk", w, torch.ones_like(h_w[0])))
        memory = erased + torch.einsum("bs,bk->bsk", w, h_w)
        outputs.append(o)
        attentions.append(a)
    return torch.stack(outputs, 1), torch.stack(attentions, 1), memory


def answers(network: NeuralMemoryNetwork, x: Tensor) -> Tensor:
    """What the network answers after every step."""
    return network.head(unroll(network.cell, x)[0])
