"""Tables: columns of numbers and categories, with gaps, as the input of networks."""

from sknnlab.tabular._categories import CategoryEncoder
from sknnlab.tabular._estimators import TabularMLPClassifier, TabularMLPRegressor

__all__ = ["CategoryEncoder", "TabularMLPClassifier", "TabularMLPRegressor"]
