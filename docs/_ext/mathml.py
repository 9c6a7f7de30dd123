"""Formulas as MathML, made while the pages are built: no script to load."""

from __future__ import annotations

import html
import re

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.writers.html5 import HTML5Translator

LOGGER = logging.getLogger(__name__)
NAMED = r"<mi>(?:log|exp|cos|cosh|sin|tanh)</mi>"
THIN = '<mspace width="0.17em"/>'
BEFORE = re.compile(rf"(</(?:mi|mn|msub|msup|msubsup|mfrac|msqrt)>)({NAMED})")
AFTER = re.compile(rf"({NAMED})(?!<mspace|<mo[^>]*>&#x00028;)")


def mathml(latex: str, display: str, node: nodes.Node) -> str:
    """Return `latex` as a ``<math>`` element; a formula that cannot be read is a warning."""
    try:
        element = convert(latex, display=display)
    except Exception as error:
        LOGGER.warning("formula %r: %r", latex, error, location=node)
        return f"<code>{html.escape(latex)}</code>"
    # the space that TeX puts around log, cosh and the like
    return AFTER.sub(rf"\1{THIN}", BEFORE.sub(rf"\1{THIN}\2", element))


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
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
