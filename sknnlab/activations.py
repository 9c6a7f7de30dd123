"""Activations: what stands between the affine maps.

Elementwise functions have one contract: ``forward(z, out)`` fills `out` with f(z), and
``backward(delta, z, a, work)`` multiplies `delta` by f'(z) in place. Where the derivative
follows from the output alone, `uses_input` is False and forward runs in place. To add one,
subclass `Activation` and give it a line in `ACTIVATIONS`, or pass an instance. PReLU, which
learns, and Maxout, whose input is wider than its output, are parameters of layers that the
engine has for them.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np
from scipy.special import erf

from sknnlab._component import Component, check_real
from sknnlab._numerics import ZERO, sigmoid_into, zeros_beside

__all__ = [
    "ACTIVATIONS",
    "ELU",
    "GELU",
    "SELU",
    "Activation",
    "HardSigmoid",
    "HardSwish",
    "Identity",
    "LeakyReLU",
    "Logistic",
    "Maxout",
    "Mish",
    "Nonlinearity",
    "PReLU",
    "ReLU",
    "SiLU",
    "Sigmoid",
    "Softplus",
    "Swish",
    "Tanh",
]

SQRT_2_OVER_PI = math.sqrt(2 / math.pi)
GELU_CUBIC = 0.044715
# Beyond, the tanh of GELU and the normal density are constant to the last bit: what is cut off
# there before it is squared changes nothing, and nothing overflows.
GELU_FLAT, EXACT_FLAT = 10.0, 40.0
SAFE_EXPONENT = 80.0  # e^80 is finite in float32


class Nonlinearity(Component):
    """Abstract parent of what may stand between two affine maps.

    Attributes
    ----------
    gain : float
        What keeps the scale of a standard normal signal: 1 / sqrt(E f(z)^2), or the value
        in use where the field has one. Read by the He and orthogonal initializers.
    glorot_factor : float
        Numerator of scikit-learn's initial bound.
    """

    gain: float = 1.0
    glorot_factor: ClassVar[float] = 6.0


class Activation(Nonlinearity):
    """Abstract elementwise activation.

    Attributes
    ----------
    uses_input : bool
        Whether `backward` reads z. If so, `forward` leaves z as it is and `out` is another
        buffer; if not, `out` may be z itself.
    work_dtype : dtype or None
        Of the scratch that `backward` gets; None is that of `delta`.
    increasing : bool
        Whether f never falls, so that it may change places with a maximum.
    """

    uses_input: ClassVar[bool] = False
    work_dtype: ClassVar[Any] = None
    increasing: ClassVar[bool] = False

    @abstractmethod
    def forward(self, z: np.ndarray, out: np.ndarray) -> None:
        """Fill `out` with f(z)."""

    @abstractmethod
    def backward(self, delta: np.ndarray, z: np.ndarray, a: np.ndarray, work: np.ndarray) -> None:
        """Multiply `delta` by f'(z); a = f(z) and `work` may be overwritten."""


class Identity(Activation):
    r"""Linear: :math:`f(z) = z`.

    Examples
    --------
    >>> import numpy as np
    >>> from sknnlab.activations import Identity
    >>> z = np.array([[-1.0, 0.0, 2.0]])
    >>> a = np.empty_like(z)
    >>> Identity().forward(z, a)
    >>> a.round(4)
    array([[-1.,  0.,  2.]])
    """

    increasing = True

    def forward(self, z: np.ndarray, out: np.ndarray) -> None:
        """Fill `out` with f(z)."""
        if out is not z:
            np.copyto(out, z)

    def backward(self, delta: np.ndarray, z: np.ndarray, a: np.ndarray, work: np.ndarray) -> None:
        """Multiply `delta` by f'(z)."""


class Logistic(Activation):
    r"""Sigmoid: :math:`f(z) = 1 / (1 + e^{-z}) = (1 + \tanh(z / 2)) / 2`.

    References
    ----------
    C. M. Bishop (2006). Pattern Recognition and Machine Learning, section 5.1.

    Examples
    --------
    >>> import numpy as np
    >>> from sknnlab.activations import Logistic
    >>> z = np.array([[-1.0, 0.0, 2.0]])
    >>> a = np.empty_like(z)
    >>> Logistic().forward(z, a)
    >>> a.round(4)
    array([[0.2689, 0.5   , 0.8808]])
    """

    increasing = True
    glorot_factor = 2.0

    def forward(self, z: np.ndarray, out: np.ndarray) -> None:
        """Fill `out` with f(z)."""
        sigmoid_into(z, out)

    def backward(self, delta: np.ndarray, z: np.ndarray, a: np.ndarray, work: np.ndarray) -> None:
        """Multiply `delta` by f'(z)."""
        # f' = a (1 - a)
        np.subtract(1, a, work)
        np.multiply(work, a, work)
        np.multiply(delta, work, delta)


