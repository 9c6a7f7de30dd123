"""Losses of regressors: sums over elements, y of the shape of the raw predictions."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np
from scipy.special import xlogy

from sknnlab._numerics import softplus_tail_into
from sknnlab.losses._base import Array, Elementwise, cross_entropy

_EXP_LIMIT = {
    np.dtype(kind): 0.75 * math.log(np.finfo(kind).max) for kind in (np.float32, np.float64)
}


def _exponential(x: Array, value: Array, slope: Array) -> None:
    """Set both to exp(x); where that nears overflow, `value` goes on along its tangent."""
    np.minimum(x, _EXP_LIMIT[x.dtype], out=slope)
    # value = exp(slope) (1 + x - slope)
    np.subtract(x, slope, value)
    value += 1
    np.exp(slope, slope)
    value *= slope


class SquaredError(Elementwise):
    r"""Half the squared error, :math:`L = \tfrac12 (s - y)^2`: predicts the mean.

    Examples
    --------
    >>> y, raw, out = np.array([[3.0], [1.0]]), np.ones((2, 1)), np.empty((2, 1))
    >>> SquaredError().value_and_gradient(y, raw, np.array([0.5, 0.5]), out)
    1.0
    >>> out.ravel()
    array([-1.,  0.])
    """

    is_convex = True

    def _elementwise(self, y: Array, raw: Array, loss: Array, grad: Array, work: Array) -> None:
        np.subtract(raw, y, grad)
        np.multiply(grad, grad, loss)
        loss *= 0.5


class AbsoluteError(Elementwise):
    r"""Absolute error, :math:`L = |s - y|`: predicts the median.

    Examples
    --------
    >>> y, raw, out = np.array([[3.0], [1.0]]), np.ones((2, 1)), np.empty((2, 1))
    >>> AbsoluteError().value_and_gradient(y, raw, np.array([0.5, 0.5]), out)
    1.0
    """

    is_convex = True

    def _elementwise(self, y: Array, raw: Array, loss: Array, grad: Array, work: Array) -> None:
        np.subtract(raw, y, grad)
        np.abs(grad, loss)
        np.sign(grad, grad)


class Huber(Elementwise):
    r"""Squared error for small residuals, absolute error for large ones.

    .. math:: L = c \, (r - c / 2), \quad r = s - y, \quad
              c = \min(\max(r, -\delta), \delta)

    Parameters
    ----------
    delta : float, default=1.0
        Where the two meet, in the units of y, > 0.

    References
    ----------
    P. J. Huber (1964). Robust Estimation of a Location Parameter. Annals of Mathematical
    Statistics 35.

    Examples
    --------
    >>> y, raw, out = np.array([[3.0]]), np.zeros((1, 1)), np.empty((1, 1))
    >>> Huber().value_and_gradient(y, raw, np.ones(1), out)
    2.5
    """

    is_convex = True
    _ranges: ClassVar = {"delta": {"low": 0, "low_open": True}}

    def __init__(self, delta: float = 1.0):
        self.delta = delta

    def _elementwise(self, y: Array, raw: Array, loss: Array, grad: Array, work: Array) -> None:
        np.subtract(raw, y, loss)
        np.maximum(loss, -self.delta, out=grad)
        np.minimum(grad, self.delta, out=grad)
        # loss = grad (loss - grad / 2)
        np.multiply(grad, 0.5, work)
        loss -= work
        loss *= grad


class Quantile(Elementwise):
    r"""Pinball loss: predicts a quantile.

    .. math:: L = \max(q (y - s), (q - 1) (y - s))

    Parameters
    ----------
    quantile : float, default=0.5
        q, in (0, 1); 0.5 is half the absolute error.

    References
    ----------
    R. Koenker and G. Bassett (1978). Regression Quantiles. Econometrica 46.

    Examples
    --------
    >>> y, raw, out = np.array([[2.0]]), np.zeros((1, 1)), np.empty((1, 1))
    >>> Quantile(quantile=0.75).value_and_gradient(y, raw, np.ones(1), out)
    1.5
    """

    is_convex = True
    _ranges: ClassVar = {"quantile": {"low": 0, "high": 1, "low_open": True, "high_open": True}}

    def __init__(self, quantile: float = 0.5):
        self.quantile = quantile

    def _elementwise(self, y: Array, raw: Array, loss: Array, grad: Array, work: Array) -> None:
        # loss = |s - y| / 2 + (1/2 - q) (s - y)
        tilt = 0.5 - self.quantile
        np.subtract(raw, y, grad)
        np.abs(grad, loss)
        loss *= 0.5
        np.multiply(grad, tilt, work)
        loss += work
        np.sign(grad, grad)
        grad *= 0.5
        grad += tilt


class Poisson(Elementwise):
    r"""Half the Poisson deviance with log link, for counts: predicts the mean exp(s).

    .. math:: L = e^s - y s + y \log y - y

    0 at the perfect fit. y >= 0, with a positive sum. Where exp(s) nears overflow it goes
    on along its tangent.

    References
    ----------
    P. McCullagh and J. A. Nelder (1989). Generalized Linear Models, 2nd edition.

    Examples
    --------
    >>> y, raw, out = np.array([[1.0], [0.0]]), np.zeros((2, 1)), np.empty((2, 1))
    >>> Poisson().value_and_gradient(y, raw, np.array([0.5, 0.5]), out)
    0.5
    """

    link = "exp"
    positive_only = True
    is_convex = True

    def check_targets(self, y: Array) -> None:
        """Raise ValueError for targets outside the loss's domain."""
        if not (y >= 0).all():
            raise ValueError(
                f"The Poisson loss needs targets y >= 0, got a minimum of {y.min():g}."
            )

    def _elementwise(self, y: Array, raw: Array, loss: Array, grad: Array, work: Array) -> None:
        _exponential(raw, loss, grad)
        grad -= y
        np.multiply(y, raw, work)
        loss -= work
        xlogy(y, y, work)
        loss += work
        loss -= y


