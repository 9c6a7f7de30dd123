"""Run scikit-learn's own MLP tests on our estimators.

The installed test file is read, its one import line pointed at sknnlab, and the result run
in a folder of its own. Left out: the tests that reach into private attributes, and the one
that wants the error that is a warning here.
"""

import pathlib
import subprocess
import sys

import sklearn.neural_network.tests.test_mlp as theirs

THEIRS = "from sklearn.neural_network import MLPClassifier, MLPRegressor"
OURS = "from sknnlab.neural_network import MLPClassifier, MLPRegressor"
LEFT_OUT = [
    "test_fit",  # sets attributes of an unfitted estimator one by one
    "test_gradient",  # _loss_grad_lbfgs
    "test_learning_rate_warmstart",  # _optimizer.learning_rate
    "test_adaptive_learning_rate",  # _optimizer.learning_rate
    "test_n_iter_no_change",  # _no_improvement_count
    "test_n_iter_no_change_inf",  # _no_improvement_count
    "test_early_stopping_stratified",  # a warning here
]

source = pathlib.Path(theirs.__file__).read_text()
assert source.count(THEIRS) == 1, "the import line of scikit-learn's tests has changed"
folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
(folder / "test_mlp.py").write_text(source.replace(THEIRS, OURS))
(folder / "pytest.ini").write_text("[pytest]\n")
(folder / "conftest.py").write_text(
    "import pytest\n\n\n@pytest.fixture\ndef global_random_seed():\n    return 42\n"
)
deselected = [f"--deselect=test_mlp.py::{name}" for name in LEFT_OUT]
command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_mlp.py"]
sys.exit(subprocess.run([*command, *deselected], cwd=folder).returncode)
