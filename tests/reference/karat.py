"""Kolmogorov–Arnold attention as it is written: all functions of all scores, then the whole map."""

import torch


def direct_map(scores, cosines, sines, back, base=None, scale=None):
    """W h for every row; coefficients of cosines and sines are (H, r, N, G), W is (H, N, r)."""
    multiples = torch.arange(1, cosines.shape[-1] + 1, dtype=scores.dtype)
    angles = scores[..., None] * multiples
    units = torch.einsum("bhlqm,hpqm->bhlpq", angles.cos(), cosines)
    units = units + torch.einsum("bhlqm,hpqm->bhlpq", angles.sin(), sines)
    if base is not None:
        units = units + base(scores)[:, :, :, None]
    if scale is not None:
        units = units * scale[:, None]
    return torch.einsum("bhlp,hnp->bhln", units.sum(-1), back)


def direct_head(query, key, value, cosines, sines, back):
    """The same with sums over keys and functions in two products, as fast as it goes this way."""
    multiples = torch.arange(1, cosines.shape[-1] + 1, dtype=query.dtype)
    angles = (query @ key.mT)[..., None] * multiples
    h = torch.einsum("bhlqm,hpqm->bhlp", angles.cos(), cosines)
    h = h + torch.einsum("bhlqm,hpqm->bhlp", angles.sin(), sines)
    return (h @ back.mT) @ value
