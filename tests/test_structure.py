"""The house: imports point down, one word for each part, nothing heavy at import."""

import ast
import pathlib
import subprocess
import sys

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
    {"_version", "_numerics"},
    {"_component", "_images"},
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
        "inspection",
    },
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


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_private_name_of_scikit_learn_is_used(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sklearn"):
            names = [*node.module.split("."), *(alias.name for alias in node.names)]
            assert not [name for name in names if name.startswith("_")]


@pytest.mark.parametrize("family", REGISTRIES)
def test_every_part_is_a_component_with_a_documented_source(family):
    registry, kind = REGISTRIES[family]
    for part in registry.values():
        assert issubclass(part, kind)
        assert issubclass(part, Component)
        assert ">>>" in part.__doc__
        assert set(vars(part())) == set(part().get_params(deep=False))
        part().check_parameters()


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
