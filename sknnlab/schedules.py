"""Schedules: how the learning rate moves over a run.

One contract: a schedule is a pure function of `Progress`, returning the factor that
multiplies ``learning_rate_init``. To add one, subclass `Schedule` and give it a line in
`SCHEDULES`, or pass an instance.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import ClassVar, NamedTuple

from sknnlab._component import Component, check_real

__all__ = [
    "SCHEDULES",
    "Adaptive",
    "Constant",
    "Cosine",
    "CosineRestarts",
    "Exponential",
    "InvScaling",
    "InverseTime",
    "Linear",
    "OneCycle",
    "Plateau",
    "Progress",
    "Schedule",
    "StepDecay",
]


class Progress(NamedTuple):
    """Where a run stands; counts are of what lies behind.

    Attributes
    ----------
    step, n_steps : int
        Updates so far, and of the whole run.
    epoch, n_epochs : int
        Passes so far, and of the whole run.
    n_samples_seen : int
        Rows trained on so far.
    n_plateaus : int
        Plateaus that the schedule has survived.
    """

    step: int
    n_steps: int
    epoch: int
    n_epochs: int
    n_samples_seen: int
    n_plateaus: int


class Schedule(Component):
    """Abstract schedule.

    Every schedule has `warmup`, by default 0: the rate rises linearly over that fraction of
    the run (below 1) or that many epochs.

    Attributes
    ----------
    finite : bool
        Whether the schedule has an end, and so runs all epochs.
    moves_within_epochs : bool
        Whether the factor changes from step to step.
    """

    finite: ClassVar[bool] = False
    moves_within_epochs: ClassVar[bool] = False
    warmup: float = 0

    def check_parameters(self) -> None:
        """Raise for a hyperparameter out of its range."""
        check_real(self, "warmup", 0)

    @property
    def per_step(self) -> bool:
        """Whether the factor has to be asked for at every step."""
        return self.moves_within_epochs or self.warmup > 0

    def __call__(self, progress: Progress) -> float:
        """Return the factor at `progress`; past the end, that of the last step."""
        if self.finite and progress.step >= progress.n_steps:
            progress = progress._replace(step=progress.n_steps - 1, epoch=progress.n_epochs - 1)
        return self._factor(progress) * self._warming(progress)

    @abstractmethod
    def _factor(self, progress: Progress) -> float:
        """Return the factor without warm-up."""

    def _warming(self, progress: Progress) -> float:
        share = self.warmup if self.warmup < 1 else self.warmup / progress.n_epochs
        n_steps = share * progress.n_steps
        return min(1.0, (progress.step + 1) / n_steps) if n_steps > 0 else 1.0

    def survives_plateau(self, rate: float, n_plateaus: int) -> bool:
        """Return whether training goes on after a plateau met at learning rate `rate`.

        `n_plateaus` were survived before.
        """
        return False


class Constant(Schedule):
    r"""The rate stays what it is.

    Parameters
    ----------
    warmup : float, default=0
        Fraction of the run (below 1) or epochs over which the rate rises linearly.

    Examples
    --------
    >>> from sknnlab.schedules import Constant, Progress
    >>> round(Constant()(Progress(50, 100, 5, 10, 500, 2)), 6)
    1.0
    """

    def __init__(self, warmup: float = 0):
        self.warmup = warmup

    def _factor(self, progress: Progress) -> float:
        return 1.0


class InvScaling(Schedule):
    r"""scikit-learn's inverse scaling: :math:`(n + 1)^{-p}` for n rows seen.

    Parameters
    ----------
    power_t : float, default=0.5
        The exponent p, >= 0.
    warmup : float, default=0
        Fraction of the run (below 1) or epochs over which the rate rises linearly.

    Examples
    --------
    >>> from sknnlab.schedules import InvScaling, Progress
    >>> round(InvScaling()(Progress(50, 100, 5, 10, 500, 2)), 6)
    0.044677
    """

    def __init__(self, power_t: float = 0.5, warmup: float = 0):
        self.power_t = power_t
        self.warmup = warmup

    def check_parameters(self) -> None:
        """Raise for a hyperparameter out of its range."""
        super().check_parameters()
        check_real(self, "power_t", 0)

    def _factor(self, progress: Progress) -> float:
        return float((progress.n_samples_seen + 1) ** -self.power_t)


class Adaptive(Schedule):
    r"""scikit-learn's adaptive rate: divided by 5 at every plateau.

    A plateau at a rate of 1e-6 or less ends training.

    Parameters
    ----------
    warmup : float, default=0
        Fraction of the run (below 1) or epochs over which the rate rises linearly.

    Examples
    --------
    >>> from sknnlab.schedules import Adaptive, Progress
    >>> round(Adaptive()(Progress(50, 100, 5, 10, 500, 2)), 6)
    0.04
    """

    def __init__(self, warmup: float = 0):
        self.warmup = warmup

    def _factor(self, progress: Progress) -> float:
        return 5.0**-progress.n_plateaus

    def survives_plateau(self, rate: float, n_plateaus: int) -> bool:
        """Return whether the rate is still above scikit-learn's floor."""
        return rate > 1e-6


