"""Column-wise losses of classifiers: one raw column a label, y of 0 and 1."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from sknnlab._numerics import sigmoid_into, softplus_tail_into
from sknnlab.losses._base import (
    LOG_CAP,
    Array,
    Elementwise,
    Focusing,
    Margin,
    Smoothing,
    cross_entropy,
    raise_to,
)


class _BinaryMargin(Margin, Elementwise):
    """max(0, margin - t raw)^p, with t = 2 y - 1."""

    _power: ClassVar[int]

    def _elementwise(self, y: Array, raw: Array, loss: Array, grad: Array, work: Array) -> None:
        # work = -t; loss = max(0, margin + work raw)
        np.multiply(y, -2, work)
        work += 1
        np.multiply(work, raw, loss)
        loss += self.margin
        np.maximum(loss, 0, out=loss)
        raise_to(self._power, loss, grad)
        grad *= work


class BinaryLogLoss(Smoothing, Elementwise):
    r"""Column-wise `LogLoss`: :math:`L = \log(1 + e^s) - y' s`, starting at log 2.

    The smoothed target is :math:`y' = (1 - \epsilon) y + \epsilon / 2`. Without smoothing
    each element is capped as in `LogLoss`.
    """

    link = "logistic"

    def _elementwise(self, y: Array, raw: Array, loss: Array, grad: Array, work: Array) -> None:
        cross_entropy(y, raw, loss, grad, work)
        if not self.label_smoothing:
            np.minimum(loss, LOG_CAP[raw.dtype], out=loss)
            return
        # y' = y - work
        np.subtract(y, 0.5, work)
        work *= self.label_smoothing
        grad += work
        work *= raw
        loss += work


class BinaryHinge(_BinaryMargin):
    r"""Column-wise `Hinge` and `CrammerSinger`: :math:`L = \max(0, m - t s)`, t = 2 y - 1."""

    _power = 1


class BinarySquaredHinge(_BinaryMargin):
    r"""Column-wise `SquaredHinge`: :math:`L = \max(0, m - t s)^2`, t = 2 y - 1."""

    _power = 2


class BinarySquaredError(Elementwise):
    r"""Column-wise `ClassifierSquaredError`: :math:`L = (p - y)^2 / 2`, p = sigmoid(s)."""

    link = "logistic"
    soft_targets = True

    def _elementwise(self, y: Array, raw: Array, loss: Array, grad: Array, work: Array) -> None:
        # loss = (p - y)^2 / 2, grad = (p - y) p (1 - p)
        sigmoid_into(raw, work)
        np.subtract(work, y, grad)
        np.multiply(grad, grad, loss)
        loss *= 0.5
        grad *= work
        np.subtract(1, work, work)
        grad *= work


class BinaryFocal(Focusing, Elementwise):
    r"""Column-wise `Focal`: :math:`L = -(1 - p_t)^\gamma \log p_t`, p_t = sigmoid(t s)."""

    link = "logistic"

    def _elementwise(self, y: Array, raw: Array, loss: Array, grad: Array, work: Array) -> None:
        # loss = -log p_t = log(1 + exp(-|t s|)) - min(t s, 0)
        np.multiply(y, 2, work)
        work -= 1
        work *= raw
        softplus_tail_into(raw, loss)
        np.minimum(work, 0, out=grad)
        loss -= grad
        # work = -log q, q = 1 - p_t
        work += loss
        # loss = q^gamma (-log p_t)
        np.multiply(work, -self.gamma, grad)
        np.exp(grad, grad)
        loss *= grad
        # grad = gamma p_t loss + q^(gamma + 1)
        np.negative(work, grad)
        np.exp(grad, grad)
        np.subtract(1, grad, grad)
        grad *= loss
        grad *= self.gamma
        work *= -self.gamma - 1
        np.exp(work, work)
        grad += work
        # dL/ds = -t grad
        np.multiply(y, -2, work)
        work += 1
        grad *= work
