"""
The tuned run
=============

The whole recipe on one data set: look at the data, check the network before training it,
find the rate and the penalty from coarse to fine, train with the curve in view, and score
the test rows once.
"""

# %%
# Data: the digits, ten classes with rows enough. A quarter is put aside and not looked at
# until the end.
import matplotlib.pyplot as plt
from scipy.stats import loguniform, uniform
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from sknnlab import CoarseToFineSearchCV, MLPClassifier
from sknnlab.inspection import LearningCurvesDisplay, diagnose

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)

# %%
# Step 1: a first guess, examined. The features get one scale, the network a size; all else
# is default.
guess = make_pipeline(
    MinMaxScaler(), MLPClassifier((100,), batch_size=64, max_iter=20, random_state=0)
)
diagnosis = diagnose(guess, X_train, y_train)
print(diagnosis)
first = guess.fit(X_train, y_train).score(X_test, y_test)

# %%
# Step 2: nothing is broken, so tune. Ranges wide enough to be wrong on both sides; each
# stage narrows them around its best candidates and trains longer.
net = MLPClassifier(
    (200,),
    optimizer="adamw",
    learning_rate="cosine",
    batch_size=64,
    max_iter=24,
    random_state=0,
)
search = CoarseToFineSearchCV(
    make_pipeline(MinMaxScaler(), net),
    {
        "mlpclassifier__learning_rate_init": loguniform(1e-4, 1e-1),
        "mlpclassifier__dropout": uniform(0, 0.6),
        "mlpclassifier__loss__label_smoothing": uniform(0, 0.2),
        "mlpclassifier__batchnorm": [False, True],
    },
    n_iter=9,
    cv=3,
    random_state=0,
).fit(X_train, y_train)
for name, value in search.best_params_.items():
    print(f"{name.removeprefix('mlpclassifier__'):<24}{value}")
print(f"cross-validated accuracy {search.best_score_:.3f}")

# %%
# Step 3: the best candidate, trained longer on all training rows but a validation part for
# the curve.
rows, validation, labels, y_val = train_test_split(
    X_train, y_train, test_size=0.15, stratify=y_train, random_state=0
)
final = search.best_estimator_[-1].set_params(max_iter=80)
scaler = MinMaxScaler().fit(rows)
final.fit(scaler.transform(rows), labels, X_val=scaler.transform(validation), y_val=y_val)
LearningCurvesDisplay.from_estimator(final)
plt.show()

# %%
# Step 4: once, the test rows.
last = final.score(scaler.transform(X_test), y_test)
print(f"test accuracy: first guess {first:.3f}, tuned {last:.3f}")

# %%
# The answer. The checks found nothing that would stop the run, the search moved the rate
# and the regularization, and the longer final run turns that into about 0.98 on rows that
# no decision has seen, where the first guess had about 0.95.
assert not [finding for finding in diagnosis.findings if finding.status == "problem"]
assert last > 0.96
assert last >= first
