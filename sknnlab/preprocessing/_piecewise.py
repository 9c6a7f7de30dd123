"""Numbers as positions within the bins of their column."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils import gen_batches
from sklearn.utils.validation import check_is_fitted, validate_data

from sknnlab._component import check_real
from sknnlab._documentation import Documented
from sknnlab.preprocessing._quantiles import FLOATS, cast, finite

__all__ = ["PiecewiseLinearEncoder"]

CACHED = 2**16  # entries written at a time, so that each pass over them stays in the cache


class PiecewiseLinearEncoder(Documented, TransformerMixin, BaseEstimator):
    r"""Encode each number by how far it lies in each of its column's bins.

    .. math:: x'_t = 2 \min\big(1, \max\big(0, (x - e_t) / (e_{t+1} - e_t)\big)\big) - 1

    with the column's edges :math:`e_0 < e_1 < \dots`, its quantiles. Bins below x are 1, bins
    above it -1, and the one that holds x lies between. A network can so fit a function of
    one column that bends at every edge with its first layer, where a raw number asks it for
    many steps: networks prefer smooth functions, tables often need others.

    Parameters
    ----------
    n_bins : int, default=16
        The edges are the quantiles at 0, 1/n_bins, ..., 1; at least 2. Where a frequent value
        is several of them, those left over become quantiles of the values that are no edge
        yet; a column of few values has fewer bins.

    Attributes
    ----------
    edges_ : list of ndarray of shape (n_edges,)
        The edges of each column, ascending. A column with fewer than three is left out.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Only if X has string column names.

    See Also
    --------
    SquashingScaler : One column for one; the two beside each other make a good input.
    sklearn.preprocessing.KBinsDiscretizer : The number of the bin, without the position.
    sklearn.preprocessing.SplineTransformer : Smooth pieces.

    Notes
    -----
    A column with fewer than three edges (constant, all missing, an indicator) gives no
    column: one bin would be the number again.

    Where a number is missing (NaN) all its entries are 0, the middle. Infinities lie beyond
    the last edge; neither is looked at in `fit`. float32 stays float32. X is dense.

    References
    ----------
    Y. Gorishniy, I. Rubachev and A. Babenko (2022). On Embeddings for Numerical Features in
    Tabular Deep Learning, section 3.2 ("quantile-based bins"). NeurIPS. There the entries
    lie in [0, 1], ours in [-1, 1], and equal quantiles count once: a column of zeros but for
    a few rows had a bin or none for these.

    Examples
    --------
    >>> import numpy as np
    >>> from sknnlab.preprocessing import PiecewiseLinearEncoder
    >>> X = np.array([[0.0], [1.0], [2.0], [10.0], [np.nan]])
    >>> encoder = PiecewiseLinearEncoder(n_bins=3).fit(X)
    >>> encoder.edges_
    [array([ 0.,  1.,  2., 10.])]
    >>> encoder.transform([[0.5], [6.0], [np.nan]])
    array([[ 0., -1., -1.],
           [ 1.,  1.,  0.],
           [ 0.,  0.,  0.]])
    >>> encoder.get_feature_names_out()
    array(['x0_bin0', 'x0_bin1', 'x0_bin2'], dtype=object)
    """

    def __init__(self, n_bins: int = 16):
        self.n_bins = n_bins

    def fit(self, X: Any, y: Any = None) -> PiecewiseLinearEncoder:
        """Learn the edges.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : ignored

        Returns
        -------
        self : PiecewiseLinearEncoder
        """
        check_real(self, "n_bins", 2, integer=True)
        X = validate_data(self, X, dtype=FLOATS, ensure_all_finite=False)
        self.edges_ = [_edges(finite(column), self.n_bins) for column in X.T]
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Encode.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        X_new : ndarray of shape (n_samples, n_bins_of_all_columns)
        """
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, dtype=FLOATS, ensure_all_finite=False)
        columns, left, half_width = self._bins(X.dtype)
        out = np.empty((len(X), len(columns)), X.dtype)
        for rows in gen_batches(len(X), max(1, CACHED // max(1, len(columns)))):
            _encode(X[rows], columns, left, half_width, out[rows])
        return out

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return the column's name and the number of the bin for each entry.

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            Names of the columns; None takes those seen in ``fit``, else x0, x1, ...

        Returns
        -------
        feature_names_out : ndarray of str objects
        """
        check_is_fitted(self)
        # scikit-learn's rules on input_features
        names = OneToOneFeatureMixin.get_feature_names_out(self, input_features)
        out = [
            f"{name}_bin{t}"
            for name, n_bins in zip(names, self._n_bins(), strict=True)
            for t in range(n_bins)
        ]
        return np.array(out, dtype=object)

    def _n_bins(self) -> list[int]:
        """Return the number of entries of each column."""
        return [len(edges) - 1 if len(edges) > 2 else 0 for edges in self.edges_]

    def _bins(self, dtype: np.dtype) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return column, left edge and half the width of each entry."""
        n_bins = self._n_bins()
        columns = np.repeat(np.arange(len(n_bins)), n_bins)
        kept = [edges for edges, n in zip(self.edges_, n_bins, strict=True) if n]
        left = cast(np.concatenate([np.empty(0), *(edges[:-1] for edges in kept)]), dtype)
        right = cast(np.concatenate([np.empty(0), *(edges[1:] for edges in kept)]), dtype)
        # edges that differ in float64 only leave a step, not a division by 0
        half_width = np.maximum(right / 2 - left / 2, np.finfo(dtype).tiny)
        return columns, left, half_width

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _edges(values: np.ndarray, n_bins: int) -> np.ndarray:
    """Return distinct quantiles of values, and of those beside them where some coincide."""
    if not len(values):
        return values
    edges = np.unique(np.quantile(values, np.linspace(0, 1, n_bins + 1)))
    n_free = n_bins + 1 - len(edges)
    others = values[~np.isin(values, edges)] if n_free else values[:0]
    if not len(others):
        return edges
    between = np.linspace(0, 1, n_free + 2)[1:-1]
    return np.union1d(edges, np.quantile(others, between))


def _encode(
    X: np.ndarray, columns: np.ndarray, left: np.ndarray, half_width: np.ndarray, out: np.ndarray
) -> None:
    """Write the entries of some rows; 2 clip(d, 0, 1) - 1 is clip(2 d - 1, -1, 1)."""
    np.take(X, columns, axis=1, out=out, mode="clip")  # "raise" would go through a buffer
    with np.errstate(over="ignore"):
        out -= left
        out /= half_width
    out -= 1
    np.clip(out, -1, 1, out=out)
    if np.isnan(X).any():
        out[np.isnan(out)] = 0
