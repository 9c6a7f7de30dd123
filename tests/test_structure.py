"""The house: imports point down, one word for each part, nothing heavy at import."""

import ast
import inspect
import pathlib
import re
import subprocess
import sys

import numpy as np
import pytest

import sknnlab
from sknnlab import (
    activations,
    augmentation,
    initializers,
    losses,
    normalization,
    optimizers,
    schedules,
)
from sknnlab._component import Component

ROOT = pathlib.Path(sknnlab.__file__).parent
PARTS = {
    "activations",
    "initializers",
    "losses",
    "optimizers",
    "schedules",
    "augmentation",
    "normalization",
}
# each floor imports from those below it; rooms on one floor do not import each other
FLOORS = [
    {"_documentation", "_files", "_numerics", "_version"},
    {"_component", "_images", "_show_versions"},
    {"_image_rows"},
    PARTS,
    {"_engine"},
    {"_estimators"},
    {"callback"},
    {
        "neural_network",
        "linear_model",
        "model_selection",
        "preprocessing",
        "feature_extraction",
    },
    {"tabular", "inspection"},
    {"export"},
    {"__init__"},
]
REGISTRIES = {
    "activation": (activations.ACTIVATIONS, activations.Nonlinearity),
    "initializer": (initializers.INITIALIZERS, initializers.Initializer),
    "classifier loss": (losses.CLASSIFIER_LOSSES, losses.Loss),
    "regressor loss": (losses.REGRESSOR_LOSSES, losses.Loss),
    "optimizer": (optimizers.OPTIMIZERS, optimizers.Solver),
    "schedule": (schedules.SCHEDULES, schedules.Schedule),
    "augmentation": (augmentation.AUGMENTATIONS, augmentation.Augmentation),
    "normalization": (normalization.NORMALIZATIONS, normalization.BatchNorm),
}


def room(path):
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imports(path):
    """Return the rooms of the package that a file imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sknnlab"):
            names = node.module.split(".")[1:]
            yield names[0] if names else node.names[0].name
        elif isinstance(node, ast.Import):
            yield from (a.name.split(".")[1] for a in node.names if a.name.startswith("sknnlab."))


def floor(name):
    return next(i for i, names in enumerate(FLOORS) if name in names)


FILES = sorted(ROOT.rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_down(path):
    here = room(path)
    for other in imports(path):
        assert other == here or floor(other) < floor(here), f"{path.name} imports {other}"


def private_names(source):
    """Return the private names that some source takes from scikit-learn."""
    nodes, bound = list(ast.walk(ast.parse(source))), set()
    names = set()
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sklearn"):
            names.update(node.module.split("."), (alias.name for alias in node.names))
            bound.update(alias.asname or alias.name for alias in node.names)
        elif isinstance(node, ast.Import):
            ours = [alias for alias in node.names if alias.name.split(".")[0] == "sklearn"]
            names.update(part for alias in ours for part in alias.name.split("."))
            bound.update(alias.asname or "sklearn" for alias in ours)
        elif isinstance(node, ast.Constant) and re.match(r"sklearn\.[\w.]+$", str(node.value)):
            names.update(node.value.split("."))  # as importlib takes it
    for node in nodes:
        root = node
        while isinstance(root, ast.Attribute):
            root = root.value
        if root is not node and isinstance(root, ast.Name) and root.id in bound:
            names.add(node.attr)
    return {name for name in names if name.startswith("_") and not name.endswith("__")}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_private_name_of_scikit_learn_is_used(path):
    assert not private_names(path.read_text())


@pytest.mark.parametrize(
    "source",
    [
        "from sklearn._x import y",
        "from sklearn.y import _x",
        "import sklearn.y._x",
        "import sklearn.y\nsklearn.y._x.z",
        "import sklearn.y as z\nz._x",
        "from sklearn.y import z\nz._x()",
        "from sklearn import y as z\nz.a._x",
        "import importlib\nimportlib.import_module('sklearn.y._x')",
    ],
)
def test_a_private_name_is_seen_however_it_is_reached(source):
    assert private_names(source) == {"_x"}
    assert not private_names(source.replace("_x", "__version__"))


PARTS_BY_NAME = {
    f"{family}-{part.__name__}": (part, kind)
    for family, (registry, kind) in REGISTRIES.items()
    for part in registry.values()
}


@pytest.mark.parametrize(("part", "kind"), PARTS_BY_NAME.values(), ids=PARTS_BY_NAME)
def test_every_part_is_a_component_with_documented_parameters(part, kind):
    assert issubclass(part, kind)
    assert issubclass(part, Component)
    parameters = part().get_params(deep=False)
    assert set(vars(part())) == set(parameters)
    doc = inspect.cleandoc(part.__doc__)
    lines = re.findall(r"^(\w+(?:, \w+)*) : .*default=(.+)$", doc, re.M)
    documented = {name: default for names, default in lines for name in names.split(", ")}
    defaults = {name: ast.literal_eval(default) for name, default in documented.items()}
    assert defaults == parameters
    assert "\n>>> " in doc
    part().check_parameters()


# too plain to have been somebody's method
WITHOUT_SOURCE = (
    activations.Identity,
    initializers.Zeros,
    initializers.Constant,
    initializers.Normal,
    initializers.Uniform,
    losses.SquaredError,
    losses.AbsoluteError,
    schedules.Constant,
)


@pytest.mark.parametrize("part", [part for part, _ in PARTS_BY_NAME.values()], ids=PARTS_BY_NAME)
def test_every_method_names_its_source(part):
    doc = inspect.cleandoc(part.__doc__)
    _, heading, source = doc.partition("\nReferences\n----------\n")
    if part in WITHOUT_SOURCE:
        assert not heading, "this one has a source: take it off the list"
    else:
        assert re.match(r"[A-Z].* \((1[89]|20)\d\d\)\. \w", source)


def test_no_concrete_part_inherits_from_another():
    concrete = {part for registry, _ in REGISTRIES.values() for part in registry.values()}
    for part in concrete:
        assert not concrete & set(part.__mro__[1:])


def test_importing_brings_neither_plots_nor_torch():
    code = "import sys, sknnlab; print({'matplotlib', 'torch'} & set(sys.modules))"
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "set()"


def test_the_top_exports_what_it_promises():
    promised = {"MLPClassifier", "MLPRegressor", "LinearSVMSoftmax", "__version__"}
    assert promised <= set(sknnlab.__all__)
    for estimator in (sknnlab.MLPClassifier, sknnlab.MLPRegressor, sknnlab.LinearSVMSoftmax):
        for name in estimator().get_params(deep=False):
            assert f"\n{name} : " in estimator.__doc__


def test_show_versions_prints_what_a_report_of_a_bug_needs(capsys):
    sknnlab.show_versions()
    printed = capsys.readouterr().out
    lines = dict(re.findall(r"^ *([\w-]+): (.+)$", printed, re.M))
    assert lines["sknnlab"] == sknnlab.__version__
    assert lines["numpy"] == np.__version__
    needed = {"python", "machine", "sklearn", "scipy", "joblib", "threadpoolctl", "matplotlib"}
    assert needed | {"pandas", "torch", "num_threads"} <= set(lines)


def test_every_name_at_the_top_is_there_and_documented():
    for name in set(sknnlab.__all__) - {"__version__"}:
        assert getattr(sknnlab, name).__doc__, name
