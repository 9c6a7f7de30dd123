"""Initializers: how W and b start.

One contract: `weights` and `biases` draw float64 arrays of the shape asked for from `rng`
alone; the network casts both. Shape and fans come apart: W of an affine map has shape
(fan_in, fan_out), a convolution's kernel (height, width, c_in, c_out) has height * width
times as many inputs and outputs as channels. To add one, subclass `Initializer` and give it
a line in `INITIALIZERS`, or pass an instance.
"""

from __future__ import annotations

import inspect
import math
from abc import abstractmethod
from typing import Any, TypeVar

import numpy as np

from sknnlab._component import Component, check_real

__all__ = [
    "INITIALIZERS",
    "Auto",
    "Constant",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "Initializer",
    "LeCunNormal",
    "LeCunUniform",
    "Normal",
    "Orthogonal",
    "Uniform",
    "XavierNormal",
    "XavierUniform",
    "Zeros",
]


class Initializer(Component):
    """Abstract initializer; biases start at zero unless a subclass draws them."""

    @abstractmethod
    def weights(
        self,
        rng: np.random.RandomState,
        shape: tuple[int, ...],
        fan_in: int,
        fan_out: int,
        activation: Any,
    ) -> np.ndarray:
        """Return W for a layer followed by `activation`.

        Parameters
        ----------
        rng : numpy RandomState
        shape : tuple of int
            Of W; the last axis counts the outputs.
        fan_in, fan_out : int
            Numbers that an output is summed over, and outputs that an input counts in.
        activation : Nonlinearity
            Its `gain` and `glorot_factor` may be read.
        """

    def biases(
        self,
        rng: np.random.RandomState,
        shape: tuple[int, ...],
        fan_in: int,
        fan_out: int,
        activation: Any,
    ) -> np.ndarray:
        """Return b, whose shape is the number of outputs; parameters as in `weights`."""
        return np.zeros(shape)


BIAS_SCALE = """bias_scale : float, default=0.0
    Standard deviation of b, which is normal around 0; >= 0, and 0 draws nothing."""

Kind = TypeVar("Kind", bound=type)


def _documented(kind: Kind) -> Kind:
    """Put the text of `bias_scale`, written once, where a class's docstring asks for it."""
    if kind.__doc__:
        kind.__doc__ = inspect.cleandoc(kind.__doc__).replace("{bias_scale}", BIAS_SCALE)
    return kind


class _NormalBiases(Initializer):
    """Abstract initializer whose biases are normal, or zero."""

    def __init__(self, bias_scale: float = 0.0):
        self.bias_scale = bias_scale

    def check_parameters(self) -> None:
        """Raise for a hyperparameter out of its range."""
        check_real(self, "bias_scale", 0)

    def biases(
        self,
        rng: np.random.RandomState,
        shape: tuple[int, ...],
        fan_in: int,
        fan_out: int,
        activation: Any,
    ) -> np.ndarray:
        """Return b."""
        if self.bias_scale > 0:
            return rng.normal(0.0, self.bias_scale, shape)
        return np.zeros(shape)


class Auto(Initializer):
    r"""scikit-learn's rule: W and b uniform within :math:`\sqrt{6 / (n_{in} + n_{out})}`.

    The 6 is a 2 for the logistic activation. Exactly the draws of scikit-learn's MLP.

    References
    ----------
    X. Glorot and Y. Bengio (2010). Understanding the difficulty of training deep
    feedforward neural networks. AISTATS, eq. 16.

    Examples
    --------
    The variance is a third of the squared bound, 2 / (n_in + n_out):

    >>> import numpy as np
    >>> from sknnlab.activations import ReLU
    >>> from sknnlab.initializers import Auto
    >>> W = Auto().weights(np.random.RandomState(0), (400, 100), 400, 100, ReLU())
    >>> print(f"{W.std():.4f} drawn, {(2 / 500) ** 0.5:.4f} by the formula")
    0.0634 drawn, 0.0632 by the formula
    """

    def weights(
        self,
        rng: np.random.RandomState,
        shape: tuple[int, ...],
        fan_in: int,
        fan_out: int,
        activation: Any,
    ) -> np.ndarray:
        """Return W."""
        bound = self._bound(fan_in, fan_out, activation)
        return rng.uniform(-bound, bound, shape)

    def biases(
        self,
        rng: np.random.RandomState,
        shape: tuple[int, ...],
        fan_in: int,
        fan_out: int,
        activation: Any,
    ) -> np.ndarray:
        """Return b."""
        bound = self._bound(fan_in, fan_out, activation)
        return rng.uniform(-bound, bound, shape)

    def _bound(self, fan_in: int, fan_out: int, activation: Any) -> float:
        factor = getattr(activation, "glorot_factor", 6.0)
        return math.sqrt(factor / (fan_in + fan_out))


