"""The documentation: its lists name what is public, and every example has its place."""

import importlib
import pathlib
import re

import pytest

import sknnlab

DOCS = pathlib.Path(__file__).parents[1] / "docs"
PAGES = sorted(path.stem for path in (DOCS / "api").glob("*.rst") if path.stem != "index")
pytestmark = pytest.mark.skipif(not DOCS.exists(), reason="the documentation is not here")


def listed(page):
    """Return the names that a page of the API describes."""
    text = (DOCS / "api" / f"{page}.rst").read_text()
    lists = re.findall(r"^\.\. autosummary::\n((?:   :.*\n)*)\n((?:   \w+\n?)+)", text, re.M)
    names = [name for _, block in lists for name in block.split()]
    return names + re.findall(r"^\.\. py:data:: (\w+)", text, re.M)


def test_every_public_module_has_a_page():
    package = pathlib.Path(sknnlab.__file__).parent
    paths = [path for path in package.iterdir() if path.name[0] not in "_."]
    modules = {path.stem for path in paths if path.suffix == ".py" or path.is_dir()}
    assert sorted(modules) == PAGES


@pytest.mark.parametrize("page", PAGES)
def test_every_public_name_is_described_once(page):
    module = importlib.import_module(f"sknnlab.{page}")
    assert sorted(listed(page)) == sorted(module.__all__)


def test_the_lists_name_templates_that_exist():
    texts = [(DOCS / "api" / f"{page}.rst").read_text() for page in PAGES]
    named = set(re.findall(r":template: (\S+)", "".join(texts)))
    kept = {path.stem for path in (DOCS / "_templates" / "autosummary").glob("*.rst")}
    assert named <= kept


def test_every_name_of_the_package_itself_is_in_the_list():
    assert sorted([*listed("index"), "__version__"]) == sorted(sknnlab.__all__)


def test_the_readme_has_the_line_that_builds_it():
    readme = DOCS.parent / "README.md"
    lines = re.findall(r"^```sh\n(.*?)^```", readme.read_text(), re.M | re.S)
    assert lines[2].strip().endswith("-m sphinx -W --keep-going docs docs/_build")


def test_the_start_page_leads_to_what_people_want_to_do():
    links = re.findall(r"^:link: (\S+)$", (DOCS / "index.md").read_text(), re.M)
    tasks = "start/from_sklearn guide/tabular guide/lab guide/searching guide/images guide/saving"
    assert {*tasks.split(), "guide/extending"} <= set(links)
    assert [link for link in links if not (DOCS / f"{link}.md").exists()] == []