class StepDecay(Schedule):
    r"""Multiplied by `gamma` every `step_size` epochs.

    Parameters
    ----------
    step_size : int, default=30
        Epochs between two drops, >= 1.
    gamma : float, default=0.1
        Factor of each drop, in (0, 1].
    warmup : float, default=0
        Fraction of the run (below 1) or epochs over which the rate rises linearly.

    Examples
    --------
    >>> from sknnlab.schedules import StepDecay, Progress
    >>> round(StepDecay()(Progress(50, 100, 5, 10, 500, 2)), 6)
    1.0
    """

    def __init__(self, step_size: int = 30, gamma: float = 0.1, warmup: float = 0):
        self.step_size = step_size
        self.gamma = gamma
        self.warmup = warmup

    def check_parameters(self) -> None:
        """Raise for a hyperparameter out of its range."""
        super().check_parameters()
        check_real(self, "step_size", 1, integer=True)
        check_real(self, "gamma", 0, 1, low_open=True)

    def _factor(self, progress: Progress) -> float:
        return float(self.gamma ** (progress.epoch // self.step_size))


class Exponential(Schedule):
    r"""Multiplied by `gamma` every epoch.

    Parameters
    ----------
    gamma : float, default=0.95
        Factor an epoch, in (0, 1].
    warmup : float, default=0
        Fraction of the run (below 1) or epochs over which the rate rises linearly.

    Examples
    --------
    >>> from sknnlab.schedules import Exponential, Progress
    >>> round(Exponential()(Progress(50, 100, 5, 10, 500, 2)), 6)
    0.773781
    """

    def __init__(self, gamma: float = 0.95, warmup: float = 0):
        self.gamma = gamma
        self.warmup = warmup

    def check_parameters(self) -> None:
        """Raise for a hyperparameter out of its range."""
        super().check_parameters()
        check_real(self, "gamma", 0, 1, low_open=True)

    def _factor(self, progress: Progress) -> float:
        return float(self.gamma**progress.epoch)


class InverseTime(Schedule):
    r""":math:`1 / (1 + k t)` after t epochs (1/t decay).

    Parameters
    ----------
    decay : float, default=0.1
        The k, >= 0.
    warmup : float, default=0
        Fraction of the run (below 1) or epochs over which the rate rises linearly.

    Examples
    --------
    >>> from sknnlab.schedules import InverseTime, Progress
    >>> round(InverseTime()(Progress(50, 100, 5, 10, 500, 2)), 6)
    0.666667
    """

    def __init__(self, decay: float = 0.1, warmup: float = 0):
        self.decay = decay
        self.warmup = warmup

    def check_parameters(self) -> None:
        """Raise for a hyperparameter out of its range."""
        super().check_parameters()
        check_real(self, "decay", 0)

    def _factor(self, progress: Progress) -> float:
        return 1 / (1 + self.decay * progress.epoch)


class Linear(Schedule):
    r"""Falls linearly to zero at the end of the run, step by step.

    Parameters
    ----------
    warmup : float, default=0
        Fraction of the run (below 1) or epochs over which the rate rises linearly.

    Examples
    --------
    >>> from sknnlab.schedules import Linear, Progress
    >>> round(Linear()(Progress(50, 100, 5, 10, 500, 2)), 6)
    0.5
    """

    finite = True
    moves_within_epochs = True

    def __init__(self, warmup: float = 0):
        self.warmup = warmup

    def _factor(self, progress: Progress) -> float:
        return 1 - progress.step / progress.n_steps


class Cosine(Schedule):
    r"""Half a cosine from 1 to 0 over the run, step by step.

    Parameters
    ----------
    warmup : float, default=0
        Fraction of the run (below 1) or epochs over which the rate rises linearly.

    References
    ----------
    I. Loshchilov and F. Hutter (2017). SGDR: Stochastic Gradient Descent with Warm
    Restarts. ICLR, eq. 5.

    Examples
    --------
    >>> from sknnlab.schedules import Cosine, Progress
    >>> round(Cosine()(Progress(50, 100, 5, 10, 500, 2)), 6)
    0.5
    """

    finite = True
    moves_within_epochs = True

    def __init__(self, warmup: float = 0):
        self.warmup = warmup

    def _factor(self, progress: Progress) -> float:
        return 0.5 * (1 + math.cos(math.pi * progress.step / progress.n_steps))


class CosineRestarts(Schedule):
    r"""Half cosines that start again, each `multiplier` times as long as the one before.

    Parameters
    ----------
    period : int, default=10
        Epochs of the first, >= 1.
    multiplier : int, default=2
        Growth of the periods, >= 1.
    warmup : float, default=0
        Fraction of the run (below 1) or epochs over which the rate rises linearly.

    References
    ----------
    I. Loshchilov and F. Hutter (2017). SGDR: Stochastic Gradient Descent with Warm
    Restarts. ICLR.

    Examples
    --------
    >>> from sknnlab.schedules import CosineRestarts, Progress
    >>> round(CosineRestarts()(Progress(50, 100, 5, 10, 500, 2)), 6)
    0.5
    """

    moves_within_epochs = True

    def __init__(self, period: int = 10, multiplier: int = 2, warmup: float = 0):
        self.period = period
        self.multiplier = multiplier
        self.warmup = warmup

    def check_parameters(self) -> None:
        """Raise for a hyperparameter out of its range."""
        super().check_parameters()
        check_real(self, "period", 1, integer=True)
        check_real(self, "multiplier", 1, integer=True)

    def _factor(self, progress: Progress) -> float:
        here = progress.step * progress.n_epochs / progress.n_steps
        period = float(self.period)
        while here >= period:
            here -= period
            period *= self.multiplier
        return 0.5 * (1 + math.cos(math.pi * here / period))


class OneCycle(Schedule):
    r"""One cycle: from low up to the full rate, then down to almost nothing.

    Both parts are half cosines, as in PyTorch's OneCycleLR; `learning_rate_init` is the peak.

    Parameters
    ----------
    pct_start : float, default=0.3
        Fraction of the run that rises, in (0, 1).
    div_factor : float, default=25.0
        The peak over the first rate, >= 1.
    final_div_factor : float, default=1e4
        The first rate over the last, >= 1.
    warmup : float, default=0
        Fraction of the run (below 1) or epochs over which the rate rises linearly.

    References
    ----------
    L. N. Smith and N. Topin (2019). Super-Convergence: Very Fast Training of Neural
    Networks Using Large Learning Rates. SPIE.

    Examples
    --------
    >>> from sknnlab.schedules import OneCycle, Progress
    >>> round(OneCycle()(Progress(50, 100, 5, 10, 500, 2)), 6)
    0.793893
    """

    finite = True
    moves_within_epochs = True

    def __init__(
        self,
        pct_start: float = 0.3,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        warmup: float = 0,
    ):
        self.pct_start = pct_start
        self.div_factor = div_factor
        self.final_div_factor = final_div_factor
        self.warmup = warmup

    def check_parameters(self) -> None:
        """Raise for a hyperparameter out of its range."""
        super().check_parameters()
        check_real(self, "pct_start", 0, 1, low_open=True, high_open=True)
        check_real(self, "div_factor", 1)
        check_real(self, "final_div_factor", 1)

    def _factor(self, progress: Progress) -> float:
        last = max(progress.n_steps - 1, 1)
        peak = self.pct_start * progress.n_steps - 1
        low = 1 / self.div_factor
        if progress.step <= peak:
            return _cosine(low, 1.0, progress.step / peak if peak > 0 else 1.0)
        return _cosine(1.0, low / self.final_div_factor, (progress.step - peak) / (last - peak))


class Plateau(Schedule):
    r"""Multiplied by `factor` at every plateau, down to `min_factor`.

    A plateau is `n_iter_no_change` epochs without an improvement of `tol`; one met at the
    floor ends training.

    Parameters
    ----------
    factor : float, default=0.1
        What each plateau leaves of the rate, in (0, 1).
    min_factor : float, default=1e-4
        Floor, in (0, 1].
    warmup : float, default=0
        Fraction of the run (below 1) or epochs over which the rate rises linearly.

    Examples
    --------
    >>> from sknnlab.schedules import Plateau, Progress
    >>> round(Plateau()(Progress(50, 100, 5, 10, 500, 2)), 6)
    0.01
    """

    def __init__(self, factor: float = 0.1, min_factor: float = 1e-4, warmup: float = 0):
        self.factor = factor
        self.min_factor = min_factor
        self.warmup = warmup

    def check_parameters(self) -> None:
        """Raise for a hyperparameter out of its range."""
        super().check_parameters()
        check_real(self, "factor", 0, 1, low_open=True, high_open=True)
        check_real(self, "min_factor", 0, 1, low_open=True)

    def _factor(self, progress: Progress) -> float:
        return float(max(self.factor**progress.n_plateaus, self.min_factor))

    def survives_plateau(self, rate: float, n_plateaus: int) -> bool:
        """Return whether the factor is still above its floor."""
        return self.factor**n_plateaus > self.min_factor


def _cosine(start: float, end: float, share: float) -> float:
    """Return the half cosine from `start` to `end` at `share` of the way."""
    return end + (start - end) / 2 * (1 + math.cos(math.pi * share))


SCHEDULES: dict[str, type[Schedule]] = {
    "constant": Constant,
    "invscaling": InvScaling,
    "adaptive": Adaptive,
    "step": StepDecay,
    "exponential": Exponential,
    "inverse_time": InverseTime,
    "linear": Linear,
    "cosine": Cosine,
    "cosine_restarts": CosineRestarts,
    "one_cycle": OneCycle,
    "plateau": Plateau,
}
