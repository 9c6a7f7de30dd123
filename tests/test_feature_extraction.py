"""Features of images against their references, the transformer contract, hidden units."""

import colorsys
import pickle
import tracemalloc

import numpy as np
import pytest
import scipy.sparse
from sklearn import config_context
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics.pairwise import euclidean_distances
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from sknnlab import LinearSVMSoftmax, MLPClassifier, MLPRegressor
from sknnlab.activations import Maxout
from sknnlab.feature_extraction import HOG, BagOfVisualWords, ColorHistogram, HiddenFeatures

SHAPE = (16, 12, 3)
BAG = BagOfVisualWords(8, patch_size=4, n_patches=300, random_state=0)
TRANSFORMERS = [ColorHistogram(), HOG(pixels_per_cell=4, cells_per_block=2), BAG]
every = pytest.mark.parametrize("part", TRANSFORMERS, ids=lambda part: type(part).__name__)


@pytest.fixture
def images(rng):
    return rng.integers(0, 256, (20, *SHAPE)).astype(np.uint8)


# -- the contract -----------------------------------------------------------------------


@every
@pytest.mark.parametrize(
    ("dtype", "result"),
    [(np.uint8, np.float32), (np.float32, np.float32), (np.float64, np.float64)],
)
def test_types_are_kept_and_uint8_is_pixels_over_255(part, dtype, result, images):
    X = images if dtype == np.uint8 else (images / 255).astype(dtype)
    X_new = clone(part).fit(X).transform(X)
    assert X_new.dtype == result
    assert X_new.shape == (20, len(clone(part).fit(X).get_feature_names_out()))
    assert np.isfinite(X_new).all()


@every
def test_flat_rows_lists_and_images_give_the_same(part, images):
    X_new = clone(part).fit_transform(images)
    flat = images.reshape(len(images), -1)
    with_shape = clone(part).set_params(image_shape=SHAPE)
    np.testing.assert_array_equal(with_shape.fit_transform(flat), X_new)
    np.testing.assert_array_equal(with_shape.fit_transform(images), X_new)
    np.testing.assert_array_equal(clone(part).fit_transform(list(images)), X_new)
    fitted = clone(part).fit(images)
    np.testing.assert_array_equal(fitted.transform(flat), X_new)
    assert fitted.n_features_in_ == flat.shape[1]
    assert fitted.image_shape_ == SHAPE


@every
def test_one_channel_needs_no_axis(part, images):
    grey = images[..., 0]
    if isinstance(part, ColorHistogram):
        part = ColorHistogram("grey")
    X_new = clone(part).fit_transform(grey)
    np.testing.assert_array_equal(clone(part).fit_transform(grey[..., np.newaxis]), X_new)


@every
def test_fit_is_idempotent_and_clones_and_pickles_agree(part, images):
    fitted = clone(part).fit(images)
    X_new = fitted.transform(images)
    np.testing.assert_array_equal(fitted.fit(images).transform(images), X_new)
    np.testing.assert_array_equal(clone(fitted).fit_transform(images), X_new)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(fitted)).transform(images), X_new)


@every
def test_batches_and_single_images_give_the_same(part, images):
    fitted = clone(part).fit(images)
    whole = fitted.transform(images)
    with config_context(working_memory=0):
        singly = fitted.transform(images)
    np.testing.assert_allclose(singly, whole, rtol=1e-4, atol=1e-5)


@every
def test_scratch_stays_within_the_working_memory(part, rng):
    images = rng.integers(0, 256, (600, *SHAPE)).astype(np.uint8)
    fitted = clone(part).fit(images)
    with config_context(working_memory=1):
        tracemalloc.start()
        out = fitted.transform(images)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak - out.nbytes < 1.1 * 2**20


