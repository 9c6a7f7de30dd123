"""Column-wise losses of classifiers: one raw column a label, y of 0 and 1."""

from __future__ import annotations

import numpy as np
from scipy.special import entr

from sknnlab._numerics import sigmoid_into, softplus_tail_into, zeros_beside
from sknnlab.losses._base import (
    LOG_CAP,
    Array,
    BuiltIn,
    Elementwise,
    Fill,
    Focusing,
    Margin,
    Smoothing,
    constants,
    scratch,
)


def bind_cross_entropy(y: Array, raw: Array, loss: Array, slope: Array) -> Fill:
    """Return what sets the cross entropy of y and sigmoid(raw), and its derivative."""
    (work,), zero = scratch(raw, 1), zeros_beside(raw)

    def fill() -> None:
        # loss = log(1 + exp(-|raw|)) + max(raw, 0) - y raw
        softplus_tail_into(raw, loss, work)
        np.maximum(raw, zero, out=work)
        np.add(loss, work, slope)
        np.multiply(y, raw, work)
        np.subtract(slope, work, loss)
        # slope = sigmoid(raw) - y
        sigmoid_into(raw, work, slope)
        np.subtract(work, y, slope)

    return fill


def mean_entropy(p: Array, weights: Array | None) -> float:
    """Return the weighted mean of rows of binary entropies, summed over columns."""
    rows = (entr(p) + entr(1 - p)).sum(axis=1)
    return float(np.average(rows, weights=weights))


class BinaryLoss(BuiltIn):
    """For y of 0 and 1 in columns; a classifier of two classes has one column."""

    targets = ("classes",)
    columns = True


class BinaryMargin(Margin, BinaryLoss, Elementwise):
    """max(0, margin - t raw)^p, with t = 2 y - 1."""

    def _bind_elements(self, y: Array, raw: Array, loss: Array, slope: Array) -> Fill:
        (sign, work), zero, power = scratch(raw, 2), zeros_beside(raw), self._power
        one, two, minus_two, margin = constants(raw, 1, 2, -2, self.margin)
        violation = loss if power == 1 else scratch(raw, 1)[0]

        def fill() -> None:
            # sign = -t
            np.multiply(y, minus_two, work)
            np.add(work, one, sign)
            # violation = max(0, margin + sign raw)
            np.multiply(sign, raw, slope)
            np.add(slope, margin, work)
            np.maximum(work, zero, out=violation)
            if power == 1:
                np.sign(violation, work)
            else:
                np.multiply(violation, violation, loss)
                np.multiply(violation, two, work)
            np.multiply(work, sign, slope)

        return fill


class BinaryLogLoss(Smoothing, BinaryLoss, Elementwise):
    r"""Column-wise `LogLoss`: :math:`L = \log(1 + e^s) - y' s`, starting at log 2.

    The smoothed target is :math:`y' = (1 - \epsilon) y + \epsilon / 2`. Without smoothing
    each element is capped as in `LogLoss`.

    Parameters
    ----------
    label_smoothing : float, default=0.0
        Share of the target spread evenly over both classes, in [0, 1).
    """

    start = "log 2 a label"
    link = "logistic"

    def smallest(self, y: Array, n_outputs: int, weights: Array | None = None) -> float:
        """Return the entropy of the targets, smoothed as they are; see `Loss`."""
        y = y.astype(np.float64)
        return mean_entropy(y + self.label_smoothing * (0.5 - y), weights)

    def _bind_elements(self, y: Array, raw: Array, loss: Array, slope: Array) -> Fill:
        entropy, plain = scratch(raw, 2)
        if not self.label_smoothing:
            plain_fill = bind_cross_entropy(y, raw, entropy, slope)
            (cap,) = constants(raw, LOG_CAP[raw.dtype])

            def fill_capped() -> None:
                plain_fill()
                np.minimum(entropy, cap, out=loss)

            return fill_capped
        smooth_fill = bind_cross_entropy(y, raw, entropy, plain)
        (work, shift), (half, share) = scratch(raw, 2), constants(raw, 0.5, self.label_smoothing)

        def fill() -> None:
            smooth_fill()
            # y' = y - shift
            np.subtract(y, half, work)
            np.multiply(work, share, shift)
            np.add(plain, shift, slope)
            np.multiply(shift, raw, work)
            np.add(entropy, work, loss)

        return fill


