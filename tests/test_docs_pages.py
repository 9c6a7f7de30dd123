"""The pages of the documentation: their code runs, and the parts on them are all there are."""

import ast
import doctest
import importlib
import pathlib
import re

import pytest

DOCS = pathlib.Path(__file__).parents[1] / "docs"
PAGES = sorted(
    page
    for page in DOCS.rglob("*.md")
    if "```python" in page.read_text() and "_build" not in str(page)
)
# "% needs: torch" before a block skips the rest of a page where torch is not installed;
# "% not run: why" keeps a block from being run
BLOCK = re.compile(r"(?:^% (needs|not run): ([^\n]+)\n)?^```python\n(.*?)^```$", re.M | re.S)
SHOWN = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


def name_of(page):
    return str(page.relative_to(DOCS))


def run(source, namespace, name):
    """Run a block: plain Python, or a session whose output is compared."""
    if not source.startswith(">>>"):
        exec(compile(source, name, "exec"), namespace)
        return
    session = doctest.DocTestParser().get_doctest(source, namespace, name, name, 0)
    told = []
    doctest.DocTestRunner(optionflags=SHOWN).run(session, out=told.append, clear_globs=False)
    assert not told, "".join(told)
    namespace.update(session.globs)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_the_python_of_a_page_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # for what a page writes
    namespace = {"__name__": "__main__"}
    for mark, words, source in BLOCK.findall(page.read_text()):
        if mark == "needs":
            for module in words.split(", "):
                pytest.importorskip(module)
        if mark == "not run":
            ast.parse(source)
        else:
            run(source, namespace, name_of(page))


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_python_block_of_a_page_is_seen(page):
    text = page.read_text()
    assert len(BLOCK.findall(text)) == len(re.findall(r"^ *[`~:]{3,}.*\bpython\b", text, re.M))
    assert not re.search(r"\{(code|code-block|doctest|testcode)\}", text)


def test_every_registered_part_is_shown(monkeypatch):
    for module in ("matplotlib", "docutils", "numpydoc"):
        pytest.importorskip(module)
    monkeypatch.syspath_prepend(DOCS / "_ext")
    parts = importlib.import_module("parts")
    pages = "".join(page.read_text() for page in (DOCS / "guide").glob("*.md"))
    for which, family in parts.FAMILIES.items():
        text = parts.family_as_rst(which)
        assert [name for name in family.registry if f"``{name}``" not in text] == []
        assert f"{{parts}} {which}\n" in pages
