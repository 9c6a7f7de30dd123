"""L-BFGS: `scipy.optimize` on the network's flat vector."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.optimize

from sknnlab._engine.batches import Data, Step
from sknnlab._engine.network import Network
from sknnlab._engine.statistics import set_population_statistics
from sknnlab._engine.training import Regularization, quiet
from sknnlab._numerics import aligned_zeros
from sknnlab.losses import Loss
from sknnlab.optimizers import LBFGS

__all__ = ["Limits", "minimize"]


@dataclass
class Limits:
    """When to stop: most iterations, and the bound on the largest gradient entry."""

    max_iter: int
    tol: float


def minimize(
    network: Network,
    loss: Loss,
    regularization: Regularization,
    solver: LBFGS,
    data: Data,
    limits: Limits,
    report: Callable[[float, float], None],
) -> scipy.optimize.OptimizeResult:
    """Train `network` in place on full batches.

    Batch normalization uses the statistics of all rows in every evaluation, and ends
    with them for prediction, however training ends.

    Parameters
    ----------
    network : Network
    loss : Loss
    regularization : Regularization
        L2 only.
    solver : LBFGS
    data : Data
    limits : Limits
    report : callable
        Called after each iteration with the objective and the loss; may raise.

    Returns
    -------
    result : OptimizeResult
    """
    grad = aligned_zeros(network.params.size, network.dtype)
    step = Step.over_all(network, loss, data, grad)
    l2, _ = regularization.coefficients(step.mass)
    layout = network.layout

    def objective(params: np.ndarray) -> tuple[float, np.ndarray]:
        network.params[...] = params
        value = step.evaluate() + regularization.penalty(network, step.mass, params)
        gradient = grad.astype(np.float64)
        layout.penalized(gradient)[...] += l2 * layout.penalized(params)
        return value, gradient

    best = network.params.astype(np.float64)

    def callback(intermediate_result: scipy.optimize.OptimizeResult) -> None:
        value = float(intermediate_result.fun)
        best[...] = intermediate_result.x
        network.params[...] = best
        network.refresh()
        report(value, value - regularization.penalty(network, step.mass, best))

    # below single precision's resolution a relative decrease is noise
    resolution = max(1e7 * np.finfo(np.float64).eps, float(np.finfo(network.dtype).eps))
    options = {
        "maxfun": solver.max_fun,
        "maxiter": limits.max_iter,
        "maxcor": solver.memory,
        "gtol": limits.tol,
        "ftol": resolution,
    }
    with quiet():
        try:
            result = scipy.optimize.minimize(
                objective,
                best.copy(),
                method="L-BFGS-B",
                jac=True,
                callback=callback,
                options=options,
            )
            best[...] = result.x
        finally:
            network.params[...] = best
            if not network.row_local:
                set_population_statistics(network, data)
            network.refresh()
    return result
