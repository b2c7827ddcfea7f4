"""Words for messages: what was found, and what was probably meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

LONGEST_QUOTE = 40
MOST_GUESSED = 200
"""Among more names a guess costs milliseconds and says little."""


def printable(text: str) -> str:
    """A text in one line: what cannot be printed is escaped."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def quoted(text: object) -> str:
    """A text in quotes, cut where it is long."""
    shown = str(text)
    return f"'{shown[:LONGEST_QUOTE]}…'" if len(shown) > LONGEST_QUOTE else f"'{shown}'"


def describe(value: Any) -> str:
    """What a value of a document is, in plain words."""
    if isinstance(value, bool) or value is None:
        return "nothing" if value is None else str(value).lower()
    if isinstance(value, int) and abs(value) >= 10**LONGEST_QUOTE:
        return f"a number of more than {LONGEST_QUOTE} digits"
    if isinstance(value, (int, float)):
        return f"the number {value}"
    if isinstance(value, str):
        return f"the text {quoted(value)}"
    return "a mapping" if isinstance(value, dict) else "a list"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """``; did you mean 'web'?`` where a known name is close, else nothing."""
    names = list(known)
    close = get_close_matches(name, names, n=1, cutoff=0.65) if len(names) <= MOST_GUESSED else ()
    return f"; did you mean '{close[0]}'?" if close else ""


def with_article(kind: str) -> str:
    """A kind of thing in a sentence: a server, an uplink."""
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"


def listed(names: Iterable[str]) -> str:
    """Names as a sentence lists them."""
    return ", ".join(names)
