"""Preprocessing of images and of correlated features that scikit-learn does not have.

Both transformers learn in one pass over the rows, or batch by batch in ``partial_fit``,
with sums in float64 whatever X is. To standardize single features use
`sklearn.preprocessing.StandardScaler`, to project on whitened principal components
`sklearn.decomposition.PCA` with ``whiten=True``.
"""

from sknnlab.preprocessing._centerer import ImageCenterer
from sknnlab.preprocessing._whitener import ZCAWhitener

__all__ = ["ImageCenterer", "ZCAWhitener"]
