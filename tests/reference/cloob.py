"""CLOOB's loss in the authors' sequence of operations, one formula a line."""

import torch
from torch.nn.functional import normalize


def authors_retrieval(states, memory, beta):
    """One retrieval: the association of every state with every pattern, then the patterns."""
    association = torch.softmax(beta * (states @ memory.T), dim=-1)
    return normalize(association @ memory, dim=-1)


def authors_info_loob(anchors, partners, inv_tau):
    """The diagonal is filled with -1000, which no exponential survives."""
    logits = inv_tau * (anchors @ partners.T)
    diagonal = torch.eye(len(logits), dtype=torch.bool)
    negatives = torch.where(diagonal, torch.full_like(logits, -1000.0), logits)
    positives = torch.mean(torch.sum(anchors * partners, dim=-1) * inv_tau)
    return (torch.mean(torch.logsumexp(negatives, dim=-1)) - positives) / inv_tau


def authors_cloob(x, y, beta, inv_tau):
    """Four retrievals, two terms."""
    u_x, u_y = authors_retrieval(x, x, beta), authors_retrieval(y, x, beta)
    v_x, v_y = authors_retrieval(x, y, beta), authors_retrieval(y, y, beta)
    return authors_info_loob(u_x, u_y, inv_tau) + authors_info_loob(v_y, v_x, inv_tau)
