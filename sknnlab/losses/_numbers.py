"""Losses of regressors: sums over elements, y of the shape of the raw predictions."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np
from scipy.special import xlogy

from sknnlab._numerics import softplus_tail_into
from sknnlab.losses._base import Array, Elementwise, Fill, constants, scratch
from sknnlab.losses._columns import bind_cross_entropy, mean_entropy

_EXP_LIMIT = {
    np.dtype(kind): 0.75 * math.log(np.finfo(kind).max) for kind in (np.float32, np.float64)
}


def bind_exponential(x: Array, value: Array, slope: Array) -> Fill:
    """Return what sets both to exp(x); near overflow `value` goes on along its tangent."""
    (lower, work), (limit, one) = scratch(x, 2), constants(x, _EXP_LIMIT[x.dtype], 1)

    def fill() -> None:
        np.minimum(x, limit, out=lower)
        # value = exp(lower) (1 + x - lower)
        np.subtract(x, lower, value)
        np.add(value, one, work)
        np.exp(lower, slope)
        np.multiply(work, slope, value)

    return fill


class Numbers(Elementwise):
    """For y of numbers, one or several a row."""

    targets = ("numbers",)


class SquaredError(Numbers):
    r"""Half the squared error, :math:`L = \tfrac12 (s - y)^2`: predicts the mean.

    Examples
    --------
    >>> y, raw, out = np.array([[3.0], [1.0]]), np.ones((2, 1)), np.empty((2, 1))
    >>> SquaredError().value_and_gradient(y, raw, np.array([0.5, 0.5]), out)
    1.0
    >>> out.ravel()
    array([-1.,  0.])
    """

    start = "half the mean square of y"
    is_convex = True

    def _bind_elements(self, y: Array, raw: Array, loss: Array, slope: Array) -> Fill:
        (work,), (half,) = scratch(raw, 1), constants(raw, 0.5)

        def fill() -> None:
            np.subtract(raw, y, slope)
            np.multiply(slope, slope, work)
            np.multiply(work, half, loss)

        return fill


class AbsoluteError(Numbers):
    r"""Absolute error, :math:`L = |s - y|`: predicts the median.

    Examples
    --------
    >>> y, raw, out = np.array([[3.0], [1.0]]), np.ones((2, 1)), np.empty((2, 1))
    >>> AbsoluteError().value_and_gradient(y, raw, np.array([0.5, 0.5]), out)
    1.0
    """

    start = "the mean of |y|"
    is_convex = True

    def _bind_elements(self, y: Array, raw: Array, loss: Array, slope: Array) -> Fill:
        (residual,) = scratch(raw, 1)

        def fill() -> None:
            np.subtract(raw, y, residual)
            np.absolute(residual, loss)
            np.sign(residual, slope)

        return fill


class Huber(Numbers):
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

    start = "the mean Huber loss of y"
    is_convex = True
    _ranges: ClassVar = {"delta": {"low": 0, "low_open": True}}

    def __init__(self, delta: float = 1.0):
        self.delta = delta

    def _bind_elements(self, y: Array, raw: Array, loss: Array, slope: Array) -> Fill:
        residual, work = scratch(raw, 2)
        half, high, low = constants(raw, 0.5, self.delta, -self.delta)

        def fill() -> None:
            np.subtract(raw, y, residual)
            np.maximum(residual, low, out=work)
            np.minimum(work, high, out=slope)
            # loss = slope (residual - slope / 2)
            np.multiply(slope, half, loss)
            np.subtract(residual, loss, work)
            np.multiply(work, slope, loss)

        return fill


class Quantile(Numbers):
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

    start = "the mean pinball loss of y"
    is_convex = True
    _ranges: ClassVar = {"quantile": {"low": 0, "high": 1, "low_open": True, "high_open": True}}

    def __init__(self, quantile: float = 0.5):
        self.quantile = quantile

    def _bind_elements(self, y: Array, raw: Array, loss: Array, slope: Array) -> Fill:
        residual, work = scratch(raw, 2)
        half, tilt = constants(raw, 0.5, 0.5 - self.quantile)

        def fill() -> None:
            # loss = |s - y| / 2 + (1/2 - q) (s - y)
            np.subtract(raw, y, residual)
            np.absolute(residual, work)
            np.multiply(work, half, slope)
            np.multiply(residual, tilt, work)
            np.add(slope, work, loss)
            # slope = sign(s - y) / 2 + 1/2 - q
            np.sign(residual, work)
            np.multiply(work, half, residual)
            np.add(residual, tilt, slope)

        return fill


class Poisson(Numbers):
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

    start = "the mean of 1 + y log y - y"
    link = "exp"
    positive_only = True
    is_convex = True

    def check_targets(self, y: Array) -> None:
        """Raise ValueError for targets outside the loss's domain."""
        if not (y >= 0).all():
            raise ValueError(
                f"The Poisson loss needs targets y >= 0, got a minimum of {y.min():g}."
            )

    def _bind_elements(self, y: Array, raw: Array, loss: Array, slope: Array) -> Fill:
        value, exponential, work = scratch(raw, 3)
        exponentiate = bind_exponential(raw, value, exponential)

        def fill() -> None:
            exponentiate()
            np.subtract(exponential, y, slope)
            # loss = e^s - y s + y log y - y
            np.multiply(y, raw, work)
            np.subtract(value, work, loss)
            xlogy(y, y, work)
            np.add(loss, work, value)
            np.subtract(value, y, loss)

        return fill


