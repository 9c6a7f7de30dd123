"""The order of the gallery."""

from __future__ import annotations

from sphinx_gallery.sorting import FileNameSortKey

FIRST = "quickstart.py"


class QuickstartFirst(FileNameSortKey):
    """The quickstart, then the others by their names."""

    def __call__(self, filename: str) -> tuple[bool, str]:
        """Return the key of an example."""
        return filename != FIRST, filename
