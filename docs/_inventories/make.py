"""Write the inventories of other projects' documentation, without a network.

``python docs/_inventories/make.py`` reads the public names of the installed packages and
writes one ``.inv`` a project beside this file, with the addresses that its pages have: each
project follows one scheme. What no scheme covers (labels, glossary terms, the few pages of
Python and Matplotlib that we refer to) is listed by hand. Run it again for a name that is
not found, or a new release; the files are part of the repository.
"""

from __future__ import annotations

import importlib
import inspect
import pathlib
import types
import zlib
from collections.abc import Iterator

HERE = pathlib.Path(__file__).parent
Entry = tuple[str, str, str]  # name, domain:role, address below the project's root

SKLEARN = (
    "base calibration callback cluster compose covariance datasets decomposition dummy "
    "ensemble experimental feature_extraction feature_extraction.image feature_extraction.text "
    "feature_selection frozen impute inspection isotonic kernel_approximation linear_model "
    "manifold metrics metrics.pairwise model_selection multiclass multioutput naive_bayes "
    "neighbors neural_network pipeline preprocessing random_projection semi_supervised svm tree "
    "utils utils.class_weight utils.estimator_checks utils.metadata_routing utils.validation"
)
MODULES = {  # the modules of each project, and the page of a name
    "sklearn": (SKLEARN.split(), "modules/generated/{}.html"),
    "numpy": (["", "linalg", "testing"], "reference/generated/{}.html"),
    "scipy": (
        ["linalg", "optimize", "signal", "sparse", "spatial", "special", "stats"],
        "reference/generated/{}.html",
    ),
    "matplotlib": (["pyplot"], "api/_as_gen/{}.html"),
    "pandas": ([""], "reference/api/{}.html"),
}
RANDOM = "reference/random/{}.html#numpy.random.{}"
BY_HAND: dict[str, list[Entry]] = {
    "sklearn": [
        ("glossary", "std:doc", "glossary.html"),
        ("metadata_routing", "std:label", "metadata_routing.html#metadata-routing"),
        ("df_output_transform", "std:label", "modules/df_output_transform.html"),
        (
            "sphx_glr_auto_examples_miscellaneous_plot_set_output.py",
            "std:label",
            "auto_examples/miscellaneous/plot_set_output.html",
        ),
        ("accuracy_score", "std:label", "modules/model_evaluation.html#accuracy-score"),
        ("r2_score", "std:label", "modules/model_evaluation.html#r2-score"),
        *((term, "std:term", f"glossary.html#term-{term}") for term in (
            "meta-estimator", "classes_", "fit", "transform", "random_state", "n_jobs",
        )),
        *((f"sklearn.{name}", "py:function", f"modules/generated/sklearn.{name}.html")
          for name in ("clone", "config_context", "get_config", "set_config", "show_versions")),
    ],
    "numpy": [
        ("numpy.random.Generator", "py:class", RANDOM.format("generator", "Generator")),
        ("numpy.random.RandomState", "py:class", RANDOM.format("legacy", "RandomState")),
        ("numpy.random.default_rng", "py:function", RANDOM.format("generator", "default_rng")),
        ("numpy.bool", "py:class", "reference/arrays.scalars.html#numpy.bool"),
    ],
    "scipy": [],
    "matplotlib": [
        ("matplotlib.axes.Axes", "py:class", "api/_as_gen/matplotlib.axes.Axes.html"),
        ("matplotlib.figure.Figure", "py:class", "api/_as_gen/matplotlib.figure.Figure.html"),
    ],
    "pandas": [],
    "python": [
        (name, f"py:{role}", f"library/{page}.html#{name}")
        for name, role, page in (
            *((one, "class", "stdtypes") for one in ("bool", "dict", "list", "str", "tuple")),
            *((one, "class", "functions") for one in ("float", "int", "object")),
            *((one, "exception", "exceptions") for one in (
                "AttributeError", "KeyboardInterrupt", "ImportError", "RuntimeError",
                "TypeError", "ValueError", "UserWarning",
            )),
            ("pickle", "module", "pickle"),
        )
    ],
}  # fmt: skip


def public(module: types.ModuleType) -> Iterator[tuple[str, str]]:
    """Yield the public names of a module, with the kind of each."""
    for name in getattr(module, "__all__", dir(module)):
        thing = getattr(module, name, None)
        if name.startswith("_") or thing is None or inspect.ismodule(thing):
            continue
        if inspect.isclass(thing):
            yield name, "py:exception" if issubclass(thing, Exception) else "py:class"
        elif callable(thing):
            yield name, "py:function"


def entries(project: str) -> list[Entry]:
    """Return what is known of a project, the names by hand first."""
    found = {(name, role): (name, role, uri) for name, role, uri in BY_HAND[project]}
    modules, page = MODULES.get(project, ([], ""))
    for one in modules:
        full = f"{project}.{one}".rstrip(".")
        for name, role in public(importlib.import_module(full)):
            name = f"{full}.{name}"
            found.setdefault((name, role), (name, role, page.format(name) + f"#{name}"))
    return sorted(found.values())


def write(project: str) -> None:
    """Write one inventory, in version 2 of Sphinx's format."""
    version = "3" if project == "python" else importlib.import_module(project).__version__
    head = "# Sphinx inventory version 2\n"
    head += f"# Project: {project}\n# Version: {version}\n"
    head += "# The remainder of this file is compressed using zlib.\n"
    lines = (f"{name} {role} 1 {uri} -\n" for name, role, uri in entries(project))
    body = zlib.compress("".join(lines).encode(), 9)
    (HERE / f"{project}.inv").write_bytes(head.encode() + body)


if __name__ == "__main__":
    for experiment in ("enable_halving_search_cv", "enable_iterative_imputer"):
        importlib.import_module(f"sklearn.experimental.{experiment}")
    for project in BY_HAND:
        write(project)
        print(f"{project}.inv: {len(entries(project))} names")
