"""Texts that the two ensembles share, inserted into their docstrings."""

from __future__ import annotations

import inspect
from typing import TypeVar

__all__ = ["documented"]

Kind = TypeVar("Kind", bound=type)

TEXTS = {
    "n_estimators": """
n_estimators : int, default=4
    Networks, >= 1. They take turns over `encodings`, and within one over the folds; a single
    one has the first encoding. Eight are a little better for twice the time. Up to 50,000
    rows a linear model of the last encoding joins for each fold that is held out.""",
    "network": """
hidden_layer_sizes : int or array-like of int, default=(128, 128, 128)
    Units of each hidden layer of a member.
activation : str or Activation, default="selu"
    See `sknnlab.activations`.
encodings : tuple of {"squashed", "binned"}, default=("squashed", "binned")
    The inputs of members. "squashed": a column for each number
    (`sknnlab.preprocessing.SquashingScaler`), two categories as -1 and 1, up to 40 a column
    each, more as the mean of the target (`sklearn.preprocessing.TargetEncoder`, fitted on
    each member's own rows). "binned": beside it 16 bins of each number
    (`sknnlab.preprocessing.PiecewiseLinearEncoder`), fewer where more than 128 columns would
    make more than 2,048 of them, none from 1,025 columns on. Sparse rows are only squashed.
max_iter : int or "auto", default="auto"
    Epochs of each member, of which the best by its fold is kept. "auto" is 28; more for few
    rows, up to 512, so that there are a thousand steps; 16 from 100,000 rows on.
batch_size : int or "auto", default="auto"
    Rows per step; "auto" is 64, from 10,000 rows on 128 and from 20,000 on 256, which on the
    same epochs predict as well and take less time.""",
    "cv": """
cv : int, splitter or iterable, default=10
    The folds; member m of an encoding holds out fold m. An int deals shuffled rows, classes
    evenly. A class of one row is never held out.""",
    "end": """
categorical_features : "auto", None or array-like of bool, int or str, default="auto"
    Which columns are categories: "auto" takes a frame's of kind category, string, object and
    bool, and none of an array; else a mask, positions or names.
n_jobs : int, default=None
    Members trained at a time, as in joblib. The bits are the same for any.
verbose : bool, default=False
    Whether to print which epoch of each member is kept.
random_state : int, RandomState or None, default=None
    Deals the folds and seeds the members.""",
    "attributes": """
estimators_ : list
    The members: networks, then linear models, which are networks without hidden layers.
    `sknnlab.inspection.diagnose` examines one on its encoded rows,
    ``encoders_[m].transform(X)``.
encoders_ : list of transformer
    The encoder of each member; those of one encoding share it unless it learns from y.
weights_ : ndarray of shape (n_members,)
    How much each counts; they sum to 1, and are equal for networks of one encoding and for
    linear models, whose share is at most 0.7.
temperatures_ : ndarray of shape (n_members,)
    By what the raw scores of each are divided; 1 for numbers and for linear models.
held_out_score_ : float
    Score of the members (accuracy or R^2, or that of `scoring`) on the rows that they held
    out, where networks speak as of the epoch that is best on other rows. These rows also chose
    weights and temperatures, which flatters a little; each is predicted by one member of each
    encoding only, which does not. On 500 rows of 14 tables it was 0.013 +- 0.010 below the
    score of new rows.
history_ : dict of list
    One row for each epoch of each network: `member` and what its own ``history_`` holds. A
    DataFrame accepts it.
n_iter_ : int
    Most epochs of a network.
n_features_in_ : int
    Number of columns.
feature_names_in_ : ndarray of shape (`n_features_in_`,)
    Only if X has string column names.""",
    "notes": """
Most members are networks of few epochs with wide steps: rates that fit the fan-in of each layer, a
trained scale of each input, the rate in four bumps (`sknnlab.schedules.CosineLog`). Each is
trained on one BLAS thread in float32 and predicts in float64. Beside them stand linear models
with a penalty (``alpha=10``, L-BFGS), which few rows are often enough for. Rows on which an
epoch was chosen flatter it, so the share of linear models is found where each half of the rows
held out is predicted by the epoch that is best on the other half.

A row of weight 0 is left out from the start; k copies of a row are not the same as a weight
of k, as copies may fall into different folds.

Dates and free text are refused; skrub's TableVectorizer makes numbers of them.""",
    "references": """
D. Holzmüller, L. Grinsztajn and I. Steinwart (2024). Better by Default: Strong Pre-Tuned
MLPs and Boosted Trees on Tabular Data. NeurIPS.

Y. Gorishniy, I. Rubachev and A. Babenko (2022). On Embeddings for Numerical Features in
Tabular Deep Learning. NeurIPS.""",
}


def documented(kind: Kind) -> Kind:
    """Replace each line ``{name}`` of a docstring by the text of that name."""
    lines = inspect.cleandoc(kind.__doc__ or "").split("\n")
    kind.__doc__ = "\n".join(TEXTS.get(one.strip("{}"), one).lstrip("\n") for one in lines)
    return kind
