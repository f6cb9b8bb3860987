"""Results as tables of text, for terminals and for Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

Grid = tuple[str, Sequence[str], Sequence[tuple[str, ...]]]
"""A title, column headers and rows of text."""


def percent(share: dict[str, Any]) -> str:
    """A rate with its interval, in percent."""
    if share["rate"] is None:
        return "–"
    low, high = share["ci95"]
    return f"{100 * share['rate']:.2f} [{100 * low:.2f}, {100 * high:.2f}]"


def mean_text(interval: dict[str, Any] | None) -> str:
    """A mean with its interval."""
    if interval is None:
        return "–"
    low, high = interval["ci95"]
    return f"{interval['mean']:.3f} [{low:.3f}, {high:.3f}]"


def markdown(grid: Grid) -> str:
    """A table in Markdown, under its title."""
    title, headers, rows = grid
    lines = ["| " + " | ".join(cells) + " |" for cells in (headers, *rows)]
    lines.insert(1, "|" + "---|" * len(headers))
    return f"**{title}**\n\n" + "\n".join(lines) + "\n"


def print_grids(tables: Sequence[Grid], console: Console, as_markdown: bool) -> None:
    """Print tables for a terminal, or in Markdown."""
    for grid in tables:
        if as_markdown:
            print(markdown(grid))
            continue
        table = Table(title=grid[0], title_justify="left")
        for header in grid[1]:
            table.add_column(header, overflow="fold")
        for row in grid[2]:
            table.add_row(*row)
        console.print(table)
