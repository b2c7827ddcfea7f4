"""A match to bytes, fast: what all matches of one shape share is built once, then values are added to it.

The whole tail of a flow-mod up to its instructions is one large number; a value is added at its place. A value
too wide for its field spills into what must not change, which one comparison notices.
"""

from __future__ import annotations

from functools import lru_cache
from operator import lshift
from typing import Final, NamedTuple

from apps.openflow import oxm
from controller.rules.rules import EXACT, Match

_OXM_MATCH: Final = 1
_BEFORE_MATCH: Final = b"\xff" * 12 + bytes(4)
"""No buffer, any out port, any out group; no flags (OpenFlow 1.3.5, 7.3.4.1)."""


class _Template(NamedTuple):
    base: int
    fixed: int
    shifts: tuple[int, ...]
    size: int


def match_bytes(match: Match) -> bytes:
    """A flow-mod's bytes after its priority, up to its instructions; raises `ValueError` for what has no encoding."""
    names, values, masks = zip(*match, strict=True) if match else ((), (), ())
    base, fixed, shifts, size = _template(names, masks)
    number: int = sum(map(lshift, values, shifts), base)
    if number & fixed != base:
        raise ValueError(f"match {match}: a value is too wide for its field")
    return number.to_bytes(size, "big")


@lru_cache(maxsize=4096)
def _template(names: tuple[str, ...], masks: tuple[int, ...]) -> _Template:
    fields, ends = b"", {}
    for name, mask in sorted(zip(names, masks, strict=True), key=lambda field: oxm.rank(field[0])):
        fields += oxm.tlv(name, 0, mask)
        ends[name] = len(fields) - (0 if mask == EXACT else oxm.size(name))
    length = 4 + len(fields)
    template = _BEFORE_MATCH + (_OXM_MATCH << 16 | length).to_bytes(4, "big") + fields + bytes(-length % 8)
    behind = len(template) - len(_BEFORE_MATCH) - 4
    shifts = tuple(8 * (behind - ends[name]) for name in names)
    free = sum((1 << 8 * oxm.size(name)) - 1 << shift for name, shift in zip(names, shifts, strict=True))
    fixed = (1 << 8 * len(template)) - 1 - free
    return _Template(int.from_bytes(template, "big"), fixed, shifts, len(template))
