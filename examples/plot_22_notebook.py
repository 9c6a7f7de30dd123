"""
The lab in a notebook
=====================

What a cell ends with is shown: a network as a box that opens, a diagnosis as a table, a search
with what it found. This page is such a notebook; it can be downloaded below and run cell by cell.
"""

# %%
# A network and its parts
# -----------------------
# In the list of parameters those that were changed stand out. Here each is linked to what it
# means; in notebooks of your own, if the environment variable ``SKNNLAB_DOCS`` holds the address
# of the documentation.
from scipy.stats import loguniform
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from sknnlab import CoarseToFineSearchCV, MLPClassifier, SearchDisplay, diagnose, repair
from sknnlab.inspection import LearningCurvesDisplay
from sknnlab.optimizers import AdamW

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X / 16, y, random_state=0)

net = MLPClassifier(
    (50,), optimizer=AdamW(weight_decay=0.1), learning_rate_init=1.0, max_iter=40, random_state=0
)
net

# %%
# What is wrong
# -------------
# The rate is far too high. A diagnosis is a table: what was measured, what is expected, and
# what to do where the two do not agree.
diagnosis = diagnose(net, X_train, y_train)
diagnosis

# %%
# The same in pictures, of what the checks have looked at: among them the sweep of rates, with
# the one configured and the one suggested.
diagnosis.plot().set_size_inches(11, 6)

# %%
# Let it be done: a repair is a table of what was tried, and what it gained.
repaired = repair(net, X_train, y_train, random_state=0)
repaired

# %%
# The curve of a run of what came out. A network that is fitted has a list of what it has learned
# beside its parameters.
net = repaired.estimator.set_params(learning_rate="linear")
net.fit(X_train, y_train, X_val=X_test, y_val=y_test)
LearningCurvesDisplay.from_estimator(net)
net

# %%
# A search
# --------
# Coarse to fine, over the rate and a parameter of the optimizer.
ranges = {"learning_rate_init": loguniform(1e-4, 1), "optimizer__weight_decay": loguniform(1e-3, 1)}
search = CoarseToFineSearchCV(net, ranges, n_iter=6, cv=3, random_state=0).fit(X_train, y_train)
search

# %%
# Every dot is a candidate; the stages narrow around the best.
SearchDisplay.from_estimator(search)
before = MLPClassifier((50,), learning_rate_init=1.0, random_state=0).fit(X_train, y_train)
accuracy = {
    name: one.score(X_test, y_test) for name, one in {"before": before, "after": search}.items()
}
assert accuracy["after"] > max(0.95, accuracy["before"])
accuracy
