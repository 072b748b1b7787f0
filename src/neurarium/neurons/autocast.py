"""Autocast, where a layer's own sums must keep their precision.

In half precision the squares of https://arxiv.org/abs/2110.06081 overflow.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch


def is_mixed(device: str) -> bool:
    """Whether autocast is on for this kind of device.

    Example:
        >>> with torch.autocast("cpu", torch.bfloat16):
        ...     is_mixed("cpu"), is_mixed("meta")
        (True, False)
    """
    return torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device)


def unmixed(device: str) -> AbstractContextManager[Any]:
    """Without autocast on this kind of device.

    Example:
        >>> with torch.autocast("cpu", torch.bfloat16), unmixed("cpu"):
        ...     (torch.ones(2, 2) @ torch.ones(2, 2)).dtype
        torch.float32
    """
    return torch.autocast(device, enabled=False) if is_mixed(device) else nullcontext()
