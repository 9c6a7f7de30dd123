"""What a notebook shows: estimators and parts as scikit-learn's, linked to the API reference."""

import importlib
import inspect
import json
import os
import pathlib
import pkgutil
import re

import pytest
import sklearn
from sklearn.base import BaseEstimator
from sklearn.linear_model import LinearRegression
from sklearn.utils.fixes import parse_version
from test_docs import DOCS, PAGES, listed

import sknnlab
from sknnlab import MLPClassifier, diagnose
from sknnlab.optimizers import AdamW

NO_LINKS = parse_version(sklearn.__version__) < parse_version("1.8")
EXAMPLE = pathlib.Path(__file__).parents[1] / "examples/plot_22_notebook.py"
SITE = "https://docs.invalid/stable"
HOMES = [one.name for one in pkgutil.iter_modules(sknnlab.__path__) if one.name[0] != "_"]
SHOWN = sorted(
    {
        shown
        for home in HOMES
        for shown in vars(importlib.import_module(f"sknnlab.{home}")).values()
        if inspect.isclass(shown) and issubclass(shown, BaseEstimator)
        if shown.__module__.startswith("sknnlab") and not inspect.isabstract(shown)
        if shown.__name__ in importlib.import_module(f"sknnlab.{home}").__all__
    },
    key=lambda shown: (shown.__name__, shown.__module__),
)
every = pytest.mark.parametrize("shown", SHOWN, ids=lambda shown: shown.__name__)


def example(shown):
    """Return an estimator of a class, with whatever it must be given."""
    needed = [
        MLPClassifier() if name == "estimator" else {}
        for name, one in inspect.signature(shown).parameters.items()
        if one.default is one.empty
    ]
    return shown(*needed)


@every
def test_the_link_leads_to_a_page_of_the_reference(shown, monkeypatch):
    monkeypatch.setenv("SKNNLAB_DOCS", SITE + "/")
    link = example(shown)._get_doc_link()
    page, name = re.fullmatch(SITE + r"/api/generated/sknnlab\.(\w+)\.(\w+)\.html", link).groups()
    assert name == shown.__name__
    assert page in PAGES
    assert not DOCS.exists() or name in listed(page)


@pytest.mark.skipif(NO_LINKS, reason="of scikit-learn 1.8 and newer")
@every
def test_every_parameter_explains_itself_and_is_linked(shown, monkeypatch):
    monkeypatch.setenv("SKNNLAB_DOCS", SITE)
    html = example(shown)._repr_html_()
    for name in inspect.signature(shown).parameters:
        assert re.search(rf'href="{SITE}/[^"]*#[^"]*">\s*{name}\s*<span class="param-doc', html)


def test_without_an_address_there_are_no_links(monkeypatch):
    monkeypatch.delenv("SKNNLAB_DOCS", raising=False)
    assert MLPClassifier()._get_doc_link() == ""
    assert "href" not in MLPClassifier(optimizer=AdamW())._repr_html_()


def test_a_class_of_ones_own_has_no_page_here(monkeypatch):
    monkeypatch.setenv("SKNNLAB_DOCS", SITE)
    own = type("Own", (MLPClassifier,), {"__module__": "__main__", "__init__": lambda self: None})
    assert own()._get_doc_link() == ""
    assert "scikit-learn.org" in LinearRegression()._get_doc_link()


def test_html_marks_the_status_and_says_what_to_do(digits):
    diagnosis = diagnose(MLPClassifier((20,), learning_rate_init=3.0, random_state=0), *digits)
    html = diagnosis._repr_html_()
    assert 'class="mark problem"' in html
    assert diagnosis.advice in html
    assert all(f"<td>{check}</td>" in html for check in diagnosis.skipped)


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """Return the example of a notebook, made a notebook as the gallery does it, and executed."""
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    gallery = pytest.importorskip("sphinx_gallery.notebook")
    parser = pytest.importorskip("sphinx_gallery.py_source_parser")
    nbformat = pytest.importorskip("nbformat")
    settings = pytest.importorskip("sphinx_gallery.gen_gallery").DEFAULT_GALLERY_CONF
    _, blocks = parser.split_code_and_text_blocks(str(EXAMPLE))
    made = gallery.jupyter_notebook(blocks, settings, str(EXAMPLE.parent))
    notebook = nbformat.reads(json.dumps(made), as_version=4)
    folder = {"metadata": {"path": str(tmp_path_factory.mktemp("notebook"))}}
    # a backend chosen for the tests is not one that shows pictures
    env = {name: value for name, value in os.environ.items() if name != "MPLBACKEND"}
    return nbclient.NotebookClient(notebook, timeout=300, resources=folder).execute(env=env)


def kinds(cell):
    """Return the media types of what a cell shows, and its HTML."""
    data = [output["data"] for output in cell.outputs if "data" in output]
    return {kind for one in data for kind in one}, "".join(one.get("text/html", "") for one in data)


@pytest.mark.slow
def test_the_notebook_shows_tables_boxes_and_pictures(executed):
    shown = [kinds(cell) for cell in executed.cells if cell.cell_type == "code"]
    assert any("AdamW" in html and "sk-toggleable" in html for _, html in shown)
    assert any("mark problem" in html for _, html in shown)
    assert any("Repair of MLPClassifier" in html for _, html in shown)
    assert any("CoarseToFineSearchCV" in html for _, html in shown)
    assert sum("image/png" in found for found, _ in shown) == 3


@pytest.mark.slow
def test_the_notebook_complains_of_nothing(executed):
    outputs = [output for cell in executed.cells for output in cell.get("outputs", ())]
    assert not [output.text for output in outputs if output.output_type == "stream"]
