"""Losses for paired encoders: CLIP's, and CLOOB's, which retrieves before it contrasts.

Fürst et al., "CLOOB: Modern Hopfield Networks with InfoLOOB Outperform CLIP" (arXiv 2110.11316).
The parts are :mod:`~neurarium.memory.contrastive_objectives` (InfoNCE and InfoLOOB),
:mod:`~neurarium.memory.contrastive_retrieval` (the two memories),
:mod:`~neurarium.memory.contrastive_gather` (several processes) and
:mod:`~neurarium.memory.contrastive_towers` (encoders, classifiers made of prompts).
"""

from __future__ import annotations

import math
from numbers import Real

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from neurarium.memory.contrastive_checks import check_lengths, check_negatives, check_pairs
from neurarium.memory.contrastive_gather import gather_rows
from neurarium.memory.contrastive_objectives import info_loob, info_nce
from neurarium.memory.contrastive_retrieval import PairRetrieval, retrieve_pairs
from neurarium.memory.contrastive_temperature import ContrastiveTemperature
from neurarium.memory.contrastive_towers import TwoTower, zero_shot_weights

__all__ = ["CLIPLoss", "CLOOBLoss", "TwoTower", "info_loob", "info_nce", "zero_shot_weights"]


class _PairLoss(nn.Module):
    """What both losses share: a temperature, rows of unit length, several processes."""

    def __init__(self, temperature: ContrastiveTemperature, gather: bool) -> None:
        super().__init__()
        self.temperature = temperature
        self.gather = gather

    def clamp_(self) -> None:
        """Keep a learned temperature in [min_temperature, 1]; call it after every step."""
        self.temperature.clamp_()

    def forward(
        self,
        x: Float[Tensor, "N d"],
        y: Float[Tensor, "N d"],
        *,
        normalized: bool = False,
        same: Bool[Tensor, "M M"] | None = None,
    ) -> Float[Tensor, ""]:
        """The loss of a batch of pairs, in float32 at least; under autocast it stays that.

        Args:
            x: embeddings of one kind.
            y: embeddings of the other kind; row i belongs to row i of ``x``.
            normalized: the rows have unit length already.
            same: True where two pairs show the same thing and are no negatives of each other; M is
                the number of all pairs, those of other processes included.
        """
        check_pairs(x, y)
        for name, rows in (("x", x), ("y", y)):
            check_lengths(rows, name, unit=normalized)
        mixed = torch.is_autocast_enabled(x.device.type)
        with torch.autocast(x.device.type, enabled=False):
            kind = torch.promote_types(x.dtype, torch.float32)
            rows_x, rows_y = x.to(kind), y.to(kind)
            if not normalized:
                rows_x, rows_y = F.normalize(rows_x, dim=-1), F.normalize(rows_y, dim=-1)
            if self.gather:
                rows_x, rows_y = gather_rows(torch.cat([rows_x, rows_y], 1)).chunk(2, 1)
            check_negatives(len(rows_x))
            loss = self.contrast(rows_x, rows_y, same)
        return loss if mixed else loss.to(x.dtype)

    def contrast(self, x: Tensor, y: Tensor, same: Tensor | None) -> Tensor:
        """The loss of rows of unit length."""
        raise NotImplementedError


