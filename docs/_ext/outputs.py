"""The Python of a page: run in order, in one namespace, what it prints and draws shown below it.

``tests/test_docs_pages.py`` runs the same blocks and compares what interactive ones (``>>>``) show.
A line ``% needs: torch`` before a block leaves the rest of the page alone where that is not
installed; ``% not run: why`` keeps a block from being run.
"""

from __future__ import annotations

import contextlib
import doctest
import importlib.util
import io
import os
import re
import sys
import tempfile
import warnings
from collections.abc import Iterator
from typing import Any

BLOCK = re.compile(
    r"(?:^% (?P<mark>needs|not run): (?P<words>[^\n]+)\n)?^```python\n(?P<source>.*?)^```$",
    re.M | re.S,
)
SHOWN = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


def run_blocks(text: str, name: str) -> Iterator[tuple[re.Match[str], str]]:
    """Run a page's blocks; yield each that was run, and what it printed.

    Raises
    ------
    AssertionError
        An interactive block shows something else than what it prints.
    """
    namespace: dict[str, Any] = {"__name__": "__main__"}
    for block in BLOCK.finditer(text):
        if block["mark"] == "needs" and not all(map(_is_there, block["words"].split(", "))):
            return
        if block["mark"] != "not run":
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                _run(block["source"], namespace, name)
            yield block, printed.getvalue()


def _is_there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def _run(source: str, namespace: dict[str, Any], name: str) -> None:
    """Run plain Python, or an interactive block, whose output is compared."""
    if not source.startswith(">>>"):
        exec(compile(source, name, "exec"), namespace)
        return
    dialogue = doctest.DocTestParser().get_doctest(source, namespace, name, name, 0)
    told: list[str] = []
    doctest.DocTestRunner(optionflags=SHOWN).run(dialogue, out=told.append, clear_globs=False)
    assert not told, "".join(told)
    namespace.update(dialogue.globs)


def with_outputs(text: str, name: str) -> str:
    """Return a page with what its blocks print and draw."""
    pieces, end = [], 0
    with tempfile.TemporaryDirectory() as folder, _inside(folder), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # short runs have not converged
        for block, printed in run_blocks(text, name):
            pieces.append(text[end : block.end()])
            end = block.end()
            if printed.strip():
                pieces.append(f"\n\n{{.output}}\n```text\n{printed.rstrip()}\n```\n")
            pieces += [f"\n\n```{{raw}} html\n{svg}\n```\n" for svg in _drawn()]
    return "".join([*pieces, text[end:]])


def _drawn() -> list[str]:
    """Return the figures that a block has left open, and close them."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is None:
        return []
    from inline_svg import inline_svg

    figures = [pyplot.figure(number) for number in pyplot.get_fignums()]
    pyplot.close("all")
    widths = [f"{72 * 1.35 * one.get_figwidth():.0f}px" for one in figures]
    return [
        inline_svg(one, "What the code above draws.", width)
        for one, width in zip(figures, widths, strict=True)
    ]


@contextlib.contextmanager
def _inside(folder: str) -> Iterator[None]:
    before = os.getcwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def show_outputs(app: Any, name: str, content: list[str]) -> None:
    """Put the outputs into a page before Sphinx reads it."""
    if "```python" in content[0] and str(app.env.doc2path(name)).endswith(".md"):
        import matplotlib
        from inline_svg import STYLE

        with matplotlib.rc_context(STYLE):
            content[0] = with_outputs(content[0], name)


def setup(app: Any) -> dict[str, Any]:
    """Listen to pages being read."""
    app.connect("source-read", show_outputs)
    return {"parallel_read_safe": False, "parallel_write_safe": True}
