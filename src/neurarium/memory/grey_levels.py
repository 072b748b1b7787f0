"""The plainest image tokenizer: grey levels of a coarse grid. Nothing is learned.

A stand-in for the VQ-VAE of Txt2Img-MHN (arXiv 2208.04441) where images are tiny.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from neurarium.memory.arguments import require_count, require_tensor
from neurarium.memory.txt2img_checks import check_ids, check_pixels


class GreyLevels(nn.Module):
    """Means of square patches, rounded to equally spaced levels.

    For `Txt2Img-MHN <https://arxiv.org/abs/2208.04441>`_ on tiny images.

    Args:
        num_codes: levels, black and white included.
        image_size: pixels of a side.
        patch_size: pixels of a patch's side.

    Shapes:
        - images: (B, 1, image_size, image_size), in [0, 1]; ids: (B, n)

    Raises:
        TypeError: for images that are not floating point, and ids that are no integers.
        ValueError: for sizes that do not fit and pixels outside [0, 1].

    Example:
        >>> GreyLevels(3, 4, patch_size=2).encode(torch.eye(4).expand(1, 1, 4, 4))
        tensor([[1, 0, 0, 1]])
    """

    def __init__(self, num_codes: int = 16, image_size: int = 8, *, patch_size: int = 2) -> None:
        super().__init__()
        self.config = {
            "num_codes": num_codes,
            "image_size": image_size,
            "patch_size": patch_size,
        }
        for name, value in self.config.items():
            require_count(name, value)
        if num_codes < 2 or image_size % patch_size:
            raise ValueError(
                "num_codes must be at least 2 and patch_size divide image_size: got "
                f"{num_codes}, {patch_size} and {image_size}"
            )
        self.num_codes, self.image_size, self.patch_size = num_codes, image_size, patch_size
        self.grid_size = (image_size // patch_size,) * 2

    def encode(self, images: Float[Tensor, "B 1 H W"]) -> Int[Tensor, "B n"]:
        """Levels, row by row."""
        require_tensor("images", images)
        if not images.is_floating_point():
            raise TypeError(f"images must be floating point: got {images.dtype}; divide by 255")
        shape = (1, self.image_size, self.image_size)
        if images.ndim != 4 or images.shape[1:] != torch.Size(shape):
            raise ValueError(
                f"images must have the shape (batch, {', '.join(map(str, shape))}): got "
                f"{list(images.shape)}"
            )
        check_pixels(images)
        means = F.avg_pool2d(images, self.patch_size)
        return (means * (self.num_codes - 1)).round().long().flatten(1)

    def decode(self, ids: Int[Tensor, "B n"]) -> Float[Tensor, "B 1 H W"]:
        """Images of even patches."""
        check_ids("ids", ids, self.num_codes, self.grid_size[0] * self.grid_size[1])
        grey = ids.unflatten(1, (1, *self.grid_size)).float() / (self.num_codes - 1)
        size = self.patch_size
        return grey.repeat_interleave(size, -2).repeat_interleave(size, -1)

    def forward(self, images: Float[Tensor, "B 1 H W"]) -> Float[Tensor, "B 1 H W"]:
        """Images as the ids tell them."""
        return self.decode(self.encode(images)).to(images.dtype)
