"""Shared data, small enough that every test is quick, and the seed of whatever is drawn.

``SKNNLAB_TEST_SEED=3 python -m pytest`` draws other numbers everywhere: any seed must pass.
"""

import os

import numpy as np
import pytest
from sklearn.datasets import load_digits, load_iris, make_regression
from sklearn.preprocessing import scale

SEED = int(os.environ.get("SKNNLAB_TEST_SEED", "0"))


def pytest_report_header():
    return f"SKNNLAB_TEST_SEED: {SEED}"


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
    X, y = make_regression(150, 8, noise=5.0, random_state=SEED)
    return X, y / y.std()


@pytest.fixture
def rng():
    return np.random.default_rng(SEED)
