"""Holds the pages to loading nothing from another host when they are looked at.

Links that a reader follows are allowed; scripts, styles, fonts and pictures are not.
"""

from __future__ import annotations

import pathlib
import re

from sphinx.application import Sphinx
from sphinx.util import logging

LOGGER = logging.getLogger(__name__)
ELSEWHERE = {
    ".html": re.compile(
        r"<(?:script|img|iframe|source|video|audio|embed)\b[^>]*\bsrc=[\"']?(?:https?:)?//[^\"' >]+"
        r"|<link\b[^>]*\bhref=[\"']?(?:https?:)?//[^\"' >]+"
    ),
    ".css": re.compile(r"(?:@import|url\()\s*[\"']?(?:https?:)?//[^\"')\s]+"),
}


def check(app: Sphinx, error: Exception | None) -> None:
    """Warn of every page and style that loads something from another host."""
    if error is not None:
        return
    for path in sorted(pathlib.Path(app.outdir).rglob("*")):
        pattern = ELSEWHERE.get(path.suffix)
        if pattern is not None:
            for found in pattern.findall(path.read_text(errors="replace")):
                LOGGER.warning("%s loads from another host: %s", path.name, found)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the check."""
    app.connect("build-finished", check)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
