"""Causal attention without a softmax, whose queries are its keys: a Hebbian fast-weight memory.

Kosowski et al., "The Dragon Hatchling", 2025, https://arxiv.org/abs/2509.26507; in general
Katharopoulos et al., https://arxiv.org/abs/2006.16236. One sum, three ways to compute it:

    a_t = Σ_{τ<t} ⟨q_t, q_τ⟩ v_τ = S_t^T q_t,    S_{t+1} = S_t + q_t v_t^T,  S_0 = 0

The *parallel* form multiplies the masked (T, T) matrix of scores, which costs T·N a token. The
*recurrent* form carries S, (N, D), at 2·N·D a token. The *chunked* form is parallel inside chunks
of C tokens and carries S from chunk to chunk: (C + 2D)·N a token, all of it large products.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import pad

from neurarium.memory.arguments import require_count, require_tensor

_BLOCK = 128
"""Rows of scores computed at once: what lies above the diagonal block is never computed."""


class AttentionWithState(NamedTuple):
    """What was read and what is now stored.

    Attributes:
        output: (…, T, D).
        state: Σ q v^T over all tokens so far, (…, N, D).
    """

    output: Tensor
    state: Tensor


def causal_linear_attention(
    q: Float[Tensor, "*batch T N"],
    v: Float[Tensor, "*value_batch T D"],
    *,
    state: Float[Tensor, "*state_batch N D"] | None = None,
    chunk_size: int | None = None,
    return_state: bool = False,
) -> Tensor | AttentionWithState:
    r"""Strictly causal linear attention with keys equal to queries.

    `The Dragon Hatchling <https://arxiv.org/abs/2509.26507>`_:

    .. math:: a_t = S_0^\top q_t + \sum_{\tau < t} \langle q_t, q_\tau \rangle\, v_\tau

    A token does not read itself; nothing is scaled or normalised. With ``chunk_size=1`` this is the
    recurrence, with ``chunk_size >= T`` the parallel form; all agree to rounding, and so do their
    gradients. Sums over tokens are kept in float32 at least.

    Args:
        q: queries and keys, already rotated if positions matter.
        v: values; leading axes broadcast against those of ``q``, as one value for all heads does.
        state: S_0, what earlier tokens have stored.
        chunk_size: tokens between two states; None takes what is fastest for T and D.
        return_state: also return what is stored after the last token.

    Shapes:
        - q: (…, T, N); v: (…, T, D); state: (…, N, D); output: (…, T, D)

    Raises:
        TypeError: for what is no floating-point tensor.
        ValueError: for shapes that do not fit and a chunk size below 1.

    Example:
        >>> q, v = torch.randn(2, 4, 9, 6), torch.randn(2, 1, 9, 3)
        >>> whole = causal_linear_attention(q, v)
        >>> first, state = causal_linear_attention(q[..., :5, :], v[..., :5, :], return_state=True)
        >>> rest = causal_linear_attention(q[..., 5:, :], v[..., 5:, :], state=state)
        >>> torch.allclose(torch.cat((first, rest), -2), whole, atol=1e-5)
        True
    """
    _check(q, v, state, chunk_size)
    v = v.expand(*q.shape[:-1], v.shape[-1])
    length, size = q.shape[-2], chunk_size or cheapest_chunk(q.shape[-2], v.shape[-1])
    if length <= size:
        return _one_chunk(q, v, state, return_state)
    whole = length - length % size
    inside = (-1, size)
    output, last = _chunks(
        q[..., :whole, :].unflatten(-2, inside), v[..., :whole, :].unflatten(-2, inside), state
    )
    if whole < length:
        tail = _one_chunk(q[..., whole:, :], v[..., whole:, :], last, return_state)
        if isinstance(tail, AttentionWithState):
            return AttentionWithState(torch.cat((output, tail.output), -2), tail.state)
        return torch.cat((output, tail), -2)
    return AttentionWithState(output, last) if return_state else output


def cheapest_chunk(length: int, value_dim: int) -> int:
    """Tokens in a chunk: all where the sequence is short, because states cost 2·D a token."""
    size = 128 if value_dim <= 128 else 256  # fastest of 64, 128 and 256 where it was measured
    return length if length < 2 * (size + value_dim) else size


def hebbian_step(
    q: Float[Tensor, "*batch N"],
    v: Float[Tensor, "*batch D"],
    state: Float[Tensor, "*batch N D"],
    *,
    inplace: bool = False,
) -> AttentionWithState:
    """One token of the recurrence: read S^T q, then add q v^T.

    Args:
        q: of the token.
        v: of the token.
        state: S.
        inplace: whether S itself is changed.

    Example:
        >>> state = torch.zeros(2, 1)
        >>> _, state = hebbian_step(torch.tensor([1.0, 2.0]), torch.tensor([3.0]), state)
        >>> hebbian_step(torch.tensor([1.0, 1.0]), torch.tensor([3.0]), state).output
        tensor([9.])
    """
    q, value = q.to(state.dtype), v.to(state.dtype)
    output = (q.unsqueeze(-2) @ state).squeeze(-2).to(v.dtype)
    add = state.addcmul_ if inplace else state.addcmul
    return AttentionWithState(output, add(q.unsqueeze(-1), value.unsqueeze(-2)))


def state_dtype(dtype: torch.dtype) -> torch.dtype:
    """Sums grow with the length, so they are kept in float32 at least."""
    return torch.promote_types(dtype, torch.float32)


def _one_chunk(
    q: Tensor, v: Tensor, state: Tensor | None, return_state: bool
) -> Tensor | AttentionWithState:
    """The parallel form, plus what the state gives."""
    output = _strict(q, v)
    if state is not None:
        output = output + (q @ state.to(q.dtype)).to(output.dtype)
    if not return_state:
        return output
    stored = (q.transpose(-2, -1) @ v).to(state_dtype(q.dtype))
    return AttentionWithState(output, stored if state is None else state + stored)


def _chunks(q: Tensor, v: Tensor, state: Tensor | None) -> AttentionWithState:
    """q (…, K, C, N) and v (…, K, C, D): scores inside chunks, states before each of them."""
    stored = (q.transpose(-2, -1) @ v).to(state_dtype(q.dtype))
    before = pad(stored.cumsum(-3), (0, 0, 0, 0, 1, 0))  # (…, K + 1, N, D), the first one empty
    if state is not None:
        before = before + state.unsqueeze(-3)
    states, last = before[..., :-1, :, :], before[..., -1, :, :]
    output = _strict(q, v) + q @ states.to(q.dtype)
    return AttentionWithState(output.flatten(-3, -2), last)


def _strict(q: Tensor, v: Tensor) -> Tensor:
    """Σ_{τ<t} ⟨q_t, q_τ⟩ v_τ by the matrix of scores."""
    if q.shape[-2] == 1:
        return torch.zeros_like(v)
    output, _ = _StrictAttention.apply(q, v)
    return output


class _StrictAttention(torch.autograd.Function):
    """tril(q q^T, −1) v, with half of the products forwards and one instead of two backwards.

    The scores are symmetric before they are masked, so with D = tril(G v^T, −1) for the gradient G
    of the output, that of q is (D + D^T) q.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(q: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Scores are returned too, for the backward pass alone."""
        scores = strict_scores(q)
        return scores @ v.to(scores.dtype), scores

    @staticmethod
    def setup_context(
        ctx: Any, inputs: tuple[Tensor, Tensor], output: tuple[Tensor, Tensor]
    ) -> Any:
        """Keep the scores: a small part of what q needs."""
        ctx.mark_non_differentiable(output[1])
        ctx.save_for_backward(*inputs, output[1])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor]:
        """Made of differentiable operations, so that it can be differentiated again."""
        q, v, scores = ctx.saved_tensors
        gradient = gradients[0]
        if torch.is_grad_enabled():  # double backward: the saved scores are constants to autograd
            scores = (q @ q.transpose(-2, -1)).tril(-1)
        of_scores = (gradient @ v.to(gradient.dtype).transpose(-2, -1)).tril(-1)
        both = of_scores + of_scores.transpose(-2, -1)
        of_values = scores.transpose(-2, -1).to(gradient.dtype) @ gradient
        return (both.to(q.dtype) @ q), of_values.to(v.dtype)


def strict_scores(q: Float[Tensor, "*batch T N"]) -> Float[Tensor, "*batch T T"]:
    """⟨q_t, q_τ⟩ where τ < t, else 0, without the products above the diagonal blocks."""
    length = q.shape[-2]
    rows = []
    for start in range(0, length, _BLOCK):
        stop = min(start + _BLOCK, length)
        row = q[..., start:stop, :] @ q[..., :stop, :].transpose(-2, -1)
        rows.append(pad(row.tril(start - 1), (0, length - stop)))
    return rows[0] if len(rows) == 1 else torch.cat(rows, -2)


def _check(q: Tensor, v: Tensor, state: Tensor | None, chunk_size: int | None) -> None:
    for name, x in (("q", q), ("v", v)):
        require_tensor(name, x)
        if not x.is_floating_point():
            raise TypeError(f"{name} must be floating point: got {x.dtype}")
        if x.ndim < 2:
            raise ValueError(f"{name} must have the shape (…, T, width): got {list(x.shape)}")
    if chunk_size is not None:
        require_count("chunk_size", chunk_size)
    if not q.shape[-2]:
        raise ValueError(f"q must have a token at least: got {list(q.shape)}")
    leading = q.shape[:-2]
    fits = v.ndim <= q.ndim and all(
        width in (1, wanted) for width, wanted in zip(v.shape[-3::-1], leading[::-1], strict=False)
    )
    if v.shape[-2] != q.shape[-2] or not fits:
        raise ValueError(
            f"v must have the tokens of q and leading axes that fit: got {list(v.shape)} for q "
            f"{list(q.shape)}"
        )
    if state is None:
        return
    require_tensor("state", state)
    if state.shape != (*leading, q.shape[-1], v.shape[-1]):
        raise ValueError(
            f"state must have the shape {[*leading, q.shape[-1], v.shape[-1]]}: got "
            f"{list(state.shape)}"
        )
    if state.dtype != state_dtype(q.dtype):
        raise ValueError(
            f"state must be {state_dtype(q.dtype)} for q of {q.dtype}: got {state.dtype}"
        )
