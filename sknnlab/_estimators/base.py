"""The estimator: ``fit``, ``partial_fit`` and raw prediction for all three models.

`_fit` prepares (parameters into parts, rows into `Data`, a network) and hands over to
`Run`. Whatever fails on the way leaves the estimator as it was.
"""

from __future__ import annotations

import contextlib
import math
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_consistent_length, check_is_fitted, validate_data

from sknnlab._component import PartsMixin
from sknnlab._engine.batches import Data
from sknnlab._engine.layers import BatchNormLayer, Dense, PReLULayer
from sknnlab._engine.network import Network, build
from sknnlab._estimators.callbacks import (
    RUNNING,
    CallbackSupportMixin,
    Tasks,
    with_callbacks,
)
from sknnlab._estimators.configuration import Configuration, configure
from sknnlab._estimators.fitting import NOT_FINITE, Run
from sknnlab._estimators.stopping import split_rows
from sknnlab._estimators.validation import Validation
from sknnlab._estimators.weights import check_sample_weight
from sknnlab._version import __version__
from sknnlab.losses import Loss
from sknnlab.optimizers import LBFGS

__all__ = ["LayerParameters", "NeuralNetwork", "Targets"]

# What only continued training needs.
TRAINING_STATE = (
    "_optimizer",
    "_average",
    "_raw_params",
    "_random_state",
    "_rng",
    "_stopping",
    "_resumption",
)


class LayerParameters(NamedTuple):
    """Read-only parameters and statistics of one layer; None is what it does not have."""

    W: np.ndarray
    b: np.ndarray
    gamma: np.ndarray | None = None
    beta: np.ndarray | None = None
    mean: np.ndarray | None = None
    variance: np.ndarray | None = None
    slope: np.ndarray | None = None


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


@contextlib.contextmanager
def all_or_nothing(estimator: Any) -> Iterator[None]:
    """Put every attribute back if the block fails (an interruption is not a failure)."""
    before = dict(vars(estimator))
    try:
        yield
    except Exception:
        running = {k: v for k, v in vars(estimator).items() if k in RUNNING}
        vars(estimator).clear()
        vars(estimator).update(before, **running)
        raise


def _plain(y: Any) -> Any:
    """Return targets as an array, or as they are where they are sparse."""
    return y if scipy.sparse.issparse(y) else np.asarray(y)


