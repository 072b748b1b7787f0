"""What Hopular looks at: the associations of test rows with the memory, block by block."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from neurarium.data.containers import Table
from neurarium.memory.hopular import Hopular
from neurarium.memory.hopular_block import HopularBlock
from neurarium.memory.hopular_corruption import mask_targets


def associations_of(estimator: Any, table: Table) -> dict[str, np.ndarray]:
    """Associations, averaged over heads, of the first and the last block.

    Returns:
        ``associations`` (2, test rows, training rows) float32, rows and columns sorted by target,
        and ``test_targets``, ``train_targets`` in that order.
    """
    train, _, test = table.split(0)
    train_targets, test_targets = table.y[train], table.y[test]
    module = estimator.module_
    rows = estimator._rows(table.X.iloc[test], None).encoded.to(module.memory.dtype)
    weights = block_associations(module, mask_targets(rows, module.layout))
    order, columns = (np.argsort(y, kind="stable") for y in (test_targets, train_targets))
    chosen = np.stack([weights[k].numpy()[order][:, columns] for k in (0, -1)])
    return {
        "associations": chosen.astype(np.float32),
        "test_targets": test_targets[order],
        "train_targets": train_targets[columns],
    }


def block_associations(module: Hopular, encoded: Tensor) -> list[Tensor]:
    """Head-averaged softmax(β q Kᵀ) of every block for encoded query rows: (rows, memory)."""
    with torch.no_grad():
        origin, memory = module.embedding(encoded), module.embedding(module.memory)
        state, found = origin, []
        for block in cast("list[HopularBlock]", list(module.blocks)):
            lookup = block.sample_lookup
            stored = lookup.store(memory)
            query = lookup._heads(lookup.query(lookup.norm(state)))
            found.append((lookup.beta * query @ stored.keys.mT).softmax(-1).mean(-3))
            state = block.refine(state, stored, origin)
    return found
