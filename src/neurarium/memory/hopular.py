"""Hopular, a network that looks up its training set at every layer.

Schäfl, Gruber, Bitto-Nemling, Hochreiter: "Hopular: Modern Hopfield Networks for Tabular Data",
2022, https://arxiv.org/abs/2206.00664. Parts: :mod:`hopular_attributes` (columns),
:mod:`hopular_embedding`, :mod:`hopular_block`, :mod:`hopular_corruption`, :mod:`hopular_loss`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from huggingface_hub import PyTorchModelHubMixin
from jaxtyping import Float, Int
from torch import Tensor, nn

from neurarium.memory.hopular_attributes import AttributeLayout, check_rows
from neurarium.memory.hopular_block import HopularBlock, Stored
from neurarium.memory.hopular_embedding import AttributeEmbedding, Summarization


class _Cache(NamedTuple):
    """Projected memory and a copy of the parameters that it was made with."""

    stored: list[Stored]
    parameters: list[Tensor]


class Hopular(nn.Module, PyTorchModelHubMixin):
    r"""Predicts all attributes of masked table rows by looking up the rows it was trained on.

    `Hopular: Modern Hopfield Networks for Tabular Data <https://arxiv.org/abs/2206.00664>`_.
    With one embedding for the batch, :math:`\xi_0`, and for the memory of training rows, Y,

    .. math:: \xi_{l+1} = H_f(H_s(\xi_l;\, Y);\, \xi_0), \qquad \hat x = W\,\mathrm{LN}(\xi_L)

    where H_s and H_f are modern Hopfield retrievals (:class:`HopularBlock`). The memory holds the
    *uncorrupted* rows with their targets; gradients flow through it. In training the memory row of
    a query's own id is forbidden. In evaluation, without gradients, the projected memory is cached;
    it is made again when a parameter, the memory or the mode changes.

    Args:
        attribute_sizes: columns of each attribute, features and targets: 1 if numeric, else the
            number of categories.
        targets: positions of the attributes to predict.
        discrete: positions of the one-hot attributes; ``None`` means all that are wider than 1.
        embed_dim: E, width of one attribute's embedding; a multiple of ``num_heads``.
        num_layers: number of blocks.
        num_heads: modern Hopfield networks per retrieval.
        scaling_factor: β = scaling_factor / √head_dim; the paper searches 1, 100 and 1000.
        input_dropout: in the embedding.
        lookup_dropout: of associations.
        output_dropout: before the summarisation.
        tie_value: values through the key map, as the paper writes it (the authors' code does not).
        memory_ratio: share of the memory drawn, before it is embedded, at each training step.
        exclude_self: whether rows with ``ids`` may not retrieve themselves (``False``: ablation).
        reread_memory: whether every block looks up the memory (``False``: only the first does).

    Shapes:
        - encoded: (B, W), W = Σ (size + 1): the values of each attribute, then its mask bit
        - ids: (B,), int64
        - output: (B, Σ size): a standardised number or logits per attribute

    Raises:
        ValueError: for sizes, positions or widths that do not fit, and for self-exclusion from a
            memory of one row.
        RuntimeError: if no memory was set.

    Example:
        >>> model = Hopular([1, 3, 2], targets=[2], embed_dim=16, num_layers=2).eval()
        >>> rows = torch.nn.functional.pad(torch.randn(10, 1), (0, 8))
        >>> model.set_memory(rows)
        >>> model(rows[:4]).shape
        torch.Size([4, 6])
    """

    memory: Tensor
    memory_ids: Tensor
    blocks: list[HopularBlock]

    def __init__(
        self,
        attribute_sizes: Sequence[int],
        targets: Sequence[int],
        *,
        discrete: Sequence[int] | None = None,
        embed_dim: int = 32,
        num_layers: int = 4,
        num_heads: int = 8,
        scaling_factor: float = 1.0,
        input_dropout: float = 0.1,
        lookup_dropout: float = 0.1,
        output_dropout: float = 0.01,
        tie_value: bool = False,
        memory_ratio: float = 1.0,
        exclude_self: bool = True,
        reread_memory: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        rates = {"input_dropout": input_dropout, "lookup_dropout": lookup_dropout}
        for name, rate in {**rates, "output_dropout": output_dropout}.items():
            if not 0 <= rate < 1:
                raise ValueError(f"{name} must lie in [0, 1): got {rate}")
        if not 0 < memory_ratio <= 1:
            raise ValueError(f"memory_ratio must lie in (0, 1]: got {memory_ratio}")
        if num_layers < 1:
            raise ValueError(f"num_layers must be at least 1: got {num_layers}")
        factory: dict[str, Any] = {"device": device, "dtype": dtype}
        self.layout = AttributeLayout(attribute_sizes, targets, discrete)
        self.memory_ratio = memory_ratio
        self.exclude_self, self.reread_memory = exclude_self, reread_memory
        num_attributes = self.layout.num_attributes
        self.embedding = AttributeEmbedding(
            self.layout, embed_dim, dropout=input_dropout, **factory
        )
        self.blocks = nn.ModuleList(  # type: ignore[assignment]
            HopularBlock(
                num_attributes,
                embed_dim,
                num_heads,
                scaling_factor=scaling_factor,
                dropout=lookup_dropout,
                tie_value=tie_value,
                **factory,
            )
            for _ in range(num_layers)
        )
        self.summarization = Summarization(
            num_attributes * embed_dim, self.layout.num_values, dropout=output_dropout, **factory
        )
        self.register_buffer("memory", torch.empty(0, self.layout.num_encoded, **factory))
        self.register_buffer("memory_ids", torch.empty(0, dtype=torch.int64, device=device))
        self._cache: _Cache | None = None

    def reset_parameters(self) -> None:
        """Initialise as the authors do: everything uniform within ±1/√fan_in, norms 1 and 0."""
        self.embedding.reset_parameters()
        for block in self.blocks:
            block.reset_parameters()
        self.summarization.reset_parameters()

    def extra_repr(self) -> str:  # noqa: D102
        layout = self.layout
        return (
            f"attribute_sizes={list(layout.sizes)}, targets={list(layout.targets)}, "
            f"discrete={list(layout.discrete)}, memory={len(self.memory)} rows"
        )

    def set_memory(
        self, encoded: Float[Tensor, "S W"], ids: Int[Tensor, " S"] | None = None
    ) -> None:
        """Store the training rows, uncorrupted and with their targets.

        Args:
            encoded: rows with all mask bits 0.
            ids: identity of each row, compared with ``ids`` of a batch; default 0 … S − 1.
        """
        width = self.layout.num_encoded
        if encoded.ndim != 2 or encoded.shape[1] != width or not len(encoded):
            raise ValueError(
                f"encoded must have shape (rows >= 1, {width}): got {list(encoded.shape)}"
            )
        if not encoded.isfinite().all():
            raise ValueError("encoded must be finite: got NaN or infinity; blank missing cells")
        if encoded[:, self.layout.mask_columns.to(encoded.device)].any():
            raise ValueError("encoded must have all mask bits 0 in the memory: got some 1")
        if ids is None:
            ids = torch.arange(len(encoded))
        self._check_ids(ids, len(encoded))
        self.memory = encoded.detach().clone().to(self.memory)
        self.memory_ids = ids.detach().clone().to(self.memory_ids)
        self._cache = None

    @staticmethod
    def _check_ids(ids: Tensor, num_rows: int) -> None:
        if ids.is_floating_point() or ids.shape != (num_rows,):
            raise ValueError(
                f"ids must be {num_rows} integers, one per row: got {ids.dtype} {list(ids.shape)}"
            )

    def forward(
        self,
        encoded: Float[Tensor, "B W"],
        ids: Int[Tensor, " B"] | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> Float[Tensor, "B V"]:
        """Predict every attribute of every row.

        Args:
            encoded: rows, targets masked (see :func:`mask_targets`, :func:`corrupt_attributes`).
            ids: memory rows with an equal id are not retrieved. Required in training; leave out
                for new rows.
            generator: draws the part of the memory if ``memory_ratio`` < 1.
        """
        self._check_forward(encoded, ids)
        memory, memory_ids = self._draw_memory(generator)
        excludes = self.exclude_self and ids is not None
        attn_mask = ids[:, None] != memory_ids if excludes and ids is not None else None
        if self._may_cache():
            origin, projected = self.embedding(encoded), iter(self._cached_memory())
        else:
            rows = self.embedding(torch.cat([encoded, memory]))
            origin, embedded = rows.split([len(encoded), len(memory)])
            projected = self._project(embedded)
        state = origin
        for index, block in enumerate(self.blocks):
            if index and not self.reread_memory:
                state = block.refine_features(state, origin)
            else:
                state = block.refine(state, next(projected), origin, attn_mask=attn_mask)
        return self.summarization(state)

    def _check_forward(self, encoded: Tensor, ids: Tensor | None) -> None:
        weight = self.embedding.input_weight
        check_rows("encoded", encoded, self.layout.num_encoded, weight)
        if not len(self.memory):
            raise RuntimeError("memory must be set before forward: call set_memory(encoded, ids)")
        if ids is not None:
            self._check_ids(ids, len(encoded))
        if not self.exclude_self:
            return
        if ids is None and self.training:
            raise ValueError("ids must be given in training: rows must not retrieve themselves")
        if ids is not None and len(self.memory) < 2:
            raise ValueError("memory must hold at least 2 rows to exclude a row's own: got 1")

    def _draw_memory(self, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
        """The whole memory, or in training a random part, chosen before anything is embedded."""
        if not self.training or self.memory_ratio == 1:
            return self.memory, self.memory_ids
        num_rows = len(self.memory)
        kept = max(min(2, num_rows), int(self.memory_ratio * num_rows))
        drawn = torch.randperm(num_rows, generator=generator, device=self.memory.device)[:kept]
        return self.memory[drawn], self.memory_ids[drawn]

    def _project(self, embedded: Tensor) -> Iterator[Stored]:
        readers = self.blocks if self.reread_memory else self.blocks[:1]
        return (block.sample_lookup.store(embedded) for block in readers)

    def _memory_parameters(self) -> list[Tensor]:
        """The parameters that the projected memory depends on."""
        lookups = (block.sample_lookup for block in self.blocks)
        modules: list[nn.Module] = [self.embedding]
        for lookup in lookups:
            modules += [lookup.norm, lookup.key_value]
        return [parameter.detach() for module in modules for parameter in module.parameters()]

    def _may_cache(self) -> bool:
        if self.training or torch.compiler.is_compiling():
            return False
        if not torch.is_grad_enabled():
            return True
        return not any(parameter.requires_grad for parameter in self.parameters())

    def _cached_memory(self) -> list[Stored]:
        """Projected memory; parameters are compared by value: ``.data`` writes leave no trace."""
        parameters = self._memory_parameters()
        cache = self._cache
        if cache is None or not all(map(torch.equal, cache.parameters, parameters)):
            with torch.inference_mode(False), torch.no_grad():
                embedded = self.embedding(self.memory.clone())
                stored = [
                    Stored(keys.contiguous(), values.contiguous())
                    for keys, values in self._project(embedded)
                ]
                cache = _Cache(stored, [parameter.clone() for parameter in parameters])
            self._cache = cache
        return cache.stored

    def train(self, mode: bool = True) -> Hopular:
        """Set the mode; forgets the projected memory."""
        self._cache = None
        return super().train(mode)

    def _apply(self, fn: Any, recurse: bool = True) -> Hopular:
        self._cache = None
        return super()._apply(fn, recurse)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_cache": None}

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, *args: Any, **kwargs: Any
    ) -> None:
        """The memory takes the size that the file has."""
        for name in ("memory", "memory_ids"):
            saved = state_dict.get(prefix + name)
            if saved is not None:
                setattr(self, name, getattr(self, name).new_empty(saved.shape))
        self._cache = None
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)

    @classmethod
    def _load_as_safetensor(  # type: ignore[override]
        cls, model: Hopular, model_file: str | Path, map_location: str, strict: bool
    ) -> Hopular:
        """Always strict; precision as in the file."""
        from safetensors.torch import load_file

        state = load_file(model_file, device=map_location)
        model.to(state["memory"].dtype).load_state_dict(state)
        return model
