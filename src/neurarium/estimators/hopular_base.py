"""What the Hopular estimators share: fit, split, encode, keep, save."""

from __future__ import annotations

import copy
import warnings
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.utils import _safe_indexing, check_consistent_length, check_random_state
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from neurarium.memory.hopular import Hopular
from neurarium.memory.hopular_corruption import mask_targets

from .hopular_settings import check_settings
from .hopular_targets import Target
from .hopular_training import (
    Rows,
    Schedule,
    Training,
    automatic_ema_decay,
    automatic_epochs,
    automatic_lr,
    train_hopular,
)
from .persistence import SavedToDirectory
from .table_encoder import TableEncoder

if TYPE_CHECKING:
    from sklearn.utils import Tags

MAX_PARAMETERS = 2**28
MIN_VALIDATION_ROWS = 30
"""Fewer rows held out would choose the epoch by chance, so all are trained on instead."""
PREDICT_ROWS = 1024


class HopularEstimator(SavedToDirectory, BaseEstimator):
    """Everything but the kind of target."""

    _target_class: type[Target]
    _target: Any

    def __init__(
        self,
        *,
        embed_dim: int = 32,
        num_layers: int = 4,
        num_heads: int = 8,
        scaling_factor: float = 1.0,
        input_dropout: float = 0.1,
        lookup_dropout: float = 0.1,
        output_dropout: float = 0.01,
        tie_value: bool = False,
        memory_ratio: float = 1.0,
        exclude_self: bool = True,
        reread_memory: bool = True,
        mask_prob: float = 0.025,
        replace_prob: float = 0.175,
        select_prob: float = 1.0,
        feature_loss_weight: tuple[float, float] = (1.0, 0.0),
        num_epochs: int | str = "auto",
        lr: float | str = "auto",
        ema_decay: float | str = "auto",
        weight_decay: float = 0.1,
        batch_size: int | None = None,
        validation_fraction: float | None = 0.1,
        eval_every: int = 10,
        patience: int | None = None,
        time_budget: float | None = None,
        categorical_features: Any = "auto",
        device: str | None = None,
        verbose: bool = False,
        random_state: Any = None,
    ) -> None:
        self.embed_dim = embed_dim
        self.num_layers = num_layers
        self.num_heads = num_heads
        self.scaling_factor = scaling_factor
        self.input_dropout = input_dropout
        self.lookup_dropout = lookup_dropout
        self.output_dropout = output_dropout
        self.tie_value = tie_value
        self.memory_ratio = memory_ratio
        self.exclude_self = exclude_self
        self.reread_memory = reread_memory
        self.mask_prob = mask_prob
        self.replace_prob = replace_prob
        self.select_prob = select_prob
        self.feature_loss_weight = feature_loss_weight
        self.num_epochs = num_epochs
        self.lr = lr
        self.ema_decay = ema_decay
        self.weight_decay = weight_decay
        self.batch_size = batch_size
        self.validation_fraction = validation_fraction
        self.eval_every = eval_every
        self.patience = patience
        self.time_budget = time_budget
        self.categorical_features = categorical_features
        self.device = device
        self.verbose = verbose
        self.random_state = random_state

    def fit(self, X: Any, y: Any, eval_set: tuple[Any, Any] | None = None) -> Self:
        """Train on a table.

        Args:
            X: table (n, F), a DataFrame or an array; NaN, None and pandas' NA are missing cells.
            y: targets (n,), none missing.
            eval_set: ``(X, y)`` of validation rows. They choose the epoch whose weights are kept
                and touch nothing else; without them ``validation_fraction`` of the rows does.
        """
        check_settings(self)
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
        self._copy_fitted_names()
        rows = self._rows(*training)
        watched = None if validation is None else self._watched_rows(validation, eval_set is None)
        with torch.random.fork_rng(devices=self._cuda_devices()), torch.enable_grad():
            torch.manual_seed(seed)
            model = self._build().to(self._device())
            generator = torch.Generator(self._device()).manual_seed(seed)
            outcome = train_hopular(
                model,
                rows,
                watched,
                self._schedule(len(rows.encoded), model),
                generator=generator,
                target_scale=self._target.scale,
                progress=self._print if self.verbose else lambda entry: None,
            )
        self._keep(outcome)
        return self

    def with_last_weights(self) -> Self:
        """A copy that predicts with the last slow weights instead of the best-validated ones.

        Raises:
            RuntimeError: if the estimator was loaded and they are others: ``save`` leaves them out.
        """
        check_is_fitted(self)
        if self.last_module_ is None:
            raise RuntimeError(
                "the last weights must be those of this fit: got an estimator from disk, where "
                "only the selected ones are kept; call with_last_weights() before save()"
            )
        other = copy.copy(self)
        other.module_ = self.last_module_
        return other

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
        parts = (~held_out, held_out)
        training, validation = (
            (_safe_indexing(table, np.flatnonzero(part)), labels[part]) for part in parts
        )
        return training, validation

    def _copy_fitted_names(self) -> None:
        self.n_features_in_ = self.encoder_.n_features_in_
        if hasattr(self.encoder_, "feature_names_in_"):
            self.feature_names_in_ = self.encoder_.feature_names_in_
        elif hasattr(self, "feature_names_in_"):
            del self.feature_names_in_

    def _build(self) -> Hopular:
        sizes = (*self.encoder_.attribute_sizes_, self._target.size)
        discrete = (*self.encoder_.discrete_, self._target.discrete)
        width = len(sizes) * self.embed_dim
        parameters = width * (4 * width * self.num_layers + sum(sizes)) + sum(sizes) * width
        if parameters > MAX_PARAMETERS:
            raise ValueError(
                f"X must have fewer columns or categories, or embed_dim be smaller: got "
                f"{len(sizes)} attributes of {sum(sizes)} values in all, about {parameters:.1g} "
                f"parameters, more than {MAX_PARAMETERS:.1g}"
            )
        return Hopular(
            sizes,
            [len(sizes) - 1],
            discrete=[i for i, flag in enumerate(discrete) if flag],
            embed_dim=int(self.embed_dim),
            num_layers=int(self.num_layers),
            num_heads=int(self.num_heads),
            scaling_factor=float(self.scaling_factor),
            input_dropout=float(self.input_dropout),
            lookup_dropout=float(self.lookup_dropout),
            output_dropout=float(self.output_dropout),
            tie_value=bool(self.tie_value),
            memory_ratio=float(self.memory_ratio),
            exclude_self=bool(self.exclude_self),
            reread_memory=bool(self.reread_memory),
            dtype=torch.float32,
        )

    def _schedule(self, num_rows: int, model: Hopular) -> Schedule:
        epochs = self.num_epochs
        if epochs == "auto":
            width = model.layout.num_attributes * self.embed_dim
            epochs = automatic_epochs(num_rows, width, self.num_layers)
        epochs = int(epochs)
        return Schedule(
            num_epochs=epochs,
            lr=automatic_lr(epochs) if self.lr == "auto" else float(self.lr),
            ema_decay=(
                automatic_ema_decay(epochs) if self.ema_decay == "auto" else float(self.ema_decay)
            ),
            weight_decay=float(self.weight_decay),
            mask_prob=float(self.mask_prob),
            replace_prob=float(self.replace_prob),
            select_prob=float(self.select_prob),
            feature_loss_weight=(
                float(self.feature_loss_weight[0]),
                float(self.feature_loss_weight[1]),
            ),
            batch_size=self.batch_size,
            eval_every=self.eval_every,
            patience=self.patience,
            time_budget=self.time_budget,
        )

    def _keep(self, outcome: Training) -> None:
        # A row's prediction must not depend on its batch: float64 leaves 1e-15 of it.
        precision = torch.float64 if self._device().type == "cpu" else torch.float32
        same = outcome.best is outcome.last
        self.module_ = outcome.best.eval().to(precision)
        self.last_module_: Hopular | None = (
            self.module_ if same else outcome.last.eval().to(precision)
        )
        self.n_iter_, self.best_epoch_ = outcome.num_epochs, outcome.best_epoch
        self.best_score_, self.last_score_ = outcome.best_score, outcome.last_score
        self.history_ = outcome.history

    def _device(self) -> torch.device:
        return torch.device("cpu" if self.device is None else self.device)

    def _cuda_devices(self) -> list[torch.device]:
        return [self._device()] if self._device().type == "cuda" else []

    def _rows(self, X: Any, labels: np.ndarray | None) -> Rows:
        """Encode features and, if known, targets; an unknown target is blank until it is masked."""
        values, missing = self.encoder_.encode(X)
        target = self._target.encode(labels, len(values))
        sizes = (*self.encoder_.attribute_sizes_, self._target.size)
        columns = torch.from_numpy(np.concatenate([values, target], axis=1))
        absent = np.concatenate([missing, np.zeros((len(values), 1), bool)], axis=1)
        device = self._device()
        encoded = torch.zeros(len(values), sum(sizes) + len(sizes))
        bits = np.cumsum(np.array(sizes) + 1) - 1
        encoded[:, np.delete(np.arange(encoded.shape[1]), bits)] = columns
        return Rows(encoded.to(device), torch.from_numpy(absent).to(device))

    def _watched_rows(self, validation: tuple[Any, np.ndarray], own: bool) -> Rows:
        """Encoded validation rows; what is rare in one's own rows is no reason for a warning."""
        with warnings.catch_warnings():
            if own:
                warnings.simplefilter("ignore", UserWarning)
            return self._rows(*validation)

    def _predict_target(self, X: Any) -> Tensor:
        """The target's columns of the model's output, float64."""
        check_is_fitted(self)
        rows = self._rows(X, None)
        layout = self.module_.layout
        encoded = mask_targets(rows.encoded.to(self.module_.memory.dtype), layout)
        with torch.no_grad():
            parts = [self.module_(part) for part in encoded.split(PREDICT_ROWS)]
        return torch.cat(parts)[:, -self._target.size :].double().cpu()

    def _print(self, entry: dict[str, float]) -> None:
        print(", ".join(f"{name} {value:.6g}" for name, value in entry.items()), flush=True)

    def _get_fitted(self) -> tuple[dict[str, Any], dict[str, Tensor]]:
        tensors = {
            name: tensor.float() if tensor.is_floating_point() else tensor
            for name, tensor in self.module_.state_dict().items()
        }
        state = {
            "encoder": self.encoder_.get_state(),
            "target": self._target.get_state(),
            "n_iter": self.n_iter_,
            "best_epoch": self.best_epoch_,
            "best_score": self.best_score_,
            "last_score": self.last_score_,
            "history": self.history_,
        }
        return state, tensors

    def _set_fitted(self, state: dict[str, Any], tensors: dict[str, Tensor]) -> None:
        self.encoder_ = TableEncoder.from_state(state["encoder"])
        self._target = self._target_class.from_state(state["target"])
        self._copy_fitted_names()
        model = self._build()
        model.load_state_dict(tensors)
        model = model.to(self._device())
        outcome = Training(
            best=model,
            last=model,
            num_epochs=state["n_iter"],
            best_epoch=state["best_epoch"],
            best_score=state["best_score"],
            last_score=state["last_score"],
            history=state["history"],
        )
        self._keep(outcome)
        if self.best_epoch_ != self.n_iter_:
            self.last_module_ = None

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        tags.non_deterministic = False
        return tags