@_documented
class Zeros(_NormalBiases):
    """W is zero: right for a linear model, wrong for hidden layers.

    Parameters
    ----------
    {bias_scale}

    Examples
    --------
    Hidden units that start alike get the same gradient, and stay alike:

    >>> import numpy as np
    >>> from sknnlab import MLPRegressor
    >>> X = np.linspace(-1, 1, 50).reshape(-1, 1)
    >>> net = MLPRegressor(hidden_layer_sizes=(4,), activation="tanh", initializer="zeros")
    >>> net = net.set_params(max_iter=20).fit(X, X.ravel() ** 3)
    >>> float(np.ptp(net.coefs_[0]))
    0.0
    """

    def weights(
        self,
        rng: np.random.RandomState,
        shape: tuple[int, ...],
        fan_in: int,
        fan_out: int,
        activation: Any,
    ) -> np.ndarray:
        """Return W."""
        return np.zeros(shape)


@_documented
class Constant(_NormalBiases):
    """Every entry of W is `value`; units of a layer then stay equal for ever.

    Parameters
    ----------
    value : float, default=0.01
        The entry.
    {bias_scale}

    Examples
    --------
    Whatever the input, all units of a layer see the same number:

    >>> import numpy as np
    >>> from sknnlab.activations import ReLU
    >>> from sknnlab.initializers import Constant
    >>> W = Constant(0.5).weights(np.random.RandomState(0), (2, 3), 2, 3, ReLU())
    >>> np.array([[1.0, 2.0]]) @ W
    array([[1.5, 1.5, 1.5]])
    """

    def __init__(self, value: float = 0.01, bias_scale: float = 0.0):
        super().__init__(bias_scale)
        self.value = value

    def check_parameters(self) -> None:
        """Raise for a hyperparameter out of its range."""
        super().check_parameters()
        check_real(self, "value")

    def weights(
        self,
        rng: np.random.RandomState,
        shape: tuple[int, ...],
        fan_in: int,
        fan_out: int,
        activation: Any,
    ) -> np.ndarray:
        """Return W."""
        return np.full(shape, float(self.value))


@_documented
class Normal(_NormalBiases):
    """W is normal with standard deviation `scale`, whatever the layer.

    Parameters
    ----------
    scale : float, default=0.01
        Standard deviation, > 0.
    {bias_scale}

    Examples
    --------
    A scale that does not know the width lets the signal die, layer by layer:

    >>> import numpy as np
    >>> from sknnlab.activations import Tanh
    >>> from sknnlab.initializers import Normal
    >>> rng = np.random.RandomState(0)
    >>> a = rng.normal(size=(200, 100))
    >>> for _ in range(5):
    ...     a = np.tanh(a @ Normal(0.01).weights(rng, (100, 100), 100, 100, Tanh()))
    >>> print(f"{a.std():.5f} after five layers")
    0.00001 after five layers
    """

    def __init__(self, scale: float = 0.01, bias_scale: float = 0.0):
        super().__init__(bias_scale)
        self.scale = scale

    def check_parameters(self) -> None:
        """Raise for a hyperparameter out of its range."""
        super().check_parameters()
        check_real(self, "scale", 0, low_open=True)

    def weights(
        self,
        rng: np.random.RandomState,
        shape: tuple[int, ...],
        fan_in: int,
        fan_out: int,
        activation: Any,
    ) -> np.ndarray:
        """Return W."""
        return rng.normal(0.0, self.scale, shape)


