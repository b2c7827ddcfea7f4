"""What a switch reports in an audit: rule by rule, by its bytes, so that what is as before is not decoded again.

The bytes leave out what changes by itself: counters and ages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final, TypeAlias

from apps.openflow import decode, encode
from apps.openflow.read_actions import read_instructions
from controller.rules.audit import Audit, Reported
from controller.rules.rules import FlowEntry

Part: TypeAlias = Callable[[bytes, Audit], Iterator[None]]
_HEAD: Final = bytes(16)
"""In the place of a multipart reply's header, before a single entry."""
_KIND: Final = slice(8, 10)
_SHORTEST: Final = 8
_AT_ONCE: Final = 20
"""So many rules are decoded before others have their turn: some 0.5 ms."""


def judge(parts: Iterable[bytes], audit: Audit) -> Iterator[None]:
    """Have the rules in multipart replies judged; between two steps others may have their turn."""
    for part in parts:
        yield from _PARTS[int.from_bytes(part[_KIND], "big")](part, audit)


def _flow_entries(part: bytes, audit: Audit) -> Iterator[None]:
    """The bytes of an entry: length and table; priority, timeouts, flags, cookie; match and instructions."""
    at, end, unknown = len(_HEAD), len(part), 0
    while at < end:
        length = part[at] << 8 | part[at + 1]
        token = part[at : at + 4] + part[at + 12 : at + 32] + part[at + 48 : at + length]
        if not audit.recognises(token):
            audit.judge(token, _flow_entry(part[at : at + length]))
            unknown += 1
            if unknown % _AT_ONCE == 0:
                yield
        at += max(length, _SHORTEST)
    yield


def _flow_entry(entry: bytes) -> Reported:
    ((key, cookie, _, _, _, content),) = decode.flow_stats(_HEAD + entry)
    actions, goto, meter, other = read_instructions(content)
    _, table, priority, match = key
    timeouts_and_flags = any(entry[14:20])
    return Reported(
        FlowEntry(table, priority, match, actions, goto, meter), cookie, more=timeouts_and_flags or bool(other)
    )


def _groups(part: bytes, audit: Audit) -> Iterator[None]:
    for entry in _entries(part):
        token = b"group" + entry
        if not audit.recognises(token):
            (group,) = decode.group_desc(_HEAD + entry)
            audit.judge(token, Reported(group))
            yield
    yield


def _meters(part: bytes, audit: Audit) -> Iterator[None]:
    for entry in _entries(part):
        token = b"meter" + entry
        if not audit.recognises(token):
            (meter,) = decode.meter_config(_HEAD + entry)
            audit.judge(token, Reported(meter, more=int.from_bytes(entry[2:4], "big") != encode.meter_flags(meter)))
            yield
    yield


def _entries(part: bytes) -> Iterator[bytes]:
    at = len(_HEAD)
    while at < len(part):
        length = max(part[at] << 8 | part[at + 1], _SHORTEST)
        yield part[at : at + length]
        at += length


_PARTS: Final[dict[int, Part]] = {
    encode.FLOW_STATS: _flow_entries,
    encode.GROUP_DESC: _groups,
    encode.METER_CONFIG: _meters,
}
