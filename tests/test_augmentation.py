"""Augmentations of images: what each does to a batch, exactly, and inside a network's fit."""

import numpy as np
import pytest
from sklearn.base import clone

from sknnlab import MLPClassifier, MLPRegressor
from sknnlab.augmentation import (
    AUGMENTATIONS,
    ColorJitter,
    CutMix,
    Cutout,
    ImageAugmentation,
    Mixing,
    Mixup,
    RandomCrop,
    RandomFlip,
    RandomShift,
    as_augmentation,
)

SHAPE = (6, 5, 3)
IMAGE_PARTS = [part for part in AUGMENTATIONS.values() if "image_shape" in vars(part())]


def batch(dtype=np.float64, n_samples=8, shape=SHAPE):
    images = np.random.default_rng(1).random((n_samples, *shape)).astype(dtype)
    return images, np.eye(n_samples, dtype=dtype)


def stream(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("part", AUGMENTATIONS.values())
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_batch_is_overwritten_in_its_dtype(part, dtype):
    X, y = batch(dtype)
    rng = stream()
    for _ in range(5):
        X_new, y_new = part().augment(X, y, rng)
        assert X_new is X
        assert y_new is y
    assert X.dtype == y.dtype == dtype
    assert not np.array_equal(X, batch(dtype)[0])


@pytest.mark.parametrize("part", IMAGE_PARTS)
def test_flat_rows_images_and_strided_rows_are_augmented_alike(part):
    images, y = batch()
    flat = images.reshape(len(images), -1).copy()
    strided = np.asfortranarray(flat)
    part().augment(images, y.copy(), stream())
    for rows in (flat, strided):
        part(image_shape=SHAPE).augment(rows, y.copy(), stream())
        np.testing.assert_allclose(rows, images.reshape(rows.shape), rtol=0, atol=1e-12)


@pytest.mark.parametrize("part", IMAGE_PARTS)
def test_the_stream_alone_decides(part):
    results = []
    for seed in (3, 3, 4):
        X, y = batch()
        rng = stream(seed)
        for _ in range(5):
            part().augment(X, y, rng)
        results.append(X)
    np.testing.assert_array_equal(results[0], results[1])
    assert not np.array_equal(results[0], results[2])


@pytest.mark.parametrize("part", IMAGE_PARTS)
def test_grey_images_need_no_axis_of_channels(part):
    grey, y = batch(shape=(6, 5))
    flat = grey.reshape(len(grey), -1).copy()
    part().augment(grey, y.copy(), stream())
    part(image_shape=(6, 5)).augment(flat, y.copy(), stream())
    np.testing.assert_array_equal(flat, grey.reshape(flat.shape))


@pytest.mark.parametrize(("direction", "axis"), [("vertical", 1), ("horizontal", 2)])
def test_a_flip_mirrors_and_twice_is_the_identity(direction, axis):
    X, y = batch()
    flip = RandomFlip(probability=1.0, direction=direction)
    flip.augment(X, y, stream())
    np.testing.assert_array_equal(X, np.flip(batch()[0], axis))
    flip.augment(X, y, stream())
    np.testing.assert_array_equal(X, batch()[0])


def test_the_probability_is_the_share_of_flipped_images():
    X, y = batch(n_samples=2000)
    before = X.copy()
    RandomFlip(probability=0.3).augment(X, y, stream())
    flipped = (before != X).any(axis=(1, 2, 3))
    assert abs(flipped.mean() - 0.3) < 0.05
    np.testing.assert_array_equal(X[flipped], before[flipped][:, :, ::-1])


def windows(image, padding, mode):
    """Return every crop of a padded image."""
    height, width, _ = image.shape
    rows, columns = padding
    padded = np.pad(image, ((rows, rows), (columns, columns), (0, 0)), mode=mode)
    return [
        padded[i : i + height, j : j + width]
        for i in range(2 * rows + 1)
        for j in range(2 * columns + 1)
    ]


@pytest.mark.parametrize(
    ("part", "padding"),
    [
        (RandomCrop(padding=1), (1, 1)),
        (RandomCrop(padding=2, mode="reflect"), (2, 2)),
        (RandomShift(max_shift=1), (1, 1)),
        (RandomShift(max_shift=0.4, mode="wrap"), (2, 2)),
    ],
    ids=str,
)
def test_crops_and_shifts_are_windows_of_the_padded_image_and_reach_all(part, padding):
    image = batch()[0][0]
    X = np.repeat(image[np.newaxis], 400, axis=0)
    part.augment(X, np.zeros(400), stream())
    expected = {window.tobytes() for window in windows(image, padding, part.mode)}
    assert {one.tobytes() for one in X} == expected


def test_a_shift_of_nothing_changes_nothing():
    for part in (RandomShift(max_shift=0.0), RandomCrop(padding=0), Cutout(size=0)):
        X, y = batch()
        part.augment(X, y, stream())
        np.testing.assert_array_equal(X, batch()[0])


@pytest.mark.parametrize("size", [2, 3, 0.5])
def test_cutout_blanks_one_square_cut_off_at_the_border(size):
    X, y = np.ones((300, 6, 6)), np.zeros(300)
    Cutout(size=size, fill=-7).augment(X, y, stream())
    pixels = 3 if size == 0.5 else size
    blank = X == -7
    rows, columns = blank.any(axis=2), blank.any(axis=1)
    np.testing.assert_array_equal(blank, rows[:, :, np.newaxis] & columns[:, np.newaxis, :])
    assert rows.sum(axis=1).max() == columns.sum(axis=1).max() == pixels
    assert blank.sum(axis=(1, 2)).min() < pixels**2
    assert np.isin(X, [1, -7]).all()


def test_brightness_multiplies_every_image_by_its_factor():
    X, y = batch()
    ColorJitter(brightness=0.3, contrast=0, saturation=0).augment(X, y, stream())
    factors = (X / batch()[0]).reshape(len(X), -1)
    np.testing.assert_allclose(factors, factors[:, :1] * np.ones(factors.shape[1]))
    assert len(np.unique(factors[:, 0].round(9))) == len(X)
    assert (abs(factors - 1) <= 0.3).all()


def grey(images):
    return images @ [0.299, 0.587, 0.114]


def test_contrast_keeps_the_mean_of_the_grey_image():
    X, y = batch()
    ColorJitter(brightness=0, contrast=0.5, saturation=0).augment(X, y, stream())
    mean = grey(batch()[0]).mean(axis=(1, 2))
    np.testing.assert_allclose(grey(X).mean(axis=(1, 2)), mean)
    ratio = (X - mean[:, None, None, None]) / (batch()[0] - mean[:, None, None, None])
    np.testing.assert_allclose(ratio, ratio[:, :1, :1, :1] * np.ones(SHAPE))


def test_saturation_keeps_the_grey_image():
    X, y = batch()
    ColorJitter(brightness=0, contrast=0, saturation=0.5).augment(X, y, stream())
    np.testing.assert_allclose(grey(X), grey(batch()[0]))
    assert not np.allclose(X, batch()[0])


def test_high_clips():
    X, y = batch()
    ColorJitter(brightness=2.0, contrast=2.0, high=1.0).augment(X, y, stream())
    assert X.min() == 0
    assert X.max() == 1


@pytest.mark.parametrize("alpha", [0.3, 1.0])
def test_cutmix_blends_targets_by_the_area_that_is_left(alpha):
    for seed in range(10):
        n = 8
        X = np.repeat(np.arange(n, dtype=float), 30).reshape(n, 6, 5)
        y, weights = np.eye(n), np.arange(n) / 28
        CutMix(alpha=alpha).mix(X, y, weights, stream(seed))
        shares = np.array([[(image == source).mean() for source in range(n)] for image in X])
        np.testing.assert_allclose(y, shares, atol=1e-12)
        np.testing.assert_allclose(weights, shares @ np.arange(n) / 28, atol=1e-12)


@pytest.mark.parametrize("part", [Mixup(), CutMix()])
def test_the_mass_of_the_labels_is_kept(part):
    X, y = batch()
    part.augment(X, y, stream())
    np.testing.assert_allclose(y.sum(axis=1), 1)
    np.testing.assert_allclose(y.sum(axis=0), 1)


@pytest.mark.parametrize("part", [Mixup(1.0), CutMix()])
def test_rows_of_zero_weight_take_no_part_in_mixing(part):
    kept = np.array([0, 2, 3, 6, 7])
    for seed in range(5):
        X, y = batch()
        weights = np.zeros(len(X))
        weights[kept] = np.arange(1, 6)
        alone, y_alone, weights_alone = X[kept], y[kept], weights[kept]
        part.mix(X, y, weights, stream(seed))
        part.mix(alone, y_alone, weights_alone, stream(seed))
        np.testing.assert_array_equal(X[kept], alone)
        np.testing.assert_array_equal(y[kept], y_alone)
        np.testing.assert_array_equal(weights[kept], weights_alone)
        assert weights.sum() == pytest.approx(15)


@pytest.mark.parametrize("part", [Mixup(1.0), CutMix()])
def test_equal_weights_mix_as_none(part):
    (X, y), (X_weighted, y_weighted) = batch(), batch()
    part.augment(X, y, stream())
    part.mix(X_weighted, y_weighted, np.full(len(X), 0.125), stream())
    np.testing.assert_array_equal(X, X_weighted)
    np.testing.assert_array_equal(y, y_weighted)


class Swap:
    """A user's own, by the contract of version 0.1: neighbours change places."""

    mixes_targets = True

    def augment(self, X, y, rng, weights=None):
        if weights is not None:
            weights[...] = weights[::-1].copy()
        return X[::-1], y[::-1]


def test_an_object_that_says_it_mixes_targets_is_one_that_mixes():
    X, y = batch()
    weights = np.arange(len(X), dtype=float)
    part = as_augmentation(Swap())
    assert isinstance(part, Mixing)
    X_new, y_new = part.mix(X, y, weights, stream())
    np.testing.assert_array_equal(X_new, X[::-1])
    np.testing.assert_array_equal(weights, np.arange(len(X))[::-1])
    np.testing.assert_array_equal(part.mix(X, y, None, stream())[1], y_new)
    assert all(as_augmentation(one) is one for one in (Mixup(), RandomFlip(), object()))


@pytest.mark.parametrize("part", IMAGE_PARTS)
def test_the_shape_of_an_image_comes_first(part):
    assert part(SHAPE).image_shape == SHAPE


def test_a_part_that_mixes_says_so_by_its_kind():
    mixing = {part for part in AUGMENTATIONS.values() if issubclass(part, Mixing)}
    assert mixing == {Mixup, CutMix}


@pytest.mark.parametrize("part", IMAGE_PARTS)
def test_a_network_trains_on_flat_rows(part, digits):
    X, y = digits[0][:200].astype(np.float32), digits[1][:200]
    before = X.copy()
    weight = np.linspace(1, 2, 200)
    net = MLPClassifier(augmentation=part(image_shape=(8, 8)), max_iter=3, random_state=0)
    net.fit(X, y, sample_weight=weight)
    np.testing.assert_array_equal(X, before)
    assert net.coefs_[0].dtype == np.float32
    again = clone(net).fit(X, y, sample_weight=weight)
    np.testing.assert_array_equal(net.coefs_[0], again.coefs_[0])
    plain = clone(net).set_params(augmentation=None).fit(X, y, sample_weight=weight)
    assert not np.array_equal(net.coefs_[0], plain.coefs_[0])


def test_augmentations_compose_and_shifts_pay_on_shifted_digits(digits):
    X, y = digits
    shape = (8, 8)
    X_shifted = np.roll(X.reshape(-1, *shape), 1, axis=2).reshape(len(X), -1)
    scores = []
    for augmentation in (None, [RandomShift(shape, max_shift=1, mode="wrap"), CutMix(shape)]):
        net = MLPClassifier((64,), augmentation=augmentation, max_iter=30, random_state=0)
        scores.append(net.fit(X[:1000], y[:1000]).score(X_shifted[1000:], y[1000:]))
    assert scores[1] > scores[0] + 0.2


def test_cutmix_blends_numeric_targets(digits):
    X, y = digits[0][:100], digits[1][:100].astype(float)
    net = MLPRegressor(augmentation=CutMix((8, 8)), max_iter=2, random_state=0)
    assert np.isfinite(net.fit(X, y).loss_)


@pytest.mark.parametrize("part", IMAGE_PARTS)
def test_rows_without_their_shape_are_named(part, digits):
    with pytest.raises(ValueError, match=rf"{part.__name__} got flat rows of 64 .* image_shape="):
        MLPClassifier(augmentation=part(), max_iter=1).fit(*digits)
    with pytest.raises(ValueError, match=r"images of shape \(7, 9, 1\), which are rows of 63"):
        MLPClassifier(augmentation=part(image_shape=(7, 9)), max_iter=1).fit(*digits)


def test_arrays_that_are_no_images_of_the_shape_are_named():
    X, y = batch()
    with pytest.raises(ValueError, match=r"expects images of shape \(6, 5, 1\)"):
        RandomFlip(image_shape=(6, 5)).augment(X, y, stream())
    with pytest.raises(ValueError, match=r"got an array of shape \(8, 6, 5, 3, 1\)"):
        RandomFlip().augment(X[..., np.newaxis], y, stream())
    with pytest.raises(ValueError, match=r"needs images of floats, got uint8"):
        ColorJitter().augment(X.astype(np.uint8), y, stream())


@pytest.mark.parametrize(
    ("part", "error", "message"),
    [
        (RandomFlip(image_shape=64), TypeError, "image_shape of RandomFlip must be"),
        (RandomFlip(image_shape=(8.0, 8)), TypeError, "image_shape of RandomFlip must be"),
        (CutMix(image_shape=(8,)), ValueError, "image_shape of CutMix must be"),
        (CutMix(image_shape=(8, 0)), ValueError, "image_shape of CutMix must be"),
        (CutMix(alpha=0), ValueError, "alpha of CutMix"),
        (RandomFlip(probability=1.1), ValueError, "probability of RandomFlip"),
        (RandomFlip(direction="diagonal"), ValueError, "direction of RandomFlip must be one of"),
        (RandomCrop(padding=-1), ValueError, "padding of RandomCrop"),
        (RandomCrop(padding=0.5), TypeError, "padding of RandomCrop"),
        (RandomCrop(mode="mean"), ValueError, "mode of RandomCrop must be one of"),
        (RandomShift(max_shift=1.5), ValueError, "max_shift of RandomShift"),
        (RandomShift(max_shift="far"), TypeError, "max_shift of RandomShift"),
        (Cutout(size=-1), ValueError, "size of Cutout"),
        (Cutout(fill=np.nan), ValueError, "fill of Cutout"),
        (ColorJitter(saturation=-0.1), ValueError, "saturation of ColorJitter"),
        (ColorJitter(high=0), ValueError, "high of ColorJitter"),
    ],
    ids=str,
)
def test_parameters_out_of_range_are_named_at_fit(part, error, message, digits):
    with pytest.raises(error, match=message):
        MLPClassifier(augmentation=part).fit(*digits)


def test_own_image_augmentations_need_one_method():
    class Negative(ImageAugmentation):
        def __init__(self, image_shape=None):
            self.image_shape = image_shape

        def _change(self, images, rng):
            np.subtract(1, images, out=images)

    X, y = batch()
    Negative().augment(X, y, stream())
    np.testing.assert_array_equal(X, 1 - batch()[0])
