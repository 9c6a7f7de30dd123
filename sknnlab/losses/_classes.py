"""Multiclass losses: one raw score a class, y of class codes or rows of probabilities."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from scipy.special import entr

from sknnlab._numerics import SAFE_SCORE, zeros_beside
from sknnlab.losses._base import (
    LOG_CAP,
    Array,
    Fill,
    Focusing,
    Margin,
    Rowwise,
    Smoothing,
    constants,
    factor_of,
    scratch,
)
from sknnlab.losses._columns import (
    BinaryFocal,
    BinaryHinge,
    BinaryLogLoss,
    BinarySquaredError,
    BinarySquaredHinge,
)

SAFE_SQUARE = SAFE_SCORE**2  # a sum of squares below it is the shorter proof of safe scores


def flat_view(array: Array) -> Array:
    """Return a one-dimensional view; a copy would silently go stale."""
    if not array.flags.c_contiguous:
        raise ValueError("raw and out must be C-ordered; pass np.ascontiguousarray(...).")
    return array.reshape(-1)


def index_of(y: Array, n_classes: int) -> tuple[Array, Array | None]:
    """Return the flat positions of the labels, and what to add to y to set them.

    Nothing is to be added for a single row.
    """
    if len(y) == 1 and y.dtype == np.intp:
        return y, None
    starts = np.arange(len(y), dtype=np.intp) * n_classes
    return np.empty_like(starts), starts


def bind_targets(
    y: Array, raw: Array, score: Array, out: Array, weight: Array
) -> tuple[Fill, Fill]:
    """Return what sets ``score = y.raw`` row by row, and what does ``out -= weight y``."""
    if y.ndim == 2:
        return _bind_soft_targets(y, raw, score, out, weight)
    index, starts = index_of(y, raw.shape[1])
    flat_raw, flat_out = flat_view(raw), flat_view(out)
    label, less = np.empty_like(score), np.empty_like(score)

    def read() -> None:
        if starts is not None:
            np.add(starts, y, index)
        flat_raw.take(index, 0, score, "clip")

    def subtract() -> None:
        flat_out.take(index, 0, label, "clip")
        np.subtract(label, weight, less)
        flat_out[index] = less

    return read, subtract


def _bind_soft_targets(
    y: Array, raw: Array, score: Array, out: Array, weight: Array
) -> tuple[Fill, Fill]:
    """Return the same for rows of probabilities."""
    (work,), ones = scratch(raw, 1), np.ones_like(raw[0])
    factor, column = factor_of(weight, raw.shape)

    def read() -> None:
        np.multiply(y, raw, work)
        work.dot(ones, score)

    def subtract() -> None:
        if column is not None:
            factor[...] = column
        np.multiply(y, factor, work)
        np.subtract(out, work, out)

    return read, subtract


def bind_shift(raw: Array, out: Array) -> tuple[Callable[[], bool], Array]:
    """Return what sets ``out = exp(raw - shift)`` where a shift is needed, and the rows' shift.

    It tells whether one was. Scores that are safe as they are need none: over few columns,
    the maximum of each row costs more than all else.
    """
    shift, flat = np.zeros(len(raw), raw.dtype), flat_view(raw)
    factor, column = factor_of(shift, raw.shape, out)
    largest, smallest = np.maximum.reduce, np.minimum.reduce

    def exponentiate() -> bool:
        if largest(flat) < SAFE_SCORE and smallest(flat) > -SAFE_SCORE:
            return False
        raw.max(1, shift)
        if column is not None:
            factor[...] = column
        np.subtract(raw, factor, out)
        np.exp(out, out)
        return True

    return exponentiate, shift


def bind_exponentials(raw: Array, out: Array) -> tuple[Callable[[], bool], Array, Array]:
    """Return what sets ``out = exp(raw - shift)`` and tells of a shift; row sums; shift."""
    sums, ones, flat = np.empty(len(raw), raw.dtype), np.ones_like(raw[0]), flat_view(raw)
    shift_and_exponentiate, shift = bind_shift(raw, out)

    def fill() -> bool:
        shifted = not flat.dot(flat) < SAFE_SQUARE and shift_and_exponentiate()
        if not shifted:
            np.exp(raw, out)
        out.dot(ones, sums)
        return shifted

    return fill, sums, shift


class MulticlassMargin(Margin, Rowwise):
    """Sum over wrong classes of max(0, margin + s_j - s_y)^p."""

    def _bind_rows(self, y: Array, raw: Array, rows: Array, out: Array, weight: Array) -> Fill:
        (violation,), ones, power = scratch(raw, 1), np.ones_like(raw[0]), self._power
        index, starts = index_of(y, raw.shape[1])
        flat_raw, flat_violation, flat_out = flat_view(raw), flat_view(violation), flat_view(out)
        label, slope = np.empty_like(rows), np.empty_like(rows)
        beside_raw, label_column = factor_of(label, raw.shape, violation)
        factor, column = factor_of(weight, raw.shape)
        margin, two, none = constants(raw, self.margin, 2, 0)
        zero, alone = zeros_beside(raw), weight.ndim == 0 and len(raw) == 1

        def fill() -> None:
            # violation = max(0, s_j - s_y + margin), 0 for the label itself
            if starts is not None:
                np.add(starts, y, index)
            flat_raw.take(index, 0, label, "clip")
            if label_column is not None:
                beside_raw[...] = label_column
            np.subtract(raw, beside_raw, violation)
            np.add(violation, margin, violation)
            np.maximum(violation, zero, out=violation)
            flat_violation[index] = none
            if power == 1:
                np.sign(violation, out)
            else:
                np.multiply(violation, two, out)
                np.multiply(violation, violation, violation)
            violation.dot(ones, rows)
            # dL/ds_y = -sum_j dL/ds_j
            out.dot(ones, label)
            np.negative(label, slope)
            flat_out[index] = slope
            if alone:  # the weight is 1
                return
            if column is not None:
                factor[...] = column
            np.multiply(out, factor, out)

        return fill


def _bind_hard_log_loss(y: Array, raw: Array, rows: Array, out: Array, weight: Array) -> Fill:
    """Return what sets the log loss of class codes, for `LogLoss`: the usual case, in a row."""
    sums, logs, score, share, label, less = (np.empty_like(rows) for _ in range(6))
    index, starts = index_of(y, raw.shape[1])
    flat_raw, flat_out, ones = flat_view(raw), flat_view(out), np.ones_like(raw[0])
    shift_and_exponentiate, shift = bind_shift(raw, out)
    factor, column = factor_of(share, raw.shape)
    (cap,), uncapped = constants(raw, LOG_CAP[raw.dtype]), _uncapped_square(raw)

    def fill() -> None:
        square = flat_raw.dot(flat_raw)
        shifted = not square < SAFE_SQUARE and shift_and_exponentiate()
        if not shifted:
            np.exp(raw, out)
        out.dot(ones, sums)
        # rows = log(sum exp(s - shift)) - (s_y - shift)
        np.log(sums, logs)
        if starts is not None:
            np.add(starts, y, index)
        flat_raw.take(index, 0, score, "clip")
        if shifted:
            np.subtract(score, shift, score)
        np.subtract(logs, score, rows)
        if not square < uncapped:
            np.minimum(rows, cap, out=rows)
        # out = weight (p - y)
        np.divide(weight, sums, share)
        if column is not None:
            factor[...] = column
        np.multiply(out, factor, out)
        flat_out.take(index, 0, label, "clip")
        np.subtract(label, weight, less)
        flat_out[index] = less

    return fill


def _bind_single_log_loss(y: Array, raw: Array, rows: Array, out: Array, weight: Array) -> Fill:
    """Return the same for a single row of weight 1.

    Single numbers are subtracted faster in Python. That this is done in float64 changes no
    bit: a difference of two float32, rounded to float64 first, rounds to the same float32.
    """
    careful = _bind_hard_log_loss(y, raw, rows, out, weight)
    sums, log, share = (np.empty_like(rows) for _ in range(3))
    flat_raw, flat_out, ones = flat_view(raw), flat_view(out), np.ones_like(raw[0])
    factor, plain = share.reshape(()), min(SAFE_SQUARE, _uncapped_square(raw))

    def fill() -> None:
        if not flat_raw.dot(flat_raw) < plain:
            return careful()
        # rows = log(sum exp(s)) - s_y
        np.exp(raw, out)
        out.dot(ones, sums)
        np.log(sums, log)
        label = y.item()
        rows[0] = log.item() - flat_raw.item(label)
        # out = p - y
        np.divide(weight, sums, share)
        np.multiply(out, factor, out)
        flat_out[label] = flat_out.item(label) - 1

    return fill


def _uncapped_square(raw: Array) -> float:
    """Return the sum of squared scores below which no log loss reaches its cap."""
    # loss <= log C + |s_j| + |s_y| <= log C + sqrt(2 sum s^2), and 0.1 for rounding
    room = LOG_CAP[raw.dtype] - math.log(raw.shape[1]) - 0.1
    return max(room, 0) ** 2 / 2


class LogLoss(Smoothing, Rowwise):
    r"""Multinomial log loss, the cross entropy of the softmax.

    .. math:: L = -\sum_j y'_j \log p_j, \quad p = \mathrm{softmax}(s), \quad
              y' = (1 - \epsilon) y + \epsilon / C

    Starts at log C. Without smoothing the loss of a hard label is capped at -log(eps) of
    the dtype, as in scikit-learn, which clips probabilities there; the gradient p - y' is
    not. Column-wise: `BinaryLogLoss`.

    Parameters
    ----------
    label_smoothing : float, default=0.0
        Share of the target spread evenly over all classes, in [0, 1).

    References
    ----------
    C. Szegedy et al. (2016). Rethinking the Inception Architecture. CVPR. Section 7.

    Examples
    --------
    >>> y, raw, out = np.array([0, 1]), np.zeros((2, 2)), np.empty((2, 2))
    >>> round(LogLoss().value_and_gradient(y, raw, np.array([0.5, 0.5]), out), 4)
    0.6931
    >>> out
    array([[-0.25,  0.25],
           [ 0.25, -0.25]])
    """

    start = "log C, C = {C}"
    link = "softmax"
    _binary = BinaryLogLoss

    def smallest(self, y: Array, n_outputs: int, weights: Array | None = None) -> float:
        """Return the entropy of the targets, smoothed as they are; see `Loss`."""
        p = np.eye(n_outputs)[y] if y.ndim == 1 else y.astype(np.float64)
        p += self.label_smoothing * (1 / n_outputs - p)
        return float(np.average(entr(p).sum(axis=1), weights=weights))

    def _bind_rows(self, y: Array, raw: Array, rows: Array, out: Array, weight: Array) -> Fill:
        if y.ndim == 1 and not self.label_smoothing:
            single = len(raw) == 1 and weight.ndim == 0
            bind_hard = _bind_single_log_loss if single else _bind_hard_log_loss
            return bind_hard(y, raw, rows, out, weight)
        smoothing = self.label_smoothing
        exponentials, sums, shift = bind_exponentials(raw, out)
        keep, spread = constants(raw, 1 - smoothing, smoothing / raw.shape[1])
        logs, score, own, mean, share, kept = (np.empty_like(rows) for _ in range(6))
        factor, column = factor_of(share, raw.shape)
        label = own if smoothing else score
        ones = np.ones_like(raw[0])
        read, subtract = bind_targets(y, raw, label, out, kept if smoothing else weight)

        def fill() -> None:
            shifted = exponentials()
            # rows = log(sum exp(s - shift)) - (y'.s - shift)
            np.log(sums, logs)
            read()
            if smoothing:
                np.multiply(own, keep, share)
                raw.dot(ones, own)
                np.multiply(own, spread, mean)
                np.add(share, mean, score)
            if shifted:
                np.subtract(score, shift, score)
            np.subtract(logs, score, rows)
            # out = weight (p - y')
            np.divide(weight, sums, share)
            if column is not None:
                factor[...] = column
            np.multiply(out, factor, out)
            if smoothing:
                np.multiply(weight, keep, kept)
                np.multiply(weight, spread, share)
                if column is not None:
                    factor[...] = column
                np.subtract(out, factor, out)
            subtract()

        return fill


class Hinge(MulticlassMargin):
    r"""Multiclass SVM loss, the sum over wrong classes of their violations.

    .. math:: L = \sum_{j \ne y} \max(0, m + s_j - s_y)

    Starts at m (C - 1). Column-wise: `BinaryHinge`. (torch divides by C.)

    Parameters
    ----------
    margin : float, default=1.0
        m, > 0.

    References
    ----------
    J. Weston and C. Watkins (1999). Support Vector Machines for Multi-Class Pattern
    Recognition. ESANN.

    Examples
    --------
    >>> y, raw, out = np.array([0, 2]), np.zeros((2, 3)), np.empty((2, 3))
    >>> Hinge().value_and_gradient(y, raw, np.array([0.5, 0.5]), out)
    2.0
    """

    start = "m (C - 1), C = {C}, m = {margin:g}"
    _power = 1
    _binary = BinaryHinge


class SquaredHinge(MulticlassMargin):
    r"""Multiclass SVM loss with squared violations.

    .. math:: L = \sum_{j \ne y} \max(0, m + s_j - s_y)^2

    Starts at m² (C - 1). Column-wise: `BinarySquaredHinge`. (torch divides by C.)

    Parameters
    ----------
    margin : float, default=1.0
        m, > 0.

    References
    ----------
    Y. Tang (2013). Deep Learning using Linear Support Vector Machines. arXiv:1306.0239.

    Examples
    --------
    >>> y, raw, out = np.array([0]), np.array([[1.0, 2.0, 0.0]]), np.empty((1, 3))
    >>> SquaredHinge().value_and_gradient(y, raw, np.ones(1), out)
    4.0
    """

    start = "m² (C - 1), C = {C}, m = {margin:g}"
    _power = 2
    _binary = BinarySquaredHinge


class CrammerSinger(Margin, Rowwise):
    r"""Multiclass SVM loss, the largest violation alone.

    .. math:: L = \max_{j \ne y} \max(0, m + s_j - s_y)

    Starts at m. Of equal violations the first takes the (sub)gradient. Column-wise:
    `BinaryHinge`.

    Parameters
    ----------
    margin : float, default=1.0
        m, > 0.

    References
    ----------
    K. Crammer and Y. Singer (2001). On the Algorithmic Implementation of Multiclass
    Kernel-based Vector Machines. JMLR 2.

    Examples
    --------
    >>> y, raw, out = np.array([0]), np.array([[1.0, 2.0, 0.0]]), np.empty((1, 3))
    >>> CrammerSinger().value_and_gradient(y, raw, np.ones(1), out)
    2.0
    """

    start = "m, m = {margin:g}"
    _binary = BinaryHinge

    def _bind_rows(self, y: Array, raw: Array, rows: Array, out: Array, weight: Array) -> Fill:
        rivals = np.zeros(len(raw), np.intp)
        index, starts = index_of(y, raw.shape[1])
        rival_index, rival_starts = index_of(rivals, raw.shape[1])
        flat_raw, flat_out = flat_view(raw), flat_view(out)
        label, rival, slope, weighted = (np.empty_like(rows) for _ in range(4))
        margin, never, none = constants(raw, self.margin, -math.inf, 0)

        def fill() -> None:
            # the rival is the wrong class of the highest score
            if starts is not None:
                np.add(starts, y, index)
            np.copyto(out, raw)
            flat_out[index] = never
            out.argmax(1, rivals)
            if rival_starts is not None:
                np.add(rival_starts, rivals, rival_index)
            # rows = max(0, s_rival - s_y + margin)
            flat_raw.take(index, 0, label, "clip")
            flat_raw.take(rival_index, 0, rival, "clip")
            np.subtract(rival, label, rows)
            np.add(rows, margin, label)
            np.maximum(label, none, out=rows)
            np.sign(rows, slope)
            np.multiply(slope, weight, weighted)
            out.fill(0)
            flat_out[rival_index] = weighted
            np.negative(weighted, slope)
            flat_out[index] = slope

        return fill


class ClassifierSquaredError(Rowwise):
    r"""Half the squared distance between probabilities and target (the Brier score).

    .. math:: L = \tfrac12 \sum_j (p_j - y_j)^2, \quad p = \mathrm{softmax}(s)

    Bounded by 1, and so not convex. Column-wise: `BinarySquaredError`.

    References
    ----------
    G. W. Brier (1950). Verification of Forecasts Expressed in Terms of Probability.

    Examples
    --------
    >>> y, raw, out = np.array([0, 1]), np.zeros((2, 2)), np.empty((2, 2))
    >>> ClassifierSquaredError().value_and_gradient(y, raw, np.array([0.5, 0.5]), out)
    0.25
    """

    start = "(1 - 1 / C) / 2, C = {C}"
    link = "softmax"
    soft_targets = True
    _binary = BinarySquaredError

    def _bind_rows(self, y: Array, raw: Array, rows: Array, out: Array, weight: Array) -> Fill:
        exponentials, sums, _ = bind_exponentials(raw, out)
        error, work = scratch(raw, 2)
        mean, squares, ones = np.empty_like(rows), np.empty_like(rows), np.ones_like(raw[0])
        one, half = constants(raw, 1, 0.5)
        read, subtract = bind_targets(y, raw, mean, error, one)
        total, total_column = factor_of(sums, raw.shape, work)
        centre, mean_column = factor_of(mean, raw.shape, work)
        factor, column = factor_of(weight, raw.shape)

        def fill() -> None:
            exponentials()
            if total_column is not None:
                total[...] = total_column
            np.divide(out, total, out)
            # error = p - y
            np.copyto(error, out)
            read()
            subtract()
            np.multiply(error, error, work)
            work.dot(ones, squares)
            np.multiply(squares, half, rows)
            # dL/ds = p (error - p.error)
            np.multiply(out, error, work)
            work.dot(ones, mean)
            if mean_column is not None:
                centre[...] = mean_column
            np.subtract(error, centre, error)
            np.multiply(out, error, out)
            if column is not None:
                factor[...] = column
            np.multiply(out, factor, out)

        return fill


class Focal(Focusing, Rowwise):
    r"""Log loss that fades for rows already right.

    .. math:: L = -(1 - p_y)^\gamma \log p_y, \quad p = \mathrm{softmax}(s)

    Not convex for gamma > 0. Column-wise: `BinaryFocal`.

    Parameters
    ----------
    gamma : float, default=2.0
        How fast it fades, >= 0; 0 is the log loss.

    References
    ----------
    T.-Y. Lin et al. (2017). Focal Loss for Dense Object Detection. ICCV. Equation 4.

    Examples
    --------
    >>> y, raw, out = np.array([0, 1]), np.zeros((2, 2)), np.empty((2, 2))
    >>> round(Focal().value_and_gradient(y, raw, np.array([0.5, 0.5]), out), 4)
    0.1733
    """

    start = "(1 - 1 / C)^g log C, C = {C}, g = {gamma:g}"
    link = "softmax"
    _binary = BinaryFocal

    def _bind_rows(self, y: Array, raw: Array, rows: Array, out: Array, weight: Array) -> Fill:
        exponentials, sums, shift = bind_exponentials(raw, out)
        index, starts = index_of(y, raw.shape[1])
        flat_raw, flat_out, ones = flat_view(raw), flat_view(out), np.ones_like(raw[0])
        nll, wrong, q, focus, a, b = (np.empty_like(rows) for _ in range(6))
        factor, column = factor_of(b, raw.shape)
        gamma, tiny, none, one = constants(raw, self.gamma, np.finfo(raw.dtype).tiny, 0, 1)

        def fill() -> None:
            if starts is not None:
                np.add(starts, y, index)
            if not exponentials():
                shift.fill(0)
            # nll = -log p_y = log(sum exp(s - shift)) - (s_y - shift)
            flat_raw.take(index, 0, a, "clip")
            np.subtract(shift, a, b)
            np.log(sums, a)
            np.add(b, a, q)
            np.maximum(q, none, out=nll)
            # q = 1 - p_y, from the wrong classes alone: exact as p_y -> 1
            flat_out[index] = none
            out.dot(ones, wrong)
            np.divide(wrong, sums, q)
            np.power(q, gamma, focus)
            np.multiply(nll, focus, rows)
            # dL/ds_y = -a = -weight q^gamma (q + gamma p_y (-log p_y))
            np.subtract(one, q, a)
            np.multiply(a, nll, b)
            np.multiply(b, gamma, a)
            np.add(a, q, b)
            np.multiply(b, focus, q)
            np.multiply(q, weight, a)
            # the wrong classes share the slope in proportion to their probabilities
            np.negative(a, focus)
            np.maximum(wrong, tiny, out=q)
            np.divide(a, q, b)
            if column is not None:
                factor[...] = column
            np.multiply(out, factor, out)
            flat_out[index] = focus

        return fill
