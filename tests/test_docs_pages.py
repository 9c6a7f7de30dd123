"""The pages of the documentation: their code runs, and the parts on them are all there are."""

import ast
import importlib
import pathlib
import re
import sys

import pytest

DOCS = pathlib.Path(__file__).parents[1] / "docs"
PAGES = [
    page
    for page in sorted(DOCS.rglob("*.md"))
    if "```python" in page.read_text() and "_build" not in page.parts
]
pytestmark = pytest.mark.skipif(not DOCS.exists(), reason="the documentation is not here")


def name_of(page):
    return str(page.relative_to(DOCS))


@pytest.fixture
def extension(monkeypatch):
    """Return what imports a module of the documentation's own."""
    monkeypatch.syspath_prepend(DOCS / "_ext")
    monkeypatch.setenv("MPLBACKEND", "agg")
    yield importlib.import_module
    if pyplot := sys.modules.get("matplotlib.pyplot"):
        pyplot.close("all")


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_the_python_of_a_page_runs(page, extension, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # for what a page writes
    assert all(
        out is not None for _, out in extension("outputs").run_blocks(page.read_text(), page.name)
    )


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_python_block_of_a_page_is_seen(page, extension):
    text = page.read_text()
    blocks = list(extension("outputs").BLOCK.finditer(text))
    assert len(blocks) == len(re.findall(r"^ *[`~:]{3,}.*\bpython\b", text, re.M))
    assert not re.search(r"\{(code|code-block|doctest|testcode)\}", text)
    assert all(ast.parse(one["source"]) for one in blocks if one["mark"] == "not run")


def test_a_session_that_shows_something_else_is_an_error(extension):
    page = "```python\n>>> 1 + 1\n3\n```\n"
    with pytest.raises(AssertionError, match="Expected"):
        list(extension("outputs").run_blocks(page, "page"))


def test_what_a_block_prints_stands_below_it(extension):
    page = "before\n\n```python\nprint(1 + 1)\n```\n\nafter\n"
    shown = extension("outputs").with_outputs(page, "page")
    assert re.sub(r"\n+", "\n", shown).endswith("```\n{.output}\n```text\n2\n```\nafter\n")


def test_every_registered_part_is_shown(extension):
    for module in ("matplotlib", "docutils", "numpydoc"):
        pytest.importorskip(module)
    parts = extension("parts")
    pages = "".join(page.read_text() for page in (DOCS / "guide").glob("*.md"))
    for which, family in parts.FAMILIES.items():
        text = parts.family_as_rst(which)
        assert [name for name in family.registry if f"``{name}``" not in text] == []
        assert f"{{parts}} {which}\n" in pages
