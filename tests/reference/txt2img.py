"""The authors' sequence of operations for Txt2Img-MHN in plain torch, without a loop of ours.

Written from the description of YonghaoXu/Txt2Img-MHN: a materialised causal mask, attention by two
products, logits of every row and every token, the whole growing sequence for each image token, and
a filter over all logits, text ids included.
"""

import torch
from torch.nn import functional as F


def logits(model, text, ids):
    """Of every row, from the modules' weights."""
    x = model.embed(text, ids)
    length = x.shape[1]
    hidden = torch.ones(length, length, dtype=torch.bool, device=x.device).triu(1)
    for block in model.blocks:
        branch = block.prototypes
        layer, h = branch.layer, branch.norm(x)
        weights = (h @ layer.lookup.T * x.shape[-1] ** -0.5).softmax(-1)
        x = x + branch.scale * (weights @ layer.content)
        branch = block.association
        layer, h = branch.layer, branch.norm(x)
        parts = layer.query_stored(h).chunk(2, -1)
        heads = (part.unflatten(-1, (layer.num_heads, -1)).transpose(1, 2) for part in parts)
        query, stored = heads
        scores = query @ stored.mT * layer.head_dim**-0.5
        scores = scores.masked_fill(hidden, torch.finfo(x.dtype).min)
        merged = (scores.softmax(-1) @ stored).transpose(1, 2).flatten(2)
        x = x + branch.scale * layer.out(merged)
    head = model.head.prototypes
    weights = (x @ head.lookup.T * x.shape[-1] ** -0.5).softmax(-1)
    return model.masked(model.head.norm(weights @ head.content))


@torch.no_grad()
def generate(model, text, *, generator, top_k_filter=0.9):
    """Ids of one image for each text; noise is drawn for image ids alone, as ours is."""
    ids = text.new_empty(len(text), 0)
    kept = max(int((1 - top_k_filter) * model.num_tokens), 1)
    for _ in range(model.num_image):
        last = logits(model, text, ids)[:, -1]
        values, places = last.topk(kept)
        last = torch.full_like(last, -torch.inf).scatter(1, places, values)
        noise = torch.empty_like(last[:, model.num_text :]).exponential_(generator=generator)
        noise = F.pad(-noise.log(), (model.num_text, 0))
        token = (last + noise).argmax(1, keepdim=True) - model.num_text
        ids = torch.cat([ids, token], 1)
    return ids
