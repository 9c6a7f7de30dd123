"""Centering and whitening: scikit-learn's contract, closed forms, and batches that add up."""

import pickle
import tracemalloc

import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from sknnlab import MLPClassifier
from sknnlab.preprocessing import ImageCenterer, ZCAWhitener

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


@parametrize_with_checks([ImageCenterer(), ImageCenterer(scale="pixel"), ZCAWhitener()])
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


@pytest.mark.parametrize("part", [ImageCenterer(), ZCAWhitener()], ids=str)
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
