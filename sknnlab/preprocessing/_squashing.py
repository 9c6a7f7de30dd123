"""Robust scaling, then a smooth bound."""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from sknnlab._component import check_real
from sknnlab._documentation import Documented
from sknnlab.preprocessing._quantiles import FLOATS, cast, column_quantiles, finite

__all__ = ["SquashingScaler"]


class SquashingScaler(Documented, OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    r"""Center and scale robustly, then squash smoothly into a bounded interval.

    .. math:: z = (x - c) / s, \qquad x' = z / \sqrt{1 + (z / m)^2}

    with the column's median `c`, its interquartile range `s` and the bound `m`. Outliers
    neither decide the scale of the others nor reach the network as huge numbers, and their
    order stays: near the median x' is z, far away it tends to -m and m.

    Parameters
    ----------
    max_absolute_value : float, default=3.0
        The bound m > 0.
    quantile_range : (float, float), default=(25.0, 75.0)
        Percentiles whose distance is the scale, in [0, 100], the lower first.

    Attributes
    ----------
    center_ : ndarray of shape (`n_features_in_`,)
        The median of each column's finite values, in float64; 0 where there are none, and
        for sparse X.
    scale_ : ndarray of shape (`n_features_in_`,)
        The distance of the two percentiles; half the distance of the least and the greatest
        value where that is 0; and 0 for a constant column, whose finite values all become 0.
        For sparse X see Notes.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Only if X has string column names.

    See Also
    --------
    sklearn.preprocessing.RobustScaler : The first step alone.
    PiecewiseLinearEncoder : Several columns for one, of which each sees a part of the range.

    Notes
    -----
    NaN stays NaN, infinities become -m and m, and `fit` looks at neither. float32 stays
    float32.

    CSR and CSC matrices stay sparse and are not centered, so that 0 stays 0. Most entries of
    a sparse column are 0, and so is their interquartile range; the scale is half the upper
    percentile of the absolute values of the entries that are not 0. For a column of zeros
    and ones that is 1/2, the same as for dense X.

    Names and results are those of skrub's class of this name, which takes dense X only.

    References
    ----------
    D. Holzmüller, L. Grinsztajn and I. Steinwart (2024). Better by Default: Strong Pre-Tuned
    MLPs and Boosted Trees on Tabular Data, section 3 ("robust scale + smooth clip").
    NeurIPS.

    Examples
    --------
    >>> import numpy as np
    >>> from sknnlab.preprocessing import SquashingScaler
    >>> X = np.array([[-1.0], [0.0], [1.0], [1e9], [np.nan], [-np.inf]])
    >>> SquashingScaler(quantile_range=(0, 50)).fit_transform(X).ravel().round(2)
    array([-0.95, -0.33,  0.33,  3.  ,   nan, -3.  ])
    """

    def __init__(
        self,
        max_absolute_value: float = 3.0,
        quantile_range: tuple[float, float] = (25.0, 75.0),
    ):
        self.max_absolute_value = max_absolute_value
        self.quantile_range = quantile_range

    def fit(self, X: Any, y: Any = None) -> SquashingScaler:
        """Learn the center and the scale of each column.

        Parameters
        ----------
        X : {array-like, CSR or CSC matrix} of shape (n_samples, n_features)
        y : ignored

        Returns
        -------
        self : SquashingScaler
        """
        check_real(self, "max_absolute_value", 0, low_open=True)
        low, high = self._percentiles()
        X = self._read(X, reset=True)
        if issparse(X):
            self.center_ = np.zeros(X.shape[1])
            self.scale_ = _sparse_scale(X.tocsc(), high / 100)
            return self
        q = np.array([0, low, 50, high, 100]) / 100
        least, lower, median, upper, greatest = np.nan_to_num(column_quantiles(X, q))
        self.center_ = median
        self.scale_ = np.where(upper > lower, upper - lower, (greatest - least) / 2)
        return self

    def transform(self, X: Any) -> Any:
        """Center, scale and squash.

        Parameters
        ----------
        X : {array-like, CSR or CSC matrix} of shape (n_samples, n_features)

        Returns
        -------
        X_new : ndarray, CSR or CSC matrix of the shape of X
        """
        check_is_fitted(self)
        X = self._read(X, reset=False)
        m, scale, constant = float(self.max_absolute_value), self._scale(X.dtype), self.scale_ == 0
        if issparse(X):
            out, columns = X.copy(), _columns(X)
            out.data = _squashed(X.data, scale[columns], m)
            out.data[constant[columns] & np.isfinite(X.data)] = 0
            return out
        with np.errstate(over="ignore"):
            z = X - cast(self.center_, X.dtype)
        out = _squashed(z, scale, m)
        out[:, constant] = np.where(np.isfinite(X[:, constant]), 0, out[:, constant])
        return out

    def inverse_transform(self, X: Any) -> Any:
        """Return the values that ``transform`` maps to X; infinity for what is at the bound.

        Parameters
        ----------
        X : {array-like, CSR or CSC matrix} of shape (n_samples, n_features)

        Returns
        -------
        X_original : ndarray, CSR or CSC matrix of the shape of X
        """
        check_is_fitted(self)
        X = self._read(X, reset=False)
        m, scale = float(self.max_absolute_value), self._scale(X.dtype)
        if issparse(X):
            out = X.copy()
            out.data = _unsquashed(X.data, scale[_columns(X)], m)
            return out
        out = _unsquashed(X, scale, m)
        out += cast(self.center_, X.dtype)
        return out

    def _percentiles(self) -> tuple[float, float]:
        given = self.quantile_range
        if (
            not isinstance(given, (tuple, list))
            or len(given) != 2
            or not all(isinstance(one, numbers.Real) for one in given)
            or not 0 <= given[0] < given[1] <= 100
        ):
            raise ValueError(
                "quantile_range of SquashingScaler must be two percentiles in [0, 100], the lower "
                f"first, such as (25.0, 75.0), got {given!r}."
            )
        return given[0], given[1]

    def _read(self, X: Any, *, reset: bool) -> Any:
        X = validate_data(
            self,
            X,
            reset=reset,
            dtype=FLOATS,
            accept_sparse=("csr", "csc"),
            ensure_all_finite=False,
        )
        if not reset and issparse(X) and self.center_.any():
            raise ValueError(
                "SquashingScaler learned centers from dense X and would turn every 0 of a sparse "
                "X into something else; fit it on sparse X, or pass X.toarray()."
            )
        return X

    def _scale(self, dtype: np.dtype) -> np.ndarray:
        """Return what is divided by: 1 for a constant column, and no underflow to 0."""
        scale = np.where(self.scale_ == 0, 1.0, self.scale_)
        return np.maximum(cast(scale, dtype), np.finfo(dtype).tiny)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _squashed(x: np.ndarray, scale: np.ndarray, m: float) -> np.ndarray:
    """Return ``z / sqrt(1 + (z / m)^2)`` of ``z = x / scale``."""
    with np.errstate(over="ignore"):
        t = x / scale
        t /= m
    # t / sqrt(1 + t^2) rounds to 1 from here on, and the square does not overflow
    far = float(1 / np.finfo(t.dtype).eps)
    np.clip(t, -far, far, out=t)
    root = np.square(t)
    root += 1
    np.sqrt(root, out=root)
    t /= root
    t *= m
    return t


def _unsquashed(x: np.ndarray, scale: np.ndarray, m: float) -> np.ndarray:
    """Return ``scale x / sqrt(1 - (x / m)^2)``."""
    t = np.clip(x / m, -1, 1)
    with np.errstate(divide="ignore", over="ignore"):  # the bound comes from infinity
        t /= np.sqrt((1 - t) * (1 + t))
        t *= m
        t *= scale
    return t


def _columns(X: Any) -> np.ndarray:
    """Return the column of each stored entry."""
    return X.indices if X.format == "csr" else np.repeat(np.arange(X.shape[1]), np.diff(X.indptr))


def _sparse_scale(X: Any, q: float) -> np.ndarray:
    """Return half the quantile `q` of the size of what is not 0 in each column of a CSC X."""
    scale = np.zeros(X.shape[1])
    for j in np.flatnonzero(np.diff(X.indptr)):
        size = np.abs(finite(X.data[X.indptr[j] : X.indptr[j + 1]]))
        size = size[size > 0]
        if len(size):
            scale[j] = np.quantile(size, q) / 2
    return scale