class Tanh(Activation):
    r"""Hyperbolic tangent: :math:`f(z) = \tanh z`.

    References
    ----------
    Y. LeCun, L. Bottou, G. B. Orr and K.-R. Mueller (1998). Efficient BackProp.

    Examples
    --------
    >>> import numpy as np
    >>> from sknnlab.activations import Tanh
    >>> z = np.array([[-1.0, 0.0, 2.0]])
    >>> a = np.empty_like(z)
    >>> Tanh().forward(z, a)
    >>> a.round(4)
    array([[-0.7616,  0.    ,  0.964 ]])
    """

    increasing = True
    gain = 5 / 3

    def forward(self, z: np.ndarray, out: np.ndarray) -> None:
        """Fill `out` with f(z)."""
        np.tanh(z, out)

    def backward(self, delta: np.ndarray, z: np.ndarray, a: np.ndarray, work: np.ndarray) -> None:
        """Multiply `delta` by f'(z)."""
        # f' = 1 - a^2
        np.multiply(a, a, work)
        np.subtract(1, work, work)
        np.multiply(delta, work, delta)


class ReLU(Activation):
    r"""Rectified linear unit: :math:`f(z) = \max(z, 0)`; the derivative at 0 is 0.

    References
    ----------
    V. Nair and G. E. Hinton (2010). Rectified Linear Units Improve Restricted Boltzmann
    Machines. ICML.

    Examples
    --------
    >>> import numpy as np
    >>> from sknnlab.activations import ReLU
    >>> z = np.array([[-1.0, 0.0, 2.0]])
    >>> a = np.empty_like(z)
    >>> ReLU().forward(z, a)
    >>> a.round(4)
    array([[0., 0., 2.]])
    """

    increasing = True
    gain = math.sqrt(2)
    work_dtype = np.bool_

    def forward(self, z: np.ndarray, out: np.ndarray) -> None:
        """Fill `out` with f(z)."""
        np.maximum(z, zeros_beside(z), out=out)

    def backward(self, delta: np.ndarray, z: np.ndarray, a: np.ndarray, work: np.ndarray) -> None:
        """Multiply `delta` by f'(z)."""
        np.greater(a, ZERO[a.dtype], work)
        np.multiply(delta, work, delta)


class LeakyReLU(Activation):
    r"""Leaky rectifier: z where positive, `negative_slope` z elsewhere.

    Parameters
    ----------
    negative_slope : float, default=0.01
        Slope below 0, in [0, 1].

    References
    ----------
    A. L. Maas, A. Y. Hannun and A. Y. Ng (2013). Rectifier Nonlinearities Improve Neural
    Network Acoustic Models. ICML workshop.

    Examples
    --------
    >>> import numpy as np
    >>> from sknnlab.activations import LeakyReLU
    >>> z = np.array([[-1.0, 0.0, 2.0]])
    >>> a = np.empty_like(z)
    >>> LeakyReLU().forward(z, a)
    >>> a.round(4)
    array([[-0.01,  0.  ,  2.  ]])
    """

    increasing = True
    uses_input = True

    def __init__(self, negative_slope: float = 0.01):
        self.negative_slope = negative_slope

    def check_parameters(self) -> None:
        """Raise for a hyperparameter out of its range."""
        check_real(self, "negative_slope", 0, 1)

    @property
    def gain(self) -> float:  # type: ignore[override]
        """What keeps the scale of the signal."""
        return math.sqrt(2 / (1 + self.negative_slope**2))

    def forward(self, z: np.ndarray, out: np.ndarray) -> None:
        """Fill `out` with f(z)."""
        np.multiply(z, self.negative_slope, out)
        np.maximum(z, out, out=out)

    def backward(self, delta: np.ndarray, z: np.ndarray, a: np.ndarray, work: np.ndarray) -> None:
        """Multiply `delta` by f'(z)."""
        # f' = slope + (1 - slope) [z > 0]
        np.greater(z, 0, work)
        np.multiply(work, 1 - self.negative_slope, a)
        np.add(a, self.negative_slope, a)
        np.multiply(delta, a, delta)


