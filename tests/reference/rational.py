"""The group rational function as released in plain PyTorch: a tensor of powers and two products."""

import torch


def naive_rational(x, numerator, denominator, num_groups):
    """All powers of all inputs at once; autograd keeps them for the backward pass."""
    rows, width = x.numel() // x.shape[-1], x.shape[-1] // num_groups
    grouped = x.reshape(rows, num_groups, width).transpose(0, 1).reshape(num_groups, -1)
    terms = [torch.ones_like(grouped)]
    for _ in range(numerator.shape[1] - 1):
        terms.append(terms[-1] * grouped)
    powers = torch.stack(terms, -1)
    a = numerator.expand(num_groups, -1)[:, :, None]
    b = denominator.expand(num_groups, -1).abs()[:, :, None]
    p = torch.bmm(powers, a)[..., 0]
    q = 1 + torch.bmm(powers[..., 1 : 1 + denominator.shape[1]].abs(), b)[..., 0]
    return (p / q).view(num_groups, rows, width).transpose(0, 1).reshape(x.shape)