@every
def test_names_and_frames(part, images):
    pd = pytest.importorskip("pandas")
    fitted = clone(part).set_output(transform="pandas").fit(images)
    frame = fitted.transform(images)
    prefix = type(part).__name__.lower()
    assert list(frame.columns) == [f"{prefix}{i}" for i in range(frame.shape[1])]
    flat = pd.DataFrame(images.reshape(20, -1)).rename(columns=str)
    fitted = clone(part).set_params(image_shape=SHAPE).fit(flat)
    assert list(fitted.feature_names_in_) == list(flat.columns)


@every
def test_tags_say_what_is_accepted(part):
    tags = part.__sklearn_tags__()
    assert tags.input_tags.three_d_array
    assert not tags.input_tags.two_d_array
    assert tags.requires_fit == isinstance(part, BagOfVisualWords)


@every
def test_wrong_shapes_are_named(part, images):
    name = type(part).__name__
    flat = images.reshape(20, -1)
    with pytest.raises(ValueError, match=rf"{name} got flat rows of 576 features .* image_shape="):
        clone(part).fit(flat)
    with pytest.raises(ValueError, match=rf"{name} expects images of shape \(8, 8, 3\)"):
        clone(part).set_params(image_shape=(8, 8, 3)).fit(flat)
    with pytest.raises(ValueError, match=rf"{name} expects images of shape \(16, 12, 3\)"):
        clone(part).fit(images).transform(images[:, :8])
    with pytest.raises(ValueError, match="576 features"):
        clone(part).fit(images).transform(flat[:, :-1])
    with pytest.raises(ValueError, match="got an array of shape"):
        clone(part).fit(images[np.newaxis])
    with pytest.raises(ValueError, match="NaN"):
        clone(part).fit(np.full((2, *SHAPE), np.nan))


def test_they_compose_in_a_union_and_a_pipeline(images, rng):
    y = rng.integers(0, 2, 20)
    X = images.copy()
    X[y == 1, :8] //= 2
    union = make_union(*(clone(part) for part in TRANSFORMERS))
    model = make_pipeline(union, StandardScaler(), LinearSVMSoftmax(random_state=0))
    assert model.fit(X, y).score(X, y) > 0.9


@every
def test_what_learns_nothing_needs_no_fit(part, images):
    if isinstance(part, BagOfVisualWords):
        with pytest.raises(NotFittedError):
            clone(part).transform(images)
    else:
        expected = clone(part).fit_transform(images)
        np.testing.assert_array_equal(clone(part).transform(images), expected)


# -- color ------------------------------------------------------------------------------


def shares(values, bins):
    counts = np.histogram(values, bins=bins, range=(0, 1))[0]
    return counts / counts.sum()


def test_histograms_are_those_of_colorsys(rng):
    X = rng.random((5, *SHAPE))
    X[0, :4] = X[0, :4, :, :1]  # grey pixels
    X[1] *= X[1] > 0.5  # black and pure ones
    names = ("hue", "saturation", "value", "red", "green", "blue")
    X_new = ColorHistogram(names, bins=7).fit_transform(X)
    for image, row in zip(X, X_new, strict=True):
        pixels = image.reshape(-1, 3)
        hsv = np.array([colorsys.rgb_to_hsv(*pixel) for pixel in pixels])
        planes = np.hstack([hsv, pixels]).T
        np.testing.assert_allclose(row, np.concatenate([shares(p, 7) for p in planes]))


def test_counts_and_the_last_bin():
    X = np.full((1, 2, 2, 3), 255, dtype=np.uint8)
    counts = ColorHistogram(("value", "grey"), bins=4, normalize=False).fit_transform(X)
    np.testing.assert_array_equal(counts[:, :4], [[0, 0, 0, 4]])
    assert counts.sum() == 8


def test_high_scales_the_pixels(images):
    X = images.astype(float)
    expected = ColorHistogram("value").fit_transform(images)
    np.testing.assert_allclose(ColorHistogram("value", high=255).fit_transform(X), expected)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"channels": "hu"}, "channels must be one of .* Did you mean 'hue'"),
        ({"channels": ()}, "channels must name at least one"),
        ({"bins": 0}, "bins of ColorHistogram must be an integer >= 1"),
        ({"high": "full"}, "high of ColorHistogram must be 'auto' or a number"),
        ({"high": 100}, r"expects pixels in \[0, 100\], got values from 0 to 255"),
    ],
)
def test_histograms_name_what_they_cannot_do(parameters, message, images):
    with pytest.raises(ValueError, match=message):
        ColorHistogram(**parameters).fit(images).transform(images)


