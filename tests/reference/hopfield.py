"""Two plain ways to compute a Hopfield layer, to compare with and to time against.

``textbook`` is what one writes from the equations: vectorised, with the association matrix formed.
``authors`` follows the operations of the authors' released layer in their order: heads folded into
the batch, inputs compared by value to find self-association, masked copies of association and keys
in every step, a stopping criterion read by ``.any()``. Both take a module of ours for its weights.
"""

import torch
from torch.nn import functional as F


def textbook_association(q, k, v, *, beta, num_steps=1, allowed=None):
    """(B, H, L, d) states, (B, H, S, d) stored: retrieved values and the last association."""
    for step in range(num_steps):
        scores = beta * q @ k.transpose(-1, -2)
        if allowed is not None:
            scores = scores.masked_fill(~allowed, -torch.inf)
        association = torch.softmax(scores, dim=-1)
        q = association @ (v if step == num_steps - 1 else k)
    return q, association


def textbook(layer, state):
    """Self-association of a default ``Hopfield`` with a fixed number of steps."""
    q, k, v = (x.contiguous() for x in layer.heads(state, state, state))
    out, _ = textbook_association(q, k, v, beta=layer.beta(), num_steps=layer.steps.limit)
    return layer.out(out.transpose(1, 2).flatten(2))


def authors(layer, state, eps=1e-4):
    """Self-association of a default ``Hopfield`` by the authors' sequence of operations."""
    heads, num_heads = layer.heads, layer.heads.widths.num_heads
    inputs = [
        norm(state.transpose(0, 1).reshape(-1, state.shape[2])).reshape(
            state.shape[1], state.shape[0], -1
        )
        for norm in (heads.norm_state, heads.norm_stored, heads.norm_values)
    ]
    q, k, v = _project(heads, *inputs)
    length, batch = q.shape[:2]
    q = q * layer.beta()
    q, k, v = (
        x.contiguous().view(len(x), batch * num_heads, -1).transpose(0, 1) for x in (q, k, v)
    )
    limits = torch.full((num_heads,), layer.steps.limit - 1)
    weights = _iterate(q, k, layer.beta(), limits, torch.full((num_heads,), eps), batch)
    out = torch.bmm(F.dropout(weights, 0.0, training=True), v)
    return layer.out(out.transpose(0, 1).contiguous().view(length, batch, -1)).transpose(0, 1)


def _project(heads, query, key, value):
    """Their packed projection: one product where the three inputs are equal by value."""
    linears = (heads.state, heads.stored, heads.values)
    weight = torch.cat([linear.weight for linear in linears])
    bias = torch.cat([linear.bias for linear in linears])
    if torch.equal(query, key) and torch.equal(key, value):
        return F.linear(query, weight, bias).chunk(3, dim=-1)
    if torch.equal(key, value):
        width = len(heads.state.weight)
        q = F.linear(query, weight[:width], bias[:width])
        return (q, *F.linear(key, weight[width:], bias[width:]).chunk(2, dim=-1))
    return tuple(
        F.linear(x, w, b)
        for x, w, b in zip((query, key, value), weight.chunk(3), bias.chunk(3), strict=True)
    )


def _iterate(q, k, beta, limits, eps, batch):
    """Softmax after softmax; heads that stopped are left out by masked copies of everything."""
    num_heads = len(limits)
    weights = previous = None
    active = torch.ones(batch * num_heads, 1, 1, dtype=torch.bool)
    step = 0
    while active.any():
        if weights is not None:
            kept = weights.masked_select(active).view(-1, *weights.shape[1:])
            keys = k.masked_select(active).view(-1, *k.shape[1:])
            q = torch.masked_scatter(q, active, torch.bmm(kept, keys)) * beta
        scores = torch.bmm(q, k.transpose(1, 2))
        if weights is None:
            weights = F.softmax(scores, dim=-1)
        else:
            chosen = scores.masked_select(active).view(-1, *weights.shape[1:])
            weights = torch.masked_scatter(weights, active, F.softmax(chosen, dim=-1))
        with torch.no_grad():
            current = weights.view(batch, num_heads, *weights.shape[1:])
            goes_on = (step < limits) | (limits < 0)
            if previous is not None:
                goes_on &= (previous - current).norm(p=2, dim=(2, 3)).max(axis=0)[0] > eps
            active = goes_on.unsqueeze(1).unsqueeze(2).repeat(batch, 1, 1)
            previous = current
        step += 1
    return weights
