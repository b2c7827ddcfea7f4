"""Server-sent events (WHATWG HTML 9.2) as a client reads them: bytes in, events out, and where to go on from."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Received:
    """One event: its kind, the id from which to go on after it, and its data."""

    kind: str
    id: str
    data: str


class Reader:
    """Puts pieces of a stream together; `last` is the id from which to go on."""

    def __init__(self, last: str = "") -> None:
        self.last = last
        self._kind, self._data = "", list[str]()

    def read(self, pieces: Iterable[bytes]) -> Iterator[Received]:
        """The events in a stream, each when it is complete."""
        for line in _lines(pieces):
            if line:
                self._field(line)
            elif self._data:
                yield Received(self._kind or "message", self.last, "\n".join(self._data))
                self._kind, self._data = "", []

    def _field(self, line: str) -> None:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
        elif name == "event":
            self._kind = value
        elif name == "id":
            self.last = value


def _lines(pieces: Iterable[bytes]) -> Iterator[str]:
    decoder, rest = codecs.getincrementaldecoder("utf-8")("replace"), ""
    for piece in pieces:
        *whole, rest = (rest + decoder.decode(piece)).split("\n")
        yield from (line.removesuffix("\r") for line in whole)
