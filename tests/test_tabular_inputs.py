"""From tables to inputs: kinds of columns, codes of categories, the recipe's formulas."""

import pickle

import numpy as np
import pytest
import scipy.sparse
from sklearn import config_context
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

from sknnlab.preprocessing import PiecewiseLinearEncoder, SquashingScaler
from sknnlab.tabular import CategoryEncoder
from sknnlab.tabular._columns import find_categories, read_values
from sknnlab.tabular._inputs import binned_input, squashed_input

KINDS = {
    "float64": ([1.5, None, 2.5], False),
    "Int64": ([1, None, 2], False),
    "Float32": ([1, None, 2], False),
    "int8": ([1, 2, 3], False),
    "category": (["a", None, "b"], True),
    "str": (["a", None, "b"], True),
    "string": (["a", None, "b"], True),
    "object": (["a", None, "b"], True),
    "bool": ([True, False, True], True),
    "boolean": ([True, None, False], True),
    "string[pyarrow]": (["a", None, "b"], True),
    "int64[pyarrow]": ([1, None, 2], False),
    "double[pyarrow]": ([1.5, None, 2.5], False),
    "bool[pyarrow]": ([True, None, False], True),
}


def column(pd, values, dtype):
    if "pyarrow" in dtype:
        pytest.importorskip("pyarrow")
    return pd.Series(values, dtype=dtype)


@pytest.mark.parametrize("dtype", KINDS)
def test_pandas_columns_are_numbers_or_categories(dtype):
    pd = pytest.importorskip("pandas")
    values, is_category = KINDS[dtype]
    frame = pd.DataFrame({"one": column(pd, values, dtype), "two": [1.0, 2.0, 3.0]})
    mask = find_categories(frame)
    assert mask.tolist() == [is_category, False]
    assert read_values(frame)[0].tolist() == values
    X_new = squashed_input(frame, mask).fit_transform(frame)
    assert np.isfinite(X_new).all()
    if None in values:
        assert X_new[1, 1 if is_category else 0] == 0


def test_polars_columns_are_numbers_or_categories():
    pl = pytest.importorskip("polars")
    texts = ["a", None, "b"]
    frame = pl.DataFrame(
        {
            "text": texts,
            "category": pl.Series(texts, dtype=pl.Categorical),
            "enum": pl.Series(texts, dtype=pl.Enum(["a", "b"])),
            "flag": [True, None, False],
            "number": [1, None, 2],
            "float": [1.0, np.nan, None],
        }
    )
    mask = find_categories(frame)
    assert mask.tolist() == [True] * 4 + [False] * 2
    assert read_values(frame)[1].tolist() == texts
    X_new = binned_input(frame, mask).fit_transform(frame)
    assert np.isfinite(X_new).all()
    np.testing.assert_array_equal(X_new[1], 0)


def test_dates_and_free_text_are_refused_with_advice(rng):
    pd = pytest.importorskip("pandas")
    for dates in (pd.date_range("2020", periods=3), pd.to_timedelta([1, 2, 3])):
        with pytest.raises(TypeError, match=r"Column 'when' .* skrub's TableVectorizer"):
            find_categories(pd.DataFrame({"when": dates}))
    texts = pd.DataFrame({"text": [f"row {i}" for i in range(60)] * 1})
    with pytest.raises(ValueError, match=r"Column 'text' has 60 different .* TableVectorizer"):
        find_categories(texts)
    assert find_categories(texts.astype("category")).all()
    assert find_categories(pd.concat([texts] * 3)).all()


def test_a_mask_positions_and_names_say_the_same():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", "y"], "c": [3, 4]})
    for given in ([True, True, False], [0, 1], ["b", "a"], np.array([0, 1])):
        assert find_categories(frame, given).tolist() == [True, True, False]
    assert not find_categories(frame.to_numpy(object)).any()
    assert not find_categories(frame, None).any()
    for wrong in (["d"], [3], [True], "all", [0.5], 1):
        with pytest.raises(ValueError, match="categorical_features must be 'auto'"):
            find_categories(frame, wrong)
    with pytest.raises(ValueError, match="categorical_features must be 'auto'"):
        find_categories(np.ones((2, 2)), ["a"])
    with pytest.raises(TypeError, match="sparse X"):
        find_categories(scipy.sparse.csr_array(np.eye(2)), [0])


@parametrize_with_checks([CategoryEncoder()])
def test_the_common_checks_of_categories(estimator, check):
    check(estimator)


def test_two_categories_are_signs_and_more_have_a_column_each():
    X = np.array([["b", "x", "u"], ["a", "y", "u"], [None, np.nan, None], ["a", "z", "u"]], object)
    encoder = CategoryEncoder().fit(X)
    expected = [[1, 1, 0, 0, 1], [-1, 0, 1, 0, 1], [0, 0, 0, 0, 0], [-1, 0, 0, 1, 1]]
    np.testing.assert_array_equal(encoder.transform(X), expected)
    names = ["x0_b", "x1_x", "x1_y", "x1_z", "x2_u"]
    assert list(encoder.get_feature_names_out()) == names
    unseen = np.array([["c", "c", "c"]], object)
    np.testing.assert_array_equal(encoder.transform(unseen), np.zeros((1, 5)))


