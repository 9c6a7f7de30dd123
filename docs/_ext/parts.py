"""The directive ``{parts} FAMILY``: every part of a registry, as a table and as cards.

Names, classes, defaults, formulas and references are read from the registry and from the
docstrings of its classes, and each card's picture is drawn from the part itself: a part that
is added to a registry appears here unasked. Pages that use it are read again in every build.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, NamedTuple

import part_pictures as pictures
from docutils import nodes
from docutils.parsers.rst import Directive
from docutils.statemachine import StringList
from inline_svg import inline_svg
from numpydoc.docscrape import ClassDoc

from sknnlab.activations import ACTIVATIONS
from sknnlab.augmentation import AUGMENTATIONS
from sknnlab.initializers import INITIALIZERS
from sknnlab.losses import CLASSIFIER_LOSSES, REGRESSOR_LOSSES
from sknnlab.optimizers import OPTIMIZERS
from sknnlab.schedules import SCHEDULES


class Family(NamedTuple):
    """A registry, how its parts are drawn, and what else is told of each.

    Attributes
    ----------
    registry : mapping of str to type
    draw : callable
        From a part to its figure, or None.
    alt : str
        What the picture shows; {name} is the part's.
    column : str
        Head of the table's column of its own, or nothing.
    tell : callable
        From a part to what stands there.
    """

    registry: Mapping[str, type]
    draw: Callable[[Any], Any]
    alt: str
    column: str = ""
    tell: Callable[[Any], str] = lambda part: ""


def _gain(part: Any) -> str:
    return f"{part.gain:.3g}"


def _start(part: Any) -> str:
    words = part.start_in_words("C")
    return re.sub(r"^(.*), C = C\b(?:, )?", r"\1, ", words).rstrip(", ")


def _rate(part: Any) -> str:
    return "none" if part.full_batch else f"{part.default_rate:g}"


def _end(part: Any) -> str:
    return "yes" if part.finite else "no"


FAMILIES = {
    "activations": Family(
        ACTIVATIONS, pictures.draw_activation, "Curve and slope of {name}.", "Gain", _gain
    ),
    "classifier_losses": Family(
        CLASSIFIER_LOSSES,
        pictures.draw_classifier_loss,
        "{name} and its slope by the lead of the right class's score.",
        "At raw scores of 0",
        _start,
    ),
    "regressor_losses": Family(
        REGRESSOR_LOSSES,
        pictures.draw_regressor_loss,
        "{name} and its slope by the raw prediction's distance from the best.",
        "Link",
        lambda part: part.link,
    ),
    "initializers": Family(
        INITIALIZERS,
        pictures.draw_initializer,
        "Spread of the signal through ten layers that start by {name}.",
    ),
    "optimizers": Family(
        OPTIMIZERS,
        pictures.draw_optimizer,
        "Path of {name} in a ravine and over a dent.",
        "Rate",
        _rate,
    ),
    "schedules": Family(
        SCHEDULES, pictures.draw_schedule, "Rate over a run under {name}.", "Has an end", _end
    ),
    "augmentations": Family(
        AUGMENTATIONS, pictures.draw_augmentation, "Two photographs, three times under {name}."
    ),
}


class Parts(Directive):
    """Show a family of parts."""

    required_arguments = 1
    option_spec: ClassVar[dict[str, Any]] = {}

    def run(self) -> list[nodes.Node]:
        """Return the nodes of a table and of the cards."""
        name = self.arguments[0]
        if name not in FAMILIES:
            raise self.error(f"parts must be one of {sorted(FAMILIES)}, got {name!r}.")
        self.state.document.settings.env.note_reread()
        node = nodes.container()
        fence = ["````{eval-rst}", *family_as_rst(name).splitlines(), "````"]
        self.state.nested_parse(StringList(fence, source=name), 0, node)
        return node.children


class PartPicture(Directive):
    """Draw one part: the family, and the part's name."""

    required_arguments = 2

    def run(self) -> list[nodes.Node]:
        """Return the picture, where the part can be drawn."""
        family, name = FAMILIES[self.arguments[0]], self.arguments[1]
        figure = family.draw(family.registry[name]())
        if figure is None:
            return []
        return [nodes.raw("", inline_svg(figure, family.alt.format(name=name)), format="html")]


