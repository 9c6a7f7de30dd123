"""The estimator: ``fit``, ``partial_fit`` and raw prediction for all models.

`_fit` prepares (parameters into parts, rows into `Data`, layers into a network), lets a
`Run` train, and takes over what it returns. Whatever fails on the way leaves the estimator
as it was.
"""

from __future__ import annotations

import contextlib
import math
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, NamedTuple

import numpy as np
import scipy.sparse
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from sknnlab._component import PartsMixin
from sknnlab._documentation import Documented
from sknnlab._engine.batches import Data
from sknnlab._engine.layers import Layer
from sknnlab._engine.network import Network
from sknnlab._engine.state import Streams, TrainingState
from sknnlab._estimators.advice import Habits, explained
from sknnlab._estimators.architecture import perceptron_layers
from sknnlab._estimators.callbacks import (
    RUNNING,
    CallbackSupport,
    Tasks,
    callbacks_of,
    with_callbacks,
)
from sknnlab._estimators.configuration import Configuration, configure
from sknnlab._estimators.fitting import Job, Past, Run
from sknnlab._estimators.identity import MOVED_ON, check_same, identity
from sknnlab._estimators.parameters import registries
from sknnlab._estimators.rows import read_rows, rows_at, rows_of
from sknnlab._estimators.stopping import split_rows
from sknnlab._estimators.validation import Validation, naming, read_given
from sknnlab._estimators.views import Arrays, LayerParameters, layer_parameters
from sknnlab._estimators.weights import cast_weights, check_sample_weight
from sknnlab._version import __version__
from sknnlab.augmentation import Mixing
from sknnlab.losses import Loss

__all__ = ["FORMAT", "NeuralNetwork", "Targets"]

FORMAT = 2  # of what a fitted estimator is in a file


class Targets(NamedTuple):
    """Targets of a call.

    Attributes
    ----------
    y : ndarray
        As the user means them.
    engine : ndarray
        As the engine trains on them.
    strata : ndarray or None
        Class codes to stratify by.
    sample_weight : ndarray or None
        With class weights multiplied in.
    """

    y: np.ndarray
    engine: np.ndarray
    strata: np.ndarray | None
    sample_weight: np.ndarray | None


class Given(NamedTuple):
    """Validation rows that the user has given, or None."""

    X: Any = None
    y: Any = None
    sample_weight: Any = None


@contextlib.contextmanager
def all_or_nothing(estimator: Any) -> Iterator[None]:
    """Put every attribute back if the block fails, and the user's random stream."""
    before = dict(vars(estimator))
    stream = vars(estimator).get("random_state")
    mutable = isinstance(stream, np.random.RandomState)
    position = stream.get_state() if mutable else None
    try:
        yield
    except BaseException:
        running = {k: v for k, v in vars(estimator).items() if k in RUNNING}
        vars(estimator).clear()
        vars(estimator).update(before, **running)
        if mutable:
            stream.set_state(position)
        raise


def _sums_to_a_number(X: np.ndarray) -> bool:
    """Whether the sum is finite, so that all is; where it overflows, a slower look decides."""
    with np.errstate(over="ignore", invalid="ignore"):
        return math.isfinite(X.sum())


def _plain(y: Any) -> Any:
    """Return targets as an array, or as they are where they are sparse."""
    return y if scipy.sparse.issparse(y) else np.asarray(y)