class PReLU(Nonlinearity):
    r"""Leaky rectifier whose slope is learned, one for a layer and not penalized.

    .. math:: f(z) = \max(z, 0) + s \min(z, 0)

    Parameters
    ----------
    init : float, default=0.25
        Slope at the start.

    References
    ----------
    K. He, X. Zhang, S. Ren and J. Sun (2015). Delving Deep into Rectifiers. ICCV.

    Examples
    --------
    The slope follows the data, here a line that bends at 0:

    >>> import numpy as np
    >>> from sknnlab import MLPRegressor
    >>> X = np.linspace(-1, 1, 21).reshape(-1, 1)
    >>> net = MLPRegressor(hidden_layer_sizes=(1,), activation="prelu", optimizer="lbfgs",
    ...                    alpha=0.0, random_state=0)
    >>> net.fit(X, np.where(X > 0, X, 0.7 * X).ravel()).layers_[0].slope.round(2)
    array([0.7])
    """

    def __init__(self, init: float = 0.25):
        self.init = init

    def check_parameters(self) -> None:
        """Raise for a hyperparameter out of its range."""
        check_real(self, "init")

    @property
    def gain(self) -> float:  # type: ignore[override]
        """What keeps the scale of the signal at the start."""
        return math.sqrt(2 / (1 + self.init**2))


class ELU(Activation):
    r"""Exponential linear unit: z where positive, :math:`\alpha (e^z - 1)` elsewhere.

    Parameters
    ----------
    alpha : float, default=1.0
        Limit for z to minus infinity, negated, > 0.

    References
    ----------
    D.-A. Clevert, T. Unterthiner and S. Hochreiter (2016). Fast and Accurate Deep Network
    Learning by Exponential Linear Units. ICLR.

    Examples
    --------
    >>> import numpy as np
    >>> from sknnlab.activations import ELU
    >>> z = np.array([[-1.0, 0.0, 2.0]])
    >>> a = np.empty_like(z)
    >>> ELU().forward(z, a)
    >>> a.round(4)
    array([[-0.6321,  0.    ,  2.    ]])
    """

    increasing = True
    uses_input = True
    gain = 1.2452  # 1 / sqrt(E f^2) at alpha = 1

    def __init__(self, alpha: float = 1.0):
        self.alpha = alpha

    def check_parameters(self) -> None:
        """Raise for a hyperparameter out of its range."""
        check_real(self, "alpha", 0, low_open=True)

    def forward(self, z: np.ndarray, out: np.ndarray) -> None:
        """Fill `out` with f(z)."""
        _elu(z, out, self.alpha, 1.0)

    def backward(self, delta: np.ndarray, z: np.ndarray, a: np.ndarray, work: np.ndarray) -> None:
        """Multiply `delta` by f'(z)."""
        _elu_backward(delta, z, a, work, self.alpha, 1.0)


class SELU(Activation):
    r"""Scaled exponential linear unit: :math:`\lambda` ELU, with mean 0, variance 1 as fixed point.

    References
    ----------
    G. Klambauer, T. Unterthiner, A. Mayr and S. Hochreiter (2017). Self-Normalizing Neural
    Networks. NeurIPS.

    Examples
    --------
    >>> import numpy as np
    >>> from sknnlab.activations import SELU
    >>> z = np.array([[-1.0, 0.0, 2.0]])
    >>> a = np.empty_like(z)
    >>> SELU().forward(z, a)
    >>> a.round(4)
    array([[-1.1113,  0.    ,  2.1014]])
    """

    increasing = True
    uses_input = True
    gain = 3 / 4
    ALPHA: ClassVar[float] = 1.6732632423543772
    SCALE: ClassVar[float] = 1.0507009873554805

    def forward(self, z: np.ndarray, out: np.ndarray) -> None:
        """Fill `out` with f(z)."""
        _elu(z, out, self.ALPHA, self.SCALE)

    def backward(self, delta: np.ndarray, z: np.ndarray, a: np.ndarray, work: np.ndarray) -> None:
        """Multiply `delta` by f'(z)."""
        _elu_backward(delta, z, a, work, self.ALPHA, self.SCALE)


