"""Preprocessing of images, of correlated features and of tables that scikit-learn does not have.

`ImageCenterer` and `ZCAWhitener` learn in one pass over the rows, or batch by batch in
``partial_fit``, with sums in float64 whatever X is. `SquashingScaler` and
`PiecewiseLinearEncoder` bring the numbers of a table into a form that suits networks; both
take missing values and infinities. To standardize single features use
`sklearn.preprocessing.StandardScaler`, to project on whitened principal components
`sklearn.decomposition.PCA` with ``whiten=True``.
"""

from sknnlab.preprocessing._centerer import ImageCenterer
from sknnlab.preprocessing._piecewise import PiecewiseLinearEncoder
from sknnlab.preprocessing._squashing import SquashingScaler
from sknnlab.preprocessing._whitener import ZCAWhitener

__all__ = ["ImageCenterer", "PiecewiseLinearEncoder", "SquashingScaler", "ZCAWhitener"]
