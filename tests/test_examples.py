"""Every example runs as a script."""

import pathlib
import re
import subprocess
import sys

import pytest

EXAMPLES = pathlib.Path(__file__).parents[1] / "examples"


@pytest.mark.slow
def test_the_quickstart_is_at_least_as_good_as_scikit_learn():
    script = EXAMPLES / "quickstart.py"
    result = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    found = re.findall(r"^    (.*?)\s+(0\.\d{4})$", result.stdout, re.M)
    accuracy = {name: float(number) for name, number in found}
    ours = accuracy["sknnlab MLPClassifier, searched"]
    assert ours >= accuracy["scikit-learn MLPClassifier"]
    assert ours > accuracy["scikit-learn LinearSVC"]
