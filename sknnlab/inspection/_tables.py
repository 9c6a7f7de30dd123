"""Tables of reports as HTML, for notebooks: legible on light and dark pages, no script."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

__all__ = ["report"]

# no colour but the marks': pages are light or dark, and the marks bring their own ground
STYLE = """<style>
.sknnlab-report { overflow-x: auto; font-size: 0.9em; }
.sknnlab-report table { border-collapse: collapse; margin: 0.4em 0; }
.sknnlab-report caption { text-align: left; font-weight: bold; caption-side: top; color: inherit; }
.sknnlab-report table th, .sknnlab-report table td {
  text-align: left !important; vertical-align: top; padding: 0.25em 0.8em 0.25em 0;
  background: none; border: none; border-top: 1px solid rgba(128, 128, 128, 0.4);
  max-width: 28em; white-space: normal; }
.sknnlab-report p { margin: 0.4em 0; }
.sknnlab-report .mark { border-radius: 0.3em; padding: 0.05em 0.5em; color: white; }
.sknnlab-report .mark.ok { background: #00689d; }
.sknnlab-report .mark.warning { background: #a65300; }
.sknnlab-report .mark.problem { background: #a50026; }
.sknnlab-report .faint { opacity: 0.65; }
</style>"""


def report(
    title: str,
    columns: Sequence[str],
    rows: Iterable[tuple[str, Sequence[str]]],
    last: Sequence[str],
) -> str:
    """Return a report as HTML.

    Parameters
    ----------
    title : str
        What stands above the table.
    columns : sequence of str
        The heads.
    rows : iterable of (str, sequence of str)
        The status of a row, "" for one that counts for little, and its cells; the first
        cell is marked by the status, and a line break begins a new line.
    last : sequence of str
        The lines below the table; the first is the one to read.
    """
    heads = "".join(f'<th scope="col">{html.escape(name)}</th>' for name in columns)
    body = "".join(_row(status, cells) for status, cells in rows)
    first, *others = (html.escape(line) for line in last)
    below = "<br>".join([f"<b>{first}</b>", *others])
    return (
        f'{STYLE}<div class="sknnlab-report"><table><caption>{html.escape(title)}</caption>'
        f"<thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"
        f"<p>{below}</p></div>"
    )


def _row(status: str, cells: Sequence[str]) -> str:
    first, *others = (html.escape(cell).replace("\n", "<br>") for cell in cells)
    mark = f'<span class="mark {status}">{first}</span>' if status else first
    rest = "".join(f"<td>{cell}</td>" for cell in others)
    return f"<tr{'' if status else ' class=faint'}><td>{mark}</td>{rest}</tr>"
