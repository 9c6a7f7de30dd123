"""Every example runs as a script, and keeps its promise."""

import os
import pathlib
import re
import subprocess
import sys

import pytest

EXAMPLES = pathlib.Path(__file__).parents[1] / "examples"
pytestmark = pytest.mark.slow


def run(*arguments):
    """Return what an example prints; its pictures are drawn and not shown."""
    environment = {**os.environ, "MPLBACKEND": "Agg"}
    command = [sys.executable, "-W", "ignore::UserWarning", *map(str, arguments)]
    result = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_the_quickstart_is_at_least_as_good_as_scikit_learn():
    found = re.findall(r"^    (.*?)\s+(0\.\d{4})$", run(EXAMPLES / "quickstart.py"), re.M)
    accuracy = {name: float(number) for name, number in found}
    ours = accuracy["sknnlab MLPClassifier, searched"]
    assert ours >= accuracy["scikit-learn MLPClassifier"]
    assert ours > accuracy["scikit-learn LinearSVC"]


def test_one_call_mends_five_faults():
    pytest.importorskip("matplotlib")
    printed = run(EXAMPLES / "plot_17_repair.py")
    before, after = map(float, re.search(r"before (\S+), after (\S+)", printed).groups())
    assert before < 0.7
    assert after > 0.92
    assert "check_symmetry" in printed


WITHOUT_DASK = """
import runpy, sys
sys.modules["distributed"] = None
runpy.run_path(sys.argv[1], run_name="__main__")
"""


def test_a_search_on_a_cluster_finds_the_same():
    pytest.importorskip("distributed")
    printed = run(EXAMPLES / "scale_out.py")
    assert re.search(r"2 workers: \S+ s, \S+ times as fast\nthe same scores", printed)
    assert "dask is not installed" not in printed


def test_without_dask_a_search_goes_to_processes_and_says_so():
    printed = run("-c", WITHOUT_DASK, EXAMPLES / "scale_out.py")
    assert re.search(r"dask is not installed.*\n2 workers: .*\nthe same scores", printed)


@pytest.mark.parametrize("script", sorted(EXAMPLES.glob("plot_*.py")), ids=lambda path: path.stem)
def test_an_experiment_asserts_its_own_claim(script):
    pytest.importorskip("matplotlib")
    last = script.read_text().rsplit("# %%", 1)[-1]
    assert "assert " in last or "assert_" in last
    run(script)