@_documented
class Uniform(_NormalBiases):
    """W is uniform within `scale`, whatever the layer.

    Parameters
    ----------
    scale : float, default=0.05
        Largest absolute entry, > 0.
    {bias_scale}

    Examples
    --------
    The variance is scale^2 / 3; a scale too large for the width saturates the units:

    >>> import numpy as np
    >>> from sknnlab.activations import Tanh
    >>> from sknnlab.initializers import Uniform
    >>> rng = np.random.RandomState(0)
    >>> a = rng.normal(size=(200, 100))
    >>> for _ in range(5):
    ...     a = np.tanh(a @ Uniform(1.0).weights(rng, (100, 100), 100, 100, Tanh()))
    >>> print(f"{np.mean(np.abs(a) > 0.95):.0%} of the units are saturated")
    74% of the units are saturated
    """

    def __init__(self, scale: float = 0.05, bias_scale: float = 0.0):
        super().__init__(bias_scale)
        self.scale = scale

    def check_parameters(self) -> None:
        """Raise for a hyperparameter out of its range."""
        super().check_parameters()
        check_real(self, "scale", 0, low_open=True)

    def weights(
        self,
        rng: np.random.RandomState,
        shape: tuple[int, ...],
        fan_in: int,
        fan_out: int,
        activation: Any,
    ) -> np.ndarray:
        """Return W."""
        return rng.uniform(-self.scale, self.scale, shape)


class _Gained(_NormalBiases):
    """Abstract initializer with a gain of its own."""

    def __init__(self, gain: float = 1.0, bias_scale: float = 0.0):
        super().__init__(bias_scale)
        self.gain = gain

    def check_parameters(self) -> None:
        """Raise for a hyperparameter out of its range."""
        super().check_parameters()
        check_real(self, "gain", 0, low_open=True)


@_documented
class GlorotUniform(_Gained):
    r"""Uniform with variance :math:`g^2 \, 2 / (n_{in} + n_{out})`.

    Parameters
    ----------
    gain : float, default=1.0
        Factor on the standard deviation, > 0.
    {bias_scale}

    References
    ----------
    X. Glorot and Y. Bengio (2010). Understanding the difficulty of training deep
    feedforward neural networks. AISTATS.

    Examples
    --------
    The gain multiplies the standard deviation:

    >>> import numpy as np
    >>> from sknnlab.activations import ReLU
    >>> from sknnlab.initializers import GlorotUniform
    >>> W = GlorotUniform(gain=2.0).weights(np.random.RandomState(0), (400, 100), 400, 100, ReLU())
    >>> print(f"{W.std():.4f} drawn, {2 * (2 / 500) ** 0.5:.4f} by the formula")
    0.1268 drawn, 0.1265 by the formula
    """

    def weights(
        self,
        rng: np.random.RandomState,
        shape: tuple[int, ...],
        fan_in: int,
        fan_out: int,
        activation: Any,
    ) -> np.ndarray:
        """Return W."""
        return _uniform(rng, self.gain * math.sqrt(2 / (fan_in + fan_out)), shape)


@_documented
class GlorotNormal(_Gained):
    r"""Normal with variance :math:`g^2 \, 2 / (n_{in} + n_{out})`.

    Parameters
    ----------
    gain : float, default=1.0
        Factor on the standard deviation, > 0.
    {bias_scale}

    References
    ----------
    X. Glorot and Y. Bengio (2010). Understanding the difficulty of training deep
    feedforward neural networks. AISTATS.

    Examples
    --------
    Both fans count, forward and back:

    >>> import numpy as np
    >>> from sknnlab.activations import ReLU
    >>> from sknnlab.initializers import GlorotNormal
    >>> W = GlorotNormal().weights(np.random.RandomState(0), (400, 100), 400, 100, ReLU())
    >>> print(f"{W.std():.4f} drawn, {(2 / 500) ** 0.5:.4f} by the formula")
    0.0630 drawn, 0.0632 by the formula
    """

    def weights(
        self,
        rng: np.random.RandomState,
        shape: tuple[int, ...],
        fan_in: int,
        fan_out: int,
        activation: Any,
    ) -> np.ndarray:
        """Return W."""
        return _normal(rng, self.gain * math.sqrt(2 / (fan_in + fan_out)), shape)


