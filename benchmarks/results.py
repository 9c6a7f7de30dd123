"""The file of results: a section a benchmark, each replaced as a whole."""

from __future__ import annotations

import json
import multiprocessing
import os
import pathlib
import platform
import re
from abc import ABC, abstractmethod
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from threadpoolctl import threadpool_info


def versions(*packages: str) -> str:
    """Return what was measured with what."""
    found = []
    for package in ("sknnlab", "scikit-learn", "numpy", "scipy", *packages):
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            found.append(f"no {package}")
    blas = {
        f"{one['internal_api']} {one['version']} ({one.get('architecture', 'any')} kernels)"
        for one in threadpool_info()
        if one["user_api"] == "blas"
    }
    cores = f"{multiprocessing.cpu_count()} cores"
    return ", ".join([*found, f"Python {platform.python_version()}", *sorted(blas), cores])


def write_section(path: pathlib.Path, name: str, text: str) -> None:
    """Put `text` into the section `name` of a Markdown file, whole or not at all."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    section = f"{begin}\n{text.strip()}\n{end}"
    old = path.read_text() if path.exists() else "# Results\n"
    pattern = re.escape(begin) + ".*?" + re.escape(end)
    new, found = re.subn(pattern, lambda match: section, old, flags=re.DOTALL)
    if not found:
        new = f"{old.rstrip()}\n\n{section}\n"
    partial = path.with_name(path.name + ".partial")
    partial.write_text(new)
    os.replace(partial, path)


class KeptResults(ABC):
    """Results by run, kept in a file if there is one, a line of JSON each."""

    def __init__(self, path: pathlib.Path | None):
        self.path = path
        self.results: dict[Any, dict[str, Any]] = {}
        if path is not None and path.exists():
            for line in path.read_text().splitlines():
                self._keep(json.loads(line))

    @abstractmethod
    def run_of(self, result: dict[str, Any]) -> Any:
        """Return what identifies a result."""

    def _keep(self, result: dict[str, Any]) -> None:
        self.results[self.run_of(result)] = result

    def add(self, result: dict[str, Any]) -> None:
        """Keep a result, in the file, too."""
        self._keep(result)
        if self.path is not None:
            with self.path.open("a") as file:
                file.write(json.dumps(result) + "\n")
