"""The README: its Python runs and prints what is shown, its commands are a line each."""

import contextlib
import io
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text()


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.S)


@pytest.fixture(scope="module")
def run():
    """Return the names that the README's Python defines, and what it prints."""
    namespace, printed = {}, io.StringIO()
    with contextlib.redirect_stdout(printed):
        for block in blocks("python"):
            exec(compile(block, "README.md", "exec"), namespace)
    return namespace, printed.getvalue()


def without_numbers(text):
    return re.sub(r"\d[\d.e+-]*", "#", text)


def test_its_python_runs(run):
    namespace, _ = run
    assert namespace["search"].score(namespace["X_test"], namespace["y_test"]) > 0.9
    assert namespace["repaired"].final_score > 0.9


def test_it_shows_what_is_printed(run):
    _, printed = run
    (shown,) = blocks("text")
    words = without_numbers(" ".join(shown.split()))
    assert words in without_numbers(" ".join(printed.split()))


def test_its_first_three_commands_are_one_line_each():
    for block in blocks("sh")[:3]:
        assert len(block.strip().splitlines()) == 1
    assert "examples/quickstart.py" in blocks("sh")[0]
    assert "pytest" in blocks("sh")[1]
    assert "sphinx" in blocks("sh")[2]


def test_its_links_lead_to_files():
    links = re.findall(r"\]\((?!http)([^)#]+)", TEXT)
    assert len(links) > 20
    assert [link for link in links if not (ROOT / link).exists()] == []


@pytest.mark.slow
def test_its_picture_is_what_the_script_draws(tmp_path):
    image = pytest.importorskip("matplotlib.image")
    drawn = tmp_path / "readme.png"
    script = ROOT / "docs/readme_picture.py"
    subprocess.run([sys.executable, "-W", "error", str(script), str(drawn)], check=True)
    new, kept = (image.imread(one) for one in (drawn, ROOT / "docs/_static/readme.png"))
    assert new.shape == kept.shape
    assert abs(new - kept).mean() < 0.05