class GELU(Activation):
    r"""Gaussian error linear unit: :math:`f(z) = z \Phi(z)`.

    By default in the tanh form,
    :math:`z (1 + \tanh(\sqrt{2 / \pi} (z + 0.044715 z^3))) / 2`.

    Parameters
    ----------
    approximate : {"tanh", "none"}, default="tanh"
        "none" is the exact form, several times slower.

    References
    ----------
    D. Hendrycks and K. Gimpel (2016). Gaussian Error Linear Units. arXiv:1606.08415.

    Examples
    --------
    >>> import numpy as np
    >>> from sknnlab.activations import GELU
    >>> z = np.array([[-1.0, 0.0, 2.0]])
    >>> a = np.empty_like(z)
    >>> GELU().forward(z, a)
    >>> a.round(4)
    array([[-0.1588,  0.    ,  1.9546]])
    """

    uses_input = True
    gain = 1.5336  # 1 / sqrt(E f^2)

    def __init__(self, approximate: str = "tanh"):
        self.approximate = approximate

    def check_parameters(self) -> None:
        """Raise for a hyperparameter out of its range."""
        if self.approximate not in ("tanh", "none"):
            raise ValueError(
                f"approximate of GELU must be 'tanh' or 'none', got {self.approximate!r}."
            )

    def forward(self, z: np.ndarray, out: np.ndarray) -> None:
        """Fill `out` with f(z)."""
        if self.approximate == "none":
            # Phi = (1 + erf(z / sqrt(2))) / 2
            np.multiply(z, math.sqrt(0.5), out)
            erf(out, out)
        else:
            # tanh(sqrt(2 / pi) z (1 + 0.044715 z^2))
            _bounded_square(z, GELU_FLAT, out)
            _gelu_tanh(z, out, out)
        np.add(out, 1, out)
        np.multiply(out, 0.5, out)
        np.multiply(out, z, out)

    def backward(self, delta: np.ndarray, z: np.ndarray, a: np.ndarray, work: np.ndarray) -> None:
        """Multiply `delta` by f'(z)."""
        if self.approximate == "none":
            # f' = Phi(z) + z phi(z)
            _bounded_square(z, EXACT_FLAT, work)
            np.multiply(work, -0.5, work)
            np.exp(work, work)
            np.multiply(work, z, work)
            np.multiply(work, math.sqrt(0.5 / math.pi), work)
            np.multiply(z, math.sqrt(0.5), a)
            erf(a, a)
            np.add(a, 1, a)
            np.multiply(a, 0.5, a)
            np.add(a, work, a)
            np.multiply(delta, a, delta)
        else:
            # f' = (1 + t) / 2 + z (1 - t^2) u' / 2 = (1 + t) (1 + z (1 - t) u') / 2,
            # with u' = sqrt(2 / pi) (1 + 3 * 0.044715 z^2)
            _bounded_square(z, GELU_FLAT, work)
            _gelu_tanh(z, work, a)
            np.multiply(work, 3 * GELU_CUBIC * SQRT_2_OVER_PI, work)
            np.add(work, SQRT_2_OVER_PI, work)
            # z comes last, so that nothing overflows on the way
            np.multiply(delta, 0.5, delta)
            np.add(a, 1, a)
            np.multiply(delta, a, delta)
            np.subtract(2, a, a)
            np.multiply(a, work, a)
            np.multiply(a, delta, a)
            np.multiply(a, z, a)
            np.add(delta, a, delta)


class SiLU(Activation):
    r"""Sigmoid linear unit (swish): :math:`f(z) = z / (1 + e^{-z})`.

    References
    ----------
    S. Elfwing, E. Uchibe and K. Doya (2018). Sigmoid-Weighted Linear Units for Neural
    Network Function Approximation in Reinforcement Learning. Neural Networks 107.

    Examples
    --------
    >>> import numpy as np
    >>> from sknnlab.activations import SiLU
    >>> z = np.array([[-1.0, 0.0, 2.0]])
    >>> a = np.empty_like(z)
    >>> SiLU().forward(z, a)
    >>> a.round(4)
    array([[-0.2689,  0.    ,  1.7616]])
    """

    uses_input = True
    gain = 1.6765  # 1 / sqrt(E f^2)

    def forward(self, z: np.ndarray, out: np.ndarray) -> None:
        """Fill `out` with f(z)."""
        sigmoid_into(z, out)
        np.multiply(out, z, out)

    def backward(self, delta: np.ndarray, z: np.ndarray, a: np.ndarray, work: np.ndarray) -> None:
        """Multiply `delta` by f'(z)."""
        # f' = s (1 + z (1 - s)) with s the sigmoid
        sigmoid_into(z, work)
        np.multiply(delta, work, delta)
        np.subtract(1, work, work)
        np.multiply(work, z, work)
        np.add(work, 1, work)
        np.multiply(delta, work, delta)


