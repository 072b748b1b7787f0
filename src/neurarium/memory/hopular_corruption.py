"""Masking and corruption of table rows, as Hopular is trained.

Appendix A.1 of https://arxiv.org/abs/2206.00664.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from neurarium.memory.hopular_attributes import AttributeLayout


class Corrupted(NamedTuple):
    """Corrupted rows (B, W) and which attributes take part in the loss (B, F)."""

    encoded: Tensor
    selected: Tensor


def mask_targets(encoded: Float[Tensor, "B W"], layout: AttributeLayout) -> Float[Tensor, "B W"]:
    """Hide all targets: values 0, mask bit 1; what a model sees in validation and test.

    Args:
        encoded: rows with all mask bits 0.
        layout: the columns of the table.

    Example:
        >>> layout = AttributeLayout([1, 2], targets=[1])
        >>> mask_targets(torch.tensor([[0.5, 0.0, 1.0, 0.0, 0.0]]), layout)
        tensor([[0.5000, 0.0000, 0.0000, 0.0000, 1.0000]])
    """
    columns = layout.is_target[layout.encoded_attribute].to(encoded.device)
    return torch.where(columns, _masked_row(encoded, layout), encoded)


def corrupt_attributes(
    encoded: Float[Tensor, "B W"],
    layout: AttributeLayout,
    *,
    missing: Bool[Tensor, "B F"] | None = None,
    mask_prob: float = 0.025,
    replace_prob: float = 0.175,
    select_prob: float = 1.0,
    generator: torch.Generator | None = None,
) -> Corrupted:
    """Select, mask and replace features of each row independently; always mask the targets.

    A selected feature is masked with probability ``mask_prob``, replaced with probability
    ``replace_prob`` (numeric: a draw from N(0, 1); discrete: a uniform category, perhaps the true
    one) and else left alone; the loss covers all selected cells, the unchanged ones too.

    Args:
        encoded: clean rows, mask bits 0.
        layout: the columns of the table.
        missing: True where a cell has no value: stays blank and out of the loss.
        mask_prob: of a selected feature.
        replace_prob: of a selected feature; with ``mask_prob`` at most 1.
        select_prob: of a feature to take part at all.
        generator: source of all draws.

    Returns:
        The corrupted rows, and the attributes (targets included, missing cells not) to reconstruct.

    Raises:
        ValueError: for probabilities outside [0, 1].

    Example:
        >>> layout = AttributeLayout([1, 2], targets=[1])
        >>> rows = layout.encode(torch.tensor([[0.5, 0.0, 1.0]]))
        >>> corrupt_attributes(rows, layout, mask_prob=1.0, replace_prob=0.0).encoded
        tensor([[0., 1., 0., 0., 1.]])
    """
    check_probabilities(mask_prob, replace_prob, select_prob)
    device = encoded.device
    is_target = layout.is_target.to(device)
    column_attribute = layout.encoded_attribute.to(device)
    shape = (2, len(encoded), layout.num_attributes)
    select, action = torch.rand(shape, generator=generator, device=device)
    selected = (select < select_prob) | is_target
    masked = (selected & (action < mask_prob)) | is_target
    replaced = selected & ~masked & (action < mask_prob + replace_prob)
    noise = _random_rows(encoded, layout, generator)
    rows = torch.where(replaced[:, column_attribute], noise, encoded)
    rows = torch.where(masked[:, column_attribute], _masked_row(encoded, layout), rows)
    if missing is not None:  # a hidden target looks the same whether it is known or not
        blank = missing & ~is_target
        rows = rows.masked_fill(blank[:, column_attribute], 0)
        selected = selected & ~missing
    return Corrupted(rows, selected)


def check_probabilities(mask_prob: float, replace_prob: float, select_prob: float) -> None:
    """Raise unless all three are probabilities and a feature is masked or replaced, not both."""
    named = {"mask_prob": mask_prob, "replace_prob": replace_prob, "select_prob": select_prob}
    for name, probability in named.items():
        if not 0 <= probability <= 1:
            raise ValueError(f"{name} must lie in [0, 1]: got {probability}")
    if mask_prob + replace_prob > 1:
        raise ValueError(
            f"mask_prob + replace_prob must be at most 1: got {mask_prob} + {replace_prob}"
        )


def _masked_row(encoded: Tensor, layout: AttributeLayout) -> Float[Tensor, " W"]:
    row = encoded.new_zeros(layout.num_encoded)
    row[layout.mask_columns.to(encoded.device)] = 1
    return row


def _random_rows(
    encoded: Tensor, layout: AttributeLayout, generator: torch.Generator | None
) -> Float[Tensor, "B W"]:
    """Rows of standard normal numbers and uniform categories, mask bits 0."""
    device, count = encoded.device, len(encoded)
    attribute = layout.value_attribute.to(device)
    sizes = torch.tensor(layout.sizes, device=device)
    uniform = torch.rand(count, len(sizes), generator=generator, device=device)
    category = (uniform * sizes).long().clamp(max=sizes - 1)
    one_hot = (category[:, attribute] == layout.value_place.to(device)).to(encoded.dtype)
    normal = torch.randn(count, len(attribute), generator=generator, device=device)
    is_discrete = layout.is_discrete.to(device)[attribute]
    return layout.encode(torch.where(is_discrete, one_hot, normal.to(encoded.dtype)))
