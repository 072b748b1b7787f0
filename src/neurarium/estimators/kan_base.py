"""What the KAN estimators share: encode, split, train, predict, save."""

from __future__ import annotations

import math
import numbers
import warnings
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.utils import _safe_indexing, check_consistent_length, check_random_state
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from neurarium.engine import Batches, fit
from neurarium.neurons.kan import KAN, KAN_LAYERS
from neurarium.neurons.kan_linear import KANLinear

from .hopular_targets import Target
from .persistence import SavedToDirectory
from .table_encoder import TableEncoder

if TYPE_CHECKING:
    from sklearn.utils import Tags

MIN_VALIDATION_ROWS = 30
"""Fewer rows held out would choose the epoch by chance, so all are trained on instead."""
PREDICT_ROWS = 8192
GRID_RANGE = (-3.0, 3.0)
"""Where standardised numbers lie."""


class KANEstimator(SavedToDirectory, BaseEstimator):
    """Everything but the kind of target."""

    _target_class: type[Target]
    _target: Any

    def __init__(
        self,
        *,
        hidden_features: int | tuple[int, ...] = (16,),
        layer: str = "bspline",
        grid_size: int | None = None,
        degree: int | None = None,
        norm: str | None = None,
        adapt_grid: bool = True,
        regularization: float = 0.0,
        num_epochs: int = 200,
        batch_size: int = 64,
        lr: float = 0.01,
        weight_decay: float = 1e-4,
        validation_fraction: float | None = 0.15,
        patience: int | None = 30,
        categorical_features: Any = "auto",
        device: str | None = None,
        random_state: Any = None,
    ) -> None:
        self.hidden_features = hidden_features
        self.layer = layer
        self.grid_size = grid_size
        self.degree = degree
        self.norm = norm
        self.adapt_grid = adapt_grid
        self.regularization = regularization
        self.num_epochs = num_epochs
        self.batch_size = batch_size
        self.lr = lr
        self.weight_decay = weight_decay
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.categorical_features = categorical_features
        self.device = device
        self.random_state = random_state

    def fit(self, X: Any, y: Any, eval_set: tuple[Any, Any] | None = None) -> Self:
        """Train on a table.

        Args:
            X: table (n, F), a DataFrame or an array; NaN, None and pandas' NA are missing cells.
            y: targets (n,), none missing.
            eval_set: ``(X, y)`` of validation rows. They choose the epoch whose weights are kept
                and touch nothing else; without them ``validation_fraction`` of the rows does.
        """
        self._check_settings()
        self._target = self._target_class()
        labels = self._target.check(type(self).__name__, y)
        check_consistent_length(X, labels)
        if len(labels) < 2:
            raise ValueError("X must have at least 2 rows: got n_samples = 1")
        rng = check_random_state(self.random_state)
        seed = int(rng.randint(2**31))
        training, validation = self._split(X, labels, eval_set, rng)
        self._target.fit(training[1])
        self.encoder_ = TableEncoder(categorical_features=self.categorical_features)
        self.encoder_.fit(training[0])
        missing = self.encoder_.encode(training[0])[1]
        self.flagged_ = np.flatnonzero(missing.any(0) & ~missing.all(0))
        self._copy_fitted_names()
        rows = self._rows(training[0]), self._targets(training[1])
        watched = None
        if validation is not None:
            with warnings.catch_warnings():
                if eval_set is None:  # what is rare in one's own rows is no reason for a warning
                    warnings.simplefilter("ignore", UserWarning)
                watched = self._rows(validation[0]), self._targets(validation[1])
        with torch.random.fork_rng(devices=self._cuda_devices()), torch.enable_grad():
            torch.manual_seed(seed)
            self._train(rows, watched, seed)
        return self

    def _train(
        self, rows: tuple[Tensor, Tensor], watched: tuple[Tensor, Tensor] | None, seed: int
    ) -> None:
        model = self._build(rows[0].shape[1]).to(self._device())
        if self.adapt_grid and self._has_grids(model, rows[0]):
            model.update_grid(rows[0])
        optimizer = torch.optim.AdamW(
            model.parameters(), lr=self.lr, weight_decay=self.weight_decay
        )
        size = min(self.batch_size, len(rows[0]))
        size += len(rows[0]) % size == 1  # batch norm needs two rows
        batches = Batches(rows, batch_size=size, seed=seed)
        steps = len(batches) * self.num_epochs
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: 0.5 * (1 + math.cos(math.pi * min(step / steps, 1)))
        )

        def step(module: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
            loss = self._loss(module(batch[0]), batch[1])
            if self.regularization and isinstance(module, KAN):
                loss = loss + self.regularization * module.regularization()
            return loss

        validate = None
        if watched is not None:
            x, target = watched

            def validate(module: nn.Module) -> float:
                return -float(self._loss(module(x), target))

        try:
            history = fit(
                model,
                step,
                batches,
                optimizer=optimizer,
                scheduler=schedule,
                num_epochs=self.num_epochs,
                validate=validate,
                patience=self.patience if validate is not None else None,
                grad_clip=1.0,
            )
        except FloatingPointError as error:
            raise ValueError(f"lr must be smaller: got {self.lr} ({error})") from None
        self.n_iter_ = history.epoch
        self.best_score_ = None if validate is None else history.best_value
        self._keep(model)

    def _split(
        self, X: Any, labels: np.ndarray, eval_set: tuple[Any, Any] | None, rng: Any
    ) -> tuple[tuple[Any, np.ndarray], tuple[Any, np.ndarray] | None]:
        """Training rows and validation rows, the latter given or taken from the former."""
        if eval_set is not None:
            if not isinstance(eval_set, tuple | list) or len(eval_set) != 2:
                raise ValueError(f"eval_set must be (X, y): got {type(eval_set).__name__}")
            known = self._target.check("eval_set", eval_set[1], known=labels)
            check_consistent_length(eval_set[0], known)
            return (X, labels), (eval_set[0], known)
        count = round((self.validation_fraction or 0) * len(labels))
        if count < MIN_VALIDATION_ROWS:
            return (X, labels), None
        held_out = self._target.stratified(labels, count, rng)
        table = X if hasattr(X, "iloc") or isinstance(X, list) else np.asarray(X)
        training, validation = (
            (_safe_indexing(table, np.flatnonzero(part)), labels[part])
            for part in (~held_out, held_out)
        )
        return training, validation

    def _build(self, in_features: int) -> KAN:
        hidden = self.hidden_features
        widths = hidden if isinstance(hidden, tuple | list) else (hidden,)
        sizes = [in_features, *(int(width) for width in widths), self._target.size]
        given = {"grid_size": self.grid_size, "degree": self.degree, "norm": self.norm}
        arguments: dict[str, Any] = {k: v for k, v in given.items() if v is not None}
        if self.layer in ("bspline", "relu", "spline_mlp", "spline_first_mlp"):
            arguments["grid_range"] = GRID_RANGE
        return KAN(sizes, layer=self.layer, dtype=torch.float32, **arguments)

    def _has_grids(self, model: KAN, rows: Tensor) -> bool:
        splines = [m for m in model.layers if isinstance(m, KANLinear) and m.has_grid]
        enough = all(len(rows) >= m.basis.num_functions for m in splines)
        return len(splines) == len(model.layers) and enough

    def _rows(self, X: Any) -> Tensor:
        """Encoded rows, with a flag for each column in which training cells were missing."""
        values, missing = self.encoder_.encode(X)
        joined = np.concatenate([values, missing[:, self.flagged_]], 1, dtype=np.float32)
        return torch.from_numpy(joined).to(self._device())

    def _targets(self, labels: np.ndarray) -> Tensor:
        return torch.from_numpy(self._target.encode(labels, len(labels))).to(self._device())

    def _outputs(self, X: Any) -> Tensor:
        """The network's outputs, float64."""
        check_is_fitted(self)
        rows = self._rows(X).to(next(self.module_.parameters()).dtype)
        with torch.no_grad():
            parts = [self.module_(part) for part in rows.split(PREDICT_ROWS)]
        return torch.cat(parts).double().cpu()

    def _keep(self, model: KAN) -> None:
        # A row's prediction must not depend on its batch: float64 leaves 1e-15 of it.
        precision = torch.float64 if self._device().type == "cpu" else torch.float32
        self.module_ = model.eval().to(precision)
        self._keep_target()

    def _keep_target(self) -> None:
        """Attributes that a kind of target adds."""

    def _loss(self, output: Tensor, target: Tensor) -> Tensor:
        raise NotImplementedError

    def _copy_fitted_names(self) -> None:
        self.n_features_in_ = self.encoder_.n_features_in_
        if hasattr(self.encoder_, "feature_names_in_"):
            self.feature_names_in_ = self.encoder_.feature_names_in_
        elif hasattr(self, "feature_names_in_"):
            del self.feature_names_in_

    def _device(self) -> torch.device:
        return torch.device("cpu" if self.device is None else self.device)

    def _cuda_devices(self) -> list[torch.device]:
        return [self._device()] if self._device().type == "cuda" else []

    def _get_fitted(self) -> tuple[dict[str, Any], dict[str, Tensor]]:
        state = {
            "encoder": self.encoder_.get_state(),
            "target": self._target.get_state(),
            "flagged": self.flagged_.tolist(),
            "n_iter": self.n_iter_,
            "best_score": self.best_score_,
        }
        return state, dict(self.module_.state_dict())

    def _set_fitted(self, state: dict[str, Any], tensors: dict[str, Tensor]) -> None:
        self.encoder_ = TableEncoder.from_state(state["encoder"])
        self._target = self._target_class.from_state(state["target"])
        self.flagged_ = np.array(state["flagged"], dtype=np.int64)
        self.n_iter_, self.best_score_ = state["n_iter"], state["best_score"]
        self._copy_fitted_names()
        width = sum(self.encoder_.attribute_sizes_) + len(self.flagged_)
        model = self._build(width).to(next(iter(tensors.values())).dtype)
        model.load_state_dict(tensors)
        self._keep(model.to(self._device()))

    def _check_settings(self) -> None:
        hidden = self.hidden_features
        widths = hidden if isinstance(hidden, tuple | list) else (hidden,)
        counts = [("hidden_features", width) for width in widths]
        counts += [(name, getattr(self, name)) for name in ("num_epochs", "batch_size")]
        for name in ("patience", "grid_size", "degree"):
            if getattr(self, name) is not None:
                counts.append((name, getattr(self, name)))
        for name, value in counts:
            if isinstance(value, bool) or not isinstance(value, numbers.Integral):
                raise TypeError(f"{name} must be an integer: got {value!r}")
            if value < 1:
                raise ValueError(f"{name} must be at least 1: got {value}")
        for name in ("lr", "weight_decay", "regularization"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, numbers.Real):
                raise TypeError(f"{name} must be a number: got {value!r}")
            if not 0 <= float(value) < math.inf or (name == "lr" and value == 0):
                raise ValueError(f"{name} must be finite and positive: got {value}")
        if not 0 <= (self.validation_fraction or 0) < 1:
            raise ValueError(
                f"validation_fraction must lie in [0, 1): got {self.validation_fraction}"
            )
        KAN_LAYERS.find(self.layer, "layer")

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        tags.non_deterministic = False
        return tags