class Mish(Activation):
    r"""Mish: :math:`f(z) = z \tanh(\log(1 + e^z))`.

    References
    ----------
    D. Misra (2020). Mish: A Self Regularized Non-Monotonic Activation Function. BMVC.

    Examples
    --------
    >>> import numpy as np
    >>> from sknnlab.activations import Mish
    >>> z = np.array([[-1.0, 0.0, 2.0]])
    >>> a = np.empty_like(z)
    >>> Mish().forward(z, a)
    >>> a.round(4)
    array([[-0.3034,  0.    ,  1.944 ]])
    """

    uses_input = True
    gain = 1.4868  # 1 / sqrt(E f^2)

    def forward(self, z: np.ndarray, out: np.ndarray) -> None:
        """Fill `out` with f(z)."""
        # beyond the bound tanh(log(1 + e^z)) is 1 to the last bit
        _clip(z, -math.inf, SAFE_EXPONENT, out)
        np.exp(out, out)
        np.log1p(out, out)
        np.tanh(out, out)
        np.multiply(out, z, out)

    def backward(self, delta: np.ndarray, z: np.ndarray, a: np.ndarray, work: np.ndarray) -> None:
        """Multiply `delta` by f'(z)."""
        # f' = s (1 + v + 4 z v^2 / c) / c, with v = 1 / (1 + e^z), s = 1 - v = e^z v and
        # c = 1 + v^2, since tanh(softplus(z)) = (1 - v^2) / c: one exponential, no difference
        # of large numbers. `a` holds v / 4, so that the factor 4 costs no pass.
        _clip(z, -math.inf, SAFE_EXPONENT, work)
        np.exp(work, work)
        np.add(work, 1, a)
        np.divide(0.25, a, a)
        # delta s / c, where all have a factor 4 too many
        np.multiply(work, a, work)
        np.multiply(delta, work, delta)
        np.multiply(a, a, work)
        np.add(work, 1 / 16, work)
        np.divide(delta, work, delta)
        # (1 + v + 4 z v^2 / c) / 4; z comes last, so that nothing overflows on the way
        np.divide(a, work, work)
        np.multiply(work, a, work)
        np.multiply(work, z, work)
        np.add(work, a, work)
        np.add(work, 0.25, work)
        np.multiply(delta, work, delta)


class Softplus(Activation):
    r"""Smooth rectifier: :math:`f(z) = \log(1 + e^z)`.

    References
    ----------
    C. Dugas, Y. Bengio, F. Belisle, C. Nadeau and R. Garcia (2001). Incorporating
    Second-Order Functional Knowledge for Better Option Pricing. NeurIPS.

    Examples
    --------
    >>> import numpy as np
    >>> from sknnlab.activations import Softplus
    >>> z = np.array([[-1.0, 0.0, 2.0]])
    >>> a = np.empty_like(z)
    >>> Softplus().forward(z, a)
    >>> a.round(4)
    array([[0.3133, 0.6931, 2.1269]])
    """

    increasing = True
    uses_input = True
    gain = 1.0419  # 1 / sqrt(E f^2)

    def forward(self, z: np.ndarray, out: np.ndarray) -> None:
        """Fill `out` with f(z)."""
        # max(log(1 + e^z), z): what the bound cuts off is z to the last bit
        _clip(z, -math.inf, SAFE_EXPONENT, out)
        np.exp(out, out)
        np.log1p(out, out)
        np.maximum(out, z, out=out)

    def backward(self, delta: np.ndarray, z: np.ndarray, a: np.ndarray, work: np.ndarray) -> None:
        """Multiply `delta` by f'(z)."""
        # f' is the sigmoid
        sigmoid_into(z, work)
        np.multiply(delta, work, delta)


