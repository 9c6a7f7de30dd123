"""The limit of BLAS threads ends with the fit, whichever of several fits ends last."""

import threading
from contextlib import ExitStack

import numpy as np
import pytest
from sklearn.base import clone
from threadpoolctl import ThreadpoolController, threadpool_info, threadpool_limits

from sknnlab import LinearSVMSoftmax, MLPClassifier, MLPRegressor

AT_MOST = 60  # seconds until a test that hangs gives up


def pools():
    """Return the threads of every BLAS in the process."""
    return {
        one["filepath"]: one["num_threads"]
        for one in threadpool_info()
        if one["user_api"] == "blas"
    }


def set_threads(n_threads):
    """Set the threads of every BLAS, keeping no right to be the only one who may."""
    for library in ThreadpoolController().select(user_api="blas").lib_controllers:
        library.set_num_threads(n_threads)
        # from threadpoolctl 3.7 on, the first thread to set a limit is the only one that can
        getattr(library, "clear_controlling_thread", lambda force: None)(force=True)


@pytest.fixture(autouse=True)
def three_threads():
    """Let every pool have three threads, whatever the machine and the environment say."""
    before = max(pools().values(), default=1)
    set_threads(3)
    if set(pools().values()) != {3}:
        pytest.skip("this BLAS cannot be limited")
    yield
    set_threads(before)


class Rendezvous:
    """A `scoring` that says it was entered, then waits to be told to go on."""

    def __init__(self):
        self.entered, self.leave = threading.Event(), threading.Event()
        self.seen = None

    def __call__(self, estimator, X, y):
        self.seen = pools()
        self.entered.set()
        assert self.leave.wait(AT_MOST)
        return 0.5


class Fit:
    """A fit in a thread of its own, to be entered and left on command."""

    def __init__(self, model, X, y):
        self.gate = Rendezvous()
        model = clone(model).set_params(scoring=self.gate)
        self._thread = threading.Thread(
            target=model.fit, args=(X, y), kwargs={"X_val": X, "y_val": y}, daemon=True
        )

    def enter(self):
        self._thread.start()
        assert self.gate.entered.wait(AT_MOST)

    def leave(self):
        self.gate.leave.set()
        self._thread.join(AT_MOST)
        assert not self._thread.is_alive()


@pytest.fixture
def rows(rng):
    X = rng.normal(size=(300, 20))
    return X, (X[:, 0] > 0).astype(int)


@pytest.fixture
def large_rows(rng):
    """Enough that the products of a step use several threads."""
    X = rng.normal(size=(400, 400))
    return X, (X[:, 0] > 0).astype(int)


SMALL = {
    "classifier": MLPClassifier((5,), max_iter=2),
    "regressor": MLPRegressor(hidden_layer_sizes=(5,), max_iter=2),
    "linear": LinearSVMSoftmax(max_iter=2),
    "lbfgs": MLPClassifier((5,), solver="lbfgs", max_iter=2),
}


@pytest.mark.parametrize("name", SMALL)
def test_one_fit_gives_the_threads_back(name, rows):
    SMALL[name].fit(*rows)
    assert set(pools().values()) == {3}


def test_a_failed_fit_gives_the_threads_back(rows):
    X, y = rows
    with pytest.raises(ValueError, match="non-finite"):
        MLPRegressor(activation="identity").fit(X, y * 1e300)
    assert set(pools().values()) == {3}


def test_fits_one_within_the_other_give_the_threads_back(rows):
    outer, inner = Fit(MLPClassifier((5,), max_iter=2), *rows), Fit(MLPClassifier((5,)), *rows)
    outer.enter(), inner.enter()
    inner.leave(), outer.leave()
    assert set(pools().values()) == {3}


@pytest.mark.parametrize("name", SMALL)
def test_overlapping_fits_give_the_threads_back(name, rows):
    first, second = Fit(SMALL["classifier"], *rows), Fit(SMALL[name], *rows)
    first.enter(), second.enter()
    first.leave(), second.leave()
    assert set(pools().values()) == {3}


def test_many_overlapping_fits_give_the_threads_back(rows):
    fits = [Fit(MLPClassifier((5,), max_iter=2), *rows) for _ in range(4)]
    for fit in fits:
        fit.enter()
    for i in np.random.default_rng(0).permutation(4):
        fits[i].leave()
    assert set(pools().values()) == {3}


def test_an_overlapping_fit_that_is_large_gives_the_threads_back(rows, large_rows):
    large = MLPClassifier((400,), batch_size=400, max_iter=2)
    for first, second in ((rows, large_rows), (large_rows, rows)):
        a, b = (
            Fit(large if data is large_rows else MLPClassifier((5,), max_iter=2), *data)
            for data in (first, second)
        )
        a.enter(), b.enter()
        a.leave(), b.leave()
        assert set(pools().values()) == {3}


def test_a_small_fit_stays_limited_while_another_has_ended(rows):
    first, second = (Fit(MLPClassifier((5,), max_iter=2), *rows) for _ in "ab")
    first.enter(), second.enter()
    first.leave()
    during = pools()
    second.leave()
    assert set(during.values()) == {1}


def test_a_limit_set_outside_is_what_comes_back(rows):
    with threadpool_limits(2, user_api="blas"):
        first, second = (Fit(MLPClassifier((5,), max_iter=2), *rows) for _ in "ab")
        first.enter(), second.enter()
        first.leave(), second.leave()
        assert set(pools().values()) == {2}


def test_predictions_in_other_threads_change_no_limit(rows):
    X, y = rows
    net = MLPClassifier((5,), max_iter=2).fit(X, y)
    with ExitStack() as stack:
        fit = Fit(MLPClassifier((5,), max_iter=2), X, y)
        fit.enter()
        stack.callback(fit.leave)
        net.predict(X)
        assert set(pools().values()) == {1}
    assert set(pools().values()) == {3}
