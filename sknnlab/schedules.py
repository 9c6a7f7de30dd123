"""Schedules: how the learning rate moves over a run.

One contract: a schedule is a pure function of `Progress`, returning the factor that
multiplies ``learning_rate_init``. To add one, subclass `Schedule` and give it a line in
`SCHEDULES`, or pass an instance.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import ClassVar, NamedTuple

from sknnlab._component import Component, check_real, shared_text

__all__ = [
    "SCHEDULES",
    "Adaptive",
    "Constant",
    "Cosine",
    "CosineLog",
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
    n_samples_seen: int = 0
    n_plateaus: int = 0


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

    References
    ----------
    P. Goyal et al. (2017). Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour.
    arXiv:1706.02677. Section 2.2 (warm-up).

    Examples
    --------
    A schedule can be looked at without a run, and a run tells what it did:

    >>> from sknnlab import MLPRegressor
    >>> schedule = Exponential(gamma=0.5, warmup=2)
    >>> [schedule(Progress(epoch, 4, epoch, 4)) for epoch in range(4)]  # a step an epoch
    [0.5, 0.5, 0.25, 0.125]
    >>> net = MLPRegressor(learning_rate=schedule, learning_rate_init=0.1, max_iter=4)
    >>> net.fit([[0.0], [1.0]], [0.0, 1.0]).history_["learning_rate"]
    [0.05, 0.05, 0.025, 0.0125]
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


_with_warmup = shared_text(
    warmup="""
    warmup : float, default={default}
        Fraction of the run (below 1) or epochs over which the rate rises linearly.
    """
)


@_with_warmup
class Constant(Schedule):
    r"""The rate stays what it is.

    Parameters
    ----------
    {warmup}

    Examples
    --------
    With a warm-up of four epochs (here of a step each):

    >>> from sknnlab.schedules import Constant, Progress
    >>> [Constant(warmup=4)(Progress(epoch, 8, epoch, 8)) for epoch in range(8)]
    [0.25, 0.5, 0.75, 1.0, 1.0, 1.0, 1.0, 1.0]
    """

    def __init__(self, warmup: float = 0):
        self.warmup = warmup

    def _factor(self, progress: Progress) -> float:
        return 1.0


@_with_warmup
class InvScaling(Schedule):
    r"""scikit-learn's inverse scaling: :math:`(n + 1)^{-p}` for n rows seen.

    Parameters
    ----------
    power_t : float, default=0.5
        The exponent p, >= 0.
    {warmup}

    References
    ----------
    F. Pedregosa et al. (2011). Scikit-learn: Machine Learning in Python. JMLR 12:
    `sklearn.neural_network.MLPClassifier`, ``learning_rate="invscaling"``.

    Examples
    --------
    What counts is rows, so a larger data set slows down sooner:

    >>> from sknnlab.schedules import InvScaling, Progress
    >>> for n_rows in (100, 10_000):
    ...     run = [Progress(i, 5, i, 5, n_samples_seen=i * n_rows) for i in range(5)]
    ...     print([round(InvScaling()(here), 3) for here in run])
    [1.0, 0.1, 0.071, 0.058, 0.05]
    [1.0, 0.01, 0.007, 0.006, 0.005]
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


@_with_warmup
class Adaptive(Schedule):
    r"""scikit-learn's adaptive rate: divided by 5 at every plateau.

    A plateau at a rate of 1e-6 or less ends training.

    Parameters
    ----------
    {warmup}

    References
    ----------
    F. Pedregosa et al. (2011). Scikit-learn: Machine Learning in Python. JMLR 12:
    `sklearn.neural_network.MLPClassifier`, ``learning_rate="adaptive"``.

    Examples
    --------
    >>> from sknnlab.schedules import Adaptive, Progress
    >>> [round(Adaptive()(Progress(40, 100, 40, 100, n_plateaus=n)), 4) for n in range(4)]
    [1.0, 0.2, 0.04, 0.008]
    >>> Adaptive().survives_plateau(rate=1e-6, n_plateaus=3)
    False
    """

    def __init__(self, warmup: float = 0):
        self.warmup = warmup

    def _factor(self, progress: Progress) -> float:
        return 5.0**-progress.n_plateaus

    def survives_plateau(self, rate: float, n_plateaus: int) -> bool:
        """Return whether the rate is still above scikit-learn's floor."""
        return rate > 1e-6


