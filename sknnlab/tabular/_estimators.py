"""The two ensembles: what is particular to classes and to numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import log_softmax
from sklearn.base import ClassifierMixin, RegressorMixin

from sknnlab._component import resolve
from sknnlab._estimators.targets import Labels, classification_targets
from sknnlab._estimators.weights import ClassWeights
from sknnlab.losses import REGRESSOR_LOSSES, LogLoss, Loss, check_kind
from sknnlab.neural_network import MLPClassifier, MLPRegressor
from sknnlab.tabular._base import TabularMLP
from sknnlab.tabular._columns import has_gaps
from sknnlab.tabular._docs import documented
from sknnlab.tabular._members import Score
from sknnlab.tabular._probabilities import (
    added,
    best_temperature,
    log_probabilities,
    mean_log_loss,
    score_of_epoch,
)

__all__ = ["TabularMLPClassifier", "TabularMLPRegressor"]


@documented
class TabularMLPClassifier(ClassifierMixin, TabularMLP):
    """Classes from a table: a frame in, no tuning.

    An ensemble of small networks on two encodings of the columns, each trained on nine tenths
    of the rows. Categories and gaps are taken care of. Binary, multiclass and multilabel
    targets.

    Parameters
    ----------
    {n_estimators}
    {network}
    learning_rate_init : float or "auto", default="auto"
        "auto" is 0.04, to be understood with ``layer_rates="fan_in"``.
    label_smoothing : float, default=0.1
        See `sknnlab.losses.LogLoss`.
    {cv}
    scoring : str, callable or None, default=None
        A scorer that decides which epochs are kept and how the encodings are weighed. None
        keeps the epoch of the least log-loss, at its best temperature, times the cube root of
        (error + 1 / n), and weighs by log-loss.
    calibrate : bool, default=True
        Whether the raw scores of each encoding are divided by the temperature that is best on
        the rows held out.
    class_weight : dict, "balanced" or None, default=None
        Weights of classes, which multiply those of rows; as in scikit-learn.
    {end}

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels; for multilabel the column numbers.
    pooling_ : {"arithmetic", "geometric"}
        The mean of the members' probabilities: the arithmetic one, unless the normalized
        geometric one has a log-loss on the rows held out that is less by a hundredth. It is
        where there are many classes and little doubt, of which the former makes too much.
    {attributes}

    See Also
    --------
    TabularMLPRegressor : The same for numbers.
    sklearn.ensemble.HistGradientBoostingClassifier : Boosted trees, faster still.

    Notes
    -----
    {notes}

    References
    ----------
    {references}

    Examples
    --------
    >>> import numpy as np
    >>> from sknnlab import TabularMLPClassifier
    >>> rng = np.random.default_rng(0)
    >>> size, color = rng.normal(size=300), rng.choice(["red", "blue", None], 300)
    >>> y = np.where((size > 0) & (color == "red"), "yes", "no")
    >>> X = np.column_stack([size, color]).astype(object)
    >>> model = TabularMLPClassifier(2, categorical_features=[1], random_state=0).fit(X, y)
    >>> model.predict(np.array([[2.0, "red"], [2.0, "green"], [-1.0, "red"]], object))
    array(['yes', 'no', 'no'], dtype='<U3')
    """

    classes_: np.ndarray

    _poolings = ("arithmetic", "geometric")
    _steps = 500

    def __init__(
        self,
        n_estimators: int = 4,
        *,
        hidden_layer_sizes: Any = (128, 128, 128),
        activation: Any = "selu",
        encodings: Any = ("squashed", "binned"),
        max_iter: Any = "auto",
        batch_size: Any = "auto",
        learning_rate_init: Any = "auto",
        label_smoothing: float = 0.1,
        cv: Any = 10,
        scoring: Any = None,
        calibrate: bool = True,
        class_weight: Any = None,
        categorical_features: Any = "auto",
        n_jobs: int | None = None,
        verbose: bool = False,
        random_state: Any = None,
    ):
        self.n_estimators = n_estimators
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.encodings = encodings
        self.max_iter = max_iter
        self.batch_size = batch_size
        self.learning_rate_init = learning_rate_init
        self.label_smoothing = label_smoothing
        self.cv = cv
        self.scoring = scoring
        self.calibrate = calibrate
        self.class_weight = class_weight
        self.categorical_features = categorical_features
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.random_state = random_state

    @property
    def _labels(self) -> Labels:
        return Labels(self._target_kind, self.classes_)

    def _read_targets(self, y: Any) -> np.ndarray:
        if has_gaps(y):
            raise ValueError("Input y contains gaps (None or NaN); leave these rows out.")
        y, _ = classification_targets(y)
        return np.asarray(y.toarray() if hasattr(y, "toarray") else y)

    def _learn_targets(self, y: np.ndarray, sample_weight: Any) -> Any:
        labels = Labels.of(y, y.ndim == 2)
        self._target_kind, self.classes_ = labels.kind, labels.classes
        if self.class_weight is None:
            return sample_weight
        weights = ClassWeights(self.class_weight, labels)
        codes = labels.codes(y)
        return weights.of(codes, sample_weight, weights.counted(codes, sample_weight, None))

    def _codes(self, y: np.ndarray) -> np.ndarray:
        return self._labels.codes(y).astype(np.intp)

    def _shown(self, codes: np.ndarray) -> np.ndarray:
        return self._labels.decode_codes(codes)

    def _for_members(self, y: np.ndarray) -> np.ndarray:
        return y

    def _for_encoders(self, y: np.ndarray) -> tuple[np.ndarray, str]:
        several = self._target_kind == "multiclass"
        return self._codes(y), "multiclass" if several else "continuous"

    def _strata(self, y: np.ndarray) -> np.ndarray | None:
        return None if self._target_kind == "multilabel" else self._codes(y)

    def _network(self, **settings: Any) -> MLPClassifier:
        given = self.learning_rate_init
        return MLPClassifier(
            **settings,
            loss=LogLoss(label_smoothing=self.label_smoothing),
            learning_rate_init=0.04 if given == "auto" else given,
        )

    def _linear(self, **settings: Any) -> MLPClassifier:
        return MLPClassifier(**settings)

    def _judged(self, said: np.ndarray, y: np.ndarray, sample_weight: Any) -> Score:
        codes = self._codes(y)
        if self.scoring is not None or len(self.classes_) == 1:
            return self._scored(self._values(said, 1.0), codes, sample_weight)
        return score_of_epoch(said, codes, self._target_kind, sample_weight)

    def _temperature(self, said: np.ndarray, codes: np.ndarray, sample_weight: Any) -> float:
        if not self.calibrate or len(self.classes_) == 1:
            return 1.0
        return best_temperature(said, codes, self._target_kind, sample_weight)[1]

    def _values(self, said: np.ndarray, temperature: float) -> np.ndarray:
        if self._target_kind == "binary" and len(self.classes_) == 1:
            return np.zeros((len(said), 1))
        return log_probabilities(said, self._target_kind, temperature)

    def _added(self, total: Any, values: np.ndarray, weight: float) -> np.ndarray:
        if self.pooling_ == "geometric":
            return values * weight if total is None else total + values * weight
        return added(total, values, weight)

    def _normalized(self, total: np.ndarray) -> np.ndarray:
        return log_softmax(total, axis=-1) if self.pooling_ == "geometric" else total

    def _loss_of(self, values: np.ndarray, codes: np.ndarray, sample_weight: Any) -> float:
        return mean_log_loss(values, codes, sample_weight)

    def _decode(self, values: np.ndarray) -> np.ndarray:
        return self._labels.decode_codes(values.argmax(axis=-1))

    def decision_function(self, X: Any) -> np.ndarray:
        """Return the logarithms of the odds: of several classes, of the probabilities.

        Parameters
        ----------
        X : frame, array-like or sparse matrix of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        scores : ndarray of shape (n_samples,) or (n_samples, n_classes)
            For two classes one score, positive for ``classes_[1]``.
        """
        log_proba = self._combined(X)
        if self._target_kind == "multiclass":
            return log_proba
        return log_proba[..., -1] - log_proba[..., 0]

    def predict_proba(self, X: Any) -> np.ndarray:
        """Predict probabilities of the classes.

        Parameters
        ----------
        X : frame, array-like or sparse matrix of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        proba : ndarray of shape (n_samples, n_classes)
            Columns as in `classes_`; for multilabel each label's own probability.
        """
        return np.exp(self.predict_log_proba(X))

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """Predict logarithms of probabilities.

        Parameters
        ----------
        X : frame, array-like or sparse matrix of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        log_proba : ndarray of shape (n_samples, n_classes)
            Columns as in `classes_`.
        """
        log_proba = np.minimum(self._combined(X), 0)  # sums of shares round
        return log_proba[..., 1] if self._target_kind == "multilabel" else log_proba

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


@documented
class TabularMLPRegressor(RegressorMixin, TabularMLP):
    """Numbers from a table: a frame in, no tuning.

    An ensemble of small networks on two encodings of the columns, each trained on nine tenths
    of the rows. Categories and gaps are taken care of. One or several targets; predictions
    stay within the range of the targets seen.

    Parameters
    ----------
    {n_estimators}
    loss : str or Loss, default="squared_error"
        "squared_error", "absolute_error", "quantile" (``Quantile(0.9)`` for another part than
        the half), "poisson", "gamma", or another loss of `sknnlab.losses` whose link is the
        identity or exp. With the former the targets are standardized, with the latter only
        scaled.
    {network}
    learning_rate_init : float or "auto", default="auto"
        "auto" is 0.07, to be understood with ``layer_rates="fan_in"``.
    {cv}
    scoring : str, callable or None, default=None
        A scorer that decides which epochs are kept and how the encodings are weighed; None is
        the loss.
    {end}

    Attributes
    ----------
    {attributes}

    See Also
    --------
    TabularMLPClassifier : The same for classes.
    sklearn.ensemble.HistGradientBoostingRegressor : Boosted trees, faster still.

    Notes
    -----
    {notes}

    References
    ----------
    {references}

    Examples
    --------
    >>> import numpy as np
    >>> from sknnlab import TabularMLPRegressor
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(300, 3))
    >>> y = X[:, 0] * X[:, 1]
    >>> X[::10, 2] = np.nan
    >>> model = TabularMLPRegressor(2, random_state=0).fit(X[:200], y[:200])
    >>> bool(model.score(X[200:], y[200:]) > 0.8)
    True
    """

    _steps = 1000

    def __init__(
        self,
        n_estimators: int = 4,
        *,
        loss: Any = "squared_error",
        hidden_layer_sizes: Any = (128, 128, 128),
        activation: Any = "selu",
        encodings: Any = ("squashed", "binned"),
        max_iter: Any = "auto",
        batch_size: Any = "auto",
        learning_rate_init: Any = "auto",
        cv: Any = 10,
        scoring: Any = None,
        categorical_features: Any = "auto",
        n_jobs: int | None = None,
        verbose: bool = False,
        random_state: Any = None,
    ):
        self.n_estimators = n_estimators
        self.loss = loss
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.encodings = encodings
        self.max_iter = max_iter
        self.batch_size = batch_size
        self.learning_rate_init = learning_rate_init
        self.cv = cv
        self.scoring = scoring
        self.categorical_features = categorical_features
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.random_state = random_state

    def _read_targets(self, y: Any) -> np.ndarray:
        return np.asarray(y, np.float64)

    def _learn_targets(self, y: np.ndarray, sample_weight: Any) -> Any:
        """Set the units of the network's targets, and the range of predictions."""
        self._loss = resolve(self.loss, REGRESSOR_LOSSES, "loss", Loss)
        check_kind(self._loss, "regressor")
        if self._loss.link not in ("identity", "exp"):
            raise ValueError(
                f"loss={self.loss!r} is of targets between 0 and 1; choose one of "
                "['squared_error', 'absolute_error', 'quantile', 'poisson', 'gamma']."
            )
        self._one_column = y.ndim == 1
        columns = y.reshape(len(y), -1)
        self._loss.check_targets(columns)
        mean = np.average(columns, axis=0, weights=sample_weight)
        if self._loss.link == "exp":  # a factor is all that the loss allows
            self._center, scale = np.zeros_like(mean), mean
        else:
            with np.errstate(over="ignore"):
                variance = np.average((columns - mean) ** 2, axis=0, weights=sample_weight)
            if not np.isfinite(variance).all():
                raise ValueError("The variance of y is too large for floats; divide y.")
            self._center, scale = mean, np.sqrt(variance)
        self._scale = np.where(scale > 0, scale, 1.0)
        self._range = (columns.min(axis=0) - self._center, columns.max(axis=0) - self._center)
        return sample_weight

    def _codes(self, y: np.ndarray) -> np.ndarray:
        return (y.reshape(len(y), -1) - self._center) / self._scale

    def _shown(self, codes: np.ndarray) -> np.ndarray:
        y = codes * self._scale + self._center
        return y[:, 0] if self._one_column else y

    def _for_members(self, y: np.ndarray) -> np.ndarray:
        codes = self._codes(y)
        return codes[:, 0] if codes.shape[1] == 1 else codes

    def _for_encoders(self, y: np.ndarray) -> tuple[np.ndarray, str]:
        return self._for_members(y), "continuous"

    def _strata(self, y: np.ndarray) -> np.ndarray | None:
        return None

    def _network(self, **settings: Any) -> MLPRegressor:
        given = self.learning_rate_init
        return MLPRegressor(
            **settings,
            loss=self._loss,
            learning_rate_init=0.07 if given == "auto" else given,
        )

    def _linear(self, **settings: Any) -> MLPRegressor:
        return MLPRegressor(loss=self._loss, **settings)

    def _judged(self, said: np.ndarray, y: np.ndarray, sample_weight: Any) -> Score:
        return self._scored(self._values(said, 1.0), y.reshape(len(y), -1), sample_weight)

    def _temperature(self, said: np.ndarray, codes: np.ndarray, sample_weight: Any) -> float:
        return 1.0

    def _values(self, said: np.ndarray, temperature: float) -> np.ndarray:
        least, greatest = self._range
        return np.clip(said, least / self._scale, greatest / self._scale)

    def _added(self, total: Any, values: np.ndarray, weight: float) -> np.ndarray:
        return values * weight if total is None else total + values * weight

    def _loss_of(self, values: np.ndarray, codes: np.ndarray, sample_weight: Any) -> float:
        raw = values
        if self._loss.link == "exp":
            raw = np.log(np.maximum(values, np.finfo(np.float64).tiny))
        weights = np.ones(len(codes)) if sample_weight is None else sample_weight
        weights = weights / weights.sum()
        return float(self._loss.value_and_gradient(codes, raw, weights, np.empty_like(raw)))

    def _decode(self, values: np.ndarray) -> np.ndarray:
        return self._shown(values)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        named = isinstance(self.loss, str)
        loss = REGRESSOR_LOSSES.get(self.loss) if named else self.loss
        tags.target_tags.positive_only = bool(getattr(loss, "positive_only", False))
        return tags
