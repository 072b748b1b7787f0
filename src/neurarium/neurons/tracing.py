"""Whether a layer's own backward pass can be used, or plain operations are wanted."""

from __future__ import annotations

import torch


def is_traced() -> bool:
    """Whether someone else than autograd looks at the operations: the compiler, ``torch.func``."""
    return torch.compiler.is_compiling() or torch._C._are_functorch_transforms_active()
