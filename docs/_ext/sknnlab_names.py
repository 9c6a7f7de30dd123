"""What the pages read from the package itself: where names live, and the lab's thresholds."""

from __future__ import annotations

from typing import Any

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.docutils import SphinxDirective

import sknnlab
from sknnlab.inspection import THRESHOLDS


def resolve_top_level(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, contents: nodes.Element
) -> Any:
    """Find ``sknnlab.MLPClassifier`` where it is described, in its module."""
    package, _, name = node.get("reftarget", "").partition(".")
    top, _, rest = name.partition(".")
    if node.get("refdomain") != "py" or package != "sknnlab" or top not in sknnlab._HOMES:
        return None
    full = ".".join([sknnlab._HOMES[top], top, *([rest] if rest else [])])
    domain, docname = env.get_domain("py"), node["refdoc"]
    return domain.resolve_xref(env, docname, app.builder, node["reftype"], full, node, contents)


class Thresholds(SphinxDirective):
    """The table of ``sknnlab.inspection.THRESHOLDS``."""

    def run(self) -> list[nodes.Node]:
        """Return the table."""
        lines = [".. list-table::", "   :header-rows: 1", "", "   * - name", "     - value"]
        lines += ["     - what it bounds", "     - source"]
        for name, one in THRESHOLDS.items():
            lines += [f"   * - `{name}`", f"     - {one.value:g}", f"     - {one.meaning}"]
            lines += [f"     - {one.source}"]
        return self.parse_text_to_nodes("\n".join(lines))


def setup(app: Sphinx) -> dict[str, bool]:
    """Register both."""
    app.connect("missing-reference", resolve_top_level, priority=400)
    app.add_directive("thresholds", Thresholds)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
