"""The README: its Python runs, its tables name what exists, its commands are two lines."""

import pathlib
import re

import pytest

from sknnlab.activations import ACTIVATIONS
from sknnlab.initializers import INITIALIZERS
from sknnlab.inspection._diagnose import CHECKS
from sknnlab.losses import CLASSIFIER_LOSSES, REGRESSOR_LOSSES
from sknnlab.optimizers import OPTIMIZERS
from sknnlab.schedules import SCHEDULES

README = pathlib.Path(__file__).parents[1] / "README.md"
TEXT = README.read_text() if README.exists() else ""
ROWS = {
    "`activation`": ACTIVATIONS,
    "`initializer`": INITIALIZERS,
    "`loss` (classifiers)": CLASSIFIER_LOSSES,
    "`loss` (regressor)": REGRESSOR_LOSSES,
    "`optimizer`": OPTIMIZERS,
    "`learning_rate`": SCHEDULES,
}


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.S)


def test_its_python_runs():
    namespace = {}
    for block in blocks("python"):
        exec(compile(block, "README.md", "exec"), namespace)
    assert namespace["search"].score(namespace["X_test"], namespace["y_test"]) > 0.9


@pytest.mark.parametrize("parameter", ROWS)
def test_its_table_of_parts_is_complete(parameter):
    row = next(line for line in TEXT.splitlines() if line.startswith(f"| {parameter} |"))
    names = re.findall(r"`(\w+)`", row.split("|")[3])
    assert sorted(names) == sorted(ROWS[parameter])


def test_its_first_two_commands_are_one_line_each():
    for block in blocks("sh")[:2]:
        assert len(block.strip().splitlines()) == 1
    assert "examples/quickstart.py" in blocks("sh")[0]
    assert "pytest" in blocks("sh")[1]


def test_it_shows_the_table_of_a_diagnosis():
    shown = next(block for block in blocks("text") if block.startswith("Diagnosis"))
    assert [name for name in CHECKS if name not in shown] == []
