"""Whitening that changes the features least."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils import gen_batches
from sklearn.utils.validation import check_is_fitted, validate_data

from sknnlab._component import check_real
from sknnlab._documentation import Documented
from sknnlab._numerics import zca

__all__ = ["ZCAWhitener"]

ROWS = 1024  # rows whose float64 copy is made at a time
FLOATS = [np.float64, np.float32]


class ZCAWhitener(Documented, OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    r"""Make the features uncorrelated, of unit variance, and as close as can be to before.

    .. math:: x' = U^T \operatorname{diag}\big(1 / \sqrt{s + \epsilon}\big)\, U (x - \mu)

    with the covariance's eigenvectors `U` (one a row) and eigenvalues `s`. Of all matrices
    that whiten, this one changes X least, so that whitened images still look like images;
    whitened principal components are the same numbers turned by `U`.

    Parameters
    ----------
    epsilon : float, default=1e-5
        Added to every eigenvalue, in the unit of X squared, >= 0. It keeps directions of
        next to no variance from being blown up to noise: for natural images with pixels in
        [0, 1] take 0.01 to 0.1. At 0 the covariance of the result is exactly the identity,
        but for directions without variance, which become 0.
    n_components : int or None, default=None
        Principal directions that are kept, the largest first; the others become 0. The
        number of features stays. None keeps all.

    Attributes
    ----------
    mean_ : ndarray of shape (`n_features_in_`,)
        Mean of each feature, in float64 as the others.
    components_ : ndarray of shape (n_components, `n_features_in_`)
        The kept eigenvectors of the covariance.
    explained_variance_ : ndarray of shape (n_components,)
        Their eigenvalues (divided by n_samples - 1, as in PCA), largest first.
    whitening_ : ndarray of shape (`n_features_in_`, `n_features_in_`)
        The symmetric matrix that centered rows are multiplied by.
    covariance_ : ndarray of shape (`n_features_in_`, `n_features_in_`)
        The covariance so far.
    n_samples_seen_ : int
        Rows seen so far.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Only if X has string column names.

    See Also
    --------
    sklearn.decomposition.PCA : With ``whiten=True`` gives the principal components
        themselves, fewer numbers than features.
    ImageCenterer : Only the mean and a scale.

    Notes
    -----
    float32 stays float32. Memory grows with the square of the number of features and time
    with the cube (of ``fit``, and of the first use after ``partial_fit``): 32 by 32 color
    images (3072 features) are well in reach.

    References
    ----------
    A. J. Bell and T. J. Sejnowski (1997). The "independent components" of natural scenes
    are edge filters. Vision Research 37.

    A. Krizhevsky (2009). Learning Multiple Layers of Features from Tiny Images, appendix
    A. Technical report, University of Toronto.

    Examples
    --------
    >>> import numpy as np
    >>> from sknnlab.preprocessing import ZCAWhitener
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(100, 3)) @ rng.normal(size=(3, 3))
    >>> whitener = ZCAWhitener(epsilon=0).fit(X)
    >>> X_white = whitener.transform(X)
    >>> np.allclose(np.cov(X_white.T), np.eye(3))
    True
    >>> np.allclose(whitener.inverse_transform(X_white), X)
    True
    """

    # components, eigenvalues and whitening matrix; None until they are next needed
    _solved: tuple[np.ndarray, np.ndarray, np.ndarray] | None

    def __init__(self, epsilon: float = 1e-5, n_components: int | None = None):
        self.epsilon = epsilon
        self.n_components = n_components

    def fit(self, X: Any, y: Any = None) -> ZCAWhitener:
        """Learn mean and covariance, and what whitens them.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : ignored

        Returns
        -------
        self : ZCAWhitener
        """
        self._update(X, reset=True)
        self._solve()
        return self

    def partial_fit(self, X: Any, y: Any = None) -> ZCAWhitener:
        """Learn from some more rows; the batches together give what ``fit`` gives.

        The eigenvectors are computed when they are next needed, not here.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : ignored

        Returns
        -------
        self : ZCAWhitener
        """
        self._update(X, reset=not hasattr(self, "n_samples_seen_"))
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Whiten.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        X_new : ndarray of shape (n_samples, n_features)
        """
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, dtype=FLOATS)
        return (X - self.mean_.astype(X.dtype)) @ self.whitening_.astype(X.dtype)

    def inverse_transform(self, X: Any) -> np.ndarray:
        """Return the rows that ``transform`` maps to X, as far as their directions are kept.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        X_original : ndarray of shape (n_samples, n_features)
        """
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, dtype=FLOATS)
        components = self.components_
        root = np.sqrt(self.explained_variance_ + self.epsilon)
        coloring = (components.T * root) @ components
        return X @ coloring.astype(X.dtype) + self.mean_.astype(X.dtype)

    @property
    def covariance_(self) -> np.ndarray:
        """The covariance so far, divided by n_samples - 1."""
        return self._learned("_scatter") / max(self.n_samples_seen_ - 1, 1)

    @property
    def components_(self) -> np.ndarray:
        """The kept eigenvectors of the covariance, one a row."""
        return self._solution()[0]

    @property
    def explained_variance_(self) -> np.ndarray:
        """The kept eigenvalues of the covariance."""
        return self._solution()[1]

    @property
    def whitening_(self) -> np.ndarray:
        """The matrix that centered rows are multiplied by."""
        return self._solution()[2]

    def _learned(self, name: str) -> Any:
        if name not in vars(self):
            raise AttributeError(f"{type(self).__name__} has learned nothing yet; call fit first.")
        return vars(self)[name]

    def _solution(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return what `_solve` set, solving first after ``partial_fit``."""
        solution = self._learned("_solved")
        return self._solve() if solution is None else solution

    def _solve(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        solution = zca(self.covariance_, self.epsilon, self.n_components)
        self._solved = solution
        return solution

    def _update(self, X: Any, reset: bool) -> None:
        """Join the mean and the scatter of X to those so far (Chan et al., 1979)."""
        check_real(self, "epsilon", 0)
        X = validate_data(self, X, reset=reset, dtype=FLOATS)
        if self.n_components is not None:
            check_real(self, "n_components", 1, X.shape[1], integer=True)
        if reset:
            self.n_samples_seen_ = 0
            self.mean_ = np.zeros(X.shape[1])
            self._scatter = np.zeros((X.shape[1], X.shape[1]))
        self._solved = None
        for batch in gen_batches(len(X), ROWS):
            rows = X[batch].astype(np.float64)
            n_seen = self.n_samples_seen_ + len(rows)
            mean = rows.mean(axis=0)
            rows -= mean
            difference = mean - self.mean_
            # S = S + S_rows + n m / (n + m) d d',  mean = mean + m / (n + m) d
            self._scatter += rows.T @ rows
            weighted = (self.n_samples_seen_ * len(rows) / n_seen) * difference
            self._scatter += np.outer(weighted, difference)
            self.mean_ = self.mean_ + len(rows) / n_seen * difference
            self.n_samples_seen_ = n_seen

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
