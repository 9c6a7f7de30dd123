"""Weight averaging: a second network that follows the trained one."""

from __future__ import annotations

import numpy as np

from sknnlab._engine.network import Network
from sknnlab._numerics import CHUNK

__all__ = ["Average"]

ETA = 3  # Shamir and Zhang (2013): larger forgets the start faster


class Average:
    r"""Running average of the parameters, updated after every step.

    With ``decay=None``, polynomial-decay averaging, valid wherever training stops:

    .. math:: \bar w_t = \left(1 - \frac{\eta + 1}{t + \eta}\right) \bar w_{t-1}
              + \frac{\eta + 1}{t + \eta} w_t

    else the exponential one, :math:`\bar w_t = d \bar w_{t-1} + (1 - d) w_t`; both start
    at the first step's weights.

    Parameters
    ----------
    decay : float or None
    network : Network
        What holds the average: a network like the one that is trained.
    n_steps : int, default=0
        Steps that it holds already.

    References
    ----------
    O. Shamir and T. Zhang (2013). Stochastic Gradient Descent for Non-smooth
    Optimization: Convergence Results and Optimal Averaging Schemes. ICML.
    """

    def __init__(self, decay: float | None, network: Network, n_steps: int = 0):
        self.decay, self.network, self.n_steps = decay, network, n_steps

    def bind(self, params: np.ndarray) -> None:
        """Follow `params`."""
        average = self.network.params
        starts = range(0, params.size, CHUNK)
        work = np.empty(min(CHUNK, params.size), params.dtype)
        self._chunks = [
            (params[i : i + CHUNK], average[i : i + CHUNK], work[: params.size - i]) for i in starts
        ]

    def update(self) -> None:
        """Take the weights after a step into the average."""
        self.n_steps += 1
        share = self._share()
        for params, average, work in self._chunks:
            # average += share (params - average)
            np.subtract(params, average, work)
            np.multiply(work, share, work)
            np.add(average, work, average)

    def _share(self) -> float:
        if self.n_steps == 1:
            return 1.0
        if self.decay is None:
            return (ETA + 1) / (self.n_steps + ETA)
        return 1 - self.decay
