"""How much each member counts: what they say of the rows that they held out decides."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from sknnlab.tabular._members import Member

__all__ = ["Weighed", "Weighing"]

SHARES = (0.5, 0.4, 0.6, 0.3, 0.7, 0.2, 0.8, 0.1, 0.9, 0.0, 1.0)  # of equals the first is best
LINEAR_SHARES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)
MARGIN = 0.99  # another kind of mean must be better by more than noise


class Weighed(NamedTuple):
    """What the rows held out say.

    Attributes
    ----------
    pooling : {"arithmetic", "geometric"}
    temperatures, weights : ndarray of shape (n_members,)
    loss : float
        Of the networks' weighted mean.
    score : float
        Of all members' weighted mean.
    """

    pooling: str
    temperatures: np.ndarray
    weights: np.ndarray
    loss: float
    score: float


class Weighing:
    """Weighs members by the rows that they held out.

    Networks of one input count equally, and linear models do; it is groups that are weighed.
    Temperatures and the shares of inputs come from what the kept epochs say. These rows chose
    the epochs, so that networks look better on them than they are; the share of linear models
    is found beside what epochs say that other rows chose.

    Parameters
    ----------
    owner : TabularMLP
        Knows how values are made, averaged and judged.
    members : list of Member
        Trained.
    folds : list of (ndarray, ndarray)
    codes : ndarray
        Targets.
    sample_weight : ndarray or None
    """

    def __init__(
        self, owner: Any, members: list[Member], folds: list, codes: np.ndarray, sample_weight: Any
    ):
        self._owner, self._members, self._folds = owner, members, folds
        self._codes, self._weights = codes, sample_weight
        self._keys = [(one.linear, one.kind) for one in members]
        self._groups = {
            key: [one for one, own in zip(members, self._keys, strict=True) if own == key]
            for key in sorted(set(self._keys))
        }
        self._temperatures = {key: self._temperature(*key) for key in self._groups}
        held = [{one.fold for one in group} for group in self._groups.values()]
        self._shared = sorted(set.intersection(*held))
        self._rows = np.concatenate([folds[fold][1] for fold in self._shared])

    def best(self) -> Weighed:
        """Return the best kind of mean."""
        n_networks = sum(not one.linear for one in self._members)
        first, *others = map(self._pooled, self._owner._poolings[:n_networks])
        return next((one for one in others if one.loss < MARGIN * first.loss), first)

    def _temperature(self, linear: bool, kind: int) -> float:
        if linear:  # a penalized model knows what it does not know
            return 1.0
        group = self._groups[linear, kind]
        said = np.concatenate([one.held_out for one in group])
        rows = np.concatenate([self._folds[one.fold][1] for one in group])
        return self._owner._temperature(said, self._codes[rows], self._of(rows))

    def _of(self, rows: np.ndarray) -> Any:
        """Return the weights of rows."""
        return None if self._weights is None else self._weights[rows]

    def _pooled(self, pooling: str) -> Weighed:
        """Return what comes of one kind of mean."""
        owner, rows = self._owner, self._rows
        owner.pooling_ = pooling
        networks = [key for key in self._groups if not key[0]]
        shares = self._shares([self._said(key, "held_out") for key in networks])
        values = owner._mixed(shares, [self._said(key, "crossed") for key in networks])
        codes, weights = self._codes[rows], self._of(rows)
        loss = owner._loss_of(values, codes, weights)
        for key in self._groups.keys() - networks:  # of linear models
            parts = [values, self._said(key, "crossed")]
            pairs = [[1 - share, share] for share in LINEAR_SHARES]
            pair = max(pairs, key=lambda pair: self._quality(pair, parts))
            values = owner._mixed(pair, parts)
            networks, shares = [*networks, key], [*(pair[0] * one for one in shares), pair[1]]
        share = dict(zip(networks, shares, strict=True))
        return Weighed(
            pooling,
            np.array([self._temperatures[key] for key in self._keys]),
            np.array([share[key] / len(self._groups[key]) for key in self._keys]),
            loss,
            owner._score_of(values, codes, weights, owner.scoring),
        )

    def _said(self, key: tuple[bool, int], what: str) -> np.ndarray:
        """Return the mean value of a group for each row of the folds that all groups held out."""
        parts = []
        for fold in self._shared:
            group = [one for one in self._groups[key] if one.fold == fold]
            values = [
                self._owner._values(getattr(one, what), self._temperatures[key]) for one in group
            ]
            parts.append(self._owner._mixed([1 / len(values)] * len(values), values))
        return np.concatenate(parts)

    def _shares(self, parts: list[np.ndarray]) -> list[float]:
        """Return how much each kind of input counts."""
        if len(parts) == 1:
            return [1.0]
        pairs = [[share, 1 - share] for share in SHARES]
        return max(pairs, key=lambda pair: self._quality(pair, parts))

    def _quality(self, shares: list[float], parts: list[np.ndarray]) -> float:
        """Return how good a weighted mean is."""
        owner, codes, weights = self._owner, self._codes[self._rows], self._of(self._rows)
        values = owner._mixed(shares, parts)
        if owner.scoring is None:
            return -owner._loss_of(values, codes, weights)
        return owner._score_of(values, codes, weights, owner.scoring)