@_with_warmup
class StepDecay(Schedule):
    r"""Multiplied by `gamma` every `step_size` epochs.

    Parameters
    ----------
    step_size : int, default=30
        Epochs between two drops, >= 1.
    gamma : float, default=0.1
        Factor of each drop, in (0, 1].
    {warmup}

    References
    ----------
    K. He, X. Zhang, S. Ren and J. Sun (2016). Deep Residual Learning for Image Recognition.
    CVPR. Section 4.2.

    Examples
    --------
    >>> from sknnlab.schedules import Progress, StepDecay
    >>> schedule = StepDecay(step_size=3, gamma=0.5)
    >>> [schedule(Progress(epoch, 9, epoch, 9)) for epoch in range(9)]  # a step an epoch
    [1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25]
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


@_with_warmup
class Exponential(Schedule):
    r"""Multiplied by `gamma` every epoch.

    Parameters
    ----------
    gamma : float, default=0.95
        Factor an epoch, in (0, 1].
    {warmup}

    References
    ----------
    C. Szegedy et al. (2016). Rethinking the Inception Architecture. CVPR. Section 8.

    Examples
    --------
    The default halves the rate about every 13 epochs:

    >>> from sknnlab.schedules import Exponential, Progress
    >>> [round(Exponential()(Progress(i, 60, i, 60)), 3) for i in (0, 1, 2, 13, 26, 39)]
    [1.0, 0.95, 0.902, 0.513, 0.264, 0.135]
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


