"""Categories as numbers for a network."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.model_selection import KFold
from sklearn.preprocessing import TargetEncoder
from sklearn.utils.validation import check_is_fitted, validate_data

from sknnlab._component import check_real
from sknnlab._documentation import Documented
from sknnlab.tabular._columns import is_frame, read_values

__all__ = ["CategoryEncoder"]


class CategoryEncoder(TransformerMixin, Documented, BaseEstimator):
    """Encode categories by how many there are.

    Two become one column of -1 and 1, up to `max_categories` one column of zeros and ones
    each, and what is missing or was not seen in ``fit`` is 0 in all of them. More are encoded
    by the mean of the target (`sklearn.preprocessing.TargetEncoder`): one column, or one for
    each of several classes or targets; what was not seen is there what is missing, or the
    mean of all. As there, ``fit_transform`` encodes each row by others than itself.

    Parameters
    ----------
    max_categories : int, default=40
        Most categories that get a column each.
    target_type : {"auto", "continuous", "binary", "multiclass"}, default="auto"
        As in TargetEncoder.
    random_state : int, RandomState instance or None, default=None
        Deals the rows for the encoding by the target.

    Attributes
    ----------
    categories_ : list of list
        The categories of each column.
    target_encoders_ : list of TargetEncoder
        One for each target; none if no column has that many categories.

    Raises
    ------
    ValueError
        A column of more than `max_categories` categories without a target to encode it by.

    Examples
    --------
    >>> import numpy as np
    >>> from sknnlab.tabular import CategoryEncoder
    >>> X = np.array([["yes", "red"], ["no", "green"], ["no", "blue"], [None, "red"]], object)
    >>> encoder = CategoryEncoder().fit(X)
    >>> encoder.get_feature_names_out()
    array(['x0_yes', 'x1_blue', 'x1_green', 'x1_red'], dtype=object)
    >>> encoder.transform(X)
    array([[ 1.,  0.,  0.,  1.],
           [-1.,  0.,  1.,  0.],
           [-1.,  1.,  0.,  0.],
           [ 0.,  0.,  0.,  1.]])
    """

    def __init__(
        self,
        max_categories: int = 40,
        *,
        target_type: str = "auto",
        random_state: Any = None,
    ):
        self.max_categories = max_categories
        self.target_type = target_type
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> CategoryEncoder:
        """Learn the categories, and the means of the target for those of a large column."""
        self.fit_transform(X, y)
        return self

    def fit_transform(self, X: Any, y: Any = None) -> np.ndarray:
        """Learn, and return the codes of X; means are of other rows than the encoded one."""
        check_real(self, "max_categories", 2, integer=True)
        values = self._values(X, reset=True)
        self.categories_ = [_ordered(column) for column in values]
        codes = self._codes(values)
        large, means = codes[:, self._large()], []
        self.target_encoders_: list[TargetEncoder] = []
        if large.shape[1]:
            for target in _targets(y):
                encoder = _target_encoder(self.target_type, self.random_state)
                means.append(encoder.fit_transform(large, target))
                self.target_encoders_.append(encoder)
        return np.hstack([self._small(codes), *means])

    def transform(self, X: Any) -> np.ndarray:
        """Return the codes of X, in float64: those of small columns, then those of large ones."""
        check_is_fitted(self)
        codes = self._codes(self._values(X, reset=False))
        large = codes[:, self._large()]
        means = [encoder.transform(large) for encoder in self.target_encoders_]
        return np.hstack([self._small(codes), *means])

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return the names of the codes: of small columns, then of large ones."""
        check_is_fitted(self)
        # scikit-learn's rules on input_features
        names = OneToOneFeatureMixin.get_feature_names_out(self, input_features)
        out: list[str] = []
        for name, found, large in zip(names, self.categories_, self._large(), strict=True):
            if not large:
                out += [f"{name}_{one}" for one in (found[1:] if len(found) == 2 else found)]
        for i, encoder in enumerate(self.target_encoders_):
            means = encoder.get_feature_names_out(names[self._large()])
            out += [f"{one}_{i}" if len(self.target_encoders_) > 1 else one for one in means]
        return np.array(out, dtype=object)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.categorical = tags.input_tags.string = tags.input_tags.allow_nan = True
        return tags

    def _values(self, X: Any, reset: bool) -> list[np.ndarray]:
        """Return the columns of X, checked; a frame keeps the types of its columns."""
        if is_frame(X):
            validate_data(self, X, reset=reset, skip_check_array=True)
        else:
            X = X if hasattr(X, "dtype") else np.asarray(X, object)
            X = validate_data(self, X, reset=reset, dtype=None, ensure_all_finite=False)
        return read_values(X)

    def _large(self) -> np.ndarray:
        return np.array([len(found) > self.max_categories for found in self.categories_], bool)

    def _codes(self, values: list[np.ndarray]) -> np.ndarray:
        """Return the number of each value's category, -1 for what is missing or unknown."""
        codes = np.empty((len(values[0]) if values else 0, len(values)), np.int64)
        for j, (column, found) in enumerate(zip(values, self.categories_, strict=True)):
            number = {category: i for i, category in enumerate(found)}
            codes[:, j] = [number.get(value, -1) for value in column]
        return codes

    def _small(self, codes: np.ndarray) -> np.ndarray:
        """Return the columns of those with few categories."""
        columns = [np.empty((len(codes), 0))]
        for code, found, large in zip(codes.T, self.categories_, self._large(), strict=True):
            if large:
                continue
            if len(found) == 2:
                columns.append(np.where(code < 0, 0.0, 2.0 * code - 1)[:, np.newaxis])
            else:
                columns.append(1.0 * (code[:, np.newaxis] == np.arange(len(found))))
        return np.hstack(columns)


def _ordered(values: np.ndarray) -> list:
    """Return the distinct values but None, sorted, types apart where they do not compare."""
    found = {value for value in values if value is not None}
    try:
        return sorted(found)
    except TypeError:
        return sorted(found, key=lambda value: (type(value).__name__, str(value)))


def _target_encoder(target_type: str, random_state: Any) -> TargetEncoder:
    """Return a TargetEncoder with seeded folds."""
    encoder = TargetEncoder(target_type=target_type)
    # from scikit-learn 1.9 on, cv holds the seed
    if getattr(encoder, "random_state", "gone") is None:
        return encoder.set_params(random_state=random_state)
    return encoder.set_params(cv=KFold(5, shuffle=True, random_state=random_state))


def _targets(y: Any) -> list[np.ndarray]:
    """Return the targets one by one."""
    if y is None:
        raise ValueError("CategoryEncoder needs y for a column of many categories; pass it to fit.")
    y = np.asarray(y)
    return [y] if y.ndim == 1 else list(y.T)
