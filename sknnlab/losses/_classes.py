"""Multiclass losses: one raw score a class, y of class codes or rows of probabilities."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import ClassVar

import numpy as np

from sknnlab._numerics import SAFE_SCORE, aligned_empty
from sknnlab.losses._base import (
    LOG_CAP,
    Array,
    Fill,
    Focusing,
    Margin,
    Rowwise,
    Smoothing,
    column_of,
    raise_to,
)
from sknnlab.losses._columns import (
    BinaryFocal,
    BinaryHinge,
    BinaryLogLoss,
    BinarySquaredError,
    BinarySquaredHinge,
)


def _flat(array: Array) -> Array:
    """Return a one-dimensional view; a copy would silently go stale."""
    if not array.flags.c_contiguous:
        raise ValueError("raw and out must be C-ordered; pass np.ascontiguousarray(...).")
    return array.reshape(-1)


def _bind_index(y: Array, n_classes: int) -> tuple[Fill, Array]:
    """Return a function that sets the flat positions of the labels, and the positions."""
    starts = np.arange(len(y), dtype=np.intp) * n_classes
    index = np.empty_like(starts)

    def locate() -> None:
        np.add(starts, y, index)

    return locate, index


def _bind_targets(
    y: Array, raw: Array, score: Array, out: Array, weight: Array
) -> tuple[Fill, Fill]:
    """Return what sets ``score = y.raw`` row by row, and what does ``out -= weight y``."""
    column, ones = column_of(weight), np.ones_like(raw[0])
    if y.ndim == 2:
        work = aligned_empty(raw.shape, raw.dtype)

        def read() -> None:
            np.multiply(y, raw, work)
            work.dot(ones, score)

        def subtract() -> None:
            np.multiply(y, column, work)
            np.subtract(out, work, out)

        return read, subtract
    locate, index = _bind_index(y, raw.shape[1])
    flat_raw, flat_out, label = _flat(raw), _flat(out), np.empty_like(score)

    def read_label() -> None:
        locate()
        flat_raw.take(index, 0, score, "clip")

    def subtract_label() -> None:
        flat_out.take(index, 0, label, "clip")
        np.subtract(label, weight, label)
        flat_out[index] = label

    return read_label, subtract_label


def _bind_exponentials(raw: Array, out: Array) -> tuple[Callable[[], bool], Array, Array]:
    """Return a function that sets ``out = exp(raw - shift)``, with its row sums and shift.

    It tells whether there was a shift.

    Scores that are safe as they are need no shift: over few columns, the maximum of each
    row costs more than all else.
    """
    sums, shift = (np.zeros(len(raw), raw.dtype) for _ in range(2))
    shift_column, ones, flat = shift[:, None], np.ones_like(raw[0]), _flat(raw)
    largest, smallest = np.maximum.reduce, np.minimum.reduce

    def fill() -> bool:
        # a sum of squares below the square of the bound is the shorter proof
        safe = flat.dot(flat) < SAFE_SCORE**2
        safe = safe or (largest(flat) < SAFE_SCORE and smallest(flat) > -SAFE_SCORE)
        if safe:
            np.exp(raw, out)
        else:
            raw.max(1, shift)
            np.subtract(raw, shift_column, out)
            np.exp(out, out)
        out.dot(ones, sums)
        return not bool(safe)

    return fill, sums, shift


class _MulticlassMargin(Margin, Rowwise):
    """Sum over wrong classes of max(0, margin + s_j - s_y)^p."""

    _power: ClassVar[int]

    def _bind_rows(self, y: Array, raw: Array, rows: Array, out: Array, weight: Array) -> Fill:
        work, label = aligned_empty(raw.shape, raw.dtype), np.empty_like(rows)
        label_column, ones, column = label[:, None], np.ones_like(raw[0]), column_of(weight)
        locate, index = _bind_index(y, raw.shape[1])
        flat_raw, flat_work, flat_out = _flat(raw), _flat(work), _flat(out)
        margin, power = self.margin, self._power

        def fill() -> None:
            locate()
            # work = max(0, s_j - s_y + margin), 0 for the label itself
            flat_raw.take(index, 0, label, "clip")
            np.subtract(raw, label_column, work)
            np.add(work, margin, work)
            np.maximum(work, 0, out=work)
            flat_work[index] = 0
            raise_to(power, work, out)
            work.dot(ones, rows)
            # dL/ds_y = -sum_j dL/ds_j
            out.dot(ones, label)
            np.negative(label, label)
            flat_out[index] = label
            np.multiply(out, column, out)

        return fill


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

    link = "softmax"
    _columns = BinaryLogLoss

    def _bind_rows(self, y: Array, raw: Array, rows: Array, out: Array, weight: Array) -> Fill:
        exponentials, sums, shift = _bind_exponentials(raw, out)
        keep, spread = 1 - self.label_smoothing, self.label_smoothing / raw.shape[1]
        score, share, kept = (np.empty_like(rows) for _ in range(3))
        share_column, ones = share[:, None], np.ones_like(raw[0])
        read, subtract = _bind_targets(y, raw, score, out, kept if spread else weight)
        capped = y.ndim == 1 and not spread
        cap = np.array(LOG_CAP[raw.dtype] if capped else math.inf, raw.dtype)

        def fill() -> None:
            shifted = exponentials()
            # rows = log(sum exp(s - shift)) - (y'.s - shift)
            np.log(sums, rows)
            read()
            if spread:
                np.multiply(score, keep, score)
                raw.dot(ones, share)
                np.multiply(share, spread, share)
                np.add(score, share, score)
            if shifted:
                np.subtract(score, shift, score)
            np.subtract(rows, score, rows)
            np.minimum(rows, cap, out=rows)
            # out = weight (p - y')
            np.divide(weight, sums, share)
            np.multiply(out, share_column, out)
            if spread:
                np.multiply(weight, keep, kept)
                np.multiply(weight, spread, share)
                np.subtract(out, share_column, out)
            subtract()

        return fill


class Hinge(_MulticlassMargin):
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

    _power = 1
    _columns = BinaryHinge


class SquaredHinge(_MulticlassMargin):
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

    _power = 2
    _columns = BinarySquaredHinge


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

    _columns = BinaryHinge

    def _bind_rows(self, y: Array, raw: Array, rows: Array, out: Array, weight: Array) -> Fill:
        rivals = np.zeros(len(raw), np.intp)
        locate, index = _bind_index(y, raw.shape[1])
        locate_rivals, rival_index = _bind_index(rivals, raw.shape[1])
        flat_raw, flat_out = _flat(raw), _flat(out)
        label, slope, margin = np.empty_like(rows), np.empty_like(rows), self.margin

        def fill() -> None:
            locate()
            # the rival is the wrong class of the highest score
            np.copyto(out, raw)
            flat_out[index] = -math.inf
            out.argmax(1, rivals)
            locate_rivals()
            # rows = max(0, s_rival - s_y + margin)
            flat_raw.take(index, 0, label, "clip")
            flat_raw.take(rival_index, 0, rows, "clip")
            np.subtract(rows, label, rows)
            np.add(rows, margin, rows)
            np.maximum(rows, 0, out=rows)
            np.sign(rows, slope)
            np.multiply(slope, weight, slope)
            out.fill(0)
            flat_out[rival_index] = slope
            np.negative(slope, slope)
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

    link = "softmax"
    soft_targets = True
    _columns = BinarySquaredError

    def _bind_rows(self, y: Array, raw: Array, rows: Array, out: Array, weight: Array) -> Fill:
        exponentials, sums, _ = _bind_exponentials(raw, out)
        error, work = (aligned_empty(raw.shape, raw.dtype) for _ in range(2))
        mean, ones, column = np.empty_like(rows), np.ones_like(raw[0]), column_of(weight)
        read, subtract = _bind_targets(y, raw, mean, error, np.ones((), raw.dtype))
        sums_column, mean_column = sums[:, None], mean[:, None]

        def fill() -> None:
            exponentials()
            np.divide(out, sums_column, out)
            # error = p - y
            np.copyto(error, out)
            read()
            subtract()
            np.multiply(error, error, work)
            work.dot(ones, rows)
            np.multiply(rows, 0.5, rows)
            # dL/ds = p (error - p.error)
            np.multiply(out, error, work)
            work.dot(ones, mean)
            np.subtract(error, mean_column, error)
            np.multiply(out, error, out)
            np.multiply(out, column, out)

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

    link = "softmax"
    _columns = BinaryFocal

    def _bind_rows(self, y: Array, raw: Array, rows: Array, out: Array, weight: Array) -> Fill:
        exponentials, sums, shift = _bind_exponentials(raw, out)
        locate, index = _bind_index(y, raw.shape[1])
        flat_raw, flat_out, ones = _flat(raw), _flat(out), np.ones_like(raw[0])
        wrong, q, focus, slope = (np.empty_like(rows) for _ in range(4))
        slope_column, gamma, tiny = slope[:, None], self.gamma, float(np.finfo(raw.dtype).tiny)

        def fill() -> None:
            locate()
            if not exponentials():
                shift.fill(0)
            # rows = -log p_y = log(sum exp(s - shift)) - (s_y - shift)
            flat_raw.take(index, 0, rows, "clip")
            np.subtract(shift, rows, rows)
            np.log(sums, slope)
            np.add(rows, slope, rows)
            np.maximum(rows, 0, out=rows)
            # q = 1 - p_y, from the wrong classes alone: exact as p_y -> 1
            flat_out[index] = 0
            out.dot(ones, wrong)
            np.divide(wrong, sums, q)
            np.power(q, gamma, focus)
            # dL/ds_y = -slope = -q^gamma (q + gamma p_y (-log p_y))
            np.subtract(1, q, slope)
            np.multiply(slope, rows, slope)
            np.multiply(slope, gamma, slope)
            np.add(slope, q, slope)
            np.multiply(slope, focus, slope)
            np.multiply(slope, weight, slope)
            np.multiply(rows, focus, rows)
            # the wrong classes share the slope in proportion to their probabilities
            np.negative(slope, focus)
            np.maximum(wrong, tiny, out=wrong)
            np.divide(slope, wrong, slope)
            np.multiply(out, slope_column, out)
            flat_out[index] = focus

        return fill
