"""Centering, whitening, squashing, bins: scikit-learn's contract, closed forms, bad values."""

import pickle
import tracemalloc
from itertools import pairwise

import numpy as np
import pytest
import scipy.sparse
from sklearn import config_context
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from sknnlab import MLPClassifier
from sknnlab.preprocessing import (
    ImageCenterer,
    PiecewiseLinearEncoder,
    SquashingScaler,
    ZCAWhitener,
)

SHAPE = (5, 4, 3)
CENTERERS = [
    ImageCenterer(),
    ImageCenterer("channel"),
    ImageCenterer(scale="pixel"),
    ImageCenterer("channel", scale="channel"),
    ImageCenterer(None, scale=255),
]


@pytest.fixture
def images(rng):
    return rng.integers(0, 256, (50, *SHAPE)).astype(np.uint8)


@pytest.fixture
def correlated(rng):
    return 3 + rng.normal(size=(200, 6)) @ rng.normal(size=(6, 6))


@parametrize_with_checks(
    [
        ImageCenterer(),
        ImageCenterer(scale="pixel"),
        ZCAWhitener(),
        SquashingScaler(),
        PiecewiseLinearEncoder(),
    ]
)
def test_scikit_learns_checks_pass(estimator, check):
    check(estimator)


def rounding(dtype):
    return {"rtol": 1e-5, "atol": 1e-3} if dtype == np.float32 else {"rtol": 1e-12, "atol": 1e-9}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("mean", "scale", "mean_axis", "scale_axis"),
    [
        ("pixel", "pixel", 0, 0),
        ("channel", "channel", (0, 1, 2), (0, 1, 2)),
        ("channel", "pixel", (0, 1, 2), 0),
        ("pixel", "channel", 0, (0, 1, 2)),
    ],
)
def test_the_formula_of_every_mean_and_scale(mean, scale, mean_axis, scale_axis, dtype, images):
    X = images.astype(dtype)
    exact = images.astype(float)
    expected = (exact - exact.mean(axis=mean_axis)) / exact.std(axis=scale_axis)
    X_new = ImageCenterer(mean, scale=scale).fit_transform(X)
    assert X_new.dtype == dtype
    np.testing.assert_allclose(X_new, expected, **rounding(dtype))


def test_pixel_scaling_is_that_of_standard_scaler(digits):
    X = digits[0]
    X_new = ImageCenterer(scale="pixel").fit_transform(X)
    np.testing.assert_allclose(X_new, StandardScaler().fit_transform(X), rtol=1e-10, atol=1e-10)


def test_a_number_divides_and_no_mean_is_subtracted(images):
    X_new = ImageCenterer(None, scale=255).fit_transform(images)
    assert X_new.dtype == np.float32
    np.testing.assert_array_equal(X_new, images.astype(np.float32) / np.float32(255))


@pytest.mark.parametrize("part", CENTERERS, ids=str)
def test_flat_rows_and_images_are_treated_alike_and_come_back(part, images):
    flat = images.reshape(len(images), -1)
    from_images = clone(part).fit(images)
    from_rows = clone(part).set_params(image_shape=SHAPE).fit(flat)
    assert from_images.n_features_in_ == from_rows.n_features_in_ == flat.shape[1]
    assert from_images.image_shape_ == from_rows.image_shape_ == SHAPE
    X_new = from_images.transform(images)
    assert X_new.shape == images.shape
    np.testing.assert_array_equal(from_rows.transform(flat), X_new.reshape(flat.shape))
    np.testing.assert_array_equal(from_images.transform(flat), X_new.reshape(flat.shape))
    np.testing.assert_array_equal(from_images.transform(list(images)), X_new)
    np.testing.assert_allclose(from_rows.inverse_transform(X_new), images, atol=1e-3)


