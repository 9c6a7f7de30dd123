"""Shared data, small enough that every test is quick."""

import numpy as np
import pytest
from sklearn.datasets import load_digits, load_iris, make_regression
from sklearn.preprocessing import scale


@pytest.fixture(scope="session")
def iris():
    X, y = load_iris(return_X_y=True)
    return scale(X), y


@pytest.fixture(scope="session")
def digits():
    X, y = load_digits(return_X_y=True)
    return X / 16, y


@pytest.fixture(scope="session")
def regression():
    X, y = make_regression(150, 8, noise=5.0, random_state=0)
    return X, y / y.std()


@pytest.fixture
def rng():
    return np.random.default_rng(0)
