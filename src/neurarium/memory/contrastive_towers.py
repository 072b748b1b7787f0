"""Two encoders into one space, and classifiers made of text prompts.

Radford et al., "Learning Transferable Visual Models From Natural Language Supervision"
(arXiv 2103.00020); the same in CLOOB (arXiv 2110.11316), where nothing is retrieved at use.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn
from torch.nn import functional as F

from neurarium.memory.arguments import require_count, require_tensor


class Embeddings(NamedTuple):
    """Rows of unit length that two towers make of pairs: ``x`` and ``y``, each (N, embed_dim)."""

    x: Tensor
    y: Tensor


class TwoTower(nn.Module):
    r"""Two encoders whose embeddings have unit length, for pairs of any two kinds.

    `CLIP <https://arxiv.org/abs/2103.00020>`_ and `CLOOB <https://arxiv.org/abs/2110.11316>`_:

    .. math:: x \mapsto \frac{W_x f(x)}{\lVert W_x f(x) \rVert}, \qquad
              y \mapsto \frac{W_y g(y)}{\lVert W_y g(y) \rVert}

    Pass the pair to :class:`CLOOBLoss` or :class:`CLIPLoss` with ``normalized=True``. For use,
    embeddings are compared by their products alone: nothing is retrieved.

    Args:
        encoder_x: any module: one kind, e.g. images, to (N, features).
        encoder_y: any module for the other kind, e.g. texts.
        embed_dim: width of the common space.
        features_x: width of what ``encoder_x`` returns, which a linear map without bias then takes
            to ``embed_dim``; None: it returns ``embed_dim`` already.
        features_y: the same of ``encoder_y``.

    Shapes:
        - x: (N, …), y: (N, …), whatever the encoders take
        - output: :class:`Embeddings` of twice (N, embed_dim)

    Raises:
        TypeError: for encoders that are no modules, inputs that are no tensors, and widths that
            are no whole numbers.
        ValueError: for widths below 1, and an encoder that returns another shape.

    Example:
        >>> towers = TwoTower(nn.Linear(5, 8), nn.Embedding(10, 4), 8, features_y=4)
        >>> pair = towers(torch.randn(3, 5), torch.tensor([1, 7, 0]))
        >>> pair.x.shape, pair.y.detach().norm(dim=1).round(decimals=5)
        (torch.Size([3, 8]), tensor([1., 1., 1.]))
    """

    def __init__(
        self,
        encoder_x: nn.Module,
        encoder_y: nn.Module,
        embed_dim: int,
        *,
        features_x: int | None = None,
        features_y: int | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        for name, encoder in (("encoder_x", encoder_x), ("encoder_y", encoder_y)):
            if not isinstance(encoder, nn.Module):
                raise TypeError(f"{name} must be a module: got {type(encoder).__name__}")
        widths = {"embed_dim": embed_dim, "features_x": features_x, "features_y": features_y}
        for name, width in widths.items():
            if width is not None or name == "embed_dim":
                require_count(name, width)
        factory: dict[str, Any] = {"bias": False, "device": device, "dtype": dtype}
        self.embed_dim = embed_dim
        self.encoder_x, self.encoder_y = encoder_x, encoder_y
        self.projection_x, self.projection_y = (
            nn.Identity() if width is None else nn.Linear(width, embed_dim, **factory)
            for width in (features_x, features_y)
        )

    def extra_repr(self) -> str:
        """The width of the common space."""
        return f"embed_dim={self.embed_dim}"

    def embed_x(self, x: Shaped[Tensor, "N ..."]) -> Float[Tensor, "N E"]:
        """Embeddings of the first kind."""
        return self._embed(x, "x", self.encoder_x, self.projection_x)

    def embed_y(self, y: Shaped[Tensor, "N ..."]) -> Float[Tensor, "N E"]:
        """Embeddings of the second kind."""
        return self._embed(y, "y", self.encoder_y, self.projection_y)

    def forward(self, x: Shaped[Tensor, "N ..."], y: Shaped[Tensor, "N ..."]) -> Embeddings:
        """Embed pairs.

        Args:
            x: one kind, a batch.
            y: the other kind; row i belongs to row i of ``x``.
        """
        require_tensor("x", x)
        require_tensor("y", y)
        if not x.ndim or not y.ndim or len(x) != len(y):
            raise ValueError(
                f"y must hold one partner for each of x, {list(x.shape)}: got {list(y.shape)}"
            )
        return Embeddings(self.embed_x(x), self.embed_y(y))

    def _embed(self, x: Tensor, name: str, encoder: nn.Module, projection: nn.Module) -> Tensor:
        encoded = encoder(x)
        width = projection.in_features if isinstance(projection, nn.Linear) else self.embed_dim
        if not isinstance(encoded, Tensor) or encoded.shape != (len(x), width):
            found = list(encoded.shape) if isinstance(encoded, Tensor) else type(encoded).__name__
            raise ValueError(
                f"encoder_{name} must return shape {[len(x), width]}: got {found}; features_{name}="
                "… says its width"
            )
        return F.normalize(projection(encoded), dim=-1)


def zero_shot_weights(
    encoder: Callable[[Tensor], Tensor], prompts: Sequence[Shaped[Tensor, "P ..."]]
) -> Float[Tensor, "C E"]:
    r"""The weights of a linear classifier, from prompts that describe each class in words.

    `CLIP <https://arxiv.org/abs/2103.00020>`_, Sec. 3.1.4, the ensemble over templates: the prompts
    of a class are embedded, normalised, averaged and normalised again. The class of an image is the
    row with the largest product with its embedding.

    Args:
        encoder: prompts (P, …) → embeddings (P, E), e.g. ``towers.embed_y``. Put the model into
            evaluation mode, and call this under ``torch.no_grad()`` unless you want gradients.
        prompts: one tensor a class, all its templates filled in and encoded as the encoder takes
            them, P of them; classes may have different numbers.

    Shapes:
        - prompts: C times (P, …)
        - output: (C, E), rows of unit length

    Raises:
        TypeError: for prompts that are not tensors, such as texts that were not tokenised.
        ValueError: for no class, a class without prompts, classes of different shapes, and an
            encoder that returns another shape.

    Example:
        >>> table = nn.Embedding.from_pretrained(torch.tensor([[1.0, 0.0], [0.6, 0.8], [0.0, 2.0]]))
        >>> zero_shot_weights(table, [torch.tensor([0]), torch.tensor([1, 2])])
        tensor([[1.0000, 0.0000],
                [0.3162, 0.9487]])
    """
    if not len(prompts):
        raise ValueError("prompts must hold at least one class: got none")
    for place, of_class in enumerate(prompts):
        require_tensor(f"prompts[{place}]", of_class, hint="; tokenise texts first")
        if not of_class.ndim or not len(of_class):
            raise ValueError(f"prompts[{place}] must hold at least one prompt: got none")
        if of_class.shape[1:] != prompts[0].shape[1:]:
            raise ValueError(
                f"prompts[{place}] must have prompts of shape {list(prompts[0].shape[1:])}, as the "
                f"first class: got {list(of_class.shape[1:])}; pad them"
            )
    sizes = [len(of_class) for of_class in prompts]
    encoded = encoder(torch.cat(list(prompts)))
    if not isinstance(encoded, Tensor) or encoded.ndim != 2 or len(encoded) != sum(sizes):
        found = list(encoded.shape) if isinstance(encoded, Tensor) else type(encoded).__name__
        raise ValueError(
            f"encoder must return one row for each prompt, shape ({sum(sizes)}, E): got {found}"
        )
    of_classes = F.normalize(encoded, dim=-1).split(sizes)
    return F.normalize(torch.stack([rows.mean(0) for rows in of_classes]), dim=-1)
