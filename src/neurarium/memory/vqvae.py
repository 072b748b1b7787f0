"""Images as a grid of codes, and back: a VQ-VAE whose codes are chosen by a Gumbel-softmax.

The image tokenizer of Txt2Img-MHN (arXiv 2208.04441), which is the discrete VAE of DALL-E (arXiv
2102.12092) without the KL term. With logits e(x) of K codes at every place of the grid and a
codebook C,

    z = softmax((e(x) + Gumbel noise) / temperature) C,  loss = mean (2x − 1 − d(z))²,

and the ids of an image are argmax e(x).
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from neurarium.memory.arguments import require_count, require_tensor
from neurarium.memory.txt2img_checks import check_ids, check_pixels


class ResidualBlock(nn.Module):
    """Two 3 × 3 convolutions and a 1 × 1 one around a skip."""

    def __init__(self, channels: int, **factory: Any) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, **factory),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1, **factory),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 1, **factory),
        )

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C H W"]:
        """The same shape."""
        return x + self.net(x)


class VQVAE(nn.Module):
    r"""Turns square images into ids of learned codes and ids into images.

    `Txt2Img-MHN <https://arxiv.org/abs/2208.04441>`_, Sec. III. Every convolution of stride 2
    halves the sides, so an image has :math:`(\text{image\_size} / 2^{\text{num\_layers}})^2` ids.
    Train it with :meth:`loss`; hand it to :class:`Txt2ImgMHN` afterwards.

    Args:
        in_channels: of the images.
        num_codes: K, the size of the codebook.
        code_dim: width of a code.
        image_size: pixels of a side.
        num_layers: convolutions of stride 2.
        num_blocks: residual blocks of the encoder and of the decoder.
        hidden_channels: of everything inside.

    Shapes:
        - images: (B, in_channels, image_size, image_size), in [0, 1]
        - ids: (B, n), row by row; output of forward: as images

    Raises:
        TypeError: for images that are not of the weights' dtype, and ids that are no integers.
        ValueError: for sizes that do not fit and pixels outside [0, 1].
        IndexError: for an id that does not exist.

    Example:
        >>> tokenizer = VQVAE(1, 16, 8, image_size=8, num_layers=2, hidden_channels=4)
        >>> ids = tokenizer.encode(torch.rand(3, 1, 8, 8))
        >>> ids.shape, tokenizer.decode(ids).shape
        (torch.Size([3, 4]), torch.Size([3, 1, 8, 8]))
    """

    def __init__(
        self,
        in_channels: int = 3,
        num_codes: int = 2048,
        code_dim: int = 512,
        *,
        image_size: int = 256,
        num_layers: int = 3,
        num_blocks: int = 2,
        hidden_channels: int = 64,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.config = {
            "in_channels": in_channels,
            "num_codes": num_codes,
            "code_dim": code_dim,
            "image_size": image_size,
            "num_layers": num_layers,
            "num_blocks": num_blocks,
            "hidden_channels": hidden_channels,
        }
        for name, value in self.config.items():
            if name != "num_blocks" or value != 0:
                require_count(name, value)
        if image_size % 2**num_layers:
            raise ValueError(
                f"image_size must be divisible by 2 ** num_layers: got {image_size} and "
                f"{num_layers} layers"
            )
        factory: dict[str, Any] = {"device": device, "dtype": dtype}
        self.in_channels, self.num_codes, self.image_size = in_channels, num_codes, image_size
        self.grid_size = (image_size // 2**num_layers,) * 2
        self.codebook = nn.Embedding(num_codes, code_dim, **factory)
        self.encoder = nn.Sequential(
            *(
                nn.Sequential(
                    nn.Conv2d(channels, hidden_channels, 4, stride=2, padding=1, **factory),
                    nn.ReLU(),
                )
                for channels in (in_channels, *(num_layers - 1) * (hidden_channels,))
            ),
            *(ResidualBlock(hidden_channels, **factory) for _ in range(num_blocks)),
            nn.Conv2d(hidden_channels, num_codes, 1, **factory),
        )
        widened = [nn.Conv2d(code_dim, hidden_channels, 1, **factory)] if num_blocks else []
        first = hidden_channels if num_blocks else code_dim
        self.decoder = nn.Sequential(
            *widened,
            *(ResidualBlock(hidden_channels, **factory) for _ in range(num_blocks)),
            *(
                nn.Sequential(
                    nn.ConvTranspose2d(
                        channels, hidden_channels, 4, stride=2, padding=1, **factory
                    ),
                    nn.ReLU(),
                )
                for channels in (first, *(num_layers - 1) * (hidden_channels,))
            ),
            nn.Conv2d(hidden_channels, in_channels, 1, **factory),
        )

    def reset_parameters(self) -> None:
        """PyTorch's initialisation of every part."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Embedding):
                module.reset_parameters()

    def extra_repr(self) -> str:
        """The codes."""
        return f"num_codes={self.num_codes}, grid_size={self.grid_size}"

    def code_logits(self, images: Float[Tensor, "B C H W"]) -> Float[Tensor, "B K h w"]:
        """Logits of every code at every place."""
        self._check(images)
        return self.encoder(2 * images - 1)

    def encode(self, images: Float[Tensor, "B C H W"]) -> Int[Tensor, "B n"]:
        """Ids of the likeliest codes, row by row."""
        with torch.no_grad():
            return self.code_logits(images).argmax(1).flatten(1)

    def decode(self, ids: Int[Tensor, "B n"]) -> Float[Tensor, "B C H W"]:
        """Images of ids, cut off to [0, 1]."""
        check_ids("ids", ids, self.num_codes, self.grid_size[0] * self.grid_size[1])
        codes = self.codebook(ids.long()).transpose(1, 2).unflatten(2, self.grid_size)
        return (0.5 * self.decoder(codes) + 0.5).clamp(0, 1)

    def forward(
        self,
        images: Float[Tensor, "B C H W"],
        *,
        temperature: float = 1.0,
        generator: torch.Generator | None = None,
    ) -> Float[Tensor, "B C H W"]:
        """Reconstructions on the scale of the images, not cut off.

        Args:
            images: pixels in [0, 1].
            temperature: of the relaxed choice of codes, in training; evaluation takes the
                likeliest ones.
            generator: of the Gumbel noise.
        """
        logits = self.code_logits(images)
        if self.training:
            weights = relaxed_choice(logits, temperature, generator)
            codes = torch.einsum("bkhw,kc->bchw", weights, self.codebook.weight)
        else:
            codes = self.codebook(logits.argmax(1)).permute(0, 3, 1, 2)
        return 0.5 * self.decoder(codes) + 0.5

    def loss(
        self,
        images: Float[Tensor, "B C H W"],
        *,
        temperature: float = 1.0,
        generator: torch.Generator | None = None,
    ) -> Float[Tensor, ""]:
        """Mean square error on the scale [−1, 1], as in the released code."""
        found = self(images, temperature=temperature, generator=generator)
        return 4 * F.mse_loss(found, images)

    def _check(self, images: Any) -> None:
        require_tensor("images", images)
        if not images.is_floating_point():
            raise TypeError(f"images must be floating point: got {images.dtype}; divide by 255")
        weight = self.codebook.weight
        if images.dtype != weight.dtype and not torch.is_autocast_enabled(images.device.type):
            raise TypeError(
                f"images must have the dtype of the weights, {weight.dtype}: got {images.dtype}"
            )
        shape = (self.in_channels, self.image_size, self.image_size)
        if images.ndim != 4 or images.shape[1:] != torch.Size(shape):
            raise ValueError(
                f"images must have the shape (batch, {', '.join(map(str, shape))}): got "
                f"{list(images.shape)}"
            )
        check_pixels(images)


def relaxed_choice(
    logits: Float[Tensor, "B K h w"], temperature: float, generator: torch.Generator | None = None
) -> Float[Tensor, "B K h w"]:
    r"""A sample of the Gumbel-softmax over the codes: weights that sum to 1.

    The nearer the temperature is to 0, the nearer it is to a single code.

    Example:
        >>> weights = relaxed_choice(torch.randn(1, 5, 2, 2), 1e-3)
        >>> bool((weights.amax(1) > 0.99).all())
        True
    """
    if not temperature > 0:
        raise ValueError(f"temperature must be positive: got {temperature}")
    noise = torch.empty_like(logits).exponential_(generator=generator).log()
    return ((logits - noise) / temperature).softmax(1)
