"""Formulas as MathML, made while the pages are built: no script and no font to load."""

from __future__ import annotations

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util import logging
from sphinx.writers.html5 import HTML5Translator

LOGGER = logging.getLogger(__name__)


def mathml(latex: str, display: str, node: nodes.Node) -> str:
    """Return `latex` as a ``<math>`` element; a formula that cannot be read is a warning."""
    try:
        return convert(latex, display=display)
    except Exception as error:
        LOGGER.warning("formula %r: %r", latex, error, location=node)
        return f"<code>{nodes.Text(latex).astext()}</code>"


def visit_inline(self: HTML5Translator, node: nodes.math) -> None:
    """Write a formula within a line."""
    self.body.append(mathml(node.astext(), "inline", node))
    raise nodes.SkipNode


def visit_block(self: HTML5Translator, node: nodes.math_block) -> None:
    """Write a formula on a line of its own."""
    self.body.append(self.starttag(node, "div", CLASS="math-block"))
    if node.get("number"):
        self.body.append(f'<span class="eqno">({node["number"]})</span>')
    self.body.append(mathml(node.astext(), "block", node))
    self.body.append("</div>\n")
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the renderer ``mathml``."""
    try:
        app.add_html_math_renderer("mathml", (visit_inline, None), (visit_block, None))
    except ExtensionError as error:
        raise ExtensionError(f"mathml: {error}") from error
    return {"parallel_read_safe": True, "parallel_write_safe": True}
