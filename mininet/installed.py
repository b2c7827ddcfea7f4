"""All that the bridges of a lab hold, as text without counters or ages: to be compared, and to be taken away."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from lab import Lab

Held: TypeAlias = dict[str, tuple[str, ...]]
"""By platform: each flow entry, group and meter as a line, sorted."""

_LOAD = re.compile(r"\bload:(0x[0-9a-f]+|0)->NXM_(?:NX_(REG\d+)|OF_(ETH_(?:SRC|DST)))\[(\d+)(?:\.\.(\d+))?\]")
_COOKIE = re.compile(r"(cookie=0x[0-9a-f]+), (.*)")


def installed(lab: Lab) -> Held:
    """What each platform's bridge holds."""
    return {platform: held_by(lab, platform) for platform in lab.document.platforms}


def held_by(lab: Lab, platform: str) -> tuple[str, ...]:
    """What one platform's bridge holds."""
    return tuple(sorted(_lines(lab, platform)))


def _lines(lab: Lab, platform: str) -> Iterator[str]:
    switch = lab.switch(platform)
    for line in switch.dpctl("dump-flows", "--no-stats").splitlines():
        if found := _COOKIE.search(line):
            yield f"{found[1]}, {_LOAD.sub(_as_set_field, found[2])}"
    for line in switch.dpctl("dump-groups").splitlines():
        if "group_id=" in line:
            yield line.strip()
    meters = switch.dpctl("dump-meters").replace("\n", " ").split("meter=")[1:]
    yield from (f"meter={' '.join(meter.split())}" for meter in meters)


def _as_set_field(found: re.Match[str]) -> str:
    """Some bits of a field can be set by either action: `ovs-ofctl` puts a load in where it was given the other."""
    field, first, last = (found[2] or found[3]).lower(), int(found[4]), int(found[5] or found[4])
    value, mask = int(found[1], 16) << first, (1 << last - first + 1) - 1 << first
    written = _as_mac if field.startswith("eth") else lambda number: f"{number:#x}" if number else "0"
    return f"set_field:{written(value)}/{written(mask)}->{field}"


def _as_mac(number: int) -> str:
    return number.to_bytes(6, "big").hex(":")


def remove_all(lab: Lab) -> None:
    """Take every flow entry, group and meter from the bridges."""
    for platform in lab.document.platforms:
        for command in ("del-flows", "del-groups", "del-meters"):
            lab.switch(platform).dpctl(command)


def differences(one: Held, other: Held, shown: int = 6) -> list[str]:
    """Lines that only one of two has, by platform, `shown` of each at most; ``-`` the first, ``+`` the second."""
    found: list[str] = []
    for platform in sorted(one.keys() | other.keys()):
        first, second = list(one.get(platform, ())), list(other.get(platform, ()))
        found += [f"{platform} - {line}" for line in _without(first, second)[:shown]]
        found += [f"{platform} + {line}" for line in _without(second, first)[:shown]]
    return found


def _without(lines: list[str], others: list[str]) -> list[str]:
    """The lines that are not among the others; one that comes twice must be there twice."""
    left = list(lines)
    for line in others:
        if line in left:
            left.remove(line)
    return left