def family_as_rst(which: str) -> str:
    """Return the table and the cards of a family as reStructuredText."""
    family = FAMILIES[which]
    names: dict[type, list[str]] = {}
    for name, kind in family.registry.items():
        names.setdefault(kind, []).append(name)
    rows = [_row(family, kind, known) for kind, known in names.items()]
    heads = ["Name", "Class", "Defaults", *([family.column] if family.column else [])]
    cards = [_card(which, kind, known) for kind, known in names.items()]
    return "\n".join([*_table(heads, rows), "", *_grid(cards)])


def _table(heads: list[str], rows: list[list[str]]) -> list[str]:
    lines = [".. list-table::", "   :header-rows: 1", "   :class: parts-table", ""]
    for row in [heads, *rows]:
        lines += [f"   {'*' if i == 0 else ' '} - {cell}" for i, cell in enumerate(row)]
    return lines


def _row(family: Family, kind: type, names: list[str]) -> list[str]:
    cells = [
        ", ".join(f"``{name}``" for name in names),
        f":class:`~{_module(kind)}.{kind.__name__}`",
        ", ".join(f"``{one}``" for one in _defaults(kind)) or "none",
    ]
    return [*cells, family.tell(kind())] if family.column else cells


def _grid(cards: list[list[str]]) -> list[str]:
    lines = [".. grid:: 1 1 2 2", "   :gutter: 3", "   :class-container: parts-cards", ""]
    for card in cards:
        lines += [f"   {line}".rstrip() for line in card]
    return lines


def _card(which: str, kind: type, names: list[str]) -> list[str]:
    title = ", ".join(f"``{name}``" for name in names)
    lines = [f".. grid-item-card:: {title}", ""]
    lines += [f"   .. part-picture:: {which} {names[0]}", ""]
    doc = ClassDoc(kind)
    for text in (doc["Summary"], _formulas(doc["Extended Summary"])):
        lines += [*(f"   {line}" for line in _roles("\n".join(text), kind).splitlines()), ""]
    return lines + _source(doc["References"])


def _formulas(lines: list[str]) -> list[str]:
    """Return the paragraphs that hold mathematics, and those that explain its letters."""
    paragraphs = re.split(r"\n\s*\n", "\n".join(lines))
    kept = [one for one in paragraphs if ".. math::" in one or one.startswith(("with ", "With "))]
    if not kept:
        kept = [one for one in paragraphs if ":math:" in one]
    return "\n\n".join(_one_below_the_other(one) for one in kept).splitlines()


def _one_below_the_other(paragraph: str) -> str:
    """Give each formula of a display its own line, as a card is narrow."""
    head, mark, latex = paragraph.partition(".. math::")
    if not mark:
        return paragraph
    formulas = re.split(r",?\s*\\quad\s*", " ".join(latex.split()))
    return head + "\n\n".join(f".. math:: {one}" for one in formulas)


def _source(references: list[str]) -> list[str]:
    """Return the first reference as the foot of a card."""
    first = re.split(r"\n\s*\n", "\n".join(references).strip())[0]
    text = " ".join(first.split())
    # the backslash keeps "H. Robbins" from being item H of a list
    return ["   .. container:: parts-source", "", f"      \\{text}", ""] if text else []


def _roles(text: str, kind: type) -> str:
    """Give what stands in single backticks a role: a letter, a class, or a literal."""

    def role(match: re.Match[str]) -> str:
        marked, name = match.groups()
        if marked:
            return str(marked)
        if len(name) == 1:
            return f":math:`{name}`"
        if name.startswith("sklearn."):
            return f":class:`{name}`"
        known = inspect.isclass(getattr(inspect.getmodule(kind), name, None))
        return f":class:`~{_module(kind)}.{name}`" if known else f"``{name}``"

    return re.sub(r"(:[\w:]+:`[^`]*`|``.*?``)|`([^`]+)`", role, text)


def _defaults(kind: type) -> list[str]:
    parameters = inspect.signature(kind).parameters.values()
    return [f"{one.name}={one.default!r}" for one in parameters]


def _module(kind: type) -> str:
    """Return where users import a part from."""
    return re.sub(r"\._\w+$", "", kind.__module__)


def setup(app: Any) -> dict[str, Any]:
    """Add the directive to Sphinx."""
    app.add_directive("parts", Parts)
    app.add_directive("part-picture", PartPicture)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