class HardSigmoid(Activation):
    r"""Piecewise linear sigmoid: :math:`\min(\max(z / 6 + 1/2, 0), 1)`.

    References
    ----------
    M. Courbariaux, Y. Bengio and J.-P. David (2015). BinaryConnect. NeurIPS.

    Examples
    --------
    >>> import numpy as np
    >>> from sknnlab.activations import HardSigmoid
    >>> z = np.array([[-1.0, 0.0, 2.0]])
    >>> a = np.empty_like(z)
    >>> HardSigmoid().forward(z, a)
    >>> a.round(4)
    array([[0.3333, 0.5   , 0.8333]])
    """

    increasing = True
    gain = 1.8978  # 1 / sqrt(E f^2)
    work_dtype = np.bool_

    def forward(self, z: np.ndarray, out: np.ndarray) -> None:
        """Fill `out` with f(z)."""
        np.multiply(z, 1 / 6, out)
        np.add(out, 0.5, out)
        _clip(out, 0.0, 1.0, out)

    def backward(self, delta: np.ndarray, z: np.ndarray, a: np.ndarray, work: np.ndarray) -> None:
        """Multiply `delta` by f'(z)."""
        # f' = 1/6 where 0 < a < 1
        np.greater(a, 0, work)
        np.multiply(delta, work, delta)
        np.less(a, 1, work)
        np.multiply(delta, work, delta)
        np.multiply(delta, 1 / 6, delta)


class HardSwish(Activation):
    r"""Piecewise swish: :math:`z \min(\max(z / 6 + 1/2, 0), 1)`.

    References
    ----------
    A. Howard et al. (2019). Searching for MobileNetV3. ICCV, section 5.2.

    Examples
    --------
    >>> import numpy as np
    >>> from sknnlab.activations import HardSwish
    >>> z = np.array([[-1.0, 0.0, 2.0]])
    >>> a = np.empty_like(z)
    >>> HardSwish().forward(z, a)
    >>> a.round(4)
    array([[-0.3333,  0.    ,  1.6667]])
    """

    uses_input = True
    gain = 1.7367  # 1 / sqrt(E f^2)

    def forward(self, z: np.ndarray, out: np.ndarray) -> None:
        """Fill `out` with f(z)."""
        np.multiply(z, 1 / 6, out)
        np.add(out, 0.5, out)
        _clip(out, 0.0, 1.0, out)
        np.multiply(out, z, out)

    def backward(self, delta: np.ndarray, z: np.ndarray, a: np.ndarray, work: np.ndarray) -> None:
        """Multiply `delta` by f'(z)."""
        # f' = z / 3 + 1/2 for |z| < 3, else [z > 0]
        np.multiply(z, 1 / 3, work)
        np.add(work, 0.5, work)
        np.greater(z, -3, a)
        np.multiply(work, a, work)
        np.less(z, 3, a)
        np.multiply(work, a, work)
        np.greater_equal(z, 3, a)
        np.add(work, a, work)
        np.multiply(delta, work, delta)


class Maxout(Nonlinearity):
    r"""The largest of `n_pieces` affine maps a unit.

    Widths count outputs; W has shape (fan_in, width * n_pieces), piece by piece.

    Parameters
    ----------
    n_pieces : int, default=2
        Affine maps a unit, >= 2.

    References
    ----------
    I. J. Goodfellow, D. Warde-Farley, M. Mirza, A. Courville and Y. Bengio (2013). Maxout
    Networks. ICML.

    Examples
    --------
    A unit of two pieces is the larger of two lines, so that one is enough for ``|x|``:

    >>> import numpy as np
    >>> from sknnlab import MLPRegressor
    >>> X = np.linspace(-1, 1, 21).reshape(-1, 1)
    >>> net = MLPRegressor(hidden_layer_sizes=(1,), activation="maxout", optimizer="lbfgs",
    ...                    alpha=0.0, random_state=4).fit(X, np.abs(X[:, 0]))
    >>> net.predict([[-0.5], [0.25]]).round(2)
    array([0.5 , 0.25])
    >>> net.coefs_[0].shape
    (1, 2)
    """

    def __init__(self, n_pieces: int = 2):
        self.n_pieces = n_pieces

    def check_parameters(self) -> None:
        """Raise for a hyperparameter out of its range."""
        check_real(self, "n_pieces", 2, integer=True)


@lru_cache(maxsize=64)
def _scalar(value: float, kind: str) -> np.ndarray:
    """Return a number as an array of no dimension, made once."""
    return np.array(value, kind)


