"""The file of results: a section a benchmark, each replaced as a whole."""

from __future__ import annotations

import multiprocessing
import os
import pathlib
import platform
import re
from importlib.metadata import PackageNotFoundError, version

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
