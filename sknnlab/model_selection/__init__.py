"""Search for hyperparameters in stages, coarse to fine, and a picture of it.

`CoarseToFineSearchCV` is scikit-learn's `RandomizedSearchCV` with a memory: each stage
draws from ranges narrowed around the best of the stage before, and trains longer. A
distribution becomes a `Dimension`, which draws coordinates, turns them into values and
narrows itself; a new kind of distribution is a new `Dimension` and a line in `dimension`.
"""

from sknnlab.model_selection._display import SearchDisplay
from sknnlab.model_selection._search import CoarseToFineSearchCV

__all__ = ["CoarseToFineSearchCV", "SearchDisplay"]
