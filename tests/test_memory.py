"""Rows in a memory map are read batch by batch: no dtype and no part of training copies them."""

import subprocess
import sys
import textwrap
import tracemalloc

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from sknnlab import ConvNetClassifier, LinearSVMSoftmax, MLPClassifier, MLPRegressor

N_ROWS, N_FEATURES = 40_000, 128
SHORT = {"max_iter": 1, "batch_size": 500}
DTYPES = [
    *("?", "u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8"),
    *(">i4", ">f4", ">f8"),
]


def mapped(folder, X):
    """Return a read-only memory map of X."""
    path = folder / f"{X.dtype.str[1:]}.npy"
    np.save(path, X)
    return np.load(path, mmap_mode="r")


@pytest.fixture
def values(rng):
    return rng.integers(0, 100, (N_ROWS, N_FEATURES))


def peak(action):
    """Return the most bytes that NumPy and Python held at a time."""
    tracemalloc.start()
    try:
        action()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


WHOLE = N_ROWS * N_FEATURES * 8  # a copy in float64


@pytest.mark.parametrize("dtype", DTYPES)
def test_rows_of_any_dtype_are_cast_batch_by_batch(dtype, values, tmp_path):
    X, y = mapped(tmp_path, values.astype(dtype)), values[:, 0] > 50
    net = MLPClassifier((5,), **SHORT)
    assert peak(lambda: net.fit(X, y).predict(X)) < 0.15 * WHOLE


FITS = {
    "regressor": MLPRegressor(hidden_layer_sizes=(5,), **SHORT),
    "linear": LinearSVMSoftmax(**SHORT),
    "float32": MLPClassifier((5,), dtype="float32", **SHORT),
    "float64": MLPClassifier((5,), dtype="float64", **SHORT),
    "batchnorm": MLPClassifier((5,), batchnorm=True, average=True, **SHORT),
    "early stopping": MLPClassifier((5,), early_stopping=True, **SHORT),
    "convolution": ConvNetClassifier(2, image_shape=(8, 16), max_iter=1, batch_size=50),
}


@pytest.mark.parametrize("dtype", ["f4", "f8", "i8"])
@pytest.mark.parametrize("name", FITS)
def test_no_kind_of_training_copies_the_rows(name, dtype, values, tmp_path):
    X, y = mapped(tmp_path, values.astype(dtype)), values[:, 0] > 50
    n_rows = 10_000 if name == "convolution" else N_ROWS
    used = peak(lambda: FITS[name].fit(X[:n_rows], y[:n_rows].astype(int)))
    assert used < 0.3 * WHOLE


@pytest.mark.parametrize("loss", ["log_loss", "hinge"])
def test_rows_held_out_for_early_stopping_stay_in_the_map(loss, values, tmp_path):
    X, y = mapped(tmp_path, values), values[:, 0] > 50
    net = MLPClassifier((5,), loss=loss, early_stopping=True, random_state=0, **SHORT)
    net.set_params(validation_fraction=0.5, max_iter=2)
    assert peak(lambda: net.fit(X, y)) < 0.15 * WHOLE
    scores = net.validation_scores_
    assert net.fit(values, y).validation_scores_ == scores


def test_a_scorer_of_rows_in_a_map_sees_an_array(values, tmp_path):
    X, y = mapped(tmp_path, values), values[:, 0] > 50
    net = MLPClassifier((5,), early_stopping=True, validation_fraction=0.2, random_state=0, **SHORT)
    found = net.set_params(scoring="roc_auc").fit(X, y).validation_scores_
    assert net.fit(values, y).validation_scores_ == found


def test_a_call_of_partial_fit_and_validation_rows_do_not_either(values, tmp_path):
    X, y = mapped(tmp_path, values), values[:, 0] > 50
    net = MLPClassifier((5,), **SHORT)
    assert peak(lambda: net.partial_fit(X, y, classes=[False, True])) < 0.15 * WHOLE
    # of X_val up to 20,000 rows are looked at, to warn where they lie far from X
    assert peak(lambda: net.fit(X[:500], y[:500], X_val=X, y_val=y)) < 0.6 * WHOLE


@pytest.mark.parametrize("dtype", ["auto", "float32"])
@pytest.mark.parametrize("kind", DTYPES)
def test_the_bits_are_those_of_rows_in_memory(kind, dtype, values, tmp_path):
    X, y = values[:600].astype(kind), values[:600, 0] > 50
    net = MLPClassifier((5,), max_iter=2, dtype=dtype, random_state=0)
    expected = net.fit(X, y).predict_proba(X)
    rows = mapped(tmp_path, X)
    assert_array_equal(net.fit(rows, y).predict_proba(rows), expected)


def test_what_the_dtype_of_the_network_cannot_hold_is_refused(tmp_path):
    X = np.ones((9000, 3))
    X[8500, 1] = 1e300
    net = MLPRegressor(dtype="float32", max_iter=1)
    with pytest.raises(ValueError, match=r"too large for dtype\('float32'\)"):
        net.fit(mapped(tmp_path, X), X[:, 0])
    assert not hasattr(net, "coefs_")


UNDER_A_LIMIT = """
    import pathlib, resource, sys
    import numpy as np
    from numpy.lib.format import open_memmap
    from sknnlab import MLPRegressor

    path, n_rows, n_features, megabytes = sys.argv[1], 2_000_000, 20, 128
    X = open_memmap(path, "w+", sys.argv[2], (n_rows, n_features))
    X[:: n_rows // 1000] = 1
    X = np.load(path, mmap_mode="r")
    y = np.arange(n_rows, dtype=np.float32) / n_rows
    net = MLPRegressor(hidden_layer_sizes=(4,), max_iter=1, batch_size=10_000)
    net.fit(X[:20_000], y[:20_000])  # whatever is loaded late is loaded now
    status = pathlib.Path("/proc/self/status").read_text()
    used = int(status.split("VmData:")[1].split()[0]) * 1024
    resource.setrlimit(resource.RLIMIT_DATA, 2 * [used + megabytes * 2**20])
    print("fitted", net.fit(X, y).n_iter_)
    try:
        np.array(X, np.float64).sum()
    except MemoryError:
        print("a copy would not fit")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux's")
@pytest.mark.parametrize(
    "dtype", ["f8", *(pytest.param(one, marks=pytest.mark.slow) for one in ("u1", "f4", "i8"))]
)
def test_two_million_rows_are_fitted_under_a_limit_of_the_system(dtype, tmp_path):
    script = textwrap.dedent(UNDER_A_LIMIT)
    command = [sys.executable, "-W", "ignore", "-c", script, str(tmp_path / "X.npy"), dtype]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.stdout.splitlines() == ["fitted 1", "a copy would not fit"], run.stderr
