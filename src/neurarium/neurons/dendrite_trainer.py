"""Grow dendrites in the user's own training: neurons learn, stall, dendrites learn, and again.

The cycle of https://arxiv.org/abs/2501.18018. Neurons are trained by the user's epoch until the
validation score stalls; then the network is fixed, one more epoch records what every layer saw and
which errors are left, candidates learn from the record, and the best are frozen into the network.
A dendrite that does not pay is dropped; after ``max_tries`` such, the best network is returned.
"""

from __future__ import annotations

import copy
import math
import warnings
from collections.abc import Callable
from dataclasses import fields
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from neurarium.memory.arguments import require_count
from neurarium.neurons.dendrite_candidates import (
    IMPROVEMENT,
    CandidatePool,
    batches_of,
    train_pool,
)
from neurarium.neurons.dendrite_recording import Train, record_epoch
from neurarium.neurons.dendrite_report import (
    DendriteProgress,
    DendriteReport,
    DendriteStep,
    State,
)
from neurarium.neurons.dendrites import dendrite_parameters, dendritic_layers, neuron_parameters

OBJECTIVES = ("correlation", "gradient", "random")
OptimizerFactory = Callable[[list[nn.Parameter]], Optimizer]


class DendriteTrainer:
    """Train a model with dendrites by your own epoch.

    `A Neuroscience Inspired Extension to Artificial Neural Networks
    <https://arxiv.org/abs/2501.18018>`_. The correlation training of the authors is not public:
    this one is written from the paper and from cascade correlation, and its constants are ours.
    Weight decay acts on no frozen dendrite, only on those that ``objective="gradient"`` trains.

    Args:
        model: with :class:`Dendritic` layers, from :func:`to_dendritic`.
        optimizer_factory: ``factory(parameters) -> Optimizer``; called anew in every phase with a
            list that holds the weights of the newest dendrites too.
        patience: epochs without a better score after which neurons have stalled.
        max_dendrites: of each neuron.
        max_tries: dendrites in a row that may fail to improve the score.
        max_epochs: of a neurons' phase; None: no limit.
        objective: ``"correlation"``; ``"gradient"``: dendrites learn with the neurons from the
            loss; ``"random"``: they stay as drawn.
        pool_size: candidates of each layer.
        candidate_lr: of Adam on candidates, divided by the root of a neuron's number of inputs.
        candidate_epochs: over the record, at most.
        candidate_patience: epochs without a better covariance.
        candidate_batch: samples in a step of the candidates, at most; batches are even, and no
            batch has a single sample.
        cache: False records anew for every epoch of the candidates: slower by the cost of the whole
            network, but right for augmented data. A record holds what every layer sees in one of
            your epochs, in memory.
        maximize: whether a higher score of ``validate`` is better; False for a loss.

    Raises:
        TypeError: a count that is no whole number, or an optimizer in place of its factory.
        ValueError: no dendritic layer, an unknown objective, or numbers out of range.

    Example:
        >>> from neurarium.neurons import to_dendritic
        >>> _ = torch.manual_seed(0)
        >>> x = torch.rand(256, 2) * 2 - 1
        >>> y = (x[:, :1] * x[:, 1:] > 0).float()
        >>> loss_of = nn.functional.binary_cross_entropy_with_logits
        >>> def train(model, optimizer):
        ...     for rows in torch.randperm(256).split(64):
        ...         optimizer.zero_grad()
        ...         loss_of(model(x[rows]), y[rows]).backward()
        ...         optimizer.step()
        >>> model = to_dendritic(nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1)))
        >>> trainer = DendriteTrainer(
        ...     model, lambda parameters: torch.optim.Adam(parameters, 0.02), max_dendrites=1
        ... )
        >>> model, report = trainer.fit(train, lambda model: -loss_of(model(x), y).item())
        >>> report.best_score > report.phases[0][2]
        True
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer_factory: OptimizerFactory,
        *,
        patience: int = 10,
        max_dendrites: int = 3,
        max_tries: int = 2,
        max_epochs: int | None = None,
        objective: Literal["correlation", "gradient", "random"] = "correlation",
        pool_size: int = 4,
        candidate_lr: float = 0.5,
        candidate_epochs: int = 100,
        candidate_patience: int = 10,
        candidate_batch: int = 256,
        cache: bool = True,
        maximize: bool = True,
    ) -> None:
        counts = {
            "patience": patience, "max_dendrites": max_dendrites, "max_tries": max_tries,
            "max_epochs": max_epochs, "pool_size": pool_size, "candidate_epochs": candidate_epochs,
            "candidate_patience": candidate_patience, "candidate_batch": candidate_batch,
        }  # fmt: skip
        for name, count in counts.items():
            if count is not None:
                require_count(name, count)
        if objective not in OBJECTIVES:
            raise ValueError(f"objective must be one of {', '.join(OBJECTIVES)}: got {objective!r}")
        if not callable(optimizer_factory):
            raise TypeError(
                "optimizer_factory must be callable: got "
                f"{type(optimizer_factory).__name__}; use lambda parameters: Adam(parameters)"
            )
        if not candidate_lr > 0:
            raise ValueError(f"candidate_lr must be positive: got {candidate_lr}")
        self.layers = dendritic_layers(model)
        if not self.layers:
            raise ValueError("model must have dendritic layers: got none; call to_dendritic(model)")
        self.model, self.optimizer_factory = model, optimizer_factory
        self.patience, self.max_dendrites, self.max_tries = patience, max_dendrites, max_tries
        self.max_epochs, self.objective, self.cache = max_epochs, objective, cache
        self.maximize = bool(maximize)
        self.pool_size, self.candidate_lr = pool_size, candidate_lr
        self.candidate_epochs, self.candidate_patience = candidate_epochs, candidate_patience
        self.candidate_batch = candidate_batch
        self.skipped: tuple[str, ...] = ()
        self.num_candidate_epochs = 0
        self._trained = False
        self._pools: dict[str, CandidatePool] = {}
        self._records: dict[str, tuple[Tensor, Tensor]] = {}
        self._undo: State | None = None
        self._progress: DendriteProgress | None = None

    def fit(
        self, train: Train, validate: Callable[[nn.Module], float]
    ) -> tuple[nn.Module, DendriteReport]:
        """Train neurons and dendrites in turns.

        After :meth:`load_state_dict`, or called again, it goes on where it was.

        Args:
            train: ``train(model, optimizer)``, one epoch of yours: for every batch ``zero_grad``,
                forward, ``backward``, ``step``. It is also called with an optimizer that has the
                groups of yours and changes nothing, to see the errors that are left.
            validate: ``validate(model) -> score``.

        Returns:
            The model with the best validated weights, and what happened.

        Raises:
            RuntimeError: ``train`` does not step the optimizer that it is given, or the factory's
                optimizer lacks parameters, such as one built before dendrites were added.
            TypeError: a factory that returns no optimizer, or a score that is no number.
            ValueError: a score that is not finite.
        """
        now = self._progress
        if now is None:
            scores: list[float] = []
            best, state = self.train_neurons(train, validate, scores)
            phase = (self.num_dendrites, len(scores), best, True)
            now = self._progress = DendriteProgress(best, state, tuple(scores), (phase,))
        self.model.load_state_dict(now.state)
        while self.num_dendrites < self.max_dendrites and now.tries < self.max_tries:
            if not self.grow(train):
                break
            scores = []
            score, state = self.train_neurons(train, validate, scores)
            kept = self._is_better(score, now.best)
            phase = (self.num_dendrites, len(scores), score, kept)
            if not kept:
                self.reject()
            now = self._progress = DendriteProgress(
                score if kept else now.best, state if kept else now.state,
                (*now.scores, *scores), (*now.phases, phase), 0 if kept else now.tries + 1,
                self.num_candidate_epochs, self.skipped,
            )  # fmt: skip
        self.model.load_state_dict(now.state)
        report = DendriteReport(
            now.scores, now.phases, self.num_dendrites, len(now.scores),
            self.num_candidate_epochs, self.skipped,
        )  # fmt: skip
        return self.model, report

    def state_dict(self) -> dict[str, Any]:
        """What :meth:`fit` had reached at the end of the last neurons' phase, best weights too.

        Save it whenever you like, such as from your ``validate``. States of random generators and
        of your optimizer, which every phase builds anew, are not in it.
        """
        return {} if self._progress is None else dict(vars(self._progress))

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take what :meth:`state_dict` gave; the model grows the dendrites it had.

        Args:
            state: of a trainer of the same model.

        Raises:
            ValueError: something else.
        """
        known = [field.name for field in fields(DendriteProgress)]
        if not isinstance(state, dict) or (state and set(state) != set(known)):
            found = ", ".join(map(str, state)) if isinstance(state, dict) else type(state).__name__
            raise ValueError(f"state must have keys {', '.join(known)}: got {found}")
        progress = DendriteProgress(**state) if state else None
        if progress is not None:
            self.model.load_state_dict(progress.state)
        self.set_phase("neuron")
        self._undo, self._progress = None, progress
        if progress is None:
            return
        self._trained = True
        self.num_candidate_epochs, self.skipped = progress.candidate_epochs, progress.skipped
        for parameter in dendrite_parameters(self.model):
            parameter.requires_grad_(self.objective == "gradient")

    @property
    def num_dendrites(self) -> int:
        """Of the layers that grow."""
        return max(layer.num_dendrites for layer in self.layers.values())

    def train_neurons(
        self, train: Train, validate: Callable[[nn.Module], float], scores: list[float]
    ) -> tuple[float, State]:
        """One neurons' phase; the model ends with its best weights.

        Args:
            train: as in :meth:`fit`.
            validate: as in :meth:`fit`.
            scores: every epoch's score is appended.

        Returns:
            The best score and its state.
        """
        optimizer = self._optimizer()
        steps = 0

        def count(*_: Any) -> None:
            nonlocal steps
            steps += 1

        optimizer.register_step_post_hook(count)
        worst = -math.inf if self.maximize else math.inf
        best, state, since, epoch = worst, self._state(), 0, 0
        while since < self.patience and epoch != self.max_epochs:
            train(self.model, optimizer)
            if not steps and not self._has_overflow():
                raise RuntimeError(
                    "train must step the optimizer that it is given: got no step; another one "
                    "misses the parameters that dendrites add"
                )
            epoch += 1
            score = self._score(validate)
            scores.append(score)
            since += 1
            if self._is_better(score, best):
                best, state, since = score, self._state(), 0
        self.model.load_state_dict(state)
        self._trained = True
        return best, state

    def grow(self, train: Train) -> bool:
        """Train candidates and accept the best; False where no layer can have any."""
        self.set_phase("dendrite", train)
        if not self._pools:
            return False
        if self.objective == "correlation":
            if self.cache:
                self._learn_from_record()
            else:
                self._learn_anew(train)
        self.accept()
        return True

    def set_phase(self, phase: Literal["neuron", "dendrite"], train: Train | None = None) -> None:
        """Start to train dendrites, or end it without keeping the candidates.

        Args:
            phase: ``"dendrite"`` fixes the network, records one epoch of ``train`` and makes
                candidates; ``"neuron"`` drops them.
            train: as in :meth:`fit`.

        Raises:
            RuntimeError: dendrites before the neurons were trained.
            TypeError: dendrites without ``train``.
        """
        if phase not in ("neuron", "dendrite"):
            raise ValueError(f"phase must be 'neuron' or 'dendrite': got {phase!r}")
        self._pools, self._records = {}, {}
        if phase == "neuron":
            return
        if not self._trained:
            raise RuntimeError("neurons must be trained before dendrites: call train_neurons first")
        if train is None:
            raise TypeError(
                "train must be given to record what layers see: got None; call "
                'set_phase("dendrite", train)'
            )
        self._records = self._record(train)
        self._skip(tuple(name for name in self.layers if name not in self._records))
        for name in self._records:
            self._pools[name] = CandidatePool(
                self.layers[name], size=self.pool_size, lr=self.candidate_lr
            )

    def candidate_step(self) -> DendriteStep:
        """One epoch of all candidates over the record.

        Raises:
            RuntimeError: not in the dendrites' phase.
        """
        self._require_pools()
        total, neurons, improved = 0.0, 0, False
        for name, pool in self._pools.items():
            now = before = pool.best.clone()
            if name in self._records:  # a layer may be silent in one of several epochs
                x, errors = self._records[name]
                for rows in batches_of(x, self.candidate_batch):
                    pool.learn(x[rows], errors[rows])
                now = pool.measure(x, errors)
            improved |= bool((now > (1 + IMPROVEMENT) * before).any())
            total, neurons = total + float(now.sum()), neurons + len(now)
        self.num_candidate_epochs += len(self._pools)
        return DendriteStep(total / neurons, improved)

    def accept(self) -> None:
        """Freeze every neuron's best candidate into the network, with weight 0.

        Raises:
            RuntimeError: not in the dendrites' phase.
        """
        self._require_pools()
        self._undo = self._state()
        for pool in self._pools.values():
            if self.objective == "gradient":
                pool.layer.add_dendrite(frozen=False)
            else:
                pool.layer.add_dendrite(pool.best_dendrite, pool.best_between)
        self.set_phase("neuron")

    def reject(self) -> None:
        """Go back to the network before the last accepted dendrites.

        Raises:
            RuntimeError: none were accepted.
        """
        if self._undo is None:
            raise RuntimeError("dendrites must be accepted before they are rejected: call accept")
        self.model.load_state_dict(self._undo)
        self._undo = None

    def _learn_from_record(self) -> None:
        for name, pool in self._pools.items():
            self.num_candidate_epochs += train_pool(
                pool,
                *self._records[name],
                num_epochs=self.candidate_epochs,
                patience=self.candidate_patience,
                batch_size=self.candidate_batch,
            )

    def _learn_anew(self, train: Train) -> None:
        """The same with a pass of the whole network for every epoch of the candidates."""
        since = 0
        for _ in range(self.candidate_epochs):
            self._records = self._record(train)
            since = 0 if self.candidate_step().improved else since + 1
            if since >= self.candidate_patience:
                return

    def _record(self, train: Train) -> dict[str, tuple[Tensor, Tensor]]:
        """Inputs and errors of every layer in one epoch that changes nothing."""
        recordings = record_epoch(self.model, self.layers, train, self._optimizer())
        return {
            name: record.joined(name, next(self.layers[name].module.parameters()).dtype)
            for name, record in recordings.items()
            if record.errors
        }

    def _skip(self, silent: tuple[str, ...]) -> None:
        """Each layer without a gradient is named once."""
        if new := [name for name in silent if name not in self.skipped]:
            warnings.warn(
                f"{', '.join(new)} received no gradient in training mode and will have no "
                "dendrites: not part of the loss, or in evaluation mode while it is trained",
                UserWarning,
                stacklevel=2,
            )
        self.skipped = silent

    def _optimizer(self) -> Optimizer:
        """The factory's, which must have all parameters that the loss trains."""
        optimizer = self.optimizer_factory(list(neuron_parameters(self.model)))
        if not isinstance(optimizer, Optimizer):
            raise TypeError(
                f"optimizer_factory must return an Optimizer: got {type(optimizer).__name__}"
            )
        given = {id(p) for group in optimizer.param_groups for p in group["params"]}
        wanted = self.model.named_parameters()
        if missing := [name for name, p in wanted if p.requires_grad and id(p) not in given]:
            raise RuntimeError(
                "optimizer_factory must use all parameters that it is given, which change as "
                f"dendrites are added: got an optimizer without {', '.join(missing)}"
            )
        return optimizer

    def _score(self, validate: Callable[[nn.Module], float]) -> float:
        modes = [(part, part.training) for part in self.model.modules()]
        try:
            with torch.no_grad():
                given = validate(self.model.eval())
        finally:
            for part, mode in modes:
                part.training = mode
        try:
            score = float(given)
        except (TypeError, ValueError, RuntimeError):
            raise TypeError(f"validate must return a number: got {type(given).__name__}") from None
        if not math.isfinite(score):
            raise ValueError(f"validate must return a finite score: got {score}")
        return score

    def _is_better(self, score: float, best: float) -> bool:
        return score > best if self.maximize else score < best

    def _has_overflow(self) -> bool:
        """Whether loss scaling skipped the last step of an epoch."""
        gradients = (p.grad for p in self.model.parameters() if p.grad is not None)
        return not all(bool(gradient.isfinite().all()) for gradient in gradients)

    def _state(self) -> State:
        return {
            name: value.clone() if isinstance(value, Tensor) else copy.deepcopy(value)
            for name, value in self.model.state_dict().items()
        }

    def _require_pools(self) -> None:
        if not self._pools:
            raise RuntimeError('candidates must exist: got none; call set_phase("dendrite", train)')
