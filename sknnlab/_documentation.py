"""Links from what an estimator shows of itself in a notebook to its page in the API reference.

scikit-learn's HTML of an estimator asks it for three attributes, named in its guide for
developers. Where the pages are is said in one place: "Documentation" under the project's
addresses in pyproject.toml. The environment variable ``SKNNLAB_DOCS`` goes before it, for a
site that was built elsewhere; while neither says it there are no links.
"""

from __future__ import annotations

import os
from functools import cache
from importlib.metadata import PackageNotFoundError, metadata

__all__ = ["Documented"]


class Documented:
    """Base of whatever has a page of its own; comes before scikit-learn's BaseEstimator."""

    _doc_link_module = "sknnlab"

    @property
    def _doc_link_template(self) -> str:
        address = os.environ.get("SKNNLAB_DOCS") or _published()
        page = "{estimator_module}.{estimator_name}.html"
        return address and f"{address.rstrip('/')}/api/generated/{page}"


@cache
def _published() -> str:
    """Return the address that the installed package names, or nothing."""
    try:
        addresses = metadata("sknnlab").get_all("Project-URL") or []
    except PackageNotFoundError:
        return ""
    named = dict(address.split(", ", 1) for address in addresses)
    return named.get("Documentation", "")