@_with_warmup
class InverseTime(Schedule):
    r""":math:`1 / (1 + k t)` after t epochs (1/t decay).

    Parameters
    ----------
    decay : float, default=0.1
        The k, >= 0.
    {warmup}

    References
    ----------
    H. Robbins and S. Monro (1951). A Stochastic Approximation Method. Annals of
    Mathematical Statistics 22.

    Examples
    --------
    It falls fast at first and slowly later, other than an exponential:

    >>> from sknnlab.schedules import InverseTime, Progress
    >>> [round(InverseTime()(Progress(i, 100, i, 100)), 3) for i in (0, 10, 20, 40, 80)]
    [1.0, 0.5, 0.333, 0.2, 0.111]
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


@_with_warmup
class Linear(Schedule):
    r"""Falls linearly to zero at the end of the run, step by step.

    Parameters
    ----------
    {warmup}

    References
    ----------
    A. Defazio, A. Cutkosky, H. Mehta and K. Mishchenko (2023). Optimal Linear Decay Learning
    Rate Schedules and Further Refinements. arXiv:2310.07831.

    Examples
    --------
    It moves with every step, here two an epoch; the last step is one short of zero:

    >>> from sknnlab.schedules import Linear, Progress
    >>> [Linear()(Progress(step, 8, step // 2, 4)) for step in range(8)]
    [1.0, 0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125]
    """

    finite = True
    moves_within_epochs = True

    def __init__(self, warmup: float = 0):
        self.warmup = warmup

    def _factor(self, progress: Progress) -> float:
        return 1 - progress.step / progress.n_steps


@_with_warmup
class Cosine(Schedule):
    r"""Half a cosine from 1 to 0 over the run, step by step.

    Parameters
    ----------
    {warmup}

    References
    ----------
    I. Loshchilov and F. Hutter (2017). SGDR: Stochastic Gradient Descent with Warm
    Restarts. ICLR, eq. 5.

    Examples
    --------
    Slow at both ends, unlike `Linear`:

    >>> from sknnlab.schedules import Cosine, Progress
    >>> [round(Cosine()(Progress(step, 8, step, 8)), 2) for step in range(8)]
    [1.0, 0.96, 0.85, 0.69, 0.5, 0.31, 0.15, 0.04]
    """

    finite = True
    moves_within_epochs = True

    def __init__(self, warmup: float = 0):
        self.warmup = warmup

    def _factor(self, progress: Progress) -> float:
        return 0.5 * (1 + math.cos(math.pi * progress.step / progress.n_steps))


@_with_warmup
class CosineRestarts(Schedule):
    r"""Half cosines that start again, each `multiplier` times as long as the one before.

    Parameters
    ----------
    period : int, default=10
        Epochs of the first, >= 1.
    multiplier : int, default=2
        Growth of the periods, >= 1.
    {warmup}

    References
    ----------
    I. Loshchilov and F. Hutter (2017). SGDR: Stochastic Gradient Descent with Warm
    Restarts. ICLR.

    Examples
    --------
    Restarts after 2 epochs, then after 4 more:

    >>> from sknnlab.schedules import CosineRestarts, Progress
    >>> schedule = CosineRestarts(period=2)
    >>> [round(schedule(Progress(epoch, 8, epoch, 8)), 2) for epoch in range(8)]
    [1.0, 0.5, 1.0, 0.85, 0.5, 0.15, 1.0, 0.96]
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


@_with_warmup
class CosineLog(Schedule):
    r"""Cosine bumps from zero to zero, each twice as long as the one before.

    .. math:: \tfrac12 (1 - \cos(2 \pi \log_2(1 + (2^n - 1) t)))

    over the run; t is taken in the middle of each step, where no factor is zero. n = 4 is
    "coslog4" of RealMLP.

    Parameters
    ----------
    n_cycles : int, default=4
        The number of bumps n, in [1, 50].
    {warmup}

    References
    ----------
    D. Holzmüller, L. Grinsztajn and I. Steinwart (2024). Better by Default: Strong
    Pre-Tuned MLPs and Boosted Trees on Tabular Data. NeurIPS.

    Examples
    --------
    Two bumps, the first over a third of the run:

    >>> from sknnlab.schedules import CosineLog, Progress
    >>> [round(CosineLog(2)(Progress(step, 9, step, 9)), 2) for step in range(9)]
    [0.41, 0.93, 0.15, 0.13, 0.72, 1.0, 0.76, 0.32, 0.04]
    """

    finite = True
    moves_within_epochs = True

    def __init__(self, n_cycles: int = 4, warmup: float = 0):
        self.n_cycles = n_cycles
        self.warmup = warmup

    def check_parameters(self) -> None:
        """Raise for a hyperparameter out of its range."""
        super().check_parameters()
        check_real(self, "n_cycles", 1, 50, integer=True)

    def _factor(self, progress: Progress) -> float:
        share = (progress.step + 0.5) / progress.n_steps
        cycles = math.log2(1 + (2 ** int(self.n_cycles) - 1) * share)
        # (1 - cos(2 a)) / 2 = sin(a)^2, which does not cancel near zero
        return math.sin(math.pi * cycles) ** 2


@_with_warmup
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
    {warmup}

    References
    ----------
    L. N. Smith and N. Topin (2019). Super-Convergence: Very Fast Training of Neural
    Networks Using Large Learning Rates. SPIE.

    Examples
    --------
    >>> from sknnlab.schedules import OneCycle, Progress
    >>> [round(OneCycle()(Progress(step, 10, step, 10)), 2) for step in range(10)]
    [0.04, 0.52, 1.0, 0.95, 0.81, 0.61, 0.39, 0.19, 0.05, 0.0]
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


@_with_warmup
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
    {warmup}

    References
    ----------
    A. Krizhevsky, I. Sutskever and G. Hinton (2012). ImageNet Classification with Deep
    Convolutional Neural Networks. NIPS. Section 5.

    Examples
    --------
    >>> from sknnlab.schedules import Plateau, Progress
    >>> schedule = Plateau(factor=0.5, min_factor=0.125)
    >>> [schedule(Progress(40, 100, 40, 100, n_plateaus=n)) for n in range(5)]
    [1.0, 0.5, 0.25, 0.125, 0.125]
    >>> [schedule.survives_plateau(rate=0.1, n_plateaus=n) for n in range(4)]
    [True, True, True, False]
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
        factor = self.factor**n_plateaus
        # 0.1**4 > 1e-4 in floating point, and yet it is that floor
        return factor > self.min_factor and not math.isclose(factor, self.min_factor)


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
    "cosine_log": CosineLog,
    "cosine_restarts": CosineRestarts,
    "one_cycle": OneCycle,
    "plateau": Plateau,
}
