"""Whether a layer may look at the values it is given."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from neurarium.neurons.tracing import is_traced


def is_plain(x: Tensor) -> bool:
    """Whether ``x`` has values, and nobody records or counts the operations on it.

    Example:
        >>> is_plain(torch.zeros(2)), is_plain(torch.zeros(2, device="meta"))
        (True, False)
    """
    if is_traced() or torch._C._is_tracing() or torch._C._len_torch_dispatch_stack():
        return False
    if x.is_meta or type(x) not in (Tensor, nn.Parameter):
        return False
    return not (x.is_cuda and torch.cuda.is_current_stream_capturing())
