"""The directive ``{citations}``: every source that a public docstring cites, and who cites it.

A part with a reference appears in the bibliography unasked.
"""

from __future__ import annotations

import importlib
import inspect
import pathlib
import re
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import Directive
from docutils.statemachine import StringList
from numpydoc.docscrape import NumpyDocString

import sknnlab


class Citations(Directive):
    """List the sources, by the first author's surname."""

    option_spec: ClassVar[dict[str, Any]] = {}

    def run(self) -> list[nodes.Node]:
        """Return the nodes of a list."""
        self.state.document.settings.env.note_reread()
        node = nodes.container()
        fence = ["````{eval-rst}", *citations_as_rst().splitlines(), "````"]
        self.state.nested_parse(StringList(fence, source="citations"), 0, node)
        return node.children


def citations_as_rst() -> str:
    """Return a list of all sources, each with the names that cite it."""
    cited: dict[tuple[str, str], tuple[str, list[str]]] = {}
    for name, references in sorted(references_by_name().items()):
        for text in references:
            known, users = cited.get(_work(text), (text, []))
            cited[_work(text)] = (min(known, text, key=len), [*users, name])
    lines = []
    for _, (text, users) in sorted(cited.items()):
        links = ", ".join(f":obj:`~{one}`" for one in dict.fromkeys(users))
        # the backslash keeps "A. J. Bell" from being item A of a list
        lines += [f"* \\{text}", f"  :raw-html:`<br>`\\ {links}", ""]
    return "\n".join([".. role:: raw-html(raw)", "   :format: html", "", *lines])


def references_by_name() -> dict[str, list[str]]:
    """Return the references of each public class and function, a text for each source."""
    found = {}
    for module in _public_modules():
        for name in module.__all__:
            one = getattr(module, name)
            if not (inspect.isclass(one) or inspect.isfunction(one)) or one.__name__ != name:
                continue
            lines = NumpyDocString(inspect.getdoc(one) or "")["References"]
            texts = re.split(r"\n\s*\n", "\n".join(lines).strip())
            found[f"{module.__name__}.{name}"] = [" ".join(t.split()) for t in texts if t]
    return found


def _public_modules() -> list[Any]:
    folder = pathlib.Path(sknnlab.__file__).parent
    names = {path.stem for path in folder.iterdir() if path.name[0] not in "_."}
    modules = [importlib.import_module(f"sknnlab.{name}") for name in sorted(names - {"py"})]
    return [module for module in modules if hasattr(module, "__all__")]


def _work(text: str) -> tuple[str, str]:
    """Return what two citations of one work share, by which the list is sorted."""
    authors, _, title = text.partition(")")
    first = re.split(r",| and | et al|: | \(", authors)[0]
    year = re.search(r"\((\d{4})", f"{authors})")
    surname = first.split()[-1] if first.split() else text
    return f"{surname} {year[1] if year else ''}", re.split(r"[.,]", title.strip(" ."))[0].lower()


def setup(app: Any) -> dict[str, Any]:
    """Add the directive to Sphinx."""
    app.add_directive("citations", Citations)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