def test_categories_may_be_of_any_kind():
    X = np.array([[True, 1.5, "a"], [False, np.nan, 2], [True, 2.5, None], [True, 3, 2]], object)
    encoder = CategoryEncoder().fit(X)
    assert encoder.categories_ == [[False, True], [1.5, 2.5, 3], [2, "a"]]
    again = pickle.loads(pickle.dumps(encoder))
    np.testing.assert_array_equal(again.transform(X), encoder.transform(X))


@pytest.mark.parametrize(
    ("y_kind", "n_columns"), [("continuous", 1), ("binary", 1), ("multiclass", 3), ("two", 2)]
)
def test_many_categories_are_encoded_by_the_target_of_other_rows(y_kind, n_columns, rng):
    codes = rng.integers(0, 50, 2000)
    X = np.column_stack([codes, codes % 2]).astype(object)
    y = {
        "continuous": codes + 0.5,
        "binary": codes % 2,
        "multiclass": codes % 3,
        "two": np.column_stack([codes, -codes]) + 0.5,
    }[y_kind]
    target_type = "continuous" if y_kind == "two" else y_kind
    encoder = CategoryEncoder(target_type=target_type, random_state=0)
    X_new = encoder.fit_transform(X, y)
    assert X_new.shape == (2000, 1 + n_columns) == (2000, len(encoder.get_feature_names_out()))
    np.testing.assert_allclose(encoder.transform(X)[:, 0], X_new[:, 0])
    known = encoder.transform(X)[:, 1:]
    target = y if y_kind != "multiclass" else codes[:, np.newaxis] % 3 == [0, 1, 2]
    for got, expected in zip(known.T, np.transpose(target).reshape(n_columns, -1), strict=True):
        assert np.corrcoef(got, expected)[0, 1] > 0.99
    overall = np.mean(np.reshape(target, (2000, n_columns)), axis=0)
    unseen = encoder.transform(np.array([[99, 0]], object))[0, 1:]
    np.testing.assert_allclose(unseen, overall)


def test_many_categories_of_noise_tell_a_row_nothing_of_itself(rng):
    X, y = rng.integers(0, 1000, (3000, 1)).astype(object), rng.normal(size=3000)
    encoder = CategoryEncoder(target_type="continuous", random_state=0)
    assert abs(np.corrcoef(encoder.fit_transform(X, y)[:, 0], y)[0, 1]) < 0.15
    with pytest.raises(ValueError, match="needs y"):
        CategoryEncoder().fit(X)


def test_inputs_follow_the_recipe(rng):
    numbers = rng.normal(size=(100, 2))
    numbers[:5, 0] = np.nan
    signs = rng.choice(["n", "p"], 100)
    X = np.column_stack([numbers.astype(object), signs])
    mask = np.array([False, False, True])
    F, G = squashed_input(X, mask).fit_transform(X), binned_input(X, mask, 4).fit_transform(X)
    squashed = np.nan_to_num(SquashingScaler().fit_transform(numbers))
    codes = SquashingScaler().fit_transform(np.where(signs == "p", 1.0, -1.0)[:, np.newaxis])
    np.testing.assert_allclose(F, np.hstack([squashed, codes]))
    bins = PiecewiseLinearEncoder(4).fit_transform(numbers)
    np.testing.assert_allclose(G, np.hstack([F, bins]))


@pytest.mark.parametrize("mask", [[False] * 3, [True] * 3])
def test_tables_of_one_kind_work(mask, rng):
    X = rng.integers(0, 5, (50, 3)).astype(float)
    X[0], X[:, 2] = np.nan, np.nan
    for make in (squashed_input, binned_input):
        X_new = make(X, np.array(mask)).fit_transform(X)
        assert len(X_new) == 50
        assert np.isfinite(X_new).all()
        np.testing.assert_array_equal(X_new[0], 0)


def test_sparse_rows_stay_sparse_and_have_no_bins():
    X = scipy.sparse.random(50, 4, 0.2, format="csr", random_state=0)
    mask = find_categories(X)
    X_new = squashed_input(X, mask).fit_transform(X)
    assert scipy.sparse.issparse(X_new)
    np.testing.assert_allclose(X_new.toarray(), SquashingScaler().fit_transform(X).toarray())
    with pytest.raises(TypeError, match="squashed input only"):
        binned_input(X, mask)


def test_inputs_are_arrays_whatever_is_configured(rng):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"a": rng.normal(size=9), "b": list("xyzxyzxyz")})
    with config_context(transform_output="pandas"):
        part = binned_input(frame, find_categories(frame))
        assert isinstance(clone(part).fit_transform(frame), np.ndarray)
        assert isinstance(part.fit(frame).transform(frame), np.ndarray)
    names = part.get_feature_names_out()
    assert list(names[:4]) == [
        "numbers__a",
        "categories__b_x",
        "categories__b_y",
        "categories__b_z",
    ]