def _clip(z: np.ndarray, low: float, high: float, out: np.ndarray) -> None:
    """Fill `out` with min(max(z, low), high).

    Between two bounds it is vectorized, as minimum and maximum with a number are not.
    """
    kind = z.dtype.char
    z.clip(_scalar(low, kind), _scalar(high, kind), out)


def _bounded_square(z: np.ndarray, bound: float, out: np.ndarray) -> None:
    """Fill `out` with min(|z|, bound)^2."""
    _clip(z, -bound, bound, out)
    np.multiply(out, out, out)


def _gelu_tanh(z: np.ndarray, square: np.ndarray, out: np.ndarray) -> None:
    """Fill `out`, which may be `square`, with tanh(sqrt(2 / pi) z (1 + 0.044715 square))."""
    np.multiply(square, GELU_CUBIC * SQRT_2_OVER_PI, out)
    np.add(out, SQRT_2_OVER_PI, out)
    np.multiply(out, z, out)
    np.tanh(out, out)


# Per dtype: the integer of the same size, and the bits of a number but its sign.
BITS: dict[np.dtype, tuple[np.dtype, np.ndarray]] = {
    np.dtype(np.float32): (np.dtype(np.int32), np.array(2**31 - 1, np.int32)),
    np.dtype(np.float64): (np.dtype(np.int64), np.array(2**63 - 1, np.int64)),
}


def _elu(z: np.ndarray, out: np.ndarray, alpha: float, scale: float) -> None:
    """Fill `out` with scale (max(z, 0) + alpha expm1(min(z, 0)))."""
    np.minimum(z, zeros_beside(z), out=out)
    np.expm1(out, out)
    # the size first, max(-alpha expm1(min(z, 0)), z), for any alpha; then the sign of z
    np.multiply(out, -alpha, out)
    np.maximum(out, z, out=out)
    _give_sign(z, out)
    if scale != 1:
        np.multiply(out, scale, out)


def _give_sign(z: np.ndarray, out: np.ndarray) -> None:
    """Give the entries of `out`, none below 0, the signs of z (`copysign` is not vectorized)."""
    integer, magnitude = BITS[z.dtype]
    bits, signed = out.view(integer), z.view(integer)
    # ((out xor z) and not sign) xor z
    np.bitwise_xor(bits, signed, bits)
    np.bitwise_and(bits, magnitude, bits)
    np.bitwise_xor(bits, signed, bits)


def _elu_backward(
    delta: np.ndarray, z: np.ndarray, a: np.ndarray, work: np.ndarray, alpha: float, scale: float
) -> None:
    """Multiply `delta` by scale [z > 0] + (a + scale alpha) [z <= 0]."""
    np.minimum(a, zeros_beside(a), out=a)
    np.add(a, scale * alpha, a)
    # where z > 0 this is scale alpha to the bit: the difference of bits makes it scale
    if alpha != 1:
        integer, zero, one, difference = _exchange(scale * alpha, scale, z.dtype.char)
        bits, positive = a.view(integer), work.view(integer)
        z.view(integer).clip(zero, one, positive)
        np.multiply(positive, difference, positive)
        np.bitwise_xor(bits, positive, bits)
    np.multiply(delta, a, delta)


@lru_cache(maxsize=64)
def _exchange(
    old: float, new: float, kind: str
) -> tuple[np.dtype, np.ndarray, np.ndarray, np.ndarray]:
    """Return a float type's integer, its 0 and 1, and the bits where `old` and `new` differ."""
    integer = BITS[np.dtype(kind)][0]
    bits = np.array([old, new], kind).view(integer)
    zero, one, difference = (np.array(value, integer) for value in (0, 1, bits[0] ^ bits[1]))
    return integer, zero, one, difference


# by the other names that the registry knows
Sigmoid = Logistic
Swish = SiLU

ACTIVATIONS: dict[str, type[Nonlinearity]] = {
    "identity": Identity,
    "logistic": Logistic,
    "sigmoid": Logistic,
    "tanh": Tanh,
    "relu": ReLU,
    "leaky_relu": LeakyReLU,
    "prelu": PReLU,
    "elu": ELU,
    "selu": SELU,
    "gelu": GELU,
    "silu": SiLU,
    "swish": SiLU,
    "mish": Mish,
    "softplus": Softplus,
    "hard_sigmoid": HardSigmoid,
    "hard_swish": HardSwish,
    "maxout": Maxout,
}