@_documented
class HeUniform(_NormalBiases):
    """Uniform with variance :math:`g^2 / n_{in}`, `g` the activation's gain.

    Parameters
    ----------
    {bias_scale}

    References
    ----------
    K. He, X. Zhang, S. Ren and J. Sun (2015). Delving Deep into Rectifiers. ICCV, eq. 10.

    Examples
    --------
    ReLU keeps half of the signal, so that its squared gain is 2:

    >>> import numpy as np
    >>> from sknnlab.activations import ReLU
    >>> from sknnlab.initializers import HeUniform
    >>> W = HeUniform().weights(np.random.RandomState(0), (400, 100), 400, 100, ReLU())
    >>> print(f"{W.std():.4f} drawn, {(2 / 400) ** 0.5:.4f} by the formula")
    0.0709 drawn, 0.0707 by the formula
    """

    def weights(
        self,
        rng: np.random.RandomState,
        shape: tuple[int, ...],
        fan_in: int,
        fan_out: int,
        activation: Any,
    ) -> np.ndarray:
        """Return W."""
        return _uniform(rng, activation.gain / math.sqrt(fan_in), shape)


@_documented
class HeNormal(_NormalBiases):
    """Normal with variance :math:`g^2 / n_{in}`, `g` the activation's gain.

    Parameters
    ----------
    {bias_scale}

    References
    ----------
    K. He, X. Zhang, S. Ren and J. Sun (2015). Delving Deep into Rectifiers. ICCV, eq. 10.

    Examples
    --------
    Ten layers of rectifiers keep the scale of the signal, which is halved ten times without
    the activation's gain:

    >>> import numpy as np
    >>> from sknnlab.activations import ReLU
    >>> from sknnlab.initializers import HeNormal, LeCunNormal
    >>> for part in (HeNormal(), LeCunNormal()):
    ...     rng = np.random.RandomState(0)
    ...     a = rng.normal(size=(200, 400))
    ...     for _ in range(10):
    ...         a = np.maximum(a @ part.weights(rng, (400, 400), 400, 400, ReLU()), 0)
    ...     print(f"{np.mean(a**2):.4f}")
    0.8121
    0.0008
    """

    def weights(
        self,
        rng: np.random.RandomState,
        shape: tuple[int, ...],
        fan_in: int,
        fan_out: int,
        activation: Any,
    ) -> np.ndarray:
        """Return W."""
        return _normal(rng, activation.gain / math.sqrt(fan_in), shape)


@_documented
class LeCunUniform(_Gained):
    """Uniform with variance :math:`g^2 / n_{in}`.

    Parameters
    ----------
    gain : float, default=1.0
        Factor on the standard deviation, > 0.
    {bias_scale}

    References
    ----------
    Y. LeCun, L. Bottou, G. B. Orr and K.-R. Mueller (1998). Efficient BackProp, eq. 16.

    Examples
    --------
    The number of outputs does not count:

    >>> import numpy as np
    >>> from sknnlab.activations import Tanh
    >>> from sknnlab.initializers import LeCunUniform
    >>> W = LeCunUniform().weights(np.random.RandomState(0), (400, 100), 400, 100, Tanh())
    >>> print(f"{W.std():.4f} drawn, {(1 / 400) ** 0.5:.4f} by the formula")
    0.0501 drawn, 0.0500 by the formula
    """

    def weights(
        self,
        rng: np.random.RandomState,
        shape: tuple[int, ...],
        fan_in: int,
        fan_out: int,
        activation: Any,
    ) -> np.ndarray:
        """Return W."""
        return _uniform(rng, self.gain / math.sqrt(fan_in), shape)


