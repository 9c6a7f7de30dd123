"""The kinds of layer, a file each; `base` says what a kind declares."""

from sknnlab._engine.layers.activation import Activate
from sknnlab._engine.layers.base import (
    Batch,
    Layer,
    Op,
    Scratch,
    Shape,
    SparseRows,
    Substitute,
    TouchedRows,
)
from sknnlab._engine.layers.convolution import Convolution, convolve_and_pool, pool_first
from sknnlab._engine.layers.dense import Dense
from sknnlab._engine.layers.dropout import ChannelDropout, Dropout
from sknnlab._engine.layers.flatten import Flatten
from sknnlab._engine.layers.maxout import MaxoutLayer
from sknnlab._engine.layers.normalization import BatchNormLayer
from sknnlab._engine.layers.pooling import GlobalAverage, Pool
from sknnlab._engine.layers.prelu import PReLULayer

__all__ = [
    "Activate",
    "Batch",
    "BatchNormLayer",
    "ChannelDropout",
    "Convolution",
    "Dense",
    "Dropout",
    "Flatten",
    "GlobalAverage",
    "Layer",
    "MaxoutLayer",
    "Op",
    "PReLULayer",
    "Pool",
    "Scratch",
    "Shape",
    "SparseRows",
    "Substitute",
    "TouchedRows",
    "convolve_and_pool",
    "pool_first",
]
