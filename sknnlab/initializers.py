"""Initializers: how W and b start.

One contract: `weights` draws a float64 matrix of shape (fan_in, fan_out) from `rng` alone,
and `biases` a vector; the network casts both. To add one, subclass `Initializer` and give
it a line in `INITIALIZERS`, or pass an instance.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Any

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
    "Zeros",
]


class Initializer(Component):
    """Abstract initializer; biases start at zero unless a subclass draws them."""

    @abstractmethod
    def weights(
        self, rng: np.random.RandomState, fan_in: int, fan_out: int, activation: Any
    ) -> np.ndarray:
        """Return W of shape (fan_in, fan_out) for a layer followed by `activation`."""

    def biases(
        self, rng: np.random.RandomState, fan_in: int, fan_out: int, activation: Any
    ) -> np.ndarray:
        """Return b of shape (fan_out,)."""
        return np.zeros(fan_out)


class Auto(Initializer):
    r"""scikit-learn's rule: W and b uniform within :math:`\sqrt{6 / (n_{in} + n_{out})}`.

    The 6 is a 2 for the logistic activation. Exactly the draws of scikit-learn's MLP.

    References
    ----------
    X. Glorot and Y. Bengio (2010). Understanding the difficulty of training deep
    feedforward neural networks. AISTATS, eq. 16.

    Examples
    --------
    >>> import numpy as np
    >>> from sknnlab.activations import ReLU
    >>> from sknnlab.initializers import Auto
    >>> Auto().weights(np.random.RandomState(0), 4, 2, ReLU()).shape
    (4, 2)
    """

    def weights(
        self, rng: np.random.RandomState, fan_in: int, fan_out: int, activation: Any
    ) -> np.ndarray:
        """Return W."""
        bound = self._bound(fan_in, fan_out, activation)
        return rng.uniform(-bound, bound, (fan_in, fan_out))

    def biases(
        self, rng: np.random.RandomState, fan_in: int, fan_out: int, activation: Any
    ) -> np.ndarray:
        """Return b."""
        bound = self._bound(fan_in, fan_out, activation)
        return rng.uniform(-bound, bound, fan_out)

    def _bound(self, fan_in: int, fan_out: int, activation: Any) -> float:
        factor = getattr(activation, "glorot_factor", 6.0)
        return math.sqrt(factor / (fan_in + fan_out))


class Zeros(Initializer):
    """W is zero: right for a linear model, wrong for hidden layers.

    Examples
    --------
    >>> import numpy as np
    >>> from sknnlab.activations import ReLU
    >>> from sknnlab.initializers import Zeros
    >>> Zeros().weights(np.random.RandomState(0), 4, 2, ReLU()).shape
    (4, 2)
    """

    def weights(
        self, rng: np.random.RandomState, fan_in: int, fan_out: int, activation: Any
    ) -> np.ndarray:
        """Return W."""
        return np.zeros((fan_in, fan_out))


class Constant(Initializer):
    """Every entry of W is `value`; units of a layer then stay equal for ever.

    Parameters
    ----------
    value : float, default=0.01
        The entry.

    Examples
    --------
    >>> import numpy as np
    >>> from sknnlab.activations import ReLU
    >>> from sknnlab.initializers import Constant
    >>> Constant().weights(np.random.RandomState(0), 4, 2, ReLU()).shape
    (4, 2)
    """

    def __init__(self, value: float = 0.01):
        self.value = value

    def check_parameters(self) -> None:
        """Raise for a hyperparameter out of its range."""
        check_real(self, "value")

    def weights(
        self, rng: np.random.RandomState, fan_in: int, fan_out: int, activation: Any
    ) -> np.ndarray:
        """Return W."""
        return np.full((fan_in, fan_out), float(self.value))


class Normal(Initializer):
    """W is normal with standard deviation `scale`, whatever the layer.

    Parameters
    ----------
    scale : float, default=0.01
        Standard deviation, > 0.

    Examples
    --------
    >>> import numpy as np
    >>> from sknnlab.activations import ReLU
    >>> from sknnlab.initializers import Normal
    >>> Normal().weights(np.random.RandomState(0), 4, 2, ReLU()).shape
    (4, 2)
    """

    def __init__(self, scale: float = 0.01):
        self.scale = scale

    def check_parameters(self) -> None:
        """Raise for a hyperparameter out of its range."""
        check_real(self, "scale", 0, low_open=True)

    def weights(
        self, rng: np.random.RandomState, fan_in: int, fan_out: int, activation: Any
    ) -> np.ndarray:
        """Return W."""
        return rng.normal(0.0, self.scale, (fan_in, fan_out))


class Uniform(Initializer):
    """W is uniform within `scale`, whatever the layer.

    Parameters
    ----------
    scale : float, default=0.05
        Largest absolute entry, > 0.

    Examples
    --------
    >>> import numpy as np
    >>> from sknnlab.activations import ReLU
    >>> from sknnlab.initializers import Uniform
    >>> Uniform().weights(np.random.RandomState(0), 4, 2, ReLU()).shape
    (4, 2)
    """

    def __init__(self, scale: float = 0.05):
        self.scale = scale

    def check_parameters(self) -> None:
        """Raise for a hyperparameter out of its range."""
        check_real(self, "scale", 0, low_open=True)

    def weights(
        self, rng: np.random.RandomState, fan_in: int, fan_out: int, activation: Any
    ) -> np.ndarray:
        """Return W."""
        return rng.uniform(-self.scale, self.scale, (fan_in, fan_out))


class _Gained(Initializer):
    """Abstract initializer with a gain of its own."""

    def __init__(self, gain: float = 1.0):
        self.gain = gain

    def check_parameters(self) -> None:
        """Raise for a hyperparameter out of its range."""
        check_real(self, "gain", 0, low_open=True)


class GlorotUniform(_Gained):
    r"""Uniform with variance :math:`g^2 \, 2 / (n_{in} + n_{out})`.

    Parameters
    ----------
    gain : float, default=1.0
        Factor on the standard deviation, > 0.

    References
    ----------
    X. Glorot and Y. Bengio (2010). Understanding the difficulty of training deep
    feedforward neural networks. AISTATS.

    Examples
    --------
    >>> import numpy as np
    >>> from sknnlab.activations import ReLU
    >>> from sknnlab.initializers import GlorotUniform
    >>> GlorotUniform().weights(np.random.RandomState(0), 4, 2, ReLU()).shape
    (4, 2)
    """

    def weights(
        self, rng: np.random.RandomState, fan_in: int, fan_out: int, activation: Any
    ) -> np.ndarray:
        """Return W."""
        return _uniform(rng, self.gain * math.sqrt(2 / (fan_in + fan_out)), fan_in, fan_out)


class GlorotNormal(_Gained):
    r"""Normal with variance :math:`g^2 \, 2 / (n_{in} + n_{out})`.

    Parameters
    ----------
    gain : float, default=1.0
        Factor on the standard deviation, > 0.

    References
    ----------
    X. Glorot and Y. Bengio (2010). Understanding the difficulty of training deep
    feedforward neural networks. AISTATS.

    Examples
    --------
    >>> import numpy as np
    >>> from sknnlab.activations import ReLU
    >>> from sknnlab.initializers import GlorotNormal
    >>> GlorotNormal().weights(np.random.RandomState(0), 4, 2, ReLU()).shape
    (4, 2)
    """

    def weights(
        self, rng: np.random.RandomState, fan_in: int, fan_out: int, activation: Any
    ) -> np.ndarray:
        """Return W."""
        return _normal(rng, self.gain * math.sqrt(2 / (fan_in + fan_out)), fan_in, fan_out)


class HeUniform(Initializer):
    """Uniform with variance :math:`g^2 / n_{in}`, `g` the activation's gain.

    References
    ----------
    K. He, X. Zhang, S. Ren and J. Sun (2015). Delving Deep into Rectifiers. ICCV, eq. 10.

    Examples
    --------
    >>> import numpy as np
    >>> from sknnlab.activations import ReLU
    >>> from sknnlab.initializers import HeUniform
    >>> HeUniform().weights(np.random.RandomState(0), 4, 2, ReLU()).shape
    (4, 2)
    """

    def weights(
        self, rng: np.random.RandomState, fan_in: int, fan_out: int, activation: Any
    ) -> np.ndarray:
        """Return W."""
        return _uniform(rng, activation.gain / math.sqrt(fan_in), fan_in, fan_out)


class HeNormal(Initializer):
    """Normal with variance :math:`g^2 / n_{in}`, `g` the activation's gain.

    References
    ----------
    K. He, X. Zhang, S. Ren and J. Sun (2015). Delving Deep into Rectifiers. ICCV, eq. 10.

    Examples
    --------
    >>> import numpy as np
    >>> from sknnlab.activations import ReLU
    >>> from sknnlab.initializers import HeNormal
    >>> HeNormal().weights(np.random.RandomState(0), 4, 2, ReLU()).shape
    (4, 2)
    """

    def weights(
        self, rng: np.random.RandomState, fan_in: int, fan_out: int, activation: Any
    ) -> np.ndarray:
        """Return W."""
        return _normal(rng, activation.gain / math.sqrt(fan_in), fan_in, fan_out)


class LeCunUniform(_Gained):
    """Uniform with variance :math:`g^2 / n_{in}`.

    Parameters
    ----------
    gain : float, default=1.0
        Factor on the standard deviation, > 0.

    References
    ----------
    Y. LeCun, L. Bottou, G. B. Orr and K.-R. Mueller (1998). Efficient BackProp, eq. 16.

    Examples
    --------
    >>> import numpy as np
    >>> from sknnlab.activations import ReLU
    >>> from sknnlab.initializers import LeCunUniform
    >>> LeCunUniform().weights(np.random.RandomState(0), 4, 2, ReLU()).shape
    (4, 2)
    """

    def weights(
        self, rng: np.random.RandomState, fan_in: int, fan_out: int, activation: Any
    ) -> np.ndarray:
        """Return W."""
        return _uniform(rng, self.gain / math.sqrt(fan_in), fan_in, fan_out)


class LeCunNormal(_Gained):
    """Normal with variance :math:`g^2 / n_{in}`.

    Parameters
    ----------
    gain : float, default=1.0
        Factor on the standard deviation, > 0.

    References
    ----------
    Y. LeCun, L. Bottou, G. B. Orr and K.-R. Mueller (1998). Efficient BackProp, eq. 16.

    Examples
    --------
    >>> import numpy as np
    >>> from sknnlab.activations import ReLU
    >>> from sknnlab.initializers import LeCunNormal
    >>> LeCunNormal().weights(np.random.RandomState(0), 4, 2, ReLU()).shape
    (4, 2)
    """

    def weights(
        self, rng: np.random.RandomState, fan_in: int, fan_out: int, activation: Any
    ) -> np.ndarray:
        """Return W."""
        return _normal(rng, self.gain / math.sqrt(fan_in), fan_in, fan_out)


class Orthogonal(Initializer):
    """Orthonormal rows or columns, whichever are fewer, times the activation's gain.

    References
    ----------
    A. M. Saxe, J. L. McClelland and S. Ganguli (2014). Exact solutions to the nonlinear
    dynamics of learning in deep linear neural networks. ICLR.

    Examples
    --------
    >>> import numpy as np
    >>> from sknnlab.activations import Identity
    >>> from sknnlab.initializers import Orthogonal
    >>> W = Orthogonal().weights(np.random.RandomState(0), 4, 2, Identity())
    >>> bool(np.allclose(W.T @ W, np.eye(2)))
    True
    """

    def weights(
        self, rng: np.random.RandomState, fan_in: int, fan_out: int, activation: Any
    ) -> np.ndarray:
        """Return W."""
        tall = rng.normal(size=(max(fan_in, fan_out), min(fan_in, fan_out)))
        q, r = np.linalg.qr(tall)
        # the sign of r's diagonal makes the distribution uniform over rotations
        q *= np.where(np.diag(r) < 0, -1.0, 1.0)
        return activation.gain * (q if fan_in >= fan_out else q.T)


def _uniform(rng: np.random.RandomState, std: float, fan_in: int, fan_out: int) -> np.ndarray:
    """Return a uniform matrix of standard deviation `std`."""
    bound = math.sqrt(3.0) * std
    return rng.uniform(-bound, bound, (fan_in, fan_out))


def _normal(rng: np.random.RandomState, std: float, fan_in: int, fan_out: int) -> np.ndarray:
    """Return a normal matrix of standard deviation `std`."""
    return rng.normal(0.0, std, (fan_in, fan_out))


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
