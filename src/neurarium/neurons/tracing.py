"""Whether a layer's own backward pass can be used, or plain operations are wanted."""

from __future__ import annotations

import torch
from torch.autograd import forward_ad


def is_traced() -> bool:
    """Whether someone else than the backward pass looks at the operations: the compiler,
    ``torch.func``, or dual numbers of ``torch.autograd.forward_ad``.
    """
    return (
        torch.compiler.is_compiling()
        or torch._C._are_functorch_transforms_active()
        or forward_ad._current_level >= 0
    )
