"""The order of the gallery."""

from __future__ import annotations

from sphinx_gallery.sorting import FileNameSortKey

FIRST = ("quickstart.py",)


class ScriptsFirst(FileNameSortKey):
    """The first script, then the experiments by their number."""

    def __call__(self, filename: str) -> tuple[int, str]:
        """Return the key of an example."""
        return (FIRST.index(filename) if filename in FIRST else len(FIRST)), filename