class NeuralNetwork(Documented, Habits, CallbackSupport, PartsMixin, BaseEstimator, ABC):
    """Abstract estimator over the engine.

    Subclasses say what their targets are, which loss they train, and how they score.
    """

    __metadata_request__fit = {"X_val": True, "y_val": True}

    n_outputs_: int

    # whether the penalty is divided by the batch's sum of weights
    _per_batch_penalty = True
    # the names that `loss` may have
    _losses: ClassVar[Mapping[str, type[Loss]]]
    # what `_metric` is called
    _metric_name: ClassVar[str]

    @property
    def _parts(self) -> dict[str, Mapping[Any, type]]:  # type: ignore[override]
        return {**registries(self), "loss": self._losses}

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        for name in ("__init__", "fit"):
            if name in vars(cls):
                setattr(cls, name, explained(vars(cls)[name]))

    @abstractmethod
    def _learn_targets(self, y: Any, past: Past, classes: Any) -> Any:
        """Set what is learned from y alone (labels), or check it against the earlier call."""

    @abstractmethod
    def _read_targets(self, y: Any, dtype: np.dtype, sample_weight: Any, seen: str) -> Targets:
        """Return targets; `seen` is "fit", "partial_fit" or "validation"."""

    @abstractmethod
    def _resolve_loss(self) -> Loss:
        """Return the loss for the targets at hand, as a fresh part."""

    @abstractmethod
    def _decode(self, raw: np.ndarray) -> np.ndarray:
        """Return what ``predict`` returns for raw predictions."""

    @abstractmethod
    def _metric(self, y: Any, y_pred: Any, sample_weight: Any = None) -> float:
        """Return the score of predictions."""

    # -- training -------------------------------------------------------------------

    def _layers(self, configuration: Configuration, n_features: int) -> list[Layer]:
        """Return fresh layers; the one place where a configuration becomes a network."""
        return perceptron_layers(configuration.architecture, n_features, self.n_outputs_)

    def _in_shape(self, n_features: int) -> tuple[int, ...]:
        """Return what a flat row is to the network."""
        return (n_features,)

    def _flat(self, X: Any, reset: bool) -> Any:
        """Return X as scikit-learn checks it: flat rows. With `reset`, learn what they mean."""
        return X

    def _for_the_lab(self, X: Any) -> Any:
        """Return X as rows of numbers, and take on what that needs."""
        return X

    @with_callbacks
    def _fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        validation: tuple[Any, Any, Any] = (None, None, None),
        incremental: bool = False,
        classes: Any = None,
    ) -> Any:
        """Train; `incremental` is one epoch that goes on from where the last call ended."""
        with all_or_nothing(self):
            run = self._prepare(X, y, sample_weight, validation, incremental, classes)
            if not incremental:
                run.tasks = Tasks(self, X, y, sample_weight, run.n_epochs_left)
                if run.tasks.callbacks:
                    self.history_ = run.history
            interrupted = self._complete(run)
        if interrupted:
            warnings.warn("Training interrupted by user.", UserWarning, stacklevel=2)
            raise KeyboardInterrupt
        return self

    def _complete(self, run: Run) -> bool:
        """Let a run train, and take over what it has come to; return whether it was cut off."""
        self._run = run
        try:
            outcome = run.run()
        finally:
            del self._run
        self.__dict__.update(outcome.attributes)
        if run.tasks is not None and not outcome.interrupted:
            run.tasks.finish(dict)
        return outcome.interrupted

    def _prepare(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        validation: tuple[Any, Any, Any] = (None, None, None),
        incremental: bool = False,
        classes: Any = None,
    ) -> Run:
        """Return a run that is ready to train; sets what is learned before training."""
        configuration = configure(self, self._per_batch_penalty)
        if incremental and self.early_stopping:
            raise ValueError("partial_fit does not support early_stopping=True")
        past = self._past(incremental)
        resumes = any(getattr(one, "resumes", False) for one in callbacks_of(self))
        who = None
        if past.interrupted or (resumes and not incremental):
            who = identity(self, X, y, sample_weight, validation)
        if past.interrupted:
            check_same(past.state, who)
        X, y, dtype = self._read_rows(X, y, past)
        sample_weight = check_sample_weight(sample_weight, X)
        y = self._learn_targets(y, past, classes)
        call = "partial_fit" if incremental else "fit"
        targets = self._read_targets(y, dtype, sample_weight, call)
        loss = self._loss_for(configuration, targets)
        self._check_batches(configuration, X)
        streams = self._streams(past)
        network = self._network_for(configuration, X, dtype, past, streams)
        rows, held_out = self._hold_out(
            configuration, X, targets, loss, Given(*validation), network.dtype, streams, past
        )
        data = self._training_data(configuration, X, targets, dtype, past)
        run = Run(configuration, Job(network, loss, data, rows, held_out, streams), past)
        run.identity = who
        return run

    def _past(self, incremental: bool) -> Past:
        """Return what this call goes on from."""
        state = vars(self).get("_training")
        meta = {} if state is None else state.meta
        if meta.get("moved_on") and not (incremental or self.warm_start):
            raise ValueError(MOVED_ON)
        resumes = not incremental and "n_done" in meta
        if not hasattr(self, "_network") or not (incremental or self.warm_start or resumes):
            return Past(incremental)
        return Past(
            incremental,
            continued=True,
            state=state,
            predicting=self._network,
            history=self.history_,
            scores=list(self.validation_scores_ or ()),
            n_epochs=self._n_epochs,
            n_samples=self.t_,
        )

    def _read_rows(self, X: Any, y: Any, past: Past) -> tuple[Any, Any, np.dtype]:
        """Return X as the engine reads it, y checked, and the network's dtype."""
        dtype: Any = None if self.dtype == "auto" else np.dtype(self.dtype)
        if dtype is None and past.predicting is not None:
            dtype = past.predicting.dtype
        return read_rows(
            self,
            X,
            y,
            dtype=dtype,
            reset=not past.continued,
            y_numeric=self.__sklearn_tags__().estimator_type == "regressor",
        )

    def _loss_for(self, configuration: Configuration, targets: Targets) -> Loss:
        """Return the loss, checked against the targets and the augmentations."""
        loss = self._resolve_loss()
        loss.check_targets(targets.engine)
        if self._mixing(configuration) and not self._blends(loss):
            raise ValueError(
                f"augmentation={self.augmentation!r} blends targets, which loss={self.loss!r} "
                "cannot learn from; choose loss='log_loss', or another augmentation."
            )
        return loss

    def _blends(self, loss: Loss) -> bool:
        """Whether blended targets mean something to the loss."""
        return loss.soft_targets

    def _mixing(self, configuration: Configuration) -> bool:
        """Whether an augmentation blends targets."""
        return any(isinstance(part, Mixing) for part in configuration.augmentations)

    def _check_batches(self, configuration: Configuration, X: Any) -> None:
        """Raise or warn where the batches cannot be what they should."""
        n_samples = X.shape[0]
        if scipy.sparse.issparse(X) and configuration.augmentations:
            raise ValueError(
                "augmentation needs dense X, got a sparse one; pass X.toarray(), or set "
                "augmentation=None."
            )
        normalizes = configuration.architecture.batchnorm is not None
        if normalizes and (self.batch_size == 1 or n_samples == 1):
            given = "batch_size=1" if self.batch_size == 1 else "n_samples = 1"
            raise ValueError(
                f"batchnorm needs batches of at least two rows, got {given}. Use larger batches, "
                "or batchnorm=False."
            )
        if self.batch_size != "auto" and self.batch_size > n_samples:
            warnings.warn(
                "Got `batch_size` less than 1 or larger than sample size. It is going to be "
                "clipped.",
                UserWarning,
                stacklevel=2,
            )

    def _streams(self, past: Past) -> Streams:
        """Return the random streams; ``partial_fit`` and a resumed run go on with the last's."""
        if past.state is not None and (past.incremental or past.interrupted):
            kept = past.state.streams()
            if kept is not None:
                return kept
        return Streams(check_random_state(self.random_state))

    def _network_for(
        self,
        configuration: Configuration,
        X: Any,
        dtype: np.dtype,
        past: Past,
        streams: Streams,
    ) -> Network:
        """Return the network to train: new, or at the weights that were trained last."""
        layers = self._layers(configuration, X.shape[1])
        network = Network(layers, self._in_shape(X.shape[1]), dtype)
        if scipy.sparse.issparse(X) and not network.accepts_sparse:
            raise ValueError(
                f"{type(self).__name__} begins with a layer of the kind "
                f"{network.layers[0].kind!r}, which takes no sparse X; pass X.toarray()."
            )
        if past.predicting is None:
            of = configuration.architecture
            network.initialize(of.initializers, of.initial_activations, streams.random_state)
            self.n_layers_ = len(network.hidden_ends) + 2
            return network
        if network.what_is_kept != past.predicting.what_is_kept:
            raise ValueError(
                "hidden_layer_sizes, activation, batchnorm, learn_input_scale or the number of "
                "outputs have changed since the model was first fitted, so training cannot go on "
                "from its weights. Set warm_start=False, or use a clone."
            )
        network.take(past.predicting)
        raw = None if past.state is None else past.state.snapshot("raw", network)
        if raw is not None:
            network.restore(raw)
        return network

    def _training_data(
        self,
        configuration: Configuration,
        X: Any,
        targets: Targets,
        dtype: np.dtype,
        past: Past,
    ) -> Data:
        """Return the rows as the engine trains on them."""
        y = targets.engine
        if self._mixing(configuration) and y.ndim == 1:
            y = np.eye(self.n_outputs_, dtype=dtype)[y]
        weights = targets.sample_weight
        if weights is not None:
            weights = cast_weights(weights, dtype, may_be_zero=past.incremental)
        return Data(X, y, weights)

    def _hold_out(
        self,
        configuration: Configuration,
        X: Any,
        targets: Targets,
        loss: Loss,
        given: Given,
        dtype: np.dtype,
        streams: Streams,
        past: Past,
    ) -> tuple[np.ndarray, Validation | None]:
        """Return the rows to train on, and the validation: given, split off, or none."""
        rows = np.arange(X.shape[0])
        if (given.X is None) != (given.y is None):
            one, other = ("X_val", "y_val") if given.y is None else ("y_val", "X_val")
            raise ValueError(f"{one} was given without {other}; give both, or neither.")
        if given.X is None and given.sample_weight is not None:
            raise ValueError("sample_weight_val was given without X_val and y_val.")
        if given.X is not None:
            return rows, self._given_validation(given, X, loss, dtype)
        if not self.early_stopping or configuration.solver.full_batch:
            if self.scoring is not None and not past.incremental:
                warnings.warn(
                    f"scoring={self.scoring!r} is not read by this fit: nothing is validated. Set "
                    "early_stopping=True, or pass X_val and y_val to fit.",
                    UserWarning,
                    stacklevel=2,
                )
            return rows, None
        kept = past.state.arrays if past.interrupted and past.state is not None else {}
        if "rows" in kept:
            rows, val = kept["rows"], kept["held_out"]
        else:
            rows, val = split_rows(
                X.shape[0], targets.strata, self.validation_fraction, streams.random_state
            )
        weights = targets.sample_weight
        if weights is not None and not (weights[rows].any() and weights[val].any()):
            raise ValueError(
                "Every sample weight on one side of the early-stopping split is zero; pass "
                "X_val and y_val to choose the validation rows yourself."
            )
        held_out = Targets(
            targets.y[val],
            targets.engine[val],
            None,
            None if weights is None else weights[val],
        )
        held = self._validation(rows_at(X, val), held_out, loss)
        held.rows = val
        return rows, held

    def _given_validation(self, given: Given, X: Any, loss: Loss, dtype: np.dtype) -> Validation:
        """Return the user's validation rows, checked against the training rows."""
        X_val = read_given(self, given.X, given.y, X, dtype)
        weights = check_sample_weight(given.sample_weight, X_val, "sample_weight_val")
        with naming("y_val"):
            targets = self._read_targets(_plain(given.y), dtype, weights, "validation")
            loss.check_targets(targets.engine)
        if targets.sample_weight is not None and not np.any(targets.sample_weight > 0):
            raise ValueError(
                "Every row of X_val has a weight of zero: class_weight and sample_weight_val "
                "leave nothing to validate on."
            )
        return self._validation(X_val, targets, loss)

    def _validation(self, X: Any, targets: Targets, loss: Loss) -> Validation:
        return Validation(
            self,
            Data(X, targets.engine),
            targets.y,
            targets.sample_weight,
            loss,
            self._metric,
            self.scoring,
        )

    def _as_data(self, X: Any, y: Any) -> tuple[Data, Any]:
        """Return rows as the engine sees them, and y as the score compares it."""
        network, _ = self._run.now()
        X = rows_of(self, X)
        targets = self._read_targets(_plain(y), network.dtype, None, "validation")
        return Data(X, targets.engine), targets.y

    def _now(self) -> tuple[Network, list[float] | None]:
        """Return what predicts at the moment of a run, and update ratios: for callbacks."""
        return self._run.now()

    def trim(self) -> Any:
        """Drop what only continued training needs, for a small pickle.

        Predictions stay the same; ``partial_fit`` and ``warm_start`` would then begin with
        a fresh optimizer.

        Returns
        -------
        self : object
            This estimator.
        """
        check_is_fitted(self)
        self.__dict__.pop("_training", None)
        return self

    # -- prediction -----------------------------------------------------------------

    def _raw(self, X: Any) -> np.ndarray:
        """Return raw predictions of shape (n_samples, n_outputs)."""
        if not hasattr(self, "_network"):
            check_is_fitted(self)
        network = self._network
        if not self._is_ready(X, network.dtype):
            X = rows_of(self, X, network.dtype)  # small numbers are cast chunk by chunk
        return network.predict_raw(X)

    def _is_ready(self, X: Any, dtype: np.dtype) -> bool:
        """Whether X passes every check as it is, made on the shortest way."""
        return (
            type(X) is np.ndarray
            and X.dtype == dtype
            and X.ndim == 2
            and X.shape[0] > 0
            and X.shape[1] == self.n_features_in_
            and not hasattr(self, "feature_names_in_")
            and _sums_to_a_number(X)
        )

    # -- what was learned -----------------------------------------------------------

    def _fitted_network(self, name: str) -> Network:
        network = vars(self).get("_network")
        if network is None:
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r} before fit.")
        return network

    @property
    def layers_(self) -> list[LayerParameters]:
        """Parameters and statistics of each layer, read-only."""
        return layer_parameters(self._fitted_network("layers_"))

    def _arrays(self, name: str, role: str) -> Arrays:
        """Return the parameters of one role: writable views where an edit has its effect.

        Read-only where prediction uses something folded from them, or training goes on
        from other weights: assign them instead.
        """
        network = self._fitted_network(name)
        places = list(network.layout.of_role(role))
        training = vars(self).get("_training")
        raw = None if training is None else training.arrays.get("raw.params")
        views = [place.view(network.params) for place in places]
        for view in views:
            view.flags.writeable = raw is None and not network.inference.folds

        def write(i: int, array: np.ndarray) -> None:
            for vector in (network.params, raw):
                if vector is not None:
                    places[i].view(vector)[...] = array
            network.refresh()

        return Arrays(views, name, write)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    # -- copies and files -----------------------------------------------------------

    def __copy__(self) -> Any:
        """Return another estimator with the same attributes."""
        other = type(self).__new__(type(self))
        other.__dict__.update({k: v for k, v in vars(self).items() if k not in (*RUNNING, "_run")})
        return other

    def __getstate__(self) -> dict[str, Any]:
        state = {k: v for k, v in super().__getstate__().items() if k not in (*RUNNING, "_run")}
        if "_network" in state:
            state["_network"] = state["_network"].to_state()
        if "_training" in state:
            training = state["_training"]
            state["_training"] = {"arrays": training.arrays, "meta": training.meta}
        return {**state, "_sknnlab_version": __version__, "_sknnlab_format": FORMAT}

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        version = state.pop("_sknnlab_version", __version__)
        written = state.pop("_sknnlab_format", 1)
        if "_network" in state and written != FORMAT:
            raise ValueError(
                f"This {type(self).__name__} was pickled by sknnlab {version} in format {written}; "
                f"sknnlab {__version__} reads format {FORMAT}. Load it with the version that wrote "
                "it, or fit it again."
            )
        if version != __version__:
            warnings.warn(
                f"{type(self).__name__} was pickled by sknnlab {version} and is read by "
                f"{__version__}, which may not understand it; fit it again.",
                UserWarning,
                stacklevel=2,
            )
        if "_network" in state:
            state["_network"] = Network.from_state(state["_network"])
        if "_training" in state:
            state["_training"] = TrainingState(**state["_training"])
        super().__setstate__(state)