class Gamma(Elementwise):
    r"""Half the gamma deviance with log link, for positive y: predicts the mean exp(s).

    .. math:: L = e^u - u - 1, \quad u = \log y - s

    0 at the perfect fit, and blind to the unit of y > 0. Where exp(u) nears overflow it
    goes on along its tangent.

    References
    ----------
    P. McCullagh and J. A. Nelder (1989). Generalized Linear Models, 2nd edition.

    Examples
    --------
    >>> y, raw, out = np.ones((1, 1)), np.zeros((1, 1)), np.empty((1, 1))
    >>> Gamma().value_and_gradient(y, raw, np.ones(1), out)
    0.0
    """

    link = "exp"
    positive_only = True
    is_convex = True

    def check_targets(self, y: Array) -> None:
        """Raise ValueError for targets outside the loss's domain."""
        if not (y > 0).all():
            raise ValueError(f"The gamma loss needs targets y > 0, got a minimum of {y.min():g}.")

    def _elementwise(self, y: Array, raw: Array, loss: Array, grad: Array, work: Array) -> None:
        np.log(y, work)
        work -= raw
        _exponential(work, loss, grad)
        np.subtract(1, grad, grad)
        loss -= work
        loss -= 1


class LogCosh(Elementwise):
    r"""Logarithm of the hyperbolic cosine, :math:`L = \log\cosh(s - y)`: a smooth |s - y|.

    Examples
    --------
    >>> y, raw, out = np.array([[0.0]]), np.ones((1, 1)), np.empty((1, 1))
    >>> round(LogCosh().value_and_gradient(y, raw, np.ones(1), out), 4)
    0.4338
    """

    is_convex = True

    def _elementwise(self, y: Array, raw: Array, loss: Array, grad: Array, work: Array) -> None:
        np.subtract(raw, y, grad)
        # loss = |r| + log(1 + exp(-2 |r|)) - log 2
        np.multiply(grad, 2, work)
        softplus_tail_into(work, loss)
        np.abs(grad, work)
        loss += work
        loss -= math.log(2)
        np.tanh(grad, grad)


class BinaryCrossEntropy(Elementwise):
    r"""Cross entropy of a proportion y in [0, 1] and p = sigmoid(s).

    .. math:: L = -y \log p - (1 - y) \log(1 - p)

    Examples
    --------
    >>> y, raw, out = np.array([[0.25]]), np.zeros((1, 1)), np.empty((1, 1))
    >>> round(BinaryCrossEntropy().value_and_gradient(y, raw, np.ones(1), out), 4)
    0.6931
    """

    link = "logistic"
    is_convex = True

    def check_targets(self, y: Array) -> None:
        """Raise ValueError for targets outside the loss's domain."""
        if not ((y >= 0) & (y <= 1)).all():
            raise ValueError(
                "The binary cross entropy needs targets y in [0, 1], got values from "
                f"{y.min():g} to {y.max():g}."
            )

    def _elementwise(self, y: Array, raw: Array, loss: Array, grad: Array, work: Array) -> None:
        cross_entropy(y, raw, loss, grad, work)
