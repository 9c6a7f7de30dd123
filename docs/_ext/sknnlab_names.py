"""What the pages read from the package itself: where names live, and the lab's thresholds."""

from __future__ import annotations

import importlib
import pkgutil
import re
from typing import Any

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.docutils import SphinxDirective, SphinxRole

import sknnlab
from sknnlab.inspection import THRESHOLDS

MODULES = [f"sknnlab.{one.name}" for one in pkgutil.iter_modules(sknnlab.__path__)]
PUBLIC = {
    module: set(importlib.import_module(module).__all__)
    for module in MODULES
    if not module.startswith("sknnlab._")
}
# what the repository's own pages link to, and where it is in the documentation
FILES = {
    "CHANGELOG.md": "changelog",
    "CONTRIBUTING.md": "contributing",
    "LICENSE": "license",
    "SECURITY.md": "security",
}
INITIAL = re.compile(r"^([A-Z])\. ")


def home(name: str, module: str | None) -> str | None:
    """Return the module of a public name, as seen from `module`; None if there is not one."""
    homes = [one for one, names in PUBLIC.items() if name in names]
    if module in homes:
        return module
    return homes[0] if len(homes) == 1 else None


class Name(SphinxRole):
    """Single backticks in docstrings: a link where the text is a public name, else code."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Return the text, in a reference or not."""
        literal = nodes.literal(self.rawtext, self.text)
        if self.text in PUBLIC:
            target = {"reftype": "mod", "reftarget": self.text, "refwarn": True}
            return [pending_xref("", literal, refdomain="py", refexplicit=True, **target)], []
        module = home(self.text.partition(".")[0], self.env.ref_context.get("py:module"))
        if module is None:
            return [literal], []
        target = {"reftype": "obj", "reftarget": f"{module}.{self.text}", "refwarn": True}
        return [pending_xref("", literal, refdomain="py", refexplicit=True, **target)], []


def resolve_top_level(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, contents: nodes.Element
) -> Any:
    """Find ``sknnlab.MLPClassifier`` where it is described, in its module."""
    package, _, name = node.get("reftarget", "").partition(".")
    top, _, rest = name.partition(".")
    if node.get("refdomain") != "py" or package != "sknnlab" or top not in sknnlab._HOMES:
        return None
    full = ".".join([sknnlab._HOMES[top], top, *([rest] if rest else [])])
    domain, page = env.get_domain("py"), node["refdoc"]
    return domain.resolve_xref(env, page, app.builder, node["reftype"], full, node, contents)


def find_files(app: Sphinx, document: nodes.document) -> None:
    """Lead links to files beside the README to the pages that include these."""
    for node in document.findall(pending_xref):
        if node.get("reftype") == "myst" and node["reftarget"] in FILES:
            page = FILES[node["reftarget"]]
            node.attributes.update(refdomain="doc", reftarget=page, reftargetid=None)


def escape_initials(
    app: Sphinx, kind: str, name: str, thing: Any, options: Any, lines: Any
) -> None:
    """Keep "D. P. Kingma" at the start of a line from being read as item D of a list."""
    lines[:] = [INITIAL.sub(r"\1\\. ", line) for line in lines]


class Thresholds(SphinxDirective):
    """The table of ``sknnlab.inspection.THRESHOLDS``."""

    def run(self) -> list[nodes.Node]:
        """Return the table."""
        rows = [("name", "value", "what it bounds", "source")]
        rows += [
            (f"`{k}`", f"{one.value:g}", one.meaning, one.source) for k, one in THRESHOLDS.items()
        ]
        lines = [".. list-table::", "   :header-rows: 1", "   :widths: 24 9 35 32", ""]
        for first, *others in rows:
            lines += [f"   * - {first}", *(f"     - {text}" for text in others)]
        return self.parse_text_to_nodes("\n".join(lines))


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the role, the directive and the hooks."""
    app.connect("missing-reference", resolve_top_level, priority=400)
    app.connect("doctree-read", find_files)
    app.connect("autodoc-process-docstring", escape_initials, priority=600)
    app.add_role("name", Name())
    app.add_directive("thresholds", Thresholds)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
