"""ModernNCA: soft nearest neighbours in a learned space (Ye et al. 2024, arXiv 2407.03257).

A strong neural method for tables and the natural ablation of Hopular: one retrieval from the
training set and no refinement. Defaults and search space are those of the authors' benchmark
toolbox TALENT.
"""

from __future__ import annotations

import copy
import math
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
import torch
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import check_consistent_length, check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_y, check_is_fitted
from torch import Tensor

from .persistence import SavedToDirectory, array_from_json, array_to_json
from .soft_neighbours import NeighbourEmbedding, soft_neighbour_average
from .table_encoder import TableEncoder

if TYPE_CHECKING:
    from sklearn.utils import Tags

PREDICT_ROWS = 1024
"""Rows predicted at once: bounds the memory of the distances."""


class _ModernNCA(SavedToDirectory, BaseEstimator):
    """What classifier and regressor share: everything but the kind of target."""

    def __init__(
        self,
        *,
        embed_dim: int = 128,
        num_layers: int = 0,
        hidden_features: int = 512,
        num_frequencies: int = 77,
        frequency_scale: float = 0.0443,
        frequency_dim: int = 34,
        dropout: float = 0.1,
        sample_rate: float = 0.5,
        temperature: float = 1.0,
        num_epochs: int = 200,
        batch_size: int = 1024,
        lr: float = 0.01,
        weight_decay: float = 2e-4,
        patience: int | None = 20,
        categorical_features: Any = "auto",
        device: str | None = None,
        random_state: Any = None,
    ) -> None:
        self.embed_dim = embed_dim
        self.num_layers = num_layers
        self.hidden_features = hidden_features
        self.num_frequencies = num_frequencies
        self.frequency_scale = frequency_scale
        self.frequency_dim = frequency_dim
        self.dropout = dropout
        self.sample_rate = sample_rate
        self.temperature = temperature
        self.num_epochs = num_epochs
        self.batch_size = batch_size
        self.lr = lr
        self.weight_decay = weight_decay
        self.patience = patience
        self.categorical_features = categorical_features
        self.device = device
        self.random_state = random_state

    def fit(self, X: Any, y: Any, eval_set: tuple[Any, Any] | None = None) -> Self:
        """Learn the space.

        Args:
            X: table (n, F).
            y: targets (n,).
            eval_set: ``(X, y)`` of validation rows: the epoch that is best on them is kept, and
                training stops after ``patience`` epochs without a better one.
        """
        self._check_parameters()
        encoder = TableEncoder(categorical_features=self.categorical_features).fit(X)
        self._set_encoder(encoder)
        rows = self._encode(encoder, X)
        check_consistent_length(X, y)
        if len(rows) < 2:
            raise ValueError(
                "X must have at least 2 rows, a row and a neighbour: got n_samples = 1"
            )
        targets = self._targets(y, reset=True)
        validation = None
        if eval_set is not None:
            check_consistent_length(*eval_set)
            validation = (
                self._encode(self.encoder_, eval_set[0]),
                self._targets(eval_set[1], reset=False),
            )
        seed = int(check_random_state(self.random_state).randint(2**31))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self._train(rows, targets, validation)
        return self

    def _train(
        self, rows: Tensor, targets: Tensor, validation: tuple[Tensor, Tensor] | None
    ) -> None:
        network = self._network().to(rows.device)
        optimizer = torch.optim.AdamW(
            network.parameters(), lr=self.lr, weight_decay=self.weight_decay
        )
        best, best_score, waited = network, -math.inf, 0
        self.n_iter_ = 0
        for _ in range(self.num_epochs):
            self._epoch(network, optimizer, rows, targets)
            self.n_iter_ += 1
            if validation is None:
                continue
            score = self._validate(network, rows, targets, validation)
            waited += 1
            if score >= best_score:
                best, best_score, waited = copy.deepcopy(network), score, 0
            elif self.patience is not None and waited >= self.patience:
                break
        self.network_ = best.eval().double()  # float32 would make distances depend on the batch
        with torch.no_grad():
            self.candidates_ = self.network_(rows.double())
        self.targets_ = targets.double()
        if not torch.isfinite(self.candidates_).all():
            raise ValueError(f"lr must be small enough for training to converge: got {self.lr}")

    def _network(self) -> NeighbourEmbedding:
        numeric = np.repeat(~np.array(self.encoder_.discrete_), self.encoder_.attribute_sizes_)
        return NeighbourEmbedding(
            torch.from_numpy(numeric),
            embed_dim=self.embed_dim,
            num_layers=self.num_layers,
            hidden_features=self.hidden_features,
            num_frequencies=self.num_frequencies,
            frequency_scale=self.frequency_scale,
            frequency_dim=self.frequency_dim,
            dropout=self.dropout,
        )

    def _set_encoder(self, encoder: TableEncoder) -> None:
        self.encoder_ = encoder
        self.n_features_in_ = encoder.n_features_in_
        if hasattr(encoder, "feature_names_in_"):
            self.feature_names_in_ = encoder.feature_names_in_

    def _get_fitted(self) -> tuple[dict[str, Any], dict[str, Tensor]]:
        state = {"encoder": self.encoder_.get_state(), "n_iter": self.n_iter_}
        weights = {f"network.{name}": value for name, value in self.network_.state_dict().items()}
        return state, {"candidates": self.candidates_, "targets": self.targets_, **weights}

    def _set_fitted(self, state: dict[str, Any], tensors: dict[str, Tensor]) -> None:
        self._set_encoder(TableEncoder.from_state(state["encoder"]))
        self.n_iter_ = state["n_iter"]
        tensors = {name: tensor.to(self.device or "cpu") for name, tensor in tensors.items()}
        self.candidates_, self.targets_ = tensors.pop("candidates"), tensors.pop("targets")
        network = self._network().double().eval().to(self.device or "cpu")
        network.load_state_dict({k.removeprefix("network."): v for k, v in tensors.items()})
        self.network_ = network

    def _epoch(
        self,
        network: NeighbourEmbedding,
        optimizer: torch.optim.Optimizer,
        rows: Tensor,
        targets: Tensor,
    ) -> None:
        """One pass over the rows; each batch votes with itself and a random share of the rest."""
        network.train()
        order = torch.randperm(len(rows)).to(rows.device)
        # a last batch of one row would have no neighbour and no batch statistics
        count = max(1, min(math.ceil(len(rows) / self.batch_size), len(rows) // 2))
        for batch in order.tensor_split(count):
            rest = order[~torch.isin(order, batch)]
            rest = rest[torch.randperm(len(rest))[: int(self.sample_rate * len(rest))]]
            embedded = network(rows[batch])
            candidates = torch.cat([embedded, network(rows[rest])]) if len(rest) > 1 else embedded
            votes = targets[torch.cat([batch, rest])] if len(rest) > 1 else targets[batch]
            average = soft_neighbour_average(
                embedded, candidates, votes, temperature=self.temperature, exclude_self=True
            )
            loss = self._loss(average, targets[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    def _validate(
        self,
        network: NeighbourEmbedding,
        rows: Tensor,
        targets: Tensor,
        validation: tuple[Tensor, Tensor],
    ) -> float:
        network.eval()
        with torch.no_grad():
            average = soft_neighbour_average(
                network(validation[0]), network(rows), targets, temperature=self.temperature
            )
            return self._score(average, validation[1])

    def _average(self, X: Any) -> np.ndarray:
        """The neighbours' average target for each row of X."""
        check_is_fitted(self)
        rows = self._encode(self.encoder_, X).double()
        with torch.no_grad():
            parts = [
                soft_neighbour_average(
                    self.network_(part),
                    self.candidates_,
                    self.targets_,
                    temperature=self.temperature,
                )
                for part in rows.split(PREDICT_ROWS)
            ]
        return torch.cat(parts).cpu().numpy()

    def _encode(self, encoder: TableEncoder, X: Any) -> Tensor:
        return torch.from_numpy(encoder.encode(X)[0]).to(self.device or "cpu")

    def _targets(self, y: Any, *, reset: bool) -> Tensor:
        raise NotImplementedError

    def _loss(self, average: Tensor, targets: Tensor) -> Tensor:
        raise NotImplementedError

    def _score(self, average: Tensor, targets: Tensor) -> float:
        raise NotImplementedError

    def _check_parameters(self) -> None:
        minimum = {
            "embed_dim": 1,
            "num_layers": 0,
            "hidden_features": 1,
            "num_frequencies": 0,
            "frequency_dim": 1,
            "num_epochs": 1,
            "batch_size": 2,
        }
        for name, least in minimum.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | np.integer):
                raise TypeError(f"{name} must be an int: got {value!r}")
            if value < least:
                raise ValueError(f"{name} must be at least {least}: got {value}")
        for name in ("frequency_scale", "temperature", "lr"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be positive: got {getattr(self, name)}")
        for name, most in (("dropout", 1), ("sample_rate", 1), ("weight_decay", math.inf)):
            if not 0 <= getattr(self, name) <= most:
                raise ValueError(f"{name} must lie in 0 … {most}: got {getattr(self, name)}")
        if self.patience is not None and self.patience < 1:
            raise ValueError(f"patience must be at least 1 or None: got {self.patience}")

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        return tags


class ModernNCAClassifier(ClassifierMixin, _ModernNCA):
    r"""Soft nearest neighbours in a learned space, for classes.

    Ye et al. 2024, https://arxiv.org/abs/2407.03257. The class probabilities of a row are
    :math:`\sum_j \mathrm{softmax}_j(-\lVert\phi(x)-\phi(x_j)\rVert_2 / T)\, y_j` over all training
    rows. In training a row never votes for itself, and beyond its own batch only a random share
    of the rows votes. The loss is the negative log-likelihood.

    Args:
        embed_dim: dimension of the space.
        num_layers: blocks after the first linear map.
        hidden_features: width inside a block.
        num_frequencies: periodic features of each number; 0 leaves numbers as they are.
        frequency_scale: standard deviation of the initial frequencies.
        frequency_dim: width of each number's periodic features.
        dropout: inside the blocks.
        sample_rate: share of the rows outside the batch that vote in a training step.
        temperature: divisor of the distances.
        num_epochs: passes over the training rows at most.
        batch_size: rows in a step.
        lr: learning rate of AdamW.
        weight_decay: of AdamW.
        patience: epochs without a better validation score before stopping; None never stops.
        categorical_features: as in :class:`TableEncoder`.
        device: where to compute; None is the CPU.
        random_state: seed of the weights, batches and samples.

    Attributes:
        classes_: the distinct labels.
        encoder_, network_: the fitted encoder and embedding.
        n_iter_: epochs run.

    Example:
        >>> import numpy as np
        >>> X = np.random.default_rng(0).normal(size=(60, 2))
        >>> y = np.where(X[:, 0] * X[:, 1] > 0, "same", "different")
        >>> model = ModernNCAClassifier(num_epochs=50, random_state=0).fit(X, y)
        >>> bool(model.score(X, y) > 0.9)
        True
    """

    classes_: np.ndarray

    def predict_proba(self, X: Any) -> np.ndarray:
        """Class probabilities (n, classes), in the order of ``classes_``."""
        votes = self._average(X)
        return votes / votes.sum(1, keepdims=True)

    def predict(self, X: Any) -> np.ndarray:
        """The most probable class of each row."""
        best = self._average(X).argmax(1)
        return self.classes_[best]

    def _get_fitted(self) -> tuple[dict[str, Any], dict[str, Tensor]]:
        state, tensors = super()._get_fitted()
        return {**state, "classes": array_to_json(self.classes_)}, tensors

    def _set_fitted(self, state: dict[str, Any], tensors: dict[str, Tensor]) -> None:
        super()._set_fitted(state, tensors)
        self.classes_ = array_from_json(state["classes"])

    def _targets(self, y: Any, *, reset: bool) -> Tensor:
        y = _check_y(y)
        if pd.isna(y).any():
            raise ValueError("y must have no missing value: got one")
        check_classification_targets(y)
        if reset:
            self.classes_, codes = np.unique(y, return_inverse=True)
            if len(self.classes_) < 2:
                raise ValueError(f"y must hold at least two classes: got one class, {y[0]}")
        else:
            unknown = ~np.isin(y, self.classes_)
            if unknown.any():
                raise ValueError(f"eval_set must hold classes of y: got {y[unknown].tolist()[0]!r}")
            codes = np.searchsorted(self.classes_, y)
        return torch.eye(len(self.classes_), device=self.device or "cpu")[codes]

    def _loss(self, average: Tensor, targets: Tensor) -> Tensor:
        return -((average + 1e-7).log() * targets).sum(1).mean()

    def _score(self, average: Tensor, targets: Tensor) -> float:
        return float((average.argmax(1) == targets.argmax(1)).float().mean())


class ModernNCARegressor(RegressorMixin, _ModernNCA):
    """Soft nearest neighbours in a learned space, for numbers.

    Ye et al. 2024, https://arxiv.org/abs/2407.03257. As :class:`ModernNCAClassifier`, with the
    neighbours' average target as prediction and the mean squared error as loss.

    Args:
        embed_dim: dimension of the space.
        num_layers: blocks after the first linear map.
        hidden_features: width inside a block.
        num_frequencies: periodic features of each number; 0 leaves numbers as they are.
        frequency_scale: standard deviation of the initial frequencies.
        frequency_dim: width of each number's periodic features.
        dropout: inside the blocks.
        sample_rate: share of the rows outside the batch that vote in a training step.
        temperature: divisor of the distances.
        num_epochs: passes over the training rows at most.
        batch_size: rows in a step.
        lr: learning rate of AdamW.
        weight_decay: of AdamW.
        patience: epochs without a better validation score before stopping; None never stops.
        categorical_features: as in :class:`TableEncoder`.
        device: where to compute; None is the CPU.
        random_state: seed of the weights, batches and samples.

    Attributes:
        encoder_, network_: the fitted encoder and embedding.
        n_iter_: epochs run.

    Example:
        >>> import numpy as np
        >>> X = np.linspace(-2, 2, 60)[:, None]
        >>> model = ModernNCARegressor(num_epochs=60, random_state=0).fit(X, np.sin(X[:, 0]))
        >>> bool(model.score(X, np.sin(X[:, 0])) > 0.9)
        True
    """

    def predict(self, X: Any) -> np.ndarray:
        """The neighbours' average target of each row."""
        return self._average(X)[:, 0] * self.target_scale_ + self.target_mean_

    def _get_fitted(self) -> tuple[dict[str, Any], dict[str, Tensor]]:
        state, tensors = super()._get_fitted()
        return {**state, "target": [self.target_mean_, self.target_scale_]}, tensors

    def _set_fitted(self, state: dict[str, Any], tensors: dict[str, Tensor]) -> None:
        super()._set_fitted(state, tensors)
        self.target_mean_, self.target_scale_ = state["target"]

    def _targets(self, y: Any, *, reset: bool) -> Tensor:
        y = _check_y(y, y_numeric=True).astype(np.float64)
        if reset:
            self.target_mean_ = float(y.mean())
            self.target_scale_ = float(y.std()) or 1.0
        y = (y - self.target_mean_) / self.target_scale_
        return torch.from_numpy(y.astype(np.float32)).to(self.device or "cpu")[:, None]

    def _loss(self, average: Tensor, targets: Tensor) -> Tensor:
        return (average - targets).square().mean()

    def _score(self, average: Tensor, targets: Tensor) -> float:
        return -float((average - targets).square().mean())