class Gamma(Numbers):
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

    start = "the mean of y - log y - 1"
    link = "exp"
    positive_only = True
    is_convex = True

    def check_targets(self, y: Array) -> None:
        """Raise ValueError for targets outside the loss's domain."""
        if not (y > 0).all():
            raise ValueError(f"The gamma loss needs targets y > 0, got a minimum of {y.min():g}.")

    def _bind_elements(self, y: Array, raw: Array, loss: Array, slope: Array) -> Fill:
        (u, value, exponential), (one,) = scratch(raw, 3), constants(raw, 1)
        exponentiate = bind_exponential(u, value, exponential)

        def fill() -> None:
            # u = log y - s
            np.log(y, loss)
            np.subtract(loss, raw, u)
            exponentiate()
            np.subtract(one, exponential, slope)
            # loss = e^u - u - 1
            np.subtract(value, u, exponential)
            np.subtract(exponential, one, loss)

        return fill


class LogCosh(Numbers):
    r"""Logarithm of the hyperbolic cosine, :math:`L = \log\cosh(s - y)`: a smooth absolute error.

    References
    ----------
    P. J. Green (1990). Bayesian Reconstructions from Emission Tomography Data Using a
    Modified EM Algorithm. IEEE Transactions on Medical Imaging 9.

    Examples
    --------
    >>> y, raw, out = np.array([[0.0]]), np.ones((1, 1)), np.empty((1, 1))
    >>> round(LogCosh().value_and_gradient(y, raw, np.ones(1), out), 4)
    0.4338
    """

    start = "the mean of log cosh y"
    is_convex = True

    def _bind_elements(self, y: Array, raw: Array, loss: Array, slope: Array) -> Fill:
        (residual, a, b), (two, log_2) = scratch(raw, 3), constants(raw, 2, math.log(2))

        def fill() -> None:
            np.subtract(raw, y, residual)
            # loss = |r| + log(1 + exp(-2 |r|)) - log 2
            np.multiply(residual, two, slope)
            softplus_tail_into(slope, a, b)
            np.absolute(residual, b)
            np.add(a, b, slope)
            np.subtract(slope, log_2, loss)
            np.tanh(residual, slope)

        return fill


class BinaryCrossEntropy(Numbers):
    r"""Cross entropy of a proportion y in [0, 1] and p = sigmoid(s).

    .. math:: L = -y \log p - (1 - y) \log(1 - p)

    References
    ----------
    L. E. Papke and J. M. Wooldridge (1996). Econometric Methods for Fractional Response
    Variables. Journal of Applied Econometrics 11.

    Examples
    --------
    >>> y, raw, out = np.array([[0.25]]), np.zeros((1, 1)), np.empty((1, 1))
    >>> round(BinaryCrossEntropy().value_and_gradient(y, raw, np.ones(1), out), 4)
    0.6931
    """

    start = "log 2 an output"
    link = "logistic"
    is_convex = True

    def check_targets(self, y: Array) -> None:
        """Raise ValueError for targets outside the loss's domain."""
        if not ((y >= 0) & (y <= 1)).all():
            raise ValueError(
                "The binary cross entropy needs targets y in [0, 1], got values from "
                f"{y.min():g} to {y.max():g}."
            )

    def smallest(self, y: Array, n_outputs: int, weights: Array | None = None) -> float:
        """Return the entropy of the targets; see `Loss`."""
        return mean_entropy(y.astype(np.float64), weights)

    def _bind_elements(self, y: Array, raw: Array, loss: Array, slope: Array) -> Fill:
        return bind_cross_entropy(y, raw, loss, slope)
