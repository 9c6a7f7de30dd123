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
WIDTH, HEIGHT, GAP, LEFT = 780, 30, 6, 138
PADDING = 3  # of a room's name, in letters
# what is told of a floor, by one of its rooms
TELLS = {
    "__init__": "the roof",
    "export": "to other programs",
    "tabular": "of estimators",
    "neural_network": "what you import",
    "callback": "during a run",
    "_estimators": "scikit-learn's side",
    "_engine": "layers, the loop",
    "activations": "parts you choose",
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
    told = next((TELLS[room] for room in rooms if room in TELLS), "")
    middle = top + HEIGHT / 2 + 3
    lines = [f'<text class="told" x="{LEFT - 10}" y="{middle}">{told}</text>']
    letters = sum(len(room) + PADDING for room in rooms)
    letter, left = (WIDTH - LEFT - GAP * (len(rooms) - 1)) / letters, float(LEFT)
    for room in rooms:
        width = letter * (len(room) + PADDING)
        lines.append(_room(room, left, top, width, middle))
        left += width + GAP
    return lines


def _room(room: str, left: float, top: int, width: float, middle: float) -> str:
    private = room.startswith("_") and room != "__init__"
    label, page = ("sknnlab", "index") if room == "__init__" else (room, room)
    box = (
        f'<rect class="{"private" if private else "public"}" x="{left:.1f}" y="{top}" '
        f'width="{width:.1f}" height="{HEIGHT - 2}" rx="4"/>'
        f'<text x="{left + width / 2:.1f}" y="{middle}">{label}</text>'
    )
    return box if private else f'<a href="api/{page}.html">{box}</a>'


def setup(app: Any) -> dict[str, Any]:
    """Add the directive to Sphinx."""
    app.add_directive("house", House)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
