"""Prediction: affine maps with batch normalization folded in, in chunks of rows.

Every call allocates its own buffers, so threads may predict at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sknnlab._engine.layers import BatchNormLayer, Dense, Layer, Nonlinearity
from sknnlab._numerics import aligned_empty

__all__ = ["Stage", "fold", "hidden", "raw_predictions"]

ROWS = 1024  # rows per chunk: their activations stay in the cache


@dataclass
class Stage:
    """One affine map and the activation after it (None at the output)."""

    W: np.ndarray
    b: np.ndarray
    activation: Nonlinearity | None = None


def fold(layers: Sequence[Layer]) -> list[Stage]:
    """Return the stages of `layers`; batch normalization becomes part of W and b."""
    stages: list[Stage] = []
    for layer in layers:
        if isinstance(layer, Dense):
            stages.append(Stage(layer.W, layer.b))
        elif isinstance(layer, BatchNormLayer):
            scale, shift = layer.scale_and_shift()
            stages[-1] = Stage(stages[-1].W * scale, stages[-1].b * scale + shift)
        elif isinstance(layer, Nonlinearity):
            stages[-1].activation = layer
    return stages


def hidden(stages: Sequence[Stage], X: Any) -> np.ndarray:
    """Return the output of the last of `stages` for a chunk of rows."""
    return _through(stages, X, [None] * len(stages))


def raw_predictions(stages: Sequence[Stage], X: Any, dtype: np.dtype) -> np.ndarray:
    """Return the raw predictions of dense or CSR rows."""
    n_samples = X.shape[0]
    if n_samples <= ROWS:
        return hidden(stages, X)
    raw = np.empty((n_samples, stages[-1].W.shape[1]), dtype)
    buffers = [aligned_empty((ROWS, stage.W.shape[1]), dtype) for stage in stages[:-1]]
    # arrays of one shape are added faster than a row to each row
    tiled = [replace(stage, b=np.tile(stage.b, (ROWS, 1))) for stage in stages]
    last = n_samples - n_samples % ROWS
    for start in range(0, last, ROWS):
        rows = slice(start, start + ROWS)
        out = raw[rows]
        result = _through(tiled, X[rows], [*buffers, out])
        if result is not out:  # the product of sparse rows
            out[...] = result
    if last < n_samples:
        raw[last:] = hidden(stages, X[last:])
    return raw


def _through(stages: Sequence[Stage], X: Any, outs: Sequence[np.ndarray | None]) -> np.ndarray:
    """Return the output of the last stage; each affine map is written to its `out`."""
    a = X
    for stage, out in zip(stages, outs, strict=True):
        # rows that are sparse make their own product
        a = a.dot(stage.W, out) if isinstance(a, np.ndarray) else a @ stage.W
        a += stage.b
        if stage.activation is not None:
            a = stage.activation.apply(a)
    return a
