"""What is wrong with a document: each problem with its place, all of them in one error."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from controller.model.wording import printable

LONGEST_KEY = 80
"""What is shown of a key that is longer than any name."""

Place: TypeAlias = tuple[str | int, ...]
"""Keys and list positions from the top of a document to a value."""
Found: TypeAlias = tuple[Place, str]
"""A problem as a check finds it: where, and one clause."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: ``platforms.chassis1.servers.web1.ip`` and what was found and expected there."""

    place: str
    message: str
    line: int | None = None
    """Where the value stands in the text, from 1."""


class DocumentError(Exception):
    """A document that cannot be accepted, with every problem of it; its text has one line for each."""

    def __init__(self, source: str, problems: Iterable[Problem]) -> None:
        self.source = source
        self.problems = tuple(problems)
        super().__init__("\n".join(self._line(problem) for problem in self.problems))

    def _line(self, problem: Problem) -> str:
        where = self.source if problem.line is None else f"{self.source}:{problem.line}"
        return ": ".join(part for part in (where, problem.place, problem.message) if part)


def counted(problems: Collection[Problem]) -> str:
    """So many problems, in words."""
    return "1 problem" if len(problems) == 1 else f"{len(problems)} problems"


def place_text(place: Place) -> str:
    """A place as people read it: ``platforms.chassis1.servers.web1.ip[1]``."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{printable(step[:LONGEST_KEY])}" for step in place)
    return text.removeprefix(".")


def to_problems(found: Iterable[Found], lines: Mapping[Place, int]) -> list[Problem]:
    """Problems in the order of the text; a place without a line of its own stands on that of what contains it."""
    problems = {Problem(place_text(place), printable(message), _line_of(place, lines)) for place, message in found}
    return sorted(problems, key=lambda problem: (problem.line or 0, problem.place, problem.message))


def _line_of(place: Place, lines: Mapping[Place, int]) -> int | None:
    while place and place not in lines:
        place = place[:-1]
    return lines.get(place)