class NeuralNetwork(CallbackSupportMixin, PartsMixin, BaseEstimator, ABC):
    """Abstract estimator over the engine.

    Subclasses say what their targets are, which loss they train, and how they score.
    """

    __metadata_request__fit = {"X_val": True, "y_val": True}

    n_outputs_: int

    # whether the penalty is divided by the batch's sum of weights
    _per_batch_penalty = True

    @abstractmethod
    def _learn_targets(self, y: Any, continued: bool, classes: Any) -> None:
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
                run.tasks = Tasks(self, X, y, sample_weight, run.n_epochs)
            run.run()
            if not np.isfinite(self._network.params).all():
                raise ValueError(NOT_FINITE)
            self.out_activation_ = run.loss.link
            return self

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
        resumption = None if incremental else self.__dict__.pop("_resumption", None)
        continued = hasattr(self, "_network") and (
            incremental or self.warm_start or resumption is not None
        )
        X, y = self._read_rows(X, y, reset=not continued)
        sample_weight = check_sample_weight(sample_weight, X)
        self._learn_targets(y, continued, classes)
        call = "partial_fit" if incremental else "fit"
        targets = self._read_targets(y, X.dtype, sample_weight, call)
        loss = self._loss_for(configuration, targets)
        self._check_batches(configuration, X)
        go_on = resumption is not None or (incremental and continued)
        random_state = self._stream(go_on)
        if resumption is not None:
            network = resumption.network.copy()
        elif continued:
            network = self._continued_network(configuration)
        else:
            network = self._new_network(configuration, X, random_state)
        split = None if resumption is None else resumption.split
        rows, held_out = self._hold_out(
            configuration, X, targets, loss, validation, random_state, split
        )
        data = self._training_data(configuration, X, targets)
        return Run(
            self,
            configuration,
            network,
            loss,
            data,
            rows,
            held_out,
            incremental,
            continued,
            resumption,
        )

    def _read_rows(self, X: Any, y: Any, reset: bool) -> tuple[Any, Any]:
        """Return X in the network's dtype (C-ordered, or CSR), and y checked."""
        dtype: Any = (np.float64, np.float32) if self.dtype == "auto" else np.dtype(self.dtype)
        if not reset:
            dtype = self._network.dtype
        X, y = validate_data(
            self,
            X,
            y,
            reset=reset,
            accept_sparse=("csr", "csc"),
            dtype=dtype,
            multi_output=True,
            y_numeric=self.__sklearn_tags__().estimator_type == "regressor",
        )
        return (X.tocsr() if scipy.sparse.issparse(X) else np.ascontiguousarray(X)), y

    def _loss_for(self, configuration: Configuration, targets: Targets) -> Loss:
        """Return the loss, checked against the targets and the augmentations."""
        loss = self._resolve_loss()
        loss.check_targets(targets.engine)
        if self._mixing(configuration) and not self._blends(loss):
            names = [type(part).__name__ for part in configuration.augmentations]
            raise ValueError(
                f"augmentation={names} blends targets, which loss={self.loss!r} cannot learn "
                "from; choose loss='log_loss', or another augmentation."
            )
        return loss

    def _blends(self, loss: Loss) -> bool:
        """Whether blended targets mean something to the loss."""
        return loss.soft_targets

    def _mixing(self, configuration: Configuration) -> bool:
        """Whether an augmentation blends targets."""
        return any(getattr(part, "mixes_targets", False) for part in configuration.augmentations)

    def _check_batches(self, configuration: Configuration, X: Any) -> None:
        """Raise or warn where the batches cannot be what they should."""
        n_samples = X.shape[0]
        if scipy.sparse.issparse(X) and configuration.augmentations:
            raise ValueError(
                "augmentation needs dense X, got a sparse one; pass X.toarray(), or set "
                "augmentation=None."
            )
        if configuration.batchnorm is not None and (self.batch_size == 1 or n_samples == 1):
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

    def _stream(self, go_on: bool) -> np.random.RandomState:
        """Return the random stream; only ``partial_fit`` goes on with the last call's."""
        if not (go_on and hasattr(self, "_random_state")):
            self._random_state = check_random_state(self.random_state)
            self._rng = None
        return self._random_state

    def _new_network(
        self, configuration: Configuration, X: Any, random_state: np.random.RandomState
    ) -> Network:
        network = build(
            X.shape[1],
            self.n_outputs_,
            configuration.hidden_layer_sizes,
            configuration.activations,
            configuration.dropouts,
            configuration.batchnorm,
            bool(getattr(self, "fit_intercept", True)),
            X.dtype,
        )
        network.initialize(
            configuration.initializer, configuration.initial_activations, random_state
        )
        self._architecture = self._describe(configuration)
        self.n_layers_ = len(configuration.hidden_layer_sizes) + 2
        self.t_ = self._n_epochs = 0
        return network

    def _continued_network(self, configuration: Configuration) -> Network:
        """Return a copy of the network so far, at the weights that were trained last."""
        if self._describe(configuration) != self._architecture:
            raise ValueError(
                "hidden_layer_sizes, activation, batchnorm, dropout or the number of outputs have "
                "changed since the model was first fitted, so training cannot go on from its "
                "weights. Set warm_start=False, or use a clone."
            )
        network = self._network.copy()
        if getattr(self, "_raw_params", None) is not None:
            network.params[...] = self._raw_params
        return network

    def _describe(self, configuration: Configuration) -> str:
        """Return what must stay the same for training to go on."""
        return repr(
            (
                self.n_outputs_,
                configuration.hidden_layer_sizes,
                configuration.activations,
                configuration.batchnorm,
                configuration.dropouts,
            )
        )

    def _training_data(self, configuration: Configuration, X: Any, targets: Targets) -> Data:
        """Return the rows as the engine trains on them."""
        weights = targets.sample_weight
        y = targets.engine
        if self._mixing(configuration) and y.ndim == 1:
            y = np.eye(self.n_outputs_, dtype=X.dtype)[y]
        return Data(X, y, None if weights is None else weights.astype(X.dtype))

    def _hold_out(
        self,
        configuration: Configuration,
        X: Any,
        targets: Targets,
        loss: Loss,
        given: tuple[Any, Any, Any],
        random_state: np.random.RandomState,
        split: tuple[np.ndarray, np.ndarray] | None = None,
    ) -> tuple[np.ndarray, Validation | None]:
        """Return the rows to train on, and the validation: given, split off, or none.

        `split` is the one that an interrupted run had made.
        """
        rows = np.arange(X.shape[0])
        X_val, y_val, weight_val = given
        if (X_val is None) != (y_val is None):
            one, other = ("X_val", "y_val") if y_val is None else ("y_val", "X_val")
            raise ValueError(f"{one} was given without {other}; give both, or neither.")
        if X_val is None and weight_val is not None:
            raise ValueError("sample_weight_val was given without X_val and y_val.")
        if X_val is not None:
            X_val, y_val = self._read_validation(X_val, y_val, X.dtype)
            weight_val = check_sample_weight(weight_val, X_val, "sample_weight_val")
            held_out = self._read_targets(y_val, X.dtype, weight_val, "validation")
            loss.check_targets(held_out.engine)
            return rows, self._validation(X_val, held_out, loss)
        if not self.early_stopping or isinstance(configuration.optimizer, LBFGS):
            return rows, None
        rows, val = split or split_rows(
            X.shape[0], targets.strata, self.validation_fraction, random_state
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
        held = self._validation(X[val], held_out, loss)
        held.rows = val
        return rows, held

    def _read_validation(self, X_val: Any, y_val: Any, dtype: np.dtype) -> tuple[Any, Any]:
        """Return the user's validation rows, checked against the training rows."""
        X_val = validate_data(self, X_val, reset=False, accept_sparse=("csr", "csc"), dtype=dtype)
        check_consistent_length(X_val, y_val)
        if scipy.sparse.issparse(X_val):
            X_val = X_val.tocsr()
        return X_val, _plain(y_val)

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
        dtype = (np.float64, np.float32) if self.dtype == "auto" else np.dtype(self.dtype)
        X = validate_data(self, X, reset=False, accept_sparse=("csr", "csc"), dtype=dtype)
        targets = self._read_targets(_plain(y), X.dtype, None, "validation")
        X = X.tocsr() if scipy.sparse.issparse(X) else np.ascontiguousarray(X)
        return Data(X, targets.engine), targets.y

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
        for name in TRAINING_STATE:
            self.__dict__.pop(name, None)
        return self

    # -- prediction -----------------------------------------------------------------

    def _raw(self, X: Any) -> np.ndarray:
        """Return raw predictions of shape (n_samples, n_outputs)."""
        if not hasattr(self, "_network"):
            check_is_fitted(self)
        network = self._network
        if not self._is_ready(X, network.dtype):
            X = validate_data(
                self, X, reset=False, accept_sparse=("csr", "csc"), dtype=network.dtype
            )
            if scipy.sparse.issparse(X):
                X = X.tocsr()
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
            and math.isfinite(X.sum())
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
        network = self._fitted_network("layers_")
        groups: list[dict[str, np.ndarray]] = []
        for layer in network.layers:
            if isinstance(layer, Dense):
                groups.append({"W": layer.W, "b": layer.b})
            elif isinstance(layer, BatchNormLayer):
                groups[-1].update(gamma=layer.gamma, beta=layer.beta)
                groups[-1].update(mean=layer.mean, variance=layer.variance)
            elif isinstance(layer, PReLULayer):
                groups[-1].update(slope=layer.slope)
        for group in groups:
            for name, array in group.items():
                group[name] = array.view()
                group[name].flags.writeable = False
        return [LayerParameters(**group) for group in groups]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def __getstate__(self) -> dict[str, Any]:
        state = {k: v for k, v in super().__getstate__().items() if k not in (*RUNNING, "_now")}
        return {**state, "_sknnlab_version": __version__}

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        version = state.pop("_sknnlab_version", __version__)
        if version != __version__:
            warnings.warn(
                f"{type(self).__name__} was pickled by sknnlab {version} and is read by "
                f"{__version__}, which may not understand it; fit it again.",
                UserWarning,
                stacklevel=2,
            )
        super().__setstate__(state)
