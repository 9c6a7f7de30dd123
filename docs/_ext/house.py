"""The directive ``{house}``: the package's modules, floor by floor, as a picture.

The floors are read from ``tests/test_structure.py``, which holds the imports to them, so
the picture shows what is so.
"""

from __future__ import annotations

import ast
import pathlib
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import Directive

ROOT = pathlib.Path(__file__).parents[2]
WIDTH, HEIGHT, GAP, LEFT = 860, 30, 8, 190
# what is told of a floor, by one of its rooms
TELLS = {
    "__init__": "the roof: the names of old friends",
    "export": "to other programs",
    "tabular": "made of estimators",
    "neural_network": "what you import",
    "callback": "during a run",
    "_estimators": "scikit-learn's side",
    "_engine": "layers and the loop",
    "activations": "the parts you choose",
    "_image_rows": "rows as images",
    "_component": "what a part is",
    "_numerics": "in place, in cache",
}


class House(Directive):
    """Draw the house."""

    option_spec: ClassVar[dict[str, Any]] = {}

    def run(self) -> list[nodes.Node]:
        """Return the picture."""
        self.state.document.settings.env.note_dependency(str(ROOT / "tests/test_structure.py"))
        return [nodes.raw("", house(floors()), format="html")]


def floors() -> list[list[str]]:
    """Return the rooms of each floor, the ground floor first."""
    known: dict[str, Any] = {}
    for one in ast.parse((ROOT / "tests/test_structure.py").read_text()).body:
        if isinstance(one, ast.Assign) and one.targets[0].id in ("PARTS", "FLOORS"):
            source = compile(ast.Expression(one.value), "test_structure.py", "eval")
            known[one.targets[0].id] = eval(source, {}, known)
    return [sorted(floor) for floor in known["FLOORS"]]


def house(levels: list[list[str]]) -> str:
    """Return the picture as SVG, the roof first."""
    total = len(levels) * (HEIGHT + GAP)
    lines = [
        f'<svg class="picture house" viewBox="0 0 {WIDTH} {total}" role="img" '
        'xmlns="http://www.w3.org/2000/svg" '
        'aria-label="The modules of sknnlab by floors; imports point down." '
        'style="width: 100%; height: auto">'
    ]
    for place, rooms in enumerate(reversed(levels)):
        lines += _floor(rooms, place * (HEIGHT + GAP))
    return "\n".join([*lines, "</svg>"])


def _floor(rooms: list[str], top: int) -> list[str]:
    width = (WIDTH - LEFT - GAP * (len(rooms) - 1)) / len(rooms)
    told = next((TELLS[room] for room in rooms if room in TELLS), "")
    middle = top + HEIGHT / 2 + 4
    lines = [f'<text class="told" x="{LEFT - 12}" y="{middle}">{told}</text>']
    for place, room in enumerate(rooms):
        left = LEFT + place * (width + GAP)
        kind = "private" if room.startswith("_") else "public"
        label = "sknnlab" if room == "__init__" else room
        box = (
            f'<rect class="{kind}" x="{left:.1f}" y="{top}" width="{width:.1f}" '
            f'height="{HEIGHT - 2}" rx="4"/>'
            f'<text x="{left + width / 2:.1f}" y="{middle}">{label}</text>'
        )
        page = "index" if room == "__init__" else room
        link = kind == "public" or room == "__init__"
        lines.append(f'<a href="api/{page}.html">{box}</a>' if link else box)
    return lines


def setup(app: Any) -> dict[str, Any]:
    """Add the directive to Sphinx."""
    app.add_directive("house", House)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
