"""BDH in the authors' sequence of operations, one formula a line; takes a module of ours."""

import math

import torch
from torch.nn import functional as F


def frequencies(neurons_per_head, theta=65536.0):
    """Turns per token; neighbours share one."""
    place = torch.arange(neurons_per_head, dtype=torch.float32)
    return theta ** -((place / 2).floor() * 2 / neurons_per_head) / (2 * math.pi)


def authors_rotate(x):
    """Phases are computed anew in every call, in float32."""
    positions = torch.arange(x.shape[-2], dtype=torch.float32).view(1, 1, -1, 1)
    phases = positions * frequencies(x.shape[-1])
    phases = (phases % 1) * (2 * math.pi)
    turned = torch.stack((-x[..., 1::2], x[..., ::2]), dim=-1).view(*x.shape)
    return (x * phases.cos()).to(x.dtype) + (turned * phases.sin()).to(x.dtype)


def authors_attention(code, value):
    """The whole square of scores, then its strict lower triangle."""
    rotated = authors_rotate(code)
    scores = (rotated @ rotated.mT).tril(diagonal=-1)
    return scores @ value


def authors_logits(model, tokens):
    """The released forward, without dropout."""
    norm = torch.nn.LayerNorm(model.embed_dim, elementwise_affine=False, bias=False)
    batch, length = tokens.shape
    v = norm(model.embed(tokens).unsqueeze(1))
    for _ in range(model.num_layers):
        x = F.relu(v @ model.encoder)
        a = norm(authors_attention(x, v))
        y = F.relu(a @ model.encoder_v) * x
        flat = y.transpose(1, 2).reshape(batch, 1, length, model.num_neurons)
        v = norm(v + norm(flat @ model.decoder))
    return v.view(batch, length, model.embed_dim) @ model.lm_head


@torch.no_grad()
def authors_generate(model, prompt, max_new_tokens):
    """The likeliest token each time; the whole prefix is computed again for every one."""
    for _ in range(max_new_tokens):
        token = authors_logits(model, prompt)[:, -1].argmax(-1, keepdim=True)
        prompt = torch.cat((prompt, token), dim=1)
    return prompt
