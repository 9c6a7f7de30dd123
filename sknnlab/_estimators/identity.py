"""Whether an interrupted run is resumed with what it began with."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import scipy.sparse

from sknnlab._engine.state import TrainingState

__all__ = ["MOVED_ON", "check_same", "identity"]

FREE = ("verbose",)  # parameters that change nothing
CHUNK = 4096  # rows at a time
HOW = (
    "To go on, call fit with what it began with; to start anew, use sklearn.base.clone(...), or "
    "trim() first."
)
MOVED_ON = (
    "partial_fit has trained this estimator since its checkpoint was written, and fit would "
    f"discard that. {HOW}"
)


def identity(
    estimator: Any, X: Any, y: Any, sample_weight: Any, validation: tuple[Any, Any, Any]
) -> dict[str, Any]:
    """Return what tells this run from another: parameters, and sums over the data."""
    parameters = estimator.get_params(deep=True)
    data = {"X": X, "y": y, "sample_weight": sample_weight}
    data |= dict(zip(("X_val", "y_val", "sample_weight_val"), validation, strict=True))
    return {
        "parameters": {k: _plain(v) for k, v in sorted(parameters.items()) if k not in FREE},
        "data": {name: _checksum(values) for name, values in data.items()},
    }


def _plain(value: Any) -> str:
    """Return a parameter as text that is the same in another process."""
    if isinstance(value, np.random.RandomState):
        return "RandomState"
    if hasattr(value, "get_params"):
        return type(value).__qualname__
    if callable(value):
        return getattr(value, "__qualname__", type(value).__qualname__)
    if isinstance(value, (list, tuple)):
        return str([_plain(one) for one in value])
    return repr(value)


def _checksum(values: Any) -> tuple[str, int] | None:
    """Return shape and checksum of some data."""
    if values is None:
        return None
    total = 0
    for piece in _pieces(values):
        total = zlib.crc32(piece, total)
    return str(getattr(values, "shape", len(values) if hasattr(values, "__len__") else "")), total


def _pieces(values: Any) -> Iterator[Any]:
    if scipy.sparse.issparse(values):
        values = values.tocsr()
        yield from (np.ascontiguousarray(a) for a in (values.data, values.indices, values.indptr))
        return
    array = values if isinstance(values, np.ndarray) else np.asarray(values)
    if array.ndim == 0:
        yield repr(values).encode()
        return
    for start in range(0, len(array), CHUNK):
        chunk = array[start : start + CHUNK]
        yield repr(chunk.tolist()).encode() if chunk.dtype == object else chunk.tobytes()


def check_same(state: TrainingState | None, now: dict[str, Any] | None) -> None:
    """Raise ValueError where a run cannot go on from a state.

    Parameters
    ----------
    state : TrainingState
        Of the interrupted run.
    now : dict
        `identity` of this call.
    """
    assert state is not None
    assert now is not None
    then = state.meta["identity"]
    for kind, word in (("parameters", "parameter"), ("data", "argument")):
        before, after = then[kind], now[kind]
        names = sorted(k for k in {**before, **after} if before.get(k) != after.get(k))
        if names:
            what = "; ".join(f"{k} was {before.get(k)}, now {after.get(k)}" for k in names)
            raise ValueError(
                f"This estimator was interrupted in the middle of a run that used another "
                f"{word}: {what}. {HOW}"
            )
