"""What trained towers can do: zero-shot classification, retrieval, probes, geometry."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from neurarium.data.synthetic import DigitScenes, scene_prompts
from neurarium.data.synthetic.scene_captions import ATTRIBUTES
from neurarium.evaluation.metrics import ajne_statistic, effective_eigenvalues
from neurarium.memory import TwoTower, zero_shot_weights

from .scenes import SceneSets

PENALTIES = tuple(10.0**power for power in range(-4, 3))
"""Of a linear probe, on embeddings of unit length."""


@torch.no_grad()
def image_embeddings(towers: TwoTower, scenes: DigitScenes) -> Tensor:
    """Embeddings of all scenes, in evaluation mode."""
    return _batched(towers, towers.embed_x, scenes.images)


@torch.no_grad()
def text_embeddings(towers: TwoTower, scenes: DigitScenes) -> Tensor:
    """Embeddings of all captions, in evaluation mode."""
    return _batched(towers, towers.embed_y, scenes.tokens)


def _batched(towers: TwoTower, embed: object, rows: Tensor) -> Tensor:
    device = next(towers.parameters()).device
    assert callable(embed)
    return torch.cat([embed(part.to(device)).cpu() for part in rows.split(1000)])


@torch.no_grad()
def zero_shot_accuracy(towers: TwoTower, images: Tensor, wanted: Tensor, attribute: str) -> float:
    """Share of scenes whose nearest prompt ensemble tells the right value."""
    device = next(towers.parameters()).device
    prompts = [tokens.to(device) for tokens in scene_prompts(attribute)]
    weights = zero_shot_weights(towers.embed_y, prompts).cpu()
    return float(((images @ weights.T).argmax(1) == wanted).double().mean())


def recalls(x: Tensor, y: Tensor) -> dict[str, float]:
    """Recall at 1 and 5 of partners, averaged over both directions.

    Ties are broken by chance, of which this is the expectation: embeddings that are all equal find
    k of N partners.

    Example:
        >>> recalls(torch.eye(6), torch.eye(6).roll(1, 0))["recall_1"]
        0.0
        >>> recalls(torch.ones(8, 2), torch.ones(8, 2))
        {'recall_1': 0.125, 'recall_5': 0.625}
    """
    products = x @ y.T
    own = products.diagonal()
    better = torch.cat([(products > own[:, None]).sum(1), (products > own).sum(0)])
    tied = torch.cat([(products == own[:, None]).sum(1), (products == own).sum(0)])
    return {f"recall_{k}": float(((k - better) / tied.double()).clamp(0, 1).mean()) for k in (1, 5)}


def geometry(x: Tensor, y: Tensor) -> dict[str, float]:
    """Effective eigenvalues and uniformity of both kinds of embeddings."""
    return {
        "eigenvalues": float(effective_eigenvalues(x)),
        "text_eigenvalues": float(effective_eigenvalues(y)),
        "ajne": ajne_statistic(x),
        "text_ajne": ajne_statistic(y),
    }


def probe_accuracy(train: Tensor, wanted: Tensor, test: Tensor, expected: Tensor) -> float:
    """Test accuracy of a ridge classifier on frozen embeddings.

    Leave-one-out errors choose the penalty for each embedding: with one for all, those with little
    variance in the directions that matter would be at a disadvantage.
    """
    from sklearn.linear_model import RidgeClassifierCV

    model = RidgeClassifierCV(alphas=PENALTIES).fit(train.numpy(), wanted.numpy())
    return float(model.score(test.numpy(), expected.numpy()))


def measure(towers: TwoTower, sets: SceneSets) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """All metrics of trained towers, and the spectra of their embeddings."""
    single, probe = (image_embeddings(towers, scenes) for scenes in (sets.single, sets.probe))
    metrics = {}
    for index, attribute in enumerate(ATTRIBUTES):
        told, known = (s.attributes[:, 0, index] for s in (sets.single, sets.probe))
        metrics[f"zero_shot_{attribute}"] = zero_shot_accuracy(towers, single, told, attribute)
        metrics[f"probe_{attribute}"] = probe_accuracy(probe, known, single, told)
    for kind in ("zero_shot", "probe"):
        found = [metrics[f"{kind}_{attribute}"] for attribute in ATTRIBUTES]
        metrics[f"{kind}_mean"] = float(np.mean(found))
    other = image_embeddings(towers, sets.transfer)
    shown = sets.transfer.attributes[:, 0, 0]
    metrics["transfer"] = zero_shot_accuracy(towers, other, shown, "digit")
    pairs = (
        image_embeddings(towers, sets.retrieval),
        text_embeddings(towers, sets.retrieval),
    )
    metrics |= recalls(*pairs)
    validation = (
        image_embeddings(towers, sets.validation),
        text_embeddings(towers, sets.validation),
    )
    metrics |= geometry(*validation)
    spectra = {
        f"{kind}_spectrum": torch.linalg.svdvals((x - x.mean(0)).double()).square().numpy()
        for kind, x in zip(("image", "text"), validation, strict=True)
    }
    return metrics, spectra