@_documented
class LeCunNormal(_Gained):
    """Normal with variance :math:`g^2 / n_{in}`.

    Parameters
    ----------
    gain : float, default=1.0
        Factor on the standard deviation, > 0.
    {bias_scale}

    References
    ----------
    Y. LeCun, L. Bottou, G. B. Orr and K.-R. Mueller (1998). Efficient BackProp, eq. 16.

    Examples
    --------
    A kernel of 3 by 3 pixels and 16 channels has 144 inputs:

    >>> import numpy as np
    >>> from sknnlab.activations import SELU
    >>> from sknnlab.initializers import LeCunNormal
    >>> W = LeCunNormal().weights(np.random.RandomState(0), (3, 3, 16, 32), 144, 288, SELU())
    >>> print(f"{W.std():.4f} drawn, {(1 / 144) ** 0.5:.4f} by the formula")
    0.0821 drawn, 0.0833 by the formula
    """

    def weights(
        self,
        rng: np.random.RandomState,
        shape: tuple[int, ...],
        fan_in: int,
        fan_out: int,
        activation: Any,
    ) -> np.ndarray:
        """Return W."""
        return _normal(rng, self.gain / math.sqrt(fan_in), shape)


@_documented
class Orthogonal(_NormalBiases):
    """Orthonormal rows or columns, whichever are fewer, times the activation's gain.

    Of the matrix (fan_in, n_outputs): W with more axes, a convolution's kernel, is cut from
    it, all inputs of an output in one column.

    Parameters
    ----------
    {bias_scale}

    References
    ----------
    A. M. Saxe, J. L. McClelland and S. Ganguli (2014). Exact solutions to the nonlinear
    dynamics of learning in deep linear neural networks. ICLR.

    Examples
    --------
    No direction is stretched or shrunk, through any number of linear layers:

    >>> import numpy as np
    >>> from sknnlab.activations import Identity
    >>> from sknnlab.initializers import Orthogonal
    >>> rng = np.random.RandomState(0)
    >>> x = np.array([[3.0, 4.0]])
    >>> for _ in range(50):
    ...     x = x @ Orthogonal().weights(rng, (2, 2), 2, 2, Identity())
    >>> float(np.linalg.norm(x).round(6))
    5.0
    """

    def weights(
        self,
        rng: np.random.RandomState,
        shape: tuple[int, ...],
        fan_in: int,
        fan_out: int,
        activation: Any,
    ) -> np.ndarray:
        """Return W."""
        rows, columns = fan_in, math.prod(shape) // fan_in
        tall = rng.normal(size=(max(rows, columns), min(rows, columns)))
        q, r = np.linalg.qr(tall)
        # the sign of r's diagonal makes the distribution uniform over rotations
        q *= np.where(np.diag(r) < 0, -1.0, 1.0)
        return (activation.gain * (q if rows >= columns else q.T)).reshape(shape)


def _uniform(rng: np.random.RandomState, std: float, shape: tuple[int, ...]) -> np.ndarray:
    """Return a uniform array of standard deviation `std`."""
    bound = math.sqrt(3.0) * std
    return rng.uniform(-bound, bound, shape)


def _normal(rng: np.random.RandomState, std: float, shape: tuple[int, ...]) -> np.ndarray:
    """Return a normal array of standard deviation `std`."""
    return rng.normal(0.0, std, shape)


# by the other names that the registry knows
XavierNormal = GlorotNormal
XavierUniform = GlorotUniform

INITIALIZERS: dict[str, type[Initializer]] = {
    "auto": Auto,
    "zeros": Zeros,
    "constant": Constant,
    "normal": Normal,
    "uniform": Uniform,
    "glorot_uniform": GlorotUniform,
    "xavier_uniform": GlorotUniform,
    "glorot_normal": GlorotNormal,
    "xavier_normal": GlorotNormal,
    "he_uniform": HeUniform,
    "he_normal": HeNormal,
    "lecun_uniform": LeCunUniform,
    "lecun_normal": LeCunNormal,
    "orthogonal": Orthogonal,
}
