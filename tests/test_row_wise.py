"""Row-wise updates of the first weight matrix on sparse X."""

import pickle

import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_array_equal
from sklearn.base import clone

from sknnlab import LinearSVMSoftmax, MLPClassifier
from sknnlab._engine import training
from sknnlab.optimizers import SGD, Adagrad, Adam


@pytest.fixture
def words(rng):
    """Rows that hold the first features often, later ones rarely, the last ones never."""
    X = (rng.random((200, 60)) < np.linspace(0.5, -0.1, 60)).astype(float)
    return scipy.sparse.csr_array(X), rng.integers(0, 3, 200)


def net(optimizer, **parameters):
    return MLPClassifier(
        (8,), optimizer=optimizer, batch_size=16, max_iter=3, tol=0, random_state=0, **parameters
    )


def fit(model, X, y):
    with pytest.warns(UserWarning, match="max_iter|Maximum"):
        return model.fit(X, y)


@pytest.mark.parametrize("optimizer", [SGD(), Adagrad()], ids=str)
def test_where_a_zero_gradient_changes_nothing_rows_give_the_same_bits(
    optimizer, words, monkeypatch
):
    by_rows = fit(net(optimizer, alpha=0.0), *words)
    monkeypatch.setattr(type(optimizer), "row_wise", lambda self, penalized: False)
    whole = fit(net(optimizer, alpha=0.0), *words)
    for ours, theirs in zip(by_rows.coefs_, whole.coefs_, strict=True):
        assert_array_equal(ours, theirs)
    assert by_rows.loss_curve_ == whole.loss_curve_


@pytest.mark.parametrize("optimizer", [SGD(), Adagrad(), Adam()], ids=str)
def test_a_penalty_or_adam_asks_for_every_row(optimizer):
    assert not optimizer.row_wise(penalized=True)
    assert optimizer.row_wise(penalized=False) is not isinstance(optimizer, Adam)


def test_lazy_adam_leaves_absent_features_alone(words):
    X, y = words
    absent = np.asarray(X.sum(axis=0)).ravel() == 0
    start = fit(net(Adam(lazy=True), learning_rate_init=1e-300), X, y).coefs_[0]
    lazy = fit(net(Adam(lazy=True)), X, y).coefs_[0]
    assert absent.any()
    assert_array_equal(lazy[absent], start[absent])
    assert (lazy[~absent] != start[~absent]).any(axis=1).all()


def test_lazy_adam_is_adam_where_every_batch_holds_every_feature(words):
    X, y = scipy.sparse.csr_array(np.random.RandomState(0).normal(size=(64, 5))), words[1][:64]
    lazy, plain = (
        fit(net(Adam(lazy=lazy), clip_norm=0.5, l1_ratio=0.3), X, y) for lazy in (True, False)
    )
    for ours, theirs in zip(lazy.coefs_, plain.coefs_, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-15)


def test_lazy_means_nothing_on_dense_rows(words):
    X, y = words[0].toarray(), words[1]
    lazy, plain = (fit(net(Adam(lazy=lazy)), X, y) for lazy in (True, False))
    assert_array_equal(lazy.coefs_[0], plain.coefs_[0])


def test_lazy_training_goes_on_after_a_pickle(words):
    X, y = words
    model = net(Adam(lazy=True), warm_start=True).partial_fit(X, y, classes=[0, 1, 2])
    again = pickle.loads(pickle.dumps(model))
    assert_array_equal(model.partial_fit(X, y).coefs_[0], again.partial_fit(X, y).coefs_[0])


def test_a_linear_model_learns_by_rows(words):
    X, _ = words
    y = X @ np.linspace(-1, 1, 60) > 0
    model = LinearSVMSoftmax("softmax", alpha=1e-6, optimizer=Adam(lazy=True), max_iter=100)
    assert clone(model).fit(X, y).score(X, y) > 0.95


def test_only_the_touched_rows_reach_the_optimizer(words, monkeypatch):
    seen, update = [], training.Training._update

    def watch(self, mass, touched):
        (rows,) = touched.values()
        seen.append(rows[0])
        return update(self, mass, touched)

    monkeypatch.setattr(training.Training, "_update", watch)
    fit(net(Adam(lazy=True), shuffle=False), *words)
    assert_array_equal(seen[0], np.flatnonzero(words[0][:16].toarray().any(axis=0)))