def test_colors_need_three_channels(images):
    with pytest.raises(ValueError, match="channels='hue' needs images of three channels"):
        ColorHistogram().fit(images[..., 0])
    with pytest.raises(ValueError, match="expects pixels in"):
        ColorHistogram().fit_transform(images - 128.0)


# -- HOG --------------------------------------------------------------------------------


@pytest.mark.parametrize("block_norm", ["L1", "L1-sqrt", "L2", "L2-Hys"])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
@pytest.mark.parametrize("n_channels", [1, 3])
def test_hog_is_that_of_scikit_image(block_norm, dtype, n_channels, rng):
    reference = pytest.importorskip("skimage.feature").hog
    X = rng.integers(0, 256, (10, 21, 26, n_channels))
    X[:3] //= 64  # many ties, many pixels without gradient
    X = X.astype(np.uint8) if dtype == np.uint8 else (X / 255).astype(dtype)
    settings = [
        {"pixels_per_cell": (7, 8)},
        {"orientations": 8, "pixels_per_cell": (4, 5), "cells_per_block": (2, 3)},
        {"orientations": 1, "pixels_per_cell": (3, 3), "cells_per_block": (1, 1)},
        {"orientations": 12, "pixels_per_cell": (6, 6)},
        {"transform_sqrt": True, "pixels_per_cell": (6, 6)},
    ]
    for options in settings:
        X_new = HOG(block_norm=block_norm, **options).fit_transform(X)
        expected = [reference(x, block_norm=block_norm, channel_axis=-1, **options) for x in X]
        np.testing.assert_allclose(X_new, expected, rtol=0, atol=1e-6)


def test_hog_sees_the_orientation_of_an_edge():
    ramp = np.tile(np.arange(16.0), (16, 1))
    diagonal = np.add.outer(np.arange(16.0), np.arange(16.0))
    X = np.stack([ramp, ramp.T, diagonal])
    hog = HOG(orientations=4, pixels_per_cell=16, cells_per_block=1, block_norm="L1")
    strongest = hog.fit_transform(X).argmax(axis=1)
    np.testing.assert_array_equal(strongest, [0, 2, 1])


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"orientations": 0}, ValueError, "orientations of HOG must be an integer >= 1"),
        ({"pixels_per_cell": (4, 0)}, ValueError, "pixels_per_cell of HOG must be an integer"),
        ({"pixels_per_cell": "4"}, TypeError, "pixels_per_cell of HOG must be an integer"),
        ({"cells_per_block": (1, 1, 1)}, ValueError, "cells_per_block of HOG must be"),
        ({"block_norm": "l2"}, ValueError, "block_norm of HOG must be one of"),
        ({"pixels_per_cell": 8}, ValueError, "Images of 16 by 12 pixels hold no block"),
    ],
)
def test_hog_names_what_it_cannot_do(parameters, error, message, images):
    with pytest.raises(error, match=message):
        HOG(**parameters).fit(images)


def test_the_root_needs_pixels_from_zero(images):
    hog = HOG(pixels_per_cell=4, transform_sqrt=True)
    with pytest.raises(ValueError, match="transform_sqrt=True needs pixels >= 0"):
        hog.fit_transform(images - 128.0)


# -- visual words -----------------------------------------------------------------------


