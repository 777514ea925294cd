"""Tables for people, on a terminal or piped."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

_WIDE = 200
"""Columns where the output goes into a file or a pipe, so that no id is cut."""


def print_table(columns: tuple[str, ...], rows: list[list[str]]) -> None:
    """For people: the first column, which other commands are given, is never cut short."""
    from rich.console import Console

    console = Console()
    (console if console.is_terminal else Console(width=_WIDE)).print(table_of(columns, rows))


def table_of(columns: tuple[str, ...], rows: list[list[str]]) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column(columns[0], no_wrap=True, min_width=max([len(columns[0]), *(len(row[0]) for row in rows)]))
    for name in columns[1:]:
        table.add_column(name)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    return table
