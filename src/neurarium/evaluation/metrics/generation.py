"""How good generated images are: as lessons for a classifier, and by their features.

Zero-shot accuracy is the measure of Xu et al., "Txt2Img-MHN" (arXiv 2208.04441); the Fréchet
distance of features that of Heusel et al. (arXiv 1706.08500).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from jaxtyping import Float, Int
    from torch import Tensor, nn


def frechet_distance(x: Float[Tensor, "N d"], y: Float[Tensor, "M d"]) -> float:
    r"""Between the normal distributions with the mean and covariance of two sets of features.

    `Heusel et al. <https://arxiv.org/abs/1706.08500>`_:
    :math:`\lVert \mu_x - \mu_y \rVert^2 + \mathrm{tr}(\Sigma_x + \Sigma_y - 2 (\Sigma_x
    \Sigma_y)^{1/2})`.

    Args:
        x: features, one a row.
        y: features of the other set.

    Raises:
        ValueError: for fewer than 2 rows and different widths.

    Example:
        >>> import torch
        >>> x = torch.tensor([[-1.0], [1.0]])
        >>> round(frechet_distance(x, 2 * x + 3), 6)  # 3² + (2σ − σ)², σ² = 2
        11.0
    """
    import torch

    if x.ndim != 2 or y.ndim != 2 or min(len(x), len(y)) < 2 or x.shape[1] != y.shape[1]:
        raise ValueError(
            "x and y must have shapes (rows >= 2, features) of one width: got "
            f"{list(x.shape)} and {list(y.shape)}"
        )
    means, roots = [], []  # a root R of a covariance: RᵀR
    for features in (x, y):
        rows = features.detach().double()
        means.append(rows.mean(0))
        roots.append(torch.linalg.qr((rows - means[-1]) / (len(rows) - 1) ** 0.5, mode="r").R)
    # tr (ΣₓΣᵧ)^½ is the sum of the singular values of the product of the roots.
    shared = torch.linalg.svdvals(roots[0] @ roots[1].T).sum()
    total = sum(root.square().sum() for root in roots) + (means[0] - means[1]).square().sum()
    return float(total - 2 * shared)


def zero_shot_accuracy(
    generated: Float[Tensor, "N C H W"],
    labels: Int[Tensor, " ..."],
    real: Float[Tensor, "M C H W"],
    real_labels: Int[Tensor, " ..."],
    *,
    classifier: nn.Module | None = None,
    num_epochs: int = 5,
    batch_size: int = 64,
    lr: float = 1e-3,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Accuracy on real images of a classifier that has only seen generated ones.

    `Txt2Img-MHN <https://arxiv.org/abs/2208.04441>`_, which fine-tunes a ResNet-18 with Adam for 5
    epochs; labels are those of the captions that the images were generated from.

    Args:
        generated: what is learned from.
        labels: (N,), or (N, A) of several attributes that are learned together.
        real: what is tested on.
        real_labels: as ``labels``.
        classifier: (B, C, H, W) → (B, sum of all numbers of classes); by default a
            :class:`neurarium.baselines.ConvNet`. It is trained in place.
        num_epochs: over the generated images.
        batch_size: images a step.
        lr: of Adam.
        generator: of the order; the classifier's weights come from the global generator.

    Returns:
        A number, or one for each attribute.

    Raises:
        ValueError: for shapes that do not fit each other, and without images.

    Example:
        >>> import torch
        >>> _ = torch.manual_seed(0)
        >>> labels = torch.arange(200) % 2
        >>> images = labels[:, None, None, None] * torch.rand(200, 1, 8, 8)
        >>> zero_shot_accuracy(images[:100], labels[:100], images[100:], labels[100:],
        ...                    num_epochs=20, lr=1e-2)
        tensor(1.)
    """
    import torch
    from torch.nn.functional import cross_entropy

    _check(generated, labels, real, real_labels)
    columns, truth = (x.reshape(len(x), -1) for x in (labels, real_labels))
    sizes = [int(n) + 1 for n in torch.cat([columns, truth]).amax(0)]
    network = _default(generated, sum(sizes)) if classifier is None else classifier
    optimizer = torch.optim.Adam(network.parameters(), lr)
    network.train()
    for _ in range(num_epochs):
        order = torch.randperm(len(generated), generator=generator)
        for rows in order.split(batch_size):
            parts = network(generated[rows]).split(sizes, 1)
            targets = columns[rows].unbind(1)
            losses = [cross_entropy(p, t) for p, t in zip(parts, targets, strict=True)]
            optimizer.zero_grad()
            torch.stack(losses).sum().backward()
            optimizer.step()
    network.eval()
    with torch.no_grad():
        found = [
            torch.stack([part.argmax(1) for part in network(batch).split(sizes, 1)], 1)
            for batch in real.split(512)
        ]
    accuracy = (torch.cat(found) == truth).float().mean(0)
    return accuracy if labels.ndim > 1 else accuracy[0]


def _default(images: Tensor, num_classes: int) -> nn.Module:
    from neurarium.baselines import ConvNet

    depth = max(1, min(3, min(images.shape[-2:]).bit_length() - 2))
    return ConvNet(images.shape[1], num_classes, (16, 32, 64)[:depth])


def _check(generated: Any, labels: Any, real: Any, real_labels: Any) -> None:
    for name, images, known in (
        ("generated", generated, labels),
        ("real", real, real_labels),
    ):
        if images.ndim != 4 or not len(images) or len(images) != len(known):
            raise ValueError(
                f"{name} must be images (N >= 1, C, H, W) with a label each: got "
                f"{list(images.shape)} and {len(known)} labels"
            )
    if generated.shape[1:] != real.shape[1:] or labels.shape[1:] != real_labels.shape[1:]:
        raise ValueError(
            "real must have the shape of generated, and its labels too: got "
            f"{list(real.shape[1:])} and {list(generated.shape[1:])}"
        )
