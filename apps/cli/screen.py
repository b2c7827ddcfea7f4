"""What is shown: tables and colours for people at a terminal, plain lines for pipes, JSON for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import IO, TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

GOOD: Final = "green"
WARN: Final = "yellow"
BAD: Final = "bold red"
DIM: Final = "dim"
HEAD: Final = "bold"
_WIDE: Final = 100_000
"""Columns of a pipe: nothing is wrapped there, and nothing is cut."""
_STYLES: Final = {
    **dict.fromkeys(("connected", "present", "up", "active", "granted", "delivered", "agree", "ok"), GOOD),
    **dict.fromkeys(("silent", "half", "drained", "drain", "inactive", "reduced", "to_controller", "note"), WARN),
    **dict.fromkeys(("absent", "refused", "conflict", "unreachable", "down", "miswired", "violated", "expired"), BAD),
    **dict.fromkeys(("dropped", "looped", "differs", "fail"), BAD),
    **dict.fromkeys(("learned", "none", "-"), DIM),
}


def style_of(word: str) -> str:
    """The colour of a state."""
    return _STYLES.get(word, "")


class Enough(Exception):
    """Who reads what is written has gone (``| head``)."""


class Screen:
    """Where a command's answers go: standard output; warnings and failures: standard error."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json
        self._out: Console | None = None

    @property
    def out(self) -> Console:
        """Standard output."""
        if self._out is None:
            self._out = _console(sys.stdout)
        return self._out

    def json(self, value: Any) -> None:
        """A value for programs."""
        _write(json.dumps(value, indent=2, ensure_ascii=False))

    def json_line(self, value: Any) -> None:
        """One value of many, in one line."""
        _write(json.dumps(value, ensure_ascii=False))

    def text(self, text: str) -> None:
        """Text as it is."""
        _write(text.rstrip("\n"))

    def line(self, *parts: str | tuple[str, str]) -> None:
        """One line; a part may have a style: ``("down", BAD)``."""
        _print(self.out, _text(parts))

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[str]], indent: int = 0) -> None:
        """Rows under their columns; the words of states have their colours, the names in the first column have none."""
        from rich.padding import Padding
        from rich.table import Table

        table = Table(box=None, pad_edge=False, header_style=HEAD, show_header=any(columns))
        for column in columns:
            table.add_column(column, overflow="fold", no_wrap=not self.out.is_terminal)
        for name, *cells in rows:
            table.add_row(_cell(name, ""), *(_cell(text, style_of(text.partition(":")[0])) for text in cells))
        _print(self.out, Padding(table, (0, 0, 0, indent), expand=False))

    def pairs(self, pairs: Mapping[str, str], indent: int = 0) -> None:
        """Names with their values."""
        self.table(("", ""), pairs.items(), indent)

    def warn(self, message: str) -> None:
        """A warning, beside the answer."""
        _print(_console(sys.stderr), _text((("warning: ", WARN), message)))

    def fail(self, lines: Sequence[str]) -> None:
        """Why the command failed: one clear sentence, then what belongs to it."""
        console = _console(sys.stderr)
        _print(console, _text((("backplane: ", BAD), lines[0])))
        for line in lines[1:]:
            _print(console, _text((line,)))


def _console(file: Any) -> Console:
    from rich.console import Console

    is_terminal = file.isatty()
    return Console(file=file, highlight=False, markup=False, emoji=False, width=None if is_terminal else _WIDE)


def _print(console: Console, what: Any) -> None:
    """Print; in a pipe without the blanks that pad the last column."""
    if console.is_terminal:
        console.print(what)
        return
    with console.capture() as captured:
        console.print(what)
    lines = (line.rstrip() for line in captured.get().splitlines())
    _write("\n".join(lines), console.file)


def _write(text: str, file: IO[str] | None = None) -> None:
    try:
        print(text, file=file, flush=True)
    except BrokenPipeError as error:
        raise Enough from error


def _text(parts: Sequence[str | tuple[str, str]]) -> Text:
    from rich.text import Text

    return Text.assemble(*parts)


def _cell(text: str, style: str) -> Text:
    from rich.text import Text

    return Text(text, style)