def words_by_hand(bag, image):
    """Return the features of an image in [0, 1], patch by patch."""
    size, stride, grid, n_words = bag.patch_size, bag.stride, bag.grid, bag.n_words
    tops = range(0, image.shape[0] - size + 1, stride)
    lefts = range(0, image.shape[1] - size + 1, stride)
    out = np.zeros((grid, grid, n_words))
    for i, top in enumerate(tops):
        for j, left in enumerate(lefts):
            patch = image[top : top + size, left : left + size].ravel()
            patch = (patch - patch.mean()) / np.sqrt(patch.var() + bag.normalize_epsilon)
            patch = (patch - bag.patch_mean_) @ bag.whitening_
            z = euclidean_distances(patch[np.newaxis], bag.codebook_)[0]
            f = np.maximum(0, z.mean() - z) if bag.assignment == "triangle" else z == z.min()
            row = next(r for r in reversed(range(grid)) if i >= r * len(tops) // grid)
            column = next(c for c in reversed(range(grid)) if j >= c * len(lefts) // grid)
            out[row, column] += f
    return out.ravel()


@pytest.mark.parametrize("assignment", ["triangle", "hard"])
@pytest.mark.parametrize(("stride", "grid"), [(1, 2), (2, 3), (3, 1)])
def test_words_are_counted_as_defined(assignment, stride, grid, images):
    X = images[:4] / 255
    bag = clone(BAG).set_params(assignment=assignment, stride=stride, grid=grid).fit(X)
    expected = [words_by_hand(bag, image) for image in X]
    np.testing.assert_allclose(bag.transform(X), expected, atol=1e-8)


def test_hard_assignment_counts_every_patch_once(images):
    counts = clone(BAG).set_params(assignment="hard").fit_transform(images)
    np.testing.assert_array_equal(counts.sum(axis=1), (16 - 3) * (12 - 3))


def test_the_random_state_decides_the_codebook(images):
    books = [clone(BAG).set_params(random_state=seed).fit(images).codebook_ for seed in (1, 1, 2)]
    np.testing.assert_array_equal(books[0], books[1])
    assert not np.array_equal(books[0], books[2])


def test_words_help_where_the_place_varies(digits, rng):
    y = digits[1][:500]
    X = np.zeros((500, 14, 14))
    for image, canvas in zip(digits[0].reshape(-1, 8, 8), X, strict=False):
        top, left = rng.integers(0, 7, 2)
        canvas[top : top + 8, left : left + 8] = image
    bag = BagOfVisualWords(40, patch_size=5, grid=1, n_patches=3000, random_state=0)
    linear = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=300))
    plain = cross_val_score(linear, X.reshape(500, -1), y, cv=3).mean()
    assert cross_val_score(make_pipeline(bag, linear), X, y, cv=3).mean() > plain + 0.05


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"assignment": "soft"}, "assignment of BagOfVisualWords must be one of"),
        ({"patch_size": 13}, "Images of 16 by 12 pixels hold 4 by 0 patches"),
        ({"grid": 10}, "too few for grid=\\(10, 10\\)"),
        ({"n_patches": 5}, "n_patches of BagOfVisualWords must be an integer >= 8"),
        ({"stride": 0}, "stride of BagOfVisualWords must be an integer >= 1"),
        ({"normalize_epsilon": 0}, "normalize_epsilon of BagOfVisualWords"),
        ({"high": -1}, "high of BagOfVisualWords"),
    ],
)
def test_words_name_what_they_cannot_do(parameters, message, images):
    with pytest.raises(ValueError, match=message):
        clone(BAG).set_params(**parameters).fit(images)


# -- hidden units -----------------------------------------------------------------------


@parametrize_with_checks([HiddenFeatures(MLPClassifier((5, 4), max_iter=5, random_state=0))])
def test_scikit_learns_checks_pass(estimator, check):
    check(estimator)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("batchnorm", [False, True])
def test_the_output_layer_on_the_last_features_is_the_network(dtype, batchnorm, iris):
    X, y = iris[0].astype(dtype), iris[1]
    net = MLPClassifier((7, 6), batchnorm=batchnorm, dropout=0.1, max_iter=20, random_state=0)
    features = HiddenFeatures(net).fit(X, y)
    hidden = features.transform(X)
    assert hidden.dtype == dtype
    fitted = features.estimator_
    raw = hidden @ fitted.coefs_[-1] + fitted.intercepts_[-1]
    np.testing.assert_allclose(raw, fitted.decision_function(X), rtol=1e-4, atol=1e-5)
    assert not hasattr(net, "coefs_")


