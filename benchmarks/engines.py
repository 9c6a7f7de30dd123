"""The engines that the speed benchmark times: the same updates on the same rows.

Each class is made once in a process of its own, and `run` trains from scratch and returns
the seconds it took.
"""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import scipy.sparse


@dataclass(frozen=True)
class Regime:
    """One row of the table."""

    name: str
    batch: int
    layers: tuple[int, ...]
    n_batches: int
    n_epochs: int
    activation: str = "relu"
    batchnorm: bool = False
    dropout: float = 0.0
    density: float = 1.0
    lazy: bool = False

    @property
    def n_steps(self) -> int:
        return self.n_batches * self.n_epochs

    @property
    def regression(self) -> bool:
        return self.layers[-1] == 1

    def data(self, dtype: str) -> tuple:
        rng = np.random.default_rng(0)
        n = self.batch * self.n_batches
        if self.density < 1:
            X = zipf_rows(rng, n, self.layers[0], round(self.density * self.layers[0]), dtype)
        else:
            X = rng.standard_normal((n, self.layers[0])).astype(dtype)
        if self.regression:
            return X, rng.standard_normal(n).astype(dtype)
        return X, rng.integers(0, self.layers[-1], n)

    def parameters(self) -> dict:
        """Return what both MLPs are given."""
        return {
            "hidden_layer_sizes": self.layers[1:-1],
            "activation": self.activation,
            "batch_size": self.batch,
            "max_iter": self.n_epochs,
            "tol": 0.0,
            "n_iter_no_change": np.inf,
            "random_state": 0,
        }


def zipf_rows(rng, n: int, n_features: int, per_row: int, dtype: str):
    """Return CSR rows whose columns are used as words are: few often, most rarely."""
    share = 1 / np.arange(1, n_features + 1)
    columns = rng.choice(n_features, size=n * per_row, p=share / share.sum())
    rows = np.repeat(np.arange(n), per_row)
    values = np.ones(len(rows), dtype)
    X = scipy.sparse.csr_array((values, (rows, columns)), shape=(n, n_features))
    X.sum_duplicates()
    return X


class MLP:
    """An estimator with scikit-learn's signature."""

    def __init__(self, module: str, regime: Regime, dtype: str, extra: dict | None = None):
        import importlib

        kind = "MLPRegressor" if regime.regression else "MLPClassifier"
        self.make = getattr(importlib.import_module(module), kind)
        self.parameters = {**regime.parameters(), **(extra or {})}
        self.data = regime.data(dtype)

    def run(self) -> float:
        model = self.make(**self.parameters)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            start = time.perf_counter()
            model.fit(*self.data)
            return time.perf_counter() - start


class Ours(MLP):
    def __init__(self, regime: Regime, dtype: str):
        from sknnlab.optimizers import Adam

        extra = {"batchnorm": regime.batchnorm, "dropout": regime.dropout}
        if regime.lazy:
            extra["optimizer"] = Adam(lazy=True)
        super().__init__("sknnlab.neural_network", regime, dtype, extra)


class Sklearn(MLP):
    def __init__(self, regime: Regime, dtype: str):
        super().__init__("sklearn.neural_network", regime, dtype)


class Torch:
    """Eager PyTorch with fused Adam; L2 as in scikit-learn, through the weight decay."""

    def __init__(self, regime: Regime, dtype: str, n_threads: int | None = None):
        import torch

        if n_threads:
            torch.set_num_threads(n_threads)
        self.torch, self.regime = torch, regime
        X, y = regime.data(dtype)
        self.dtype = getattr(torch, dtype)
        self.X, self.y = torch.from_numpy(X), torch.from_numpy(np.asarray(y))
        if regime.regression:
            self.y = self.y[:, None]

    def network(self):
        nn, regime = self.torch.nn, self.regime
        layers: list = []
        sizes = regime.layers
        for fan_in, fan_out in pairwise(sizes[:-1]):
            layers.append(nn.Linear(fan_in, fan_out, bias=not regime.batchnorm))
            if regime.batchnorm:
                layers.append(nn.BatchNorm1d(fan_out))
            layers.append(nn.ReLU(inplace=True) if regime.activation == "relu" else nn.Tanh())
            if regime.dropout:
                layers.append(nn.Dropout(regime.dropout))
        layers.append(nn.Linear(sizes[-2], sizes[-1]))
        return nn.Sequential(*layers).to(self.dtype)

    def run(self) -> float:
        torch, regime = self.torch, self.regime
        start = time.perf_counter()
        net = self.network()
        loss = torch.nn.MSELoss() if regime.regression else torch.nn.CrossEntropyLoss()
        decay = 1e-4 / regime.batch
        optimizer = torch.optim.Adam(net.parameters(), lr=1e-3, weight_decay=decay, fused=True)
        for _ in range(regime.n_epochs):
            total = torch.zeros((), dtype=self.dtype)
            for index in torch.randperm(len(self.X)).split(regime.batch):
                optimizer.zero_grad(set_to_none=True)
                value = loss(net(self.X[index]), self.y[index])
                value.backward()
                optimizer.step()
                total += value.detach()
            total.item()
        return time.perf_counter() - start


class Products:
    """The matrix products of the same steps, and nothing else."""

    def __init__(self, regime: Regime, dtype: str):
        rng = np.random.default_rng(0)
        self.regime = regime
        self.operands = []
        for i, (fan_in, fan_out) in enumerate(
            zip(regime.layers[:-1], regime.layers[1:], strict=True)
        ):
            x, delta, W = (
                rng.standard_normal(shape).astype(dtype)
                for shape in ((regime.batch, fan_in), (regime.batch, fan_out), (fan_in, fan_out))
            )
            outs = [np.empty_like(delta), np.empty_like(W), np.empty_like(x) if i else None]
            self.operands.append((x, x.T, delta, W, W.T, *outs))

    def run(self) -> float:
        from sknnlab._engine.threads import blas_threads

        largest = max(x.shape[0] * W.size for x, _, _, W, *_ in self.operands)
        with blas_threads(largest):
            start = time.perf_counter()
            for _ in range(self.regime.n_steps):
                for x, xT, delta, W, WT, z, dW, dx in self.operands:
                    x.dot(W, z)
                    xT.dot(delta, dW)
                    if dx is not None:
                        delta.dot(WT, dx)
            return time.perf_counter() - start
