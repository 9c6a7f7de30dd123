"""Dropout: some units are left out of each training step."""

from __future__ import annotations

from typing import Any

import numpy as np

from sknnlab._engine.layers.base import Batch, Layer, Op, Shape
from sknnlab._engine.parameters import Views

__all__ = ["ChannelDropout", "Dropout"]


class Dropout(Layer):
    """Inverted dropout (Srivastava et al. 2014): training only, absent from prediction."""

    kind = "dropout"
    draws = True

    def __init__(self, probability: float):
        super().__init__()
        self.probability = probability

    def config(self) -> dict[str, Any]:
        return {"probability": self.probability}

    def out_shape(self, in_shape: Shape) -> Shape:
        return in_shape

    def bind(self, x: Any, grads: Views, batch: Batch, needs_dx: bool) -> Op:
        return _DropoutOp(self.probability, x, batch) if batch.training else _PassOp(x)

    def infer(self, x: Any, out: np.ndarray | None = None) -> np.ndarray:
        return x


class ChannelDropout(Dropout):
    """Dropout of whole channels of an image (Tompson et al. 2015)."""

    kind = "channel_dropout"

    def bind(self, x: Any, grads: Views, batch: Batch, needs_dx: bool) -> Op:
        return _ChannelDropoutOp(self.probability, x, batch) if batch.training else _PassOp(x)


class _PassOp(Op):
    """Hands on what it is given."""

    def __init__(self, x: np.ndarray):
        self.out = x

    def forward(self) -> None:
        pass

    def backward(self, delta: np.ndarray) -> np.ndarray:
        return delta


class _DropoutOp(Op):
    """Compares random bytes, or byte pairs where the probability needs them, with a bound."""

    def __init__(self, probability: float, x: np.ndarray, batch: Batch):
        if batch.rng is None:
            raise ValueError("Dropout needs a random generator.")
        self._x, self.out = x, batch.empty(x.shape[1:])
        drawn = self._drawn(x.shape[1:])
        self._kept, self._factor = batch.empty(drawn, np.bool_), batch.kept(drawn)
        self._raw = batch.rng.bit_generator.random_raw
        whole = (probability * 256).is_integer()
        self._bits: type = np.uint8 if whole else np.uint16
        levels = 256 if whole else 65536
        bound = min(round(probability * levels), levels - 1)
        self._bound = np.array(bound, self._bits)
        self._n_words = -(-self._kept.size * np.dtype(self._bits).itemsize // 8)
        # dividing by the kept fraction keeps the expectation exact
        self._scale = np.array(levels / (levels - bound), batch.dtype)

    def _drawn(self, shape: Shape) -> Shape:
        """Return the shape of what is drawn for a row."""
        return shape

    def forward(self) -> None:
        bits: np.ndarray = self._raw(self._n_words).view(self._bits)[: self._kept.size]
        np.greater_equal(bits.reshape(self._kept.shape), self._bound, self._kept)
        np.multiply(self._kept, self._scale, self._factor)
        self.again()

    def again(self) -> None:
        np.multiply(self._x, self._factor, self.out)

    def backward(self, delta: np.ndarray) -> np.ndarray:
        np.multiply(delta, self._factor, delta)
        return delta


class _ChannelDropoutOp(_DropoutOp):
    def _drawn(self, shape: Shape) -> Shape:
        return (*(1 for _ in shape[:-1]), shape[-1])
