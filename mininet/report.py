"""Results for a person (tables) and for a program (JSON)."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

CONSOLE = Console(highlight=False, width=None if sys.stdout.isatty() else 140)


def table(title: str, columns: list[str], rows: list[list[str]], footnote: str | None = None) -> None:
    """Print a table; the first column is text, the others are figures."""
    made = Table(title=title, caption=footnote, title_justify="left", title_style="bold", caption_justify="left")
    for number, column in enumerate(columns):
        made.add_column(column, justify="right" if number else "left")
    for row in rows:
        made.add_row(*row)
    CONSOLE.print(made)


def verdict(good: bool, text: str) -> None:
    """One line that says how it ended."""
    CONSOLE.print(f"[bold green]✔[/] {text}" if good else f"[bold red]✘[/] {text}")


def say(text: str) -> None:
    """One line on the way."""
    CONSOLE.print(f"[cyan]▸[/] {text}")


def write_json(path: Path, content: Any) -> None:
    """Write a result file, with its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n")


def percentile(values: list[float], share: float) -> float:
    """The value that `share` (0 to 1) of the values do not exceed; of none: 0."""
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else 0.0
