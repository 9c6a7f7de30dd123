"""L-BFGS: `scipy.optimize` on the network's flat vector."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy.optimize

from sknnlab._engine.batches import Data, Step
from sknnlab._engine.network import Network
from sknnlab._engine.statistics import set_population_statistics
from sknnlab._engine.training import Regularization
from sknnlab._numerics import aligned_zeros
from sknnlab.losses import Loss
from sknnlab.optimizers import LBFGS

__all__ = ["minimize"]


def minimize(
    network: Network,
    loss: Loss,
    optimizer: LBFGS,
    data: Data,
    regularization: Regularization,
    max_iter: int,
    tol: float,
    report: Callable[[float, float], None],
) -> scipy.optimize.OptimizeResult:
    """Train `network` in place on full batches.

    Batch normalization uses the statistics of all rows in every evaluation, and ends
    with them for prediction.

    Parameters
    ----------
    network : Network
    loss, optimizer : parts
    data : Data
    regularization : Regularization
        L2 only.
    max_iter : int
    tol : float
        Bound on the largest gradient entry.
    report : callable
        Called after each iteration with the objective and the loss.

    Returns
    -------
    result : OptimizeResult
    """
    grad = aligned_zeros(network.params.size, network.dtype)
    step = Step(network, loss, data, len(data), grad, whole=True)
    l2, _ = regularization.coefficients(step.mass)
    n_penalized = network.n_penalized

    def penalty(params: np.ndarray) -> float:
        W = params[:n_penalized]
        return 0.5 * l2 * float(W.dot(W))

    def objective(params: np.ndarray) -> tuple[float, np.ndarray]:
        network.params[...] = params
        value = step.evaluate() + penalty(params)
        gradient = grad.astype(np.float64)
        gradient[:n_penalized] += l2 * params[:n_penalized]
        return value, gradient

    def callback(intermediate_result: scipy.optimize.OptimizeResult) -> None:
        value = float(intermediate_result.fun)
        network.params[...] = intermediate_result.x
        network.refresh()
        report(value, value - penalty(intermediate_result.x))

    # below single precision's resolution a relative decrease is noise
    resolution = max(1e7 * np.finfo(np.float64).eps, float(np.finfo(network.dtype).eps))
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        result = scipy.optimize.minimize(
            objective,
            network.params.astype(np.float64),
            method="L-BFGS-B",
            jac=True,
            callback=callback,
            options={
                "maxfun": optimizer.max_fun,
                "maxiter": max_iter,
                "maxcor": optimizer.memory,
                "gtol": tol,
                "ftol": resolution,
            },
        )
        network.params[...] = result.x
        set_population_statistics(network, data)
    network.refresh()
    return result
