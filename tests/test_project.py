"""The project's own files say the same: version, changelog, citation, oldest libraries."""

import pathlib
import re
import tomllib

import sknnlab

ROOT = pathlib.Path(__file__).parents[1]


def test_the_version_is_one():
    citation, changelog = (ROOT / name for name in ("CITATION.cff", "CHANGELOG.md"))
    newest = re.search(r"^## (\S+) \((\d{4}-\d\d-\d\d)\)$", changelog.read_text(), re.M)
    assert newest[1] == sknnlab.__version__
    assert f"\nversion: {newest[1]}\n" in citation.read_text()
    assert f"\ndate-released: {newest[2]}\n" in citation.read_text()


def test_the_oldest_libraries_tested_are_those_that_are_promised():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pins = re.findall(r"^(\S+)==(\d+\.\d+)\.\d+", (ROOT / ".ci/oldest.txt").read_text(), re.M)
    oldest = dict(reversed(pins))  # the first pin of a library is that of the oldest Python
    assert {f"{name}>={version}" for name, version in oldest.items()} == set(
        project["dependencies"]
    )
