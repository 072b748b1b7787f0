"""BDH, a language model of sparse positive neurons with a fast-weight memory.

Kosowski, Uznański, Chorowski, Stamirowska, Bartoszkiewicz: "The Dragon Hatchling: The Missing Link
between the Transformer and Models of the Brain", 2025, https://arxiv.org/abs/2509.26507. Parts:
:mod:`linear_attention` (the memory), :mod:`bdh_rotation` (positions), :mod:`bdh_checks`,
:mod:`bdh_growth` (merge and grow), :mod:`neuron_analysis` (what neurons and synapses do).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch
from huggingface_hub import PyTorchModelHubMixin
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from neurarium.baselines.positional import rotate_pairs
from neurarium.memory.arguments import require_count, require_tensor
from neurarium.memory.bdh_checks import check_sizes, check_state, check_targets, check_tokens
from neurarium.memory.bdh_generation import generate
from neurarium.memory.bdh_rotation import NeuronRotation, Turn
from neurarium.memory.linear_attention import (
    AttentionWithState,
    causal_linear_attention,
    hebbian_step,
    state_dtype,
)


class BDHState(NamedTuple):
    """What the tokens so far have left in the synapses; its size does not depend on their number.

    Attributes:
        weights: (L, B, H, N, E), L layers, H heads of N neurons; float32 at least.
        position: how many tokens were read.
    """

    weights: Tensor
    position: int


class LayerActivity(NamedTuple):
    """What one layer computes.

    Attributes:
        code: x, (B, H, T, N), not negative.
        read: a, what attention returns, (B, H, T, E).
        gated: y, (B, H, T, N), not negative and only where the code is positive.
        stream: v, (B, T, E), what the layer hands on.
    """

    code: Tensor
    read: Tensor
    gated: Tensor
    stream: Tensor


class BDH(nn.Module, PyTorchModelHubMixin):
    r"""A causal language model whose neurons are sparse and positive, with linear attention.

    `The Dragon Hatchling <https://arxiv.org/abs/2509.26507>`_, form BDH-GPU. With one block of
    weights for all layers, LN without parameters, :math:`v = \mathrm{LN}(\mathrm{embed})`, per head

    .. math:: x = \mathrm{relu}(v D_x), \quad q = \mathrm{rotate}(x), \quad
              a_t = \sum_{\tau < t} \langle q_t, q_\tau \rangle v_\tau, \\
              y = \mathrm{relu}(\mathrm{LN}(a) D_y) \odot x, \quad
              v \leftarrow \mathrm{LN}(v + \mathrm{LN}(y E))

    There is no softmax, no scaling and no normaliser, so a layer is also a recurrent network: its
    state is the sum of all :math:`q_\tau v_\tau^\top`. Whole sequences, chunks and single tokens
    (:meth:`step`) give equal logits. Padding belongs at the end: no token reads a later one.

    Weights shared by all layers: at equal parameters it computes ``num_layers`` times as much as a
    network whose layers are its own.

    Args:
        vocab_size: V; 256 for raw bytes.
        embed_dim: E, width of the stream.
        num_heads: H; the neurons are shared out among them.
        neuron_ratio: neurons for each column of the stream.
        num_layers: how often the block is applied.
        residual: ``"stream"`` as in the released code, or ``"neuron"`` as the paper defines it,
            where the code adds up over layers and the stream is made anew:
            :math:`x_l = x_{l-1} + \mathrm{relu}(v_{l-1} D_x)`, :math:`v_l = \mathrm{LN}(y_l E)`.
        dropout: of the gated neurons, in training. Carrying a state over pieces of a text in
            training is fine; generation wants ``eval()``.
        theta: the slowest pair of neurons turns about θ times slower than the fastest.
        chunk_size: tokens per chunk of attention; None takes what is fastest for their number.
        num_neurons: n, where it is not ``neuron_ratio * embed_dim``: of a model that has grown.

    Shapes:
        - tokens: (B, T), int64; output: (B, T, vocab_size)

    Raises:
        TypeError: for sizes that are no whole numbers and for tokens that are none.
        ValueError: for sizes, tokens or a state that do not fit.
        IndexError: for a token that is not in the vocabulary.

    Example:
        >>> model = BDH(50, 16, num_heads=2, neuron_ratio=8, num_layers=2).eval()
        >>> tokens = torch.randint(50, (1, 7))
        >>> logits, state = model(tokens, return_state=True)
        >>> logits.shape, state.position
        (torch.Size([1, 7, 50]), 7)
        >>> model.step(tokens[:, -1], state)[0].shape
        torch.Size([1, 50])
        >>> model.generate(tokens, max_new_tokens=3, greedy=True).shape
        torch.Size([1, 10])
    """

    def __init__(
        self,
        vocab_size: int = 256,
        embed_dim: int = 256,
        *,
        num_heads: int = 4,
        neuron_ratio: int = 128,
        num_layers: int = 6,
        residual: str = "stream",
        dropout: float = 0.1,
        theta: float = 65536.0,
        chunk_size: int | None = None,
        num_neurons: int | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.num_neurons = check_sizes(
            vocab_size, embed_dim, num_heads, neuron_ratio, num_layers, num_neurons, chunk_size
        )
        if residual not in ("stream", "neuron"):
            raise ValueError(f"residual must be 'stream' or 'neuron': got {residual!r}")
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout must lie in [0, 1): got {dropout}")
        self.vocab_size, self.embed_dim, self.num_heads = vocab_size, embed_dim, num_heads
        self.num_layers, self.residual, self.dropout = num_layers, residual, dropout
        self.theta, self.chunk_size = theta, chunk_size
        factory: dict[str, Any] = {"device": device, "dtype": dtype}
        per_head = self.num_neurons // num_heads
        self.embed = nn.Embedding(vocab_size, embed_dim, **factory)
        self.encoder = nn.Parameter(torch.empty(num_heads, embed_dim, per_head, **factory))
        self.encoder_v = nn.Parameter(torch.empty(num_heads, embed_dim, per_head, **factory))
        self.decoder = nn.Parameter(torch.empty(self.num_neurons, embed_dim, **factory))
        self.lm_head = nn.Parameter(torch.empty(embed_dim, vocab_size, **factory))
        self.rotation = NeuronRotation(num_heads, per_head, theta=theta, device=device)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """All weights from N(0, 0.02²); frequencies as of a model that has not grown."""
        for parameter in self.parameters():
            nn.init.normal_(parameter, std=0.02)
        self.rotation.reset_parameters()

    def extra_repr(self) -> str:
        """Sizes."""
        return (
            f"embed_dim={self.embed_dim}, num_heads={self.num_heads}, "
            f"num_neurons={self.num_neurons}, num_layers={self.num_layers}, "
            f"residual={self.residual!r}"
        )

    def init_state(self, batch_size: int) -> BDHState:
        """The state before the first token: zeros."""
        require_count("batch_size", batch_size)
        layers, batch, heads, *matrix = self._state_shape(batch_size)
        weight = self.embed.weight
        zeros = torch.zeros(
            layers, heads, batch, *matrix, device=weight.device, dtype=state_dtype(weight.dtype)
        )
        return BDHState(zeros.transpose(1, 2), 0)  # in memory heads come first, as products want

    def forward(
        self,
        tokens: Int[Tensor, "B T"],
        *,
        state: BDHState | None = None,
        return_state: bool = False,
    ) -> Float[Tensor, "B T V"] | tuple[Float[Tensor, "B T V"], BDHState]:
        """Logits of the token after each token.

        An id outside the vocabulary is named where tokens are on the CPU; looking at them on an
        accelerator would wait for it.

        Args:
            tokens: ids.
            state: what earlier tokens have left, from an earlier call of the same model.
            return_state: also return the state after the last token.
        """
        check_tokens(tokens, self.vocab_size, self.embed.weight)
        position, weights = self._unpack(state, len(tokens))
        logits, stored = self._run(tokens, position, weights, return_state)
        if not return_state:
            return logits
        return logits, BDHState(torch.stack(stored).transpose(1, 2), position + tokens.shape[1])

    def step(
        self, token: Int[Tensor, " B"], state: BDHState
    ) -> tuple[Float[Tensor, "B V"], BDHState]:
        """Logits after one more token, and the new state; the one given is left as it is."""
        self.require_evaluation("step")
        require_tensor("token", token)
        if token.ndim != 1:
            raise ValueError(f"token must have the shape (batch,): got {list(token.shape)}")
        check_tokens(token[:, None], self.vocab_size, self.embed.weight)
        check_state(state, self._state_shape(len(token)), state_dtype(self.embed.weight.dtype))
        position, weights = state.position, state.weights.transpose(1, 2)
        logits, stored = self._run(token[:, None], position, weights, True)
        return logits[:, 0], BDHState(torch.stack(stored).transpose(1, 2), position + 1)

    def loss(self, tokens: Int[Tensor, "B T"], targets: Int[Tensor, "B T"]) -> Float[Tensor, ""]:
        """Mean cross-entropy of the targets in nats, in float32 at least."""
        check_targets(targets, tokens)
        logits = self(tokens).flatten(0, 1)
        return F.cross_entropy(logits.to(state_dtype(logits.dtype)), targets.flatten().long())

    def generate(
        self,
        prompt: Int[Tensor, "B T"],
        *,
        max_new_tokens: int,
        temperature: float = 1.0,
        top_k: int | None = None,
        greedy: bool = False,
        use_state: bool = True,
        generator: torch.Generator | None = None,
    ) -> Int[Tensor, "B T_new"]:
        """The prompt and what follows it; the time per token does not depend on the length.

        Args:
            prompt: ids, at least one a row.
            max_new_tokens: how many are added.
            temperature: divisor of the logits.
            top_k: sample among the k most likely tokens only.
            greedy: take the most likely token instead of sampling.
            use_state: False computes the whole prefix anew for every token, as the released code
                does: the same tokens, slowly.
            generator: of the samples.
        """
        return generate(
            self,
            prompt,
            max_new_tokens=max_new_tokens,
            temperature=temperature,
            top_k=top_k,
            greedy=greedy,
            use_state=use_state,
            generator=generator,
        )

    def layers(self, tokens: Int[Tensor, "B T"]) -> Iterator[LayerActivity]:
        """What every layer computes for whole sequences, one layer after the other."""
        check_tokens(tokens, self.vocab_size, self.embed.weight)
        stream, code = _norm(self.embed(tokens)), None
        turn = self.rotation(0, tokens.shape[1], stream.dtype)
        for _ in range(self.num_layers):
            code, query, before = self._encode(stream, code, turn)
            read = causal_linear_attention(query, before, chunk_size=self.chunk_size)
            assert isinstance(read, Tensor)
            gated, stream = self._decode(stream, code, read)
            yield LayerActivity(
                code.transpose(0, 1), read.transpose(0, 1), gated.transpose(0, 1), stream
            )

    def require_evaluation(self, what: str) -> None:
        """Raise where dropout would make a state that no whole sequence has."""
        if self.training and self.dropout:
            raise RuntimeError(f"model must be in evaluation mode for {what}: call eval() first")

    def _run(
        self,
        tokens: Tensor,
        position: int,
        weights: Tensor | None,
        return_state: bool,
        *,
        inplace: bool = False,
    ) -> tuple[Tensor, list[Tensor]]:
        """Logits (B, T, V) and every layer's state (H, B, N, E), which comes in as (L, H, …)."""
        stream, code = _norm(self.embed(tokens)), None
        turn = self.rotation(position, tokens.shape[1], stream.dtype)
        stored = []
        for index in range(self.num_layers):
            code, query, before = self._encode(stream, code, turn)
            state = None if weights is None else weights[index]
            read = self._remember(query, before, state, return_state, inplace)
            if isinstance(read, AttentionWithState):
                stored.append(read.state)
                read = read.output
            stream = self._decode(stream, code, read)[1]
        return stream @ self.lm_head, stored

    def _remember(
        self, query: Tensor, value: Tensor, state: Tensor | None, return_state: bool, inplace: bool
    ) -> Tensor | AttentionWithState:
        if query.shape[-2] == 1 and state is not None:
            value = value.expand(*query.shape[:-1], -1)
            read = hebbian_step(query[..., 0, :], value[..., 0, :], state, inplace=inplace)
            return AttentionWithState(read.output.unsqueeze(-2), read.state)
        return causal_linear_attention(
            query, value, state=state, chunk_size=self.chunk_size, return_state=return_state
        )

    def _encode(
        self, stream: Tensor, code: Tensor | None, turn: Turn
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Code, rotated code (both (H, B, T, N)) and values (1, B, T, E)."""
        heads = stream.flatten(0, 1).expand(self.num_heads, -1, -1)
        new = torch.bmm(heads, self.encoder).relu().unflatten(1, stream.shape[:2])
        if self.residual == "neuron" and code is not None:
            new = code + new
        return new, rotate_pairs(new, *turn), stream.unsqueeze(0)

    def _decode(self, stream: Tensor, code: Tensor, read: Tensor) -> tuple[Tensor, Tensor]:
        """Gated neurons (H, B, T, N) and the next stream (B, T, E)."""
        gate = torch.bmm(_norm(read).flatten(1, 2), self.encoder_v).relu()
        gated = gate * code.flatten(1, 2)
        active = F.dropout(gated, self.dropout, self.training)
        decoder = self.decoder.view(self.num_heads, -1, self.embed_dim)
        update = torch.bmm(active, decoder).sum(0).unflatten(0, stream.shape[:2])
        gated = gated.unflatten(1, stream.shape[:2])
        if self.residual == "neuron":
            return gated, _norm(update)
        return gated, _norm(stream + _norm(update))

    def _unpack(self, state: BDHState | None, batch_size: int) -> tuple[int, Tensor | None]:
        """Position and heads-first weights of a state that fits."""
        if state is None:
            return 0, None
        check_state(state, self._state_shape(batch_size), state_dtype(self.embed.weight.dtype))
        return state.position, state.weights.transpose(1, 2)

    def _state_shape(self, batch_size: int) -> tuple[int, ...]:
        """(L, B, H, N, E)."""
        per_head = self.num_neurons // self.num_heads
        return (self.num_layers, batch_size, self.num_heads, per_head, self.embed_dim)

    @classmethod
    def _load_as_safetensor(  # type: ignore[override]
        cls, model: BDH, model_file: str | Path, map_location: str, strict: bool
    ) -> BDH:
        """Always strict; precision as in the file."""
        from safetensors.torch import load_file

        state = load_file(model_file, device=map_location)
        model.to(state["encoder"].dtype).load_state_dict(state)
        return model


def _norm(x: Tensor) -> Tensor:
    """Layer norm over the last axis, without parameters."""
    return F.layer_norm(x, x.shape[-1:])
