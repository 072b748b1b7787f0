"""What estimators of one feedforward network share: encode, split, train, predict, save."""

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

from .hopular_targets import Target
from .persistence import SavedToDirectory
from .table_encoder import TableEncoder

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sklearn.utils import Tags

MIN_VALIDATION_ROWS = 30
"""Fewer rows held out would choose the epoch by chance, so all are trained on instead."""
PREDICT_ROWS = 8192
FREE = ("device", "random_state")
"""Arguments that may change between ``fit`` and ``save``."""


def require_count(name: str, value: Any) -> None:
    """Raise unless a setting is an integer of at least 1."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{name} must be an integer: got {value!r}")
    if value < 1:
        raise ValueError(f"{name} must be at least 1: got {value}")


def require_size(name: str, value: Any) -> None:
    """Raise unless a setting is a finite number of at least 0."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name} must be a number: got {value!r}")
    if not 0 <= float(value) < math.inf:
        raise ValueError(f"{name} must be finite and positive: got {value}")


class NetworkEstimator(SavedToDirectory, BaseEstimator):
    """Everything but the network, its optimizer and the kind of target."""

    _target_class: type[Target]
    _target: Any
    hidden_features: int | tuple[int, ...]
    num_epochs: int
    batch_size: int
    lr: float
    weight_decay: float
    validation_fraction: float | None
    patience: int | None
    categorical_features: Any
    device: str | None
    random_state: Any

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
        self._fitted_arguments = self.get_params(deep=False)
        return self

    def _train(
        self, rows: tuple[Tensor, Tensor], watched: tuple[Tensor, Tensor] | None, seed: int
    ) -> None:
        model = self._build(rows[0].shape[1]).to(self._device())
        self._start(model, rows[0])
        optimizer = torch.optim.AdamW(
            self._param_groups(model), lr=self.lr, weight_decay=self.weight_decay
        )
        size = min(self.batch_size, len(rows[0]))
        size += len(rows[0]) % size == 1  # batch norm needs two rows
        batches = Batches(rows, batch_size=size, seed=seed)
        steps = len(batches) * self.num_epochs
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: 0.5 * (1 + math.cos(math.pi * min(step / steps, 1)))
        )

        def step(module: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
            return self._penalised(self._loss(module(batch[0]), batch[1]), module)

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

    def _build(self, in_features: int) -> nn.Module:
        raise NotImplementedError

    def _start(self, model: nn.Module, rows: Tensor) -> None:
        """What a new network takes from the training rows."""

    def _param_groups(self, model: nn.Module) -> Iterable[Any]:
        return model.parameters()

    def _penalised(self, loss: Tensor, model: nn.Module) -> Tensor:
        return loss

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

    def _keep(self, model: nn.Module) -> None:
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

    def _require_fitted_arguments(self) -> None:
        """A network with other arguments than the trained one could not be loaded."""
        now = self.get_params(deep=False)
        changed = [
            f"{name} = {now[name]!r} after {value!r}"
            for name, value in self._fitted_arguments.items()
            if name not in FREE and not np.array_equal(now[name], value)
        ]
        if changed:
            raise ValueError(
                f"arguments must be those of fit to be saved: got {', '.join(changed)}; fit again"
            )

    def _get_fitted(self) -> tuple[dict[str, Any], dict[str, Tensor]]:
        self._require_fitted_arguments()
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
        self._fitted_arguments = self.get_params(deep=False)

    def _check_settings(self) -> None:
        hidden = self.hidden_features
        widths = hidden if isinstance(hidden, tuple | list) else (hidden,)
        counts = [("hidden_features", width) for width in widths]
        counts += [(name, getattr(self, name)) for name in ("num_epochs", "batch_size")]
        if self.patience is not None:
            counts.append(("patience", self.patience))
        for name, value in counts:
            require_count(name, value)
        for name in ("lr", "weight_decay"):
            require_size(name, getattr(self, name))
        if self.lr == 0:
            raise ValueError(f"lr must be finite and positive: got {self.lr}")
        if not 0 <= (self.validation_fraction or 0) < 1:
            raise ValueError(
                f"validation_fraction must lie in [0, 1): got {self.validation_fraction}"
            )

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        tags.non_deterministic = False
        return tags
