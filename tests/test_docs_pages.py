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


def test_an_interactive_block_that_shows_something_else_is_an_error(extension):
    page = "```python\n>>> 1 + 1\n3\n```\n"
    with pytest.raises(AssertionError, match="Expected"):
        list(extension("outputs").run_blocks(page, "page"))


def test_what_a_block_prints_stands_below_it(extension):
    page = "before\n\n```python\nprint(1 + 1)\n```\n\nafter\n"
    shown = extension("outputs").with_outputs(page, "page")
    assert re.sub(r"\n+", "\n", shown).endswith("```\n{.output}\n```text\n2\n```\nafter\n")


FAMILIES = {
    "activations": "relu",
    "classifier_losses": "hinge",
    "regressor_losses": "huber",
    "initializers": "he_normal",
    "optimizers": "adam",
    "schedules": "cosine",
    "augmentations": "cutout",
}


@pytest.fixture
def parts(extension):
    for module in ("matplotlib", "docutils", "numpydoc"):
        pytest.importorskip(module)
    return extension("parts")


@pytest.mark.parametrize("which", FAMILIES)
def test_every_registered_part_is_shown(which, parts):
    pages = "".join(page.read_text() for page in (DOCS / "guide").glob("*.md"))
    text, registry = parts.family_as_rst(which), parts.FAMILIES[which].registry
    assert [name for name in registry if f"``{name}``" not in text] == []
    assert f"{{parts}} {which}\n" in pages
    assert list(parts.FAMILIES) == list(FAMILIES)


@pytest.mark.parametrize("which", FAMILIES)
def test_a_part_that_is_added_appears_and_is_drawn_unasked(which, parts, monkeypatch):
    family = parts.FAMILIES[which]
    fresh = type("Fresh", (family.registry[FAMILIES[which]],), {"__doc__": "Does it anew."})
    monkeypatch.setitem(family.registry, "fresh", fresh)
    text = parts.family_as_rst(which)
    assert "``fresh``" in text
    assert "Does it anew." in text
    assert family.draw(fresh()) is not None


def test_a_picture_follows_the_theme_and_keeps_its_labels(extension):
    pytest.importorskip("matplotlib")
    pictures = extension("inline_svg")
    figure, (ax,) = pictures.new_figure()
    ax.plot([0, 1], [0.12345, 0.12345], color=pictures.FIRST)
    ax.set_title("0.12345 of it")
    svg = pictures.inline_svg(figure, 'what "it" shows')
    assert "0.12345 of it" in svg
    assert "var(--picture-first" in svg
    assert "currentColor" in svg
    assert pictures.FIRST not in svg
    assert "&quot;it&quot;" in svg