@pytest.mark.parametrize("part", CENTERERS, ids=str)
def test_batches_of_images_give_what_fit_gives(part, images):
    whole = clone(part).fit(images)
    parts = clone(part)
    for batch in np.array_split(images, [1, 8, 30]):
        parts.partial_fit(batch)
    assert parts.n_samples_seen_ == 50
    np.testing.assert_allclose(parts.transform(images), whole.transform(images), atol=1e-4)


def test_the_variance_is_exact_far_from_zero(rng):
    X = 1e6 + rng.normal(size=(3000, 2))
    centerer = ImageCenterer(scale="pixel").fit(X)
    np.testing.assert_allclose(centerer.scale_, X.std(axis=0), rtol=1e-9)
    np.testing.assert_allclose(ZCAWhitener().fit(X).covariance_, np.cov(X.T), rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("scale", ["pixel", "channel"])
def test_a_constant_is_divided_by_one(scale):
    X = np.full((7, 2, 2), 0.1)
    np.testing.assert_allclose(ImageCenterer(scale=scale).fit_transform(X), 0, atol=1e-15)
    np.testing.assert_array_equal(ImageCenterer(scale=scale).fit(X).scale_, 1)


def test_centering_names_what_it_cannot_do(images):
    flat = images.reshape(len(images), -1)
    with pytest.raises(ValueError, match=r"flat rows of 60 features .* image_shape="):
        ImageCenterer("channel").fit(flat)
    with pytest.raises(ValueError, match=r"rows of 48 features, got rows of 60"):
        ImageCenterer(image_shape=(4, 4, 3)).fit(flat)
    with pytest.raises(ValueError, match=r"expects images of shape \(5, 4, 3\)"):
        ImageCenterer().fit(images).transform(images[:, :4])
    with pytest.raises(ValueError, match="mean must be 'pixel', 'channel' or None, got 'image'"):
        ImageCenterer("image").fit(images)
    with pytest.raises(ValueError, match="scale must be 'pixel', 'channel', a number > 0"):
        ImageCenterer(scale="std").fit(images)
    with pytest.raises(ValueError, match="scale of ImageCenterer must be a number > 0, got 0"):
        ImageCenterer(scale=0).fit(images)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_whitened_features_have_the_identity_as_covariance(dtype, correlated):
    X = correlated.astype(dtype)
    X_white = ZCAWhitener(epsilon=0).fit_transform(X)
    assert X_white.dtype == dtype
    tolerance = 1e-3 if dtype == np.float32 else 1e-9
    np.testing.assert_allclose(np.cov(X_white.T), np.eye(6), atol=tolerance)


def test_whitening_is_pca_turned_back(correlated):
    pca = PCA(whiten=True).fit(correlated)
    expected = pca.transform(correlated) @ pca.components_
    X_white = ZCAWhitener(epsilon=0).fit_transform(correlated)
    np.testing.assert_allclose(X_white, expected, atol=1e-8)
    pca = PCA(n_components=3, whiten=True).fit(correlated)
    kept = ZCAWhitener(epsilon=0, n_components=3).fit(correlated)
    expected = pca.transform(correlated) @ pca.components_
    np.testing.assert_allclose(kept.transform(correlated), expected, atol=1e-8)
    np.testing.assert_allclose(kept.explained_variance_, pca.explained_variance_)


def test_whitening_is_symmetric_and_epsilon_enters_below_the_root(correlated):
    whitener = ZCAWhitener(epsilon=0.3).fit(correlated)
    np.testing.assert_allclose(whitener.whitening_, whitener.whitening_.T, atol=1e-12)
    square = np.linalg.inv(whitener.whitening_ @ whitener.whitening_)
    np.testing.assert_allclose(square, np.cov(correlated.T) + 0.3 * np.eye(6), atol=1e-9)


def test_whitening_is_undone(correlated):
    whitener = ZCAWhitener(epsilon=0.1).fit(correlated)
    X_white = whitener.transform(correlated)
    np.testing.assert_allclose(whitener.inverse_transform(X_white), correlated, atol=1e-9)
    pca = PCA(n_components=2).fit(correlated)
    kept = ZCAWhitener(n_components=2).fit(correlated)
    expected = pca.inverse_transform(pca.transform(correlated))
    back = kept.inverse_transform(kept.transform(correlated))
    np.testing.assert_allclose(back, expected, atol=1e-9)


def test_directions_without_variance_become_zero(correlated):
    X = np.hstack([correlated, correlated[:, :2], np.ones((200, 1))])
    whitener = ZCAWhitener(epsilon=0).fit(X)
    X_white = whitener.transform(X)
    assert np.linalg.matrix_rank(np.cov(X_white.T), tol=1e-6) == 6
    np.testing.assert_allclose(np.cov(X_white.T).trace(), 6)
    np.testing.assert_allclose(whitener.inverse_transform(X_white), X, atol=1e-6)


def test_batches_of_rows_whiten_as_the_whole(correlated):
    whole = ZCAWhitener().fit(correlated)
    parts = ZCAWhitener()
    for batch in np.array_split(correlated, [1, 40, 41]):
        parts.partial_fit(batch)
    np.testing.assert_allclose(parts.covariance_, np.cov(correlated.T), rtol=1e-11)
    np.testing.assert_allclose(parts.whitening_, whole.whitening_, atol=1e-10)
    parts.partial_fit(correlated + 1)
    both = np.vstack([correlated, correlated + 1])
    np.testing.assert_allclose(parts.transform(both), ZCAWhitener().fit_transform(both), atol=1e-9)


def test_whitening_streams_its_float64_copy(rng):
    X = rng.random((20000, 40), dtype=np.float32)
    tracemalloc.start()
    ZCAWhitener().fit(X)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < X.nbytes / 2


def test_whitening_names_what_it_cannot_do(correlated):
    with pytest.raises(ValueError, match="epsilon of ZCAWhitener must be a number >= 0"):
        ZCAWhitener(epsilon=-1).fit(correlated)
    with pytest.raises(ValueError, match="n_components of ZCAWhitener must be an integer >= 1"):
        ZCAWhitener(n_components=7).fit(correlated)
    with pytest.raises(NotFittedError):
        ZCAWhitener().transform(correlated)
    assert not hasattr(ZCAWhitener(), "whitening_")


@pytest.mark.parametrize("part", [ImageCenterer(), ZCAWhitener(), SquashingScaler()], ids=str)
def test_names_pickles_and_frames(part, correlated):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(correlated, columns=list("abcdef"))
    fitted = clone(part).set_output(transform="pandas").fit(frame)
    out = fitted.transform(frame)
    assert list(fitted.get_feature_names_out()) == list(out.columns) == list("abcdef")
    again = pickle.loads(pickle.dumps(fitted)).transform(frame)
    pd.testing.assert_frame_equal(again, out)
    with config_context(transform_output="default"):
        plain = clone(part).fit_transform(correlated)
    np.testing.assert_allclose(plain, out.to_numpy(), atol=1e-8)


def test_both_precede_a_network(digits):
    X, y = digits[0][:300], digits[1][:300]
    net = MLPClassifier((32,), learning_rate_init=0.01, max_iter=30, random_state=0)
    model = make_pipeline(ImageCenterer(), ZCAWhitener(epsilon=0.1), net).fit(X, y)
    assert model.score(X, y) > 0.95


# -- squashing -------------------------------------------------------------------------


def squashed(z, m=3.0):
    return z / np.sqrt(1 + (z / m) ** 2)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("m", [0.5, 3, np.float64(10)])
def test_squashing_is_robust_scaling_with_a_smooth_bound(m, dtype, rng):
    X = rng.standard_cauchy((101, 4)).astype(dtype)
    scaler = SquashingScaler(m, quantile_range=(10, 80))
    expected = squashed(RobustScaler(quantile_range=(10, 80)).fit_transform(X.astype(float)), m)
    X_new = scaler.fit_transform(X)
    assert X_new.dtype == dtype
    np.testing.assert_allclose(X_new, expected, rtol=1e-4 if dtype == np.float32 else 1e-12)
    assert abs(X_new).max() <= m


def test_squashing_gives_what_skrub_documents():
    column = np.array([[np.inf], [-np.inf], [3], [-1], [np.nan], [2]])
    expected = [[3], [-3], [0.49319696], [-1.34164079], [np.nan], [0]]
    np.testing.assert_allclose(SquashingScaler().fit_transform(column), expected, atol=1e-8)
    column = np.array([[0], [1], [1], [1], [2], [np.nan]])
    expected = [[-0.9486833], [0], [0], [0], [0.9486833], [np.nan]]
    np.testing.assert_allclose(SquashingScaler().fit_transform(column), expected, atol=1e-8)


def test_a_range_of_zero_gives_way_to_half_the_distance_of_the_ends():
    X = np.array([[0.0, 7]] * 8 + [[1, 7], [-3, 7]])
    scaler = SquashingScaler().fit(X)
    np.testing.assert_array_equal(scaler.scale_, [2, 0])
    np.testing.assert_allclose(scaler.transform(X)[:, 0], squashed(X[:, 0] / 2))
    np.testing.assert_array_equal(scaler.transform(X + 5)[:, 1], 0)
    np.testing.assert_array_equal(scaler.inverse_transform(scaler.transform(X))[:, 1], 7)


def test_missing_and_infinite_values_are_kept_apart():
    nan, inf = np.nan, np.inf
    scaler = SquashingScaler().fit([[nan, inf, 5], [nan, nan, 5], [nan, -inf, inf]])
    np.testing.assert_array_equal(
        scaler.transform([[nan, inf, nan], [1, -inf, 6], [-inf, 2, -inf]]),
        [[nan, 3, nan], [0, -3, 0], [-3, 0, -3]],
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("m", [0.01, 3])
def test_the_largest_and_the_least_numbers_are_squashed_without_a_word(m, dtype):
    info = np.finfo(dtype)
    ends = [-info.max, -1, 0, 1, info.max]
    X = np.array([ends, [0, 0, 1e-3, 2e-3, info.max], np.arange(5) * info.smallest_subnormal])
    X = X.T.astype(dtype)
    X_new = SquashingScaler(m).fit(X).transform(X)
    assert np.isfinite(X_new).all()
    assert (np.diff(X_new, axis=0) >= 0).all()
    np.testing.assert_allclose(X_new[-1, :2], m, rtol=1e-3)
    assert np.isfinite(SquashingScaler().fit(X.astype(float)).transform(X)).all()


def test_squashing_is_undone(rng):
    X = rng.normal(size=(50, 3)) * [1, 100, 1e-5] + [0, 1e3, 0]
    scaler = SquashingScaler(2.0).fit(X)
    np.testing.assert_allclose(scaler.inverse_transform(scaler.transform(X)), X, rtol=1e-9)
    np.testing.assert_array_equal(
        scaler.inverse_transform([[2, -2, 5]]), [[np.inf, -np.inf, np.inf]]
    )
    sparse = scipy.sparse.random(40, 5, 0.3, format="csc", random_state=0)
    scaler.fit(sparse)
    again = scaler.inverse_transform(scaler.transform(sparse))
    np.testing.assert_allclose(again.toarray(), sparse.toarray(), rtol=1e-9)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("format", ["csr", "csc"])
def test_sparse_rows_are_squashed_without_centering(format, dtype):
    X = scipy.sparse.random(200, 6, 0.1, random_state=0).toarray()
    X[:, 1] = -10 * X[:, 1]
    X[0, 2], X[:, 3] = 1e9, 0
    sizes = [np.abs(column[column != 0]) for column in X.T]
    scale = [np.percentile(size, 75) / 2 if len(size) else 1 for size in sizes]
    sparse = scipy.sparse.csr_array(X.astype(dtype)).asformat(format)
    X_new = SquashingScaler().fit_transform(sparse)
    assert (X_new.format, X_new.dtype, X_new.nnz) == (format, dtype, sparse.nnz)
    np.testing.assert_allclose(X_new.toarray(), squashed(X / scale), rtol=1e-5)


def test_indicators_are_scaled_alike_dense_and_sparse(rng):
    X = (rng.random((100, 5)) < 0.1).astype(float)
    dense, sparse = SquashingScaler().fit(X), SquashingScaler().fit(scipy.sparse.csr_array(X))
    np.testing.assert_array_equal(dense.scale_, sparse.scale_)
    np.testing.assert_array_equal(sparse.transform(X), dense.transform(X))


def test_sparse_gaps_stay_and_columns_without_entries_stay_empty():
    X = scipy.sparse.csr_array([[np.nan, 0, 2, np.inf], [1, 0, -np.inf, 0]])
    scaler = SquashingScaler().fit(X)
    np.testing.assert_array_equal(scaler.scale_, [0.5, 0, 1, 0])
    X_new = scaler.transform(scipy.sparse.csc_array([[np.nan, 4.0, -np.inf, 0], [0, 0, 0, np.inf]]))
    np.testing.assert_array_equal(X_new.toarray(), [[np.nan, 0, -3, 0], [0, 0, 0, 3]])


def test_squashing_names_what_it_cannot_do(correlated):
    with pytest.raises(ValueError, match="max_absolute_value of SquashingScaler must be a number"):
        SquashingScaler(0).fit(correlated)
    for wrong in [(75, 25), (25,), (-1, 50), (0, 101), "25", (0, np.nan)]:
        with pytest.raises(ValueError, match=r"quantile_range .* two percentiles in \[0, 100\]"):
            SquashingScaler(quantile_range=wrong).fit(correlated)
    with pytest.raises(ValueError, match=r"learned centers .* pass X\.toarray\(\)"):
        SquashingScaler().fit(correlated).transform(scipy.sparse.csr_array(correlated))


# -- bins ------------------------------------------------------------------------------


def encoded(x, edges):
    share = [(x - a) / (b - a) for a, b in pairwise(edges)]
    return 2 * np.clip(np.transpose(share), 0, 1) - 1


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_bins", [2, 5, 16])
def test_bins_follow_their_formula(n_bins, dtype, rng):
    X = rng.normal(size=(300, 3)).astype(dtype)
    new = np.vstack([X, 10 * X]).astype(dtype)
    edges = np.quantile(X.astype(float), np.linspace(0, 1, n_bins + 1), axis=0)
    X_new = PiecewiseLinearEncoder(n_bins).fit(X).transform(new)
    expected = np.hstack([encoded(new[:, j].astype(float), edges[:, j]) for j in range(3)])
    assert (X_new.dtype, X_new.shape) == (dtype, (600, 3 * n_bins))
    np.testing.assert_allclose(X_new, expected, atol=1e-4 if dtype == np.float32 else 1e-12)


def test_edges_lie_at_the_quantiles_and_are_exact():
    X = np.array([[0.1], [0.2], [0.7], [1.1], [30]])
    X_new = PiecewiseLinearEncoder(4).fit_transform(X)
    np.testing.assert_array_equal(X_new, 2 * np.tri(5, 4, -1) - 1)


def test_equal_edges_count_once_and_a_single_bin_is_left_out():
    rare = np.arange(60) < 5
    X = np.column_stack([np.repeat([0, 1, 5], 20), rare, np.ones(60), np.arange(60)])
    encoder = PiecewiseLinearEncoder(4).fit(X)
    assert [len(edges) for edges in encoder.edges_] == [3, 2, 1, 5]
    names = ["a_bin0", "a_bin1", *(f"d_bin{t}" for t in range(4))]
    assert list(encoder.get_feature_names_out(list("abcd"))) == names
    assert encoder.transform(X).shape == (60, 6)
    assert PiecewiseLinearEncoder().fit_transform(X[:, 1:3]).shape == (60, 0)


def test_what_lies_beside_a_frequent_value_has_bins_of_its_own(rng):
    gains = rng.exponential(size=1000)
    X = np.where(rng.random(1000) < 0.95, 0, gains)[:, None]  # the quantile at 15/16 is 0
    (edges,) = PiecewiseLinearEncoder().fit(X).edges_
    assert len(edges) == 17
    shares = np.diff(np.searchsorted(np.sort(X[X > 0]), edges[1:])) / np.sum(X > 0)
    np.testing.assert_allclose(shares, 1 / 16, atol=0.03)
    few = np.array([[0.0]] * 90 + [[1.0], [2.0], [3.0]])
    np.testing.assert_allclose(PiecewiseLinearEncoder().fit(few).edges_[0][[0, -1]], [0, 3])


def test_a_missing_number_is_in_the_middle_and_an_infinite_one_at_the_end():
    X = np.array([[0, np.nan], [1, np.nan], [np.inf, np.nan], [4, np.nan], [np.nan, np.nan]])
    encoder = PiecewiseLinearEncoder(2).fit(X)
    np.testing.assert_array_equal(encoder.edges_[0], [0, 1, 4])
    assert len(encoder.edges_[1]) == 0
    X_new = encoder.transform([[np.nan, 1], [np.inf, np.nan], [-np.inf, 0]])
    np.testing.assert_array_equal(X_new, [[0, 0], [1, 1], [-1, -1]])


def test_edges_too_close_or_too_far_for_the_type_are_no_harm():
    X = np.array([[1.0, -1e300], [1 + 1e-12, -1], [1 + 2e-12, 1], [2, 1e308], [3, 1.7e308]])
    encoder = PiecewiseLinearEncoder(4).fit(X)
    X_new = encoder.transform(X.clip(-1e38, 1e38).astype(np.float32))
    assert (abs(X_new) <= 1).all()
    np.testing.assert_array_equal(X_new[:2, :2], -1)
    assert (np.diff(encoder.transform(X), axis=0) >= 0).all()


def test_bins_do_not_depend_on_the_rows_beside(rng):
    X = rng.normal(size=(3000, 4))
    encoder = PiecewiseLinearEncoder().fit(X)
    np.testing.assert_array_equal(encoder.transform(X)[-1:], encoder.transform(X[-1:]))


def test_binned_frames_name_their_columns_and_pickle(correlated):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(correlated, columns=list("abcdef"))
    fitted = PiecewiseLinearEncoder(3).set_output(transform="pandas").fit(frame)
    out = fitted.transform(frame)
    assert list(out.columns[:4]) == ["a_bin0", "a_bin1", "a_bin2", "b_bin0"]
    pd.testing.assert_frame_equal(pickle.loads(pickle.dumps(fitted)).transform(frame), out)


def test_binning_names_what_it_cannot_do(correlated):
    with pytest.raises(ValueError, match="n_bins of PiecewiseLinearEncoder must be an int"):
        PiecewiseLinearEncoder(1).fit(correlated)
    with pytest.raises(TypeError, match="Sparse data was passed"):
        PiecewiseLinearEncoder().fit(scipy.sparse.csr_array(correlated))


def test_bins_let_a_line_bend(rng):
    X = rng.uniform(-3, 3, size=(400, 1))
    y = np.sin(3 * X[:, 0])
    plain = make_pipeline(MinMaxScaler(), Ridge(1e-3)).fit(X, y)
    binned = make_pipeline(PiecewiseLinearEncoder(), Ridge(1e-3)).fit(X, y)
    assert plain.score(X, y) < 0.3
    assert binned.score(X, y) > 0.9
