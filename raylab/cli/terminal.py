"""What the verbs write with: tables for people, lines that are not broken for pipes."""

from __future__ import annotations

import os

from rich.console import Console
from rich.table import Table

_PIPE_COLUMNS = 160


def console() -> Console:
    """Return a console on standard output; in a pipe it is wide, so that no cell is folded."""
    console = Console(highlight=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _PIPE_COLUMNS
    return console


def plain_table() -> Table:
    """Return a table without lines, its columns two blanks apart."""
    return Table(box=None, padding=(0, 2, 0, 0), header_style="bold", pad_edge=False)


def say(console: Console, text: str, style: str = "") -> None:
    """Print a line as it is: no markup in paths, and never folded by us."""
    console.print(text, style=style, soft_wrap=True, markup=False)
