"""LAMB as its equations read, one tensor after the other."""

import math

import torch
from torch.optim import Optimizer


class TextbookLamb(Optimizer):
    def __init__(
        self,
        params,
        lr=1e-3,
        betas=(0.9, 0.999),
        eps=1e-6,
        weight_decay=0.1,
        *,
        max_weight_norm=10.0,
        trust_clip=None,
    ):
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": betas,
                "eps": eps,
                "weight_decay": weight_decay,
                "max_weight_norm": max_weight_norm,
                "trust_clip": trust_clip,
            },
        )

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            beta1, beta2 = group["betas"]
            for w in group["params"]:
                if w.grad is None:
                    continue
                state = self.state[w]
                state.setdefault("step", 0)
                state.setdefault("m", torch.zeros_like(w))
                state.setdefault("v", torch.zeros_like(w))
                state["step"] += 1
                state["m"] = beta1 * state["m"] + (1 - beta1) * w.grad
                state["v"] = beta2 * state["v"] + (1 - beta2) * w.grad**2
                u = state["m"] / (state["v"].sqrt() + group["eps"]) + group["weight_decay"] * w
                size = group["lr"] * math.sqrt(1 - beta2 ** state["step"])
                size = size / (1 - beta1 ** state["step"])
                w_norm, u_norm = w.norm().item(), u.norm().item()
                trust = min(w_norm, group["max_weight_norm"]) / u_norm if w_norm and u_norm else 1.0
                if group["trust_clip"] is not None:
                    trust = min(trust, group["trust_clip"])
                w -= size * trust * u
