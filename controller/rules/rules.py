"""The values a switch is programmed with: flow entries, groups, meters and their actions.

As close to OpenFlow 1.3.5 as can be, and free of any library's message objects, so that what is
installed can be compared with what is wanted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final, NamedTuple, TypeAlias
from zlib import crc32

EXACT: Final = -1
"""The mask of a field that must match in full (``value & -1 == value``)."""

Match: TypeAlias = tuple[tuple[str, int, int], ...]
"""Field tests ``(name, value, mask)``, sorted by name; names as in `controller.rules.fields`."""


def match(**fields: int | tuple[int, int]) -> Match:
    """Build a `Match`; each field is given its value, or ``(value, mask)``."""
    return tuple(
        (name, *wanted) if isinstance(wanted, tuple) else (name, wanted, EXACT)
        for name, wanted in sorted(fields.items())
    )


# Reserved port numbers (OpenFlow 1.3.5, 7.2.1), as far as rules use them.
IN_PORT: Final = 0xFFFFFFF8
CONTROLLER_PORT: Final = 0xFFFFFFFD
LOCAL: Final = 0xFFFFFFFE
ANY: Final = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Output:
    """Send the packet out of a port (`IN_PORT` allows the port that it came in by)."""

    port: int


@dataclass(frozen=True, slots=True)
class ToGroup:
    """Hand the packet to a group."""

    group: int


@dataclass(frozen=True, slots=True)
class PushVlan:
    """Push an 802.1Q tag (ethertype 0x8100); its number is set by a `SetField` of ``vlan_vid``."""


@dataclass(frozen=True, slots=True)
class PopVlan:
    """Take the outer tag off."""


@dataclass(frozen=True, slots=True)
class SetField:
    """Set a header field or a register, whole or the bits of a mask."""

    field: str
    value: int
    mask: int = EXACT


@dataclass(frozen=True, slots=True)
class Move:
    """Copy bits from one field to another (Nicira ``reg_move``); bit 0 is the lowest."""

    src: str
    src_start: int
    dst: str
    dst_start: int
    bits: int


@dataclass(frozen=True, slots=True)
class ClearInPort:
    """Forget the port of entry, so that the packet may leave by it (Nicira ``load`` into ``in_port``)."""


@dataclass(frozen=True, slots=True)
class Resubmit:
    """Look the packet up again in a table, then go on with the next action (Nicira ``resubmit_table``)."""

    table: int


@dataclass(frozen=True, slots=True)
class ToController:
    """Send a copy to the controller, metered, while the packet goes on (Nicira ``controller2``)."""

    meter: int
    max_len: int = 0xFFFF


@dataclass(frozen=True, slots=True)
class SetQueue:
    """Send what follows through a queue of its port (OpenFlow 1.3.5, 7.2.5); a userspace datapath ignores it."""

    queue: int


@dataclass(frozen=True, slots=True)
class DecTtl:
    """Decrement the TTL or hop limit; the packet is dropped where it runs out."""


Action: TypeAlias = (
    Output | ToGroup | PushVlan | PopVlan | SetField | Move | ClearInPort | Resubmit | ToController | SetQueue | DecTtl
)
Actions: TypeAlias = tuple[Action, ...]


@dataclass(frozen=True, slots=True)
class FlowEntry:
    """A row of a flow table. Instructions: the meter first, the actions applied, then ``goto``."""

    table: int
    priority: int
    match: Match
    actions: Actions = ()
    goto: int | None = None
    meter: int | None = None

    @property
    def key(self) -> FlowKey:
        """What a switch knows the entry by (OpenFlow 1.3.5, 5.2)."""
        return ("flow", self.table, self.priority, self.match)


class GroupType(IntEnum):
    """Group types, numbered as on the wire (OpenFlow 1.3.5, 7.3.4.2)."""

    ALL = 0
    SELECT = 1
    INDIRECT = 2
    FAST_FAILOVER = 3


@dataclass(frozen=True, slots=True)
class Bucket:
    """One way out of a group; `watch_port` and `watch_group` are for fast failover, `weight` for select."""

    actions: Actions
    watch_port: int | None = None
    weight: int = 0
    watch_group: int | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """A group; it has no cookie, so it is known as ours by its number."""

    number: int
    type: GroupType
    buckets: tuple[Bucket, ...]

    @property
    def key(self) -> NumberKey:
        """What a switch knows the group by."""
        return ("group", self.number)


@dataclass(frozen=True, slots=True)
class Meter:
    """A meter with one drop band, in packets/s (`packets` true) or kbit/s; `burst` in packets or kbit."""

    number: int
    rate: int
    burst: int
    packets: bool

    @property
    def key(self) -> NumberKey:
        """What a switch knows the meter by."""
        return ("meter", self.number)


Rule: TypeAlias = FlowEntry | Group | Meter
FlowKey: TypeAlias = tuple[str, int, int, Match]
NumberKey: TypeAlias = tuple[str, int]
RuleKey: TypeAlias = FlowKey | NumberKey


def describe(key: RuleKey) -> str:
    """A key for people: ``table 4 priority 100 in_port=0x1``, ``group 0x10000014``."""
    if len(key) == 2:
        return f"{key[0]} {key[1]:#x}"
    _, table, priority, tests = key
    fields = (f"{name}={value:#x}" + ("" if mask == EXACT else f"/{mask:#x}") for name, value, mask in tests)
    return " ".join((f"table {int(table)} priority {int(priority)}", *fields))


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose rules these are: a kind (``server``, ``link`` …) and a name that is unique in it."""

    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class Installed:
    """What a switch reports: its flow entries by key with their cookies, its groups and meters."""

    cookies: Mapping[RuleKey, int]
    groups: Mapping[int, Group]
    meters: Mapping[int, Meter]


class PortStats(NamedTuple):
    """A port's counters."""

    port: int
    rx_packets: int
    tx_packets: int
    rx_bytes: int
    tx_bytes: int
    rx_dropped: int
    tx_dropped: int
    rx_errors: int
    tx_errors: int


@dataclass(frozen=True, slots=True)
class Counted:
    """What a switch counted: packets and bytes by flow entry, dropped ones by meter, each port's traffic."""

    packets: Mapping[RuleKey, int]
    metered_off: Mapping[int, int]
    ports: Mapping[int, PortStats] = field(default_factory=dict)
    octets: Mapping[RuleKey, int] = field(default_factory=dict)
    octets_off: Mapping[int, int] = field(default_factory=dict)


def digest(rule: Rule) -> int:
    """A stable 32-bit digest of all that a rule should do, the same in every run."""
    return crc32(repr(rule).encode())
