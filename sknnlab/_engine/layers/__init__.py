"""The kinds of layer, a file each; `base` says what a kind declares."""

from sknnlab._engine.layers.activation import Activate
from sknnlab._engine.layers.base import Batch, Layer, Op, Shape, SparseRows, TouchedRows
from sknnlab._engine.layers.dense import Dense
from sknnlab._engine.layers.dropout import Dropout
from sknnlab._engine.layers.maxout import MaxoutLayer
from sknnlab._engine.layers.normalization import BatchNormLayer
from sknnlab._engine.layers.prelu import PReLULayer

__all__ = [
    "Activate",
    "Batch",
    "BatchNormLayer",
    "Dense",
    "Dropout",
    "Layer",
    "MaxoutLayer",
    "Op",
    "PReLULayer",
    "Shape",
    "SparseRows",
    "TouchedRows",
]
