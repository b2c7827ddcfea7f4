"""YAML text to plain values, with the line of each; plain values to YAML text.

YAML 1.2's core schema (so that neither ``12:00:00:00:01:01`` nor ``no`` turns into something else), with two
restrictions: keys are always text, and a number with leading zeros is text (a dpid of 16 digits is hexadecimal).
The events come from PyYAML, whose parser in C is some fifteen times as fast as one in Python.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml

from controller.model.problems import DocumentError, Found, Place, Problem, to_problems
from controller.model.wording import quoted

MAX_DEPTH = 12

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_BaseDumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_CONSTANTS = {"null": None, "~": None, "": None, "true": True, "false": False}
_INT = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,40})|0x[0-9a-fA-F]{1,32}|0o[0-7]{1,32}", re.ASCII)
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*(?:[eE][-+]?[0-9]+)?|[1-9][0-9]*[eE][-+]?[0-9]+)", re.ASCII)
_SPECIAL_FLOAT = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)", re.ASCII)


class Text:
    """A document as plain values (`value`), the line of each (`lines`), and keys written twice (`found`)."""

    def __init__(self, text: str, source: str) -> None:
        """Read; raises `DocumentError` with the line and column where the text is no YAML or not one document."""
        self.lines: dict[Place, int] = {}
        self.found: list[Found] = []
        self._anchors: dict[str, Any] = {}
        self._events: Iterator[Any] = iter(())
        try:
            self._events = yaml.parse(text, Loader=_Loader)
            self.value = self._document()
        except yaml.MarkedYAMLError as error:
            raise DocumentError(source, [_syntax_problem(error, text)]) from None
        except (yaml.YAMLError, UnicodeError) as error:
            raise DocumentError(source, [Problem("", _unreadable(error))]) from None
        except _NotPlain as error:
            raise DocumentError(source, to_problems([error.found], self.lines)) from None

    def _document(self) -> Any:
        next(self._events)
        start = next(self._events)
        if not isinstance(start, yaml.DocumentStartEvent):
            raise _NotPlain((), "the document is empty")
        value = self._value(next(self._events), ())
        next(self._events)
        after = next(self._events)
        if isinstance(after, yaml.DocumentStartEvent):
            raise _NotPlain((), f"expected one document, found a second one in line {_line(after)}")
        return value

    def _value(self, event: Any, place: Place) -> Any:
        self.lines.setdefault(place, _line(event))
        if isinstance(event, yaml.AliasEvent):
            return self._alias(str(event.anchor), place)
        if event.tag is not None:
            raise _NotPlain(place, f"expected a plain value, found the YAML tag {quoted(event.tag)}")
        value = self._plain(event, place)
        if event.anchor is not None:
            self._anchors[event.anchor] = value
        return value

    def _plain(self, event: Any, place: Place) -> Any:
        if isinstance(event, yaml.ScalarEvent):
            return _scalar(event.value) if event.implicit[0] else event.value
        if len(place) >= MAX_DEPTH:
            raise _NotPlain(place[:1], f"expected at most {MAX_DEPTH} levels, found more")
        return self._list(place) if isinstance(event, yaml.SequenceStartEvent) else self._mapping(place)

    def _list(self, place: Place) -> list[Any]:
        values: list[Any] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            values.append(self._value(event, (*place, len(values))))
        return values

    def _mapping(self, place: Place) -> dict[str, Any]:
        values: dict[str, Any] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key, line = self._key(event, place), _line(event)
            within = (*place, key)
            if key in values:
                self.found.append((within, f"written twice, in line {self.lines[within]} and in line {line}"))
            self.lines.setdefault(within, line)
            values.setdefault(key, self._value(next(self._events), within))
        return values

    def _key(self, event: Any, place: Place) -> str:
        if not isinstance(event, yaml.ScalarEvent):
            raise _NotPlain(place, f"expected a name as the key in line {_line(event)}")
        return str(event.value)

    def _alias(self, anchor: str, place: Place) -> Any:
        if anchor not in self._anchors:
            raise _NotPlain(place, f"*{anchor} stands for nothing: no value before it is marked &{anchor}")
        return self._anchors[anchor]


def to_text(value: Any) -> str:
    """Plain values as YAML: the innermost mappings and lists in one line each."""
    return str(
        yaml.dump(value, Dumper=_Dumper, sort_keys=False, default_flow_style=None, allow_unicode=True, width=1000)
    )


class _NotPlain(Exception):
    """Reading ends here: what follows could mean anything."""

    def __init__(self, place: Place, message: str) -> None:
        super().__init__(message)
        self.found: Found = (place, message)


class _Dumper(_BaseDumper):  # type: ignore[misc]
    """Quotes what our own reading, or YAML 1.1, would take for something else than text."""


for _pattern in (_INT, _FLOAT):
    # A tag that no text has: whatever looks like a number is written in quotes.
    _Dumper.add_implicit_resolver(
        "tag:yaml.org,2002:float", re.compile(rf"(?:{_pattern.pattern})\Z"), list("-+.0123456789")
    )


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1


def _scalar(text: str) -> Any:
    if text.lower() in _CONSTANTS and text in (text.lower(), text.capitalize(), text.upper()):
        return _CONSTANTS[text.lower()]
    if _INT.fullmatch(text):
        return int(text, 0)
    return float(text) if _FLOAT.fullmatch(text) else _special_float(text)


def _special_float(text: str) -> Any:
    return float(text.replace(".", "")) if _SPECIAL_FLOAT.fullmatch(text) else text


def _syntax_problem(error: yaml.MarkedYAMLError, text: str) -> Problem:
    mark: Any = error.problem_mark or error.context_mark
    context = f" ({error.context} that begins in line {error.context_mark.line + 1})" if error.context_mark else ""
    tab = text[mark.index : mark.index + 1] == "\t"
    what = "found a tab; YAML is indented by spaces" if tab else f"{error.problem}{context}"
    return Problem(f"column {mark.column + 1}", f"not readable as YAML: {what}", mark.line + 1)


def _unreadable(error: Exception) -> str:
    return f"not readable as YAML: {getattr(error, 'reason', error)}"