class CLOOBLoss(_PairLoss):
    r"""The loss of CLOOB: embeddings are replaced by what they retrieve, then contrasted.

    `CLOOB: Modern Hopfield Networks with InfoLOOB Outperform CLIP
    <https://arxiv.org/abs/2110.11316>`_. Two memories, the batch's x and its y, are asked by both
    kinds (:func:`retrieve_pairs`); :func:`info_loob` contrasts what they give:

    .. math:: L = L_\mathrm{LOOB}(U_x, U_y) + L_\mathrm{LOOB}(V_y, V_x).

    The x anchors meet the y states of others in the memory of x, the y anchors the x states of
    others in the memory of y. Swapping x and y changes nothing. The loss may be negative. It has no
    parameter by default and is not needed once the encoders are trained. Like every contrastive
    loss it wants large batches; in a batch with equal captions say so with ``same``.

    Args:
        beta: inverse temperature of the memories; worth searching, e.g. 8 and 14.3.
        temperature: τ of InfoLOOB, a constant unless it is learned.
        learn_temperature: learn the logarithm of 1/τ; call :meth:`clamp_` after every step, and
            keep weight decay away from it.
        learn_beta: learn the logarithm of β, starting at ``beta``.
        min_temperature: the smallest τ that :meth:`clamp_` lets pass; the largest is 1.
        scale_by_temperature: the factor τ of the authors' code; the paper displays none.
        gather: join the batches of all processes, of equal size, before anything is retrieved.
            Averaged gradients, e.g. of ``DistributedDataParallel``, are then those of the joint
            batch.

    Shapes:
        - x, y: (N, d), N ≥ 2
        - output: ()

    Raises:
        TypeError: for integers (encode first) and for dtypes that differ.
        ValueError: for a single pair, shapes that differ, a row of zeros, rows that are not of unit
            length with ``normalized=True``, and beta or temperature that are not positive.

    Example:
        >>> x, y = torch.randn(8, 16, requires_grad=True), torch.randn(8, 16)
        >>> loss = CLOOBLoss(beta=8.0, temperature=1 / 30)(x, y)
        >>> loss.backward()
        >>> x.grad.shape
        torch.Size([8, 16])
    """

    log_beta: Tensor | None
    start_beta: float
    scale_by_temperature: bool

    def __init__(
        self,
        *,
        beta: float = 8.0,
        temperature: float = 1 / 30,
        learn_temperature: bool = False,
        learn_beta: bool = False,
        min_temperature: float = 0.01,
        scale_by_temperature: bool = True,
        gather: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        if isinstance(beta, bool) or not isinstance(beta, Real):
            raise TypeError(f"beta must be a number: got {type(beta).__name__}")
        if not 0 < beta < math.inf:
            raise ValueError(f"beta must be positive and finite: got {beta}")
        tau = ContrastiveTemperature(
            temperature,
            learn=learn_temperature,
            min_temperature=min_temperature,
            device=device,
            dtype=dtype,
        )
        super().__init__(tau, gather)
        self.start_beta = float(beta)
        self.scale_by_temperature = scale_by_temperature
        self.register_parameter("log_beta", None)
        if learn_beta:
            self.log_beta = nn.Parameter(torch.empty((), device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """What is learned goes back to where it started."""
        self.temperature.reset_parameters()
        if self.log_beta is not None:
            nn.init.constant_(self.log_beta, math.log(self.start_beta))

    def extra_repr(self) -> str:
        """β and whether batches are joined."""
        learned = " (learned)" if self.log_beta is not None else ""
        return f"beta={self.start_beta:g}{learned}, gather={self.gather}"

    @property
    def beta(self) -> float | Tensor:
        """The inverse temperature of both memories."""
        if self.log_beta is None:
            return self.start_beta
        kind = torch.promote_types(self.log_beta.dtype, torch.float32)
        return self.log_beta.to(kind).exp()

    def retrieve(self, x: Float[Tensor, "N d"], y: Float[Tensor, "N d"]) -> PairRetrieval:
        """(u_x, u_y, v_x, v_y) of rows that have unit length; see :func:`retrieve_pairs`."""
        return retrieve_pairs(x, y, beta=self.beta)

    def contrast(self, x: Tensor, y: Tensor, same: Tensor | None) -> Tensor:
        """Both terms, of rows of unit length."""
        u_x, u_y, v_x, v_y = self.retrieve(x, y)
        first, second = (
            info_loob(
                anchors,
                partners,
                temperature=self.temperature(),
                scale_by_temperature=self.scale_by_temperature,
                same=same,
            )
            for anchors, partners in ((u_x, u_y), (v_y, v_x))
        )
        return first + second


class CLIPLoss(_PairLoss):
    r"""The loss of CLIP: symmetric InfoNCE, the baseline of CLOOB.

    `Learning Transferable Visual Models From Natural Language Supervision
    <https://arxiv.org/abs/2103.00020>`_: the mean of the cross-entropies of rows and columns of
    :math:`x y^\top / \tau` (:func:`info_nce`).

    Args:
        temperature: τ, where learning starts, or a constant.
        learn_temperature: learn the logarithm of 1/τ; call :meth:`clamp_` after every step, and
            keep weight decay away from it.
        min_temperature: the smallest τ that :meth:`clamp_` lets pass; the largest is 1.
        gather: join the batches of all processes, of equal size.

    Shapes:
        - x, y: (N, d), N ≥ 2
        - output: ()

    Raises:
        TypeError: for integers (encode first) and for dtypes that differ.
        ValueError: for a single pair, shapes that differ, a row of zeros, rows that are not of unit
            length with ``normalized=True``, and a temperature that is not positive.

    Example:
        >>> CLIPLoss(temperature=1.0)(torch.eye(3), torch.eye(3)).detach()  # log(1 + 2 / e)
        tensor(0.5514)
    """

    def __init__(
        self,
        *,
        temperature: float = 1 / 14.3,
        learn_temperature: bool = True,
        min_temperature: float = 0.01,
        gather: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        tau = ContrastiveTemperature(
            temperature,
            learn=learn_temperature,
            min_temperature=min_temperature,
            device=device,
            dtype=dtype,
        )
        super().__init__(tau, gather)

    def reset_parameters(self) -> None:
        """A learned temperature goes back to where it started."""
        self.temperature.reset_parameters()

    def extra_repr(self) -> str:
        """Whether batches are joined."""
        return f"gather={self.gather}"

    def contrast(self, x: Tensor, y: Tensor, same: Tensor | None) -> Tensor:
        """Symmetric InfoNCE, of rows of unit length."""
        return info_nce(x, y, temperature=self.temperature(), same=same)
