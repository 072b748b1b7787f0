"""Measures of generated images: closed forms, and lessons that teach or do not."""

import pytest
import torch

from neurarium.evaluation.metrics import frechet_distance, zero_shot_accuracy


def test_frechet_distance_is_that_of_the_moments():
    torch.manual_seed(0)
    x = torch.randn(500, 4, dtype=torch.float64) @ torch.randn(4, 4, dtype=torch.float64)
    y = torch.randn(40, 4, dtype=torch.float64) + 1
    first, second = x.T.cov(), y.T.cov()
    values = torch.linalg.eigvals(first @ second).real.clamp(min=0)
    expected = (x.mean(0) - y.mean(0)).square().sum() + first.trace() + second.trace()
    expected -= 2 * values.sqrt().sum()
    assert frechet_distance(x, y) == pytest.approx(float(expected), rel=1e-9)
    assert frechet_distance(x, x + 2) == pytest.approx(16.0, rel=1e-9)
    assert frechet_distance(x, y) == pytest.approx(frechet_distance(y, x), rel=1e-9)


def test_frechet_distance_takes_fewer_rows_than_columns():
    x = torch.randn(5, 20, dtype=torch.float64)
    assert frechet_distance(x, x) == pytest.approx(0.0, abs=1e-9)
    with pytest.raises(ValueError, match="rows >= 2, features"):
        frechet_distance(x[:1], x)
    with pytest.raises(ValueError, match="of one width"):
        frechet_distance(x, x[:, :3])


def _stripes(num_images, seed):
    """Where a bright stripe is (0 … 3) and how it runs (0, 1)."""
    drawn = torch.Generator().manual_seed(seed)
    labels = torch.stack([torch.randint(n, (num_images,), generator=drawn) for n in (4, 2)], 1)
    images = 0.2 * torch.rand(num_images, 1, 8, 8, generator=drawn)
    for image, (place, upright) in zip(images, labels.tolist(), strict=True):
        stripe = image[0].T if upright else image[0]
        stripe[2 * place : 2 * place + 2] += 0.8
    return images, labels


def test_a_classifier_learns_all_attributes_and_nothing_from_wrong_captions():
    torch.manual_seed(0)
    (images, labels), (real, truth) = _stripes(400, 0), _stripes(200, 1)
    drawn = torch.Generator().manual_seed(0)
    found = zero_shot_accuracy(images, labels, real, truth, num_epochs=10, lr=3e-3, generator=drawn)
    assert (found > 0.95).all()
    shuffled = labels[torch.randperm(len(labels))]
    none = zero_shot_accuracy(images, shuffled, real, truth, num_epochs=3, lr=3e-3)
    assert none[0] < 0.5
    single = zero_shot_accuracy(images, labels[:, 1], real, truth[:, 1], num_epochs=5, lr=3e-3)
    assert single.ndim == 0
    assert single > 0.9


def test_labels_and_images_must_fit():
    images, labels = _stripes(10, 0)
    with pytest.raises(ValueError, match="generated must be images"):
        zero_shot_accuracy(images, labels[:9], images, labels)
    with pytest.raises(ValueError, match="real must have the shape of generated"):
        zero_shot_accuracy(images, labels, images[..., :4], labels)