class BinaryHinge(BinaryMargin):
    r"""Column-wise `Hinge` and `CrammerSinger`: :math:`L = \max(0, m - t s)`, t = 2 y - 1.

    Parameters
    ----------
    margin : float, default=1.0
        m, > 0.
    """

    start = "m a label, m = {margin:g}"
    _power = 1


class BinarySquaredHinge(BinaryMargin):
    r"""Column-wise `SquaredHinge`: :math:`L = \max(0, m - t s)^2`, t = 2 y - 1.

    Parameters
    ----------
    margin : float, default=1.0
        m, > 0.
    """

    start = "m² a label, m = {margin:g}"
    _power = 2


class BinarySquaredError(BinaryLoss, Elementwise):
    r"""Column-wise `ClassifierSquaredError`: :math:`L = (p - y)^2 / 2`, p = sigmoid(s)."""

    start = "1 / 8 a label"
    link = "logistic"
    soft_targets = True

    def _bind_elements(self, y: Array, raw: Array, loss: Array, slope: Array) -> Fill:
        (p, error, work), (half, one) = scratch(raw, 3), constants(raw, 0.5, 1)

        def fill() -> None:
            # loss = (p - y)^2 / 2
            sigmoid_into(raw, p, work)
            np.subtract(p, y, error)
            np.multiply(error, error, work)
            np.multiply(work, half, loss)
            # slope = (p - y) p (1 - p)
            np.multiply(error, p, work)
            np.subtract(one, p, error)
            np.multiply(work, error, slope)

        return fill


class BinaryFocal(Focusing, BinaryLoss, Elementwise):
    r"""Column-wise `Focal`: :math:`L = -(1 - p_t)^\gamma \log p_t`, p_t = sigmoid(t s).

    Parameters
    ----------
    gamma : float, default=2.0
        How fast it fades, >= 0; 0 is the log loss.
    """

    start = "2^-g log 2 a label, g = {gamma:g}"
    link = "logistic"

    def _bind_elements(self, y: Array, raw: Array, loss: Array, slope: Array) -> Fill:
        (a, b, c), zero = scratch(raw, 3), zeros_beside(raw)
        one, two, minus_two = constants(raw, 1, 2, -2)
        gamma, fade, fade_more = constants(raw, self.gamma, -self.gamma, -self.gamma - 1)

        def fill() -> None:
            # a = t s
            np.multiply(y, two, a)
            np.subtract(a, one, b)
            np.multiply(b, raw, a)
            # slope = -log p_t = log(1 + exp(-|t s|)) - min(t s, 0), for now
            softplus_tail_into(raw, b, c)
            np.minimum(a, zero, out=c)
            np.subtract(b, c, slope)
            # b = -log q, q = 1 - p_t
            np.add(a, slope, b)
            # loss = q^gamma (-log p_t)
            np.multiply(b, fade, a)
            np.exp(a, c)
            np.multiply(slope, c, loss)
            # a = gamma p_t loss
            np.negative(b, a)
            np.exp(a, c)
            np.subtract(one, c, a)
            np.multiply(a, loss, c)
            np.multiply(c, gamma, a)
            # c = a + q^(gamma + 1)
            np.multiply(b, fade_more, c)
            np.exp(c, b)
            np.add(a, b, c)
            # dL/ds = -t c
            np.multiply(y, minus_two, a)
            np.add(a, one, b)
            np.multiply(c, b, slope)

        return fill