def test_each_layer_is_the_one_before_mapped_on(iris):
    X, y = iris
    net = MLPRegressor(hidden_layer_sizes=(7, 6), activation="tanh", max_iter=20, random_state=0)
    net.fit(X, y)
    first, last = (HiddenFeatures(FrozenEstimator(net), k).fit_transform(X) for k in (0, 1))
    np.testing.assert_allclose(first, np.tanh(X @ net.coefs_[0] + net.intercepts_[0]))
    np.testing.assert_allclose(last, np.tanh(first @ net.coefs_[1] + net.intercepts_[1]))
    np.testing.assert_array_equal(HiddenFeatures(FrozenEstimator(net), -2).fit_transform(X), first)


def test_a_frozen_network_is_used_as_it_is(iris):
    X, y = iris
    net = MLPClassifier((7,), max_iter=20, random_state=0).fit(X, y)
    before = [coef.copy() for coef in net.coefs_]
    features = HiddenFeatures(FrozenEstimator(net)).fit(X[:10], y[:10])
    assert features.estimator_.estimator is net
    for coef, old in zip(net.coefs_, before, strict=True):
        np.testing.assert_array_equal(coef, old)
    with pytest.raises(NotFittedError):
        HiddenFeatures(FrozenEstimator(clone(net))).fit(X)


def test_many_rows_sparse_rows_and_maxout(rng):
    X = rng.normal(size=(5000, 6))
    net = MLPRegressor(hidden_layer_sizes=(5,), activation=Maxout(n_pieces=3), max_iter=2)
    features = HiddenFeatures(net).fit(X, X[:, 0])
    hidden = features.transform(X)
    assert hidden.shape == (5000, 5)
    np.testing.assert_allclose(features.transform(X[4990:]), hidden[4990:])
    np.testing.assert_allclose(features.transform(scipy.sparse.csr_array(X)), hidden)
    np.testing.assert_allclose(features.transform(scipy.sparse.csc_array(X)), hidden)


def test_hidden_features_have_names_and_pickle(iris):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(iris[0], columns=list("abcd"))
    features = HiddenFeatures(MLPClassifier((3,), max_iter=5)).set_output(transform="pandas")
    out = features.fit(frame, iris[1]).transform(frame)
    assert list(out.columns) == ["hiddenfeatures0", "hiddenfeatures1", "hiddenfeatures2"]
    assert list(features.feature_names_in_) == list("abcd")
    pd.testing.assert_frame_equal(pickle.loads(pickle.dumps(features)).transform(frame), out)


def test_weights_reach_the_network(iris):
    X, y = iris
    net = MLPClassifier((3,), max_iter=5, random_state=0)
    weight = np.linspace(0, 1, len(y))
    weighted = HiddenFeatures(net).fit(X, y, sample_weight=weight)
    expected = clone(net).fit(X, y, sample_weight=weight)
    np.testing.assert_array_equal(weighted.estimator_.coefs_[0], expected.coefs_[0])


def test_hidden_features_name_what_they_cannot_do(iris):
    net = MLPClassifier((3,), max_iter=5)
    for layer in (1, -2):
        with pytest.raises(ValueError, match="network's 1 hidden layers, from -1 to 0, got"):
            HiddenFeatures(net, layer=layer).fit(*iris)
    with pytest.raises(TypeError, match="layer must be an integer, got 'last'"):
        HiddenFeatures(net, layer="last").fit(*iris)
    for estimator in (LinearSVMSoftmax(), LogisticRegression(), FrozenEstimator(StandardScaler())):
        with pytest.raises(TypeError, match="estimator must be a network of sknnlab"):
            HiddenFeatures(estimator).fit(*iris)
