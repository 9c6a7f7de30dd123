"""
Coarse to fine, and random against grid
=======================================

How should a fixed number of trainings be spent on finding a learning rate and a penalty? A
grid, random draws, or random draws in stages that close in on the best?
"""

# %%
# The task: Friedman's function of five features among ten, a small network and 40 epochs.
# The rate may lie anywhere in seven magnitudes, the penalty in eight. Everyone gets twelve
# full trainings, three folds each.
import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import loguniform
from sklearn.datasets import make_friedman1
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.preprocessing import scale

from sknnlab import CoarseToFineSearchCV, MLPRegressor
from sknnlab.model_selection import SearchDisplay

X, y = make_friedman1(500, noise=1.0, random_state=0)
X, y = scale(X), scale(y)
net = MLPRegressor(hidden_layer_sizes=(32,), max_iter=40, batch_size=32, random_state=0)
ranges = {"learning_rate_init": loguniform(1e-6, 10), "alpha": loguniform(1e-7, 10)}

# %%
# The grid has three rates and four penalties, evenly spaced over the magnitudes: nine of
# its twelve trainings repeat a rate that was tried before. Twelve random draws try twelve.
grid = GridSearchCV(
    net,
    {
        "learning_rate_init": np.geomspace(1e-6, 10, 3),
        "alpha": np.geomspace(1e-7, 10, 4),
    },
    cv=3,
).fit(X, y)
seeds = range(4)
random = [
    RandomizedSearchCV(net, ranges, n_iter=12, cv=3, random_state=seed).fit(X, y) for seed in seeds
]
staged = [
    CoarseToFineSearchCV(net, ranges, n_iter=12, cv=3, random_state=seed).fit(X, y)
    for seed in seeds
]

# %%
# What each has found.
scores = {
    "grid": [grid.best_score_],
    "random": [search.best_score_ for search in random],
    "coarse to fine": [search.best_score_ for search in staged],
}
rates = {
    "grid": [grid.best_params_["learning_rate_init"]],
    "random": [search.best_params_["learning_rate_init"] for search in random],
    "coarse to fine": [search.best_params_["learning_rate_init"] for search in staged],
}
print(f"{'search':<16}{'mean R^2':>14}{'worst seed':>12}   best rates")
for name, values in scores.items():
    found = ", ".join(f"{rate:.1e}" for rate in rates[name])
    print(f"{name:<16}{np.mean(values):>14.3f}{min(values):>12.3f}   {found}")

# %%
# One search in stages: candidates, narrowing ranges, and what nine points cover when they
# are drawn at random or laid on a grid.
SearchDisplay.from_estimator(staged[0])
plt.show()

# %%
# The answer. The grid tries three rates, none of them near the best, and pays for each
# four times: R^2 about 0.86. Random draws of the same cost try twelve rates and reach
# about 0.90; the stages spend the late trainings around the good rates, reach about 0.91,
# and their worst seed is close to their best.
means = {name: np.mean(values) for name, values in scores.items()}
assert means["coarse to fine"] > means["grid"] + 0.01
assert means["coarse to fine"] > means["random"]
assert len(set(random[0].cv_results_["param_learning_rate_init"].tolist())) == 12
assert len(set(grid.cv_results_["param_learning_rate_init"].tolist())) == 3
