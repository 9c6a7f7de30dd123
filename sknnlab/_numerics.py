"""In-place kernels and small numerical helpers that several families share.

Everything here works on plain arrays and knows nothing of layers or estimators.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np
from scipy.special import expit, log_softmax

__all__ = [
    "CHUNK",
    "HALF",
    "LINKS",
    "LOG_LINKS",
    "SAFE_SCORE",
    "ZERO",
    "aligned_empty",
    "aligned_zeros",
    "logistic",
    "padded",
    "sigmoid_into",
    "softmax",
    "softplus_tail_into",
    "zca",
    "zeros_beside",
]

ALIGNMENT = 64  # bytes: one cache line, and one AVX-512 register
SAFE_SCORE = 60.0  # exp of +-60, and sums of it, are normal numbers in float32 too
CHUNK = 32768  # elements: five float32 vectors of this length fit a 1 MiB cache


def _constant(value: float) -> dict[np.dtype, np.ndarray]:
    """Return a number as arrays of no dimension, which a ufunc takes faster than the number."""
    return {np.dtype(kind): np.array(value, kind) for kind in (np.float32, np.float64)}


ZERO, HALF = _constant(0.0), _constant(0.5)


@lru_cache(maxsize=16)
def _zeros(shape: tuple[int, ...], kind: str) -> np.ndarray:
    """Return zeros that are made once, read-only."""
    zeros = np.zeros(shape, kind)
    zeros.flags.writeable = False
    return zeros


def zeros_beside(z: np.ndarray) -> np.ndarray:
    """Return what to compare z with zero by: maximum is vectorized for two arrays only.

    In float32 that is up to four times as fast as with a scalar. Short arrays gain nothing,
    and for long ones the zeros would be read from memory.
    """
    if 1024 <= z.size <= 4 * CHUNK:
        return _zeros(z.shape, z.dtype.char)
    return ZERO[z.dtype]


def aligned_empty(shape: int | tuple[int, ...], dtype: np.typing.DTypeLike) -> np.ndarray:
    """Return an uninitialised C-ordered array whose data starts on a cache line."""
    dtype = np.dtype(dtype)
    n_bytes = int(np.prod(shape)) * dtype.itemsize
    raw = np.empty(n_bytes + ALIGNMENT, dtype=np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    return raw[start : start + n_bytes].view(dtype).reshape(shape)


def aligned_zeros(shape: int | tuple[int, ...], dtype: np.typing.DTypeLike) -> np.ndarray:
    """Return an array of zeros whose data starts on a cache line."""
    out = aligned_empty(shape, dtype)
    out.fill(0)
    return out


def padded(size: int) -> int:
    """Return `size` rounded up to whole blocks of 16 elements."""
    return -(-size // 16) * 16


def softmax(raw: np.ndarray) -> np.ndarray:
    """Return ``exp(raw) / sum(exp(raw))`` row by row, no entry rounded to zero."""
    if raw.max() < SAFE_SCORE and raw.min() > -SAFE_SCORE:
        proba = np.exp(raw)
    else:
        with np.errstate(over="ignore"):  # of scores at both ends of the floats
            proba = raw - raw.max(axis=1, keepdims=True)
        np.exp(proba, out=proba)
    proba /= proba.dot(np.ones(raw.shape[1], raw.dtype))[:, None]
    tiny = np.finfo(raw.dtype).tiny
    return proba if proba.min() >= tiny else np.maximum(proba, tiny, out=proba)


def logistic(raw: np.ndarray) -> np.ndarray:
    """Return ``1 / (1 + exp(-raw))``, kept strictly between 0 and 1."""
    info = np.finfo(raw.dtype)
    return np.clip(expit(raw), info.tiny, 1 - info.epsneg)


def sigmoid_into(x: np.ndarray, out: np.ndarray, work: np.ndarray | None = None) -> None:
    """Set ``out = 1 / (1 + exp(-x))``; x is read once and never written.

    With `work`, scratch of the same shape, no step writes where it reads: numpy takes three
    times as long for that where an array has a single element.

    Examples
    --------
    >>> x = np.array([-1000.0, 0.0, 1000.0])
    >>> sigmoid_into(x, x)
    >>> x
    array([0. , 0.5, 1. ])
    """
    work, half = out if work is None else work, HALF[x.dtype]
    # (1 + tanh(x / 2)) / 2 neither overflows nor branches
    np.multiply(x, half, work)
    np.tanh(work, out)
    np.multiply(out, half, work)
    np.add(work, half, out)


def softplus_tail_into(x: np.ndarray, out: np.ndarray, work: np.ndarray | None = None) -> None:
    """Set ``out = log(1 + exp(-|x|))``, the softplus of x without its max(x, 0).

    x is read once and never written; for `work` see `sigmoid_into`.

    Examples
    --------
    >>> x = np.array([-1000.0, 0.0, 1000.0])
    >>> softplus_tail_into(x, x)
    >>> x.round(4)
    array([0.    , 0.6931, 0.    ])
    """
    work = out if work is None else work
    np.absolute(x, work)
    np.negative(work, out)
    np.exp(out, work)
    np.log1p(work, out)


def _identity(raw: np.ndarray) -> np.ndarray:
    return raw


def _exp(raw: np.ndarray) -> np.ndarray:
    """Return ``exp(raw)``, infinite where it overflows."""
    with np.errstate(over="ignore"):
        return np.exp(raw)


def _log_softmax(raw: np.ndarray) -> np.ndarray:
    """Return the logarithm of `softmax`, with the same floor."""
    with np.errstate(over="ignore"):
        return np.maximum(log_softmax(raw, axis=1), math.log(np.finfo(raw.dtype).tiny))


def _log_logistic(raw: np.ndarray) -> np.ndarray:
    """Return the logarithm of `logistic`, whose bounds keep it finite."""
    return np.log(logistic(raw))


Link = Callable[[np.ndarray], np.ndarray]

# From raw predictions to what the user sees, and to its logarithm.
LINKS: dict[str, Link] = {
    "identity": _identity,
    "exp": _exp,
    "logistic": logistic,
    "softmax": softmax,
}
LOG_LINKS: dict[str, Link] = {"logistic": _log_logistic, "softmax": _log_softmax}


def zca(
    covariance: np.ndarray, epsilon: float, n_components: int | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return what whitens a covariance and stays closest to the identity.

    Returns
    -------
    components : ndarray of shape (n_components, n_features)
        Eigenvectors U of the covariance, largest eigenvalue first.
    variance : ndarray of shape (n_components,)
        Their eigenvalues s, none below 0.
    whitening : ndarray of shape (n_features, n_features)
        ``U' diag(1 / sqrt(s + epsilon)) U``; a direction without variance is left out when
        epsilon is 0.
    """
    variance, vectors = np.linalg.eigh(covariance)
    kept = slice(None, None, -1) if n_components is None else slice(None, -n_components - 1, -1)
    variance, components = np.maximum(variance[kept], 0), vectors.T[kept]
    floor = variance[0] * len(covariance) * np.finfo(variance.dtype).eps
    root = np.sqrt(variance + epsilon)
    inverse = np.divide(1, root, out=np.zeros_like(root), where=variance + epsilon > floor)
    return components, variance, (components.T * inverse) @ components
