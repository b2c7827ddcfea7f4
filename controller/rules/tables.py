"""Every number of a table, priority, cookie, group, meter and register: this module owns them all.

A packet's way: PORT, (a trunk: BYPASS, LABEL), CLAIM, ADDRESS, ADMIT, BEYOND, STEER, SHARE, FORWARD, and what is
flooded STORM, ANSWER, FLOOD. What breaks a guard goes to VIOLATION, which drops and counts by port.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Final
from zlib import crc32

from controller.rules.rules import Owner, Rule, digest


class Table(IntEnum):
    """The flow tables, in the order in which a packet meets them."""

    PORT = 0
    """What kind of port is this, and is the sender's MAC its own?"""
    BYPASS = 1
    """Does it come by a bypass around a failed link?"""
    LABEL = 2
    """Segment, flood tree or pinned path?"""
    CLAIM = 3
    """What addresses does the sender claim? They go into registers."""
    ADDRESS = 4
    """Are the claimed addresses the sender's?"""
    ADMIT = 5
    """Everything that passed the guard: off with a server's tag, group addresses to STORM."""
    BEYOND = 6
    """Is it for a host beyond an uplink?"""
    STEER = 7
    """Is it of a reservation? Metered, its path's label noted."""
    PORT_SHARE = 8
    """What has no reservation: within the rate of its port?"""
    SHARE = 9
    """And within its server's rate, to the fabric or to the uplinks?"""
    FORWARD = 10
    """Which server of this segment?"""
    STORM = 11
    """Within the port's share of flooding?"""
    ANSWER = 12
    """Does the question ask for an address that we know?"""
    REPLY = 13
    """Turn the question into its answer."""
    REPLY_OPTIONS = 14
    """The neighbour advertisement's fields that need its new type first."""
    FLOOD = 15
    """The segment's ports, along one tree of trunks."""
    DIVERT = 16
    """The way round a trunk that does not work, by the class of what is to pass."""
    VIOLATION = 20
    """Dropped, counted by port, a metered copy to the controller."""


class Priority(IntEnum):
    """Priorities within a table, the miss lowest."""

    MISS = 0
    FALLBACK = 100
    DEFAULT = 200
    NORMAL = 300
    SPECIFIC = 400
    OVERRIDE = 500
    GUARD = 600


class Reg:
    """What the registers hold while a packet is in the pipeline (fresh for each packet: 0)."""

    SEGMENT: Final = "reg0"
    """The segment's label."""
    ENTRY: Final = "reg1"
    """The trunk it came by (or the failed one it stands for); 0: a local port."""
    TREE: Final = "reg2"
    """The label of the flood tree it came by."""
    PASS: Final = "reg3"
    """What of the guard has been passed (`Passed`)."""
    TAG: Final = "reg8"
    """The tag that a tagged server sent, as ``vlan_vid``."""
    REASON: Final = "reg9"
    """Why the guard refused (`Reason`)."""
    OWNER_MAC_HIGH: Final = "reg10"
    """The upper 16 bits of the MAC that owns the address asked for."""
    OWNER_MAC_LOW: Final = "reg11"
    """The lower 32 bits of it."""
    ADDRESS: Final = "xxreg1"
    """The address that the sender claims (IPv4: the lowest 32 bits, `ADDRESS_V4`)."""
    ADDRESS_V4: Final = "reg7"
    ADDRESS_MARK: Final = "reg4"
    """`V4_MARK` for an IPv4 address: no IPv6 source address begins so."""
    PATH: Final = "reg12"
    """The label of the pinned path that it is to take; 0: the segment's own way."""
    CLASS: Final = "reg13"
    """Its class on trunks (`Class`); 0: best effort."""
    UPLINK: Final = "reg14"
    """The number of the uplink beyond which its destination is; 0: it is in the fabric."""
    SCRATCH_V4: Final = "reg15"
    """Where an ARP reply swaps addresses."""


V4_MARK: Final = 0xFFFFFFFF


def claimed(address: int, version: int) -> int:
    """What `Reg.ADDRESS` holds when a sender claims an address."""
    return address if version == 6 else V4_MARK << 96 | address


def unclaimed(held: int) -> tuple[int, int]:
    """The address that `Reg.ADDRESS` holds, and its version."""
    return (held & 0xFFFFFFFF, 4) if held >> 96 == V4_MARK else (held, 6)


def claimed_in(registers: Mapping[str, int]) -> tuple[int, int] | None:
    """The address, with its version, that a packet's registers hold; None where it has claimed none."""
    wide = sum(registers.get(f"reg{number}", 0) << 32 * (7 - number) for number in range(4, 8))
    return unclaimed(wide) if wide else None


class Passed:
    """Steps of the guard that a packet has behind it; a resubmission asks the next."""

    NOTHING: Final = 0
    PAYLOAD_MAC: Final = 1
    TARGET: Final = 2
    SOURCE: Final = 3
    STEPS: Final = 3
    """The mask of the steps above; what follows are flags beside them."""
    LINK_LOCAL: Final = 4
    """A link-local address is being compared with the MAC."""
    UNTAGGED: Final = 8
    """The server's tag is off."""
    STRANGER: Final = 16
    """Its MAC is not known on this port: it may not be one that is declared elsewhere."""


class Reason(IntEnum):
    """Why a packet is a violation, or goes to the controller."""

    MAC = 1
    ADDRESS = 2
    LEARN_MAC = 3
    LEARN_ADDRESS = 4
    DISCOVERY = 5
    TAGGED = 6


class Class:
    """How a frame is treated on trunks, as the PCP of its label (IEEE 802.1Q); best effort is 0."""

    RESERVED: Final = 4
    """Of a reservation; best effort while it is on a bypass."""
    PROTECTED: Final = 5
    """Of a reservation that has room on bypasses too."""
    DIVERTED: Final = 7
    """The same on a bypass, as the PCP of the bypass' label."""
    ANY_RESERVED: Final = 4
    """The bit that all of these have."""


class QueueKind:
    """Queues of a port that has any; `path_queue` numbers those of one reservation each."""

    DEFAULT: Final = 0
    """On a trunk: what the switch itself sends, BFD and discovery; on a server port: all that has no other."""
    RESERVED: Final = 1
    """What has been shaped to its grant already, where it entered the fabric."""
    BEST_EFFORT: Final = 2
    """All else, on a trunk."""
    FIRST: Final = 3


def path_queue(label: int) -> int:
    """The queue of a reservation where it enters the fabric, by its path's label."""
    return QueueKind.FIRST + PATH_LABELS.index(label)


class MeterKind(IntEnum):
    """What a meter is for; its number is ``kind << 16`` and the port_no, path label or allotted index."""

    STORM = 1
    VIOLATION = 2
    LEARN = 3
    DISCOVERY = 4
    RESERVATION = 5
    """A grant; by the label of its path."""
    PORT_SHARE = 6
    """What a port may send without a reservation; by port_no."""
    FABRIC_SHARE = 7
    """What a server may send to others of the fabric without a reservation; by an allotted index."""
    UPLINK_SHARE = 8
    """The same to hosts beyond uplinks."""
    DOWN_SHARE = 9
    """What hosts beyond an uplink may send to a server without a reservation."""


PORT_METERS: Final = (MeterKind.STORM, MeterKind.VIOLATION, MeterKind.LEARN, MeterKind.DISCOVERY, MeterKind.PORT_SHARE)
"""Kinds of meter whose numbers name a port."""


def meter_number(kind: MeterKind, which: int) -> int:
    """The number of a meter (a port's: `which` is its port_no); raises `ValueError` where that is too large."""
    if not 0 <= which < 1 << 16:
        raise ValueError(f"meter of {which}: expected 0 to 65535")
    return kind << 16 | which


def metered(number: int) -> tuple[int, int]:
    """What a meter is for (a `MeterKind`) and whose: port_no, label or index."""
    return number >> 16, number & 0xFFFF


class GroupKind(IntEnum):
    """What a group is for: the top 4 bits of its number."""

    LINK = 1
    """Out of one trunk; number: port_no."""
    PLATFORM = 2
    """Towards one platform; number: an allotted index."""
    FLOOD = 3
    """A tree's way from one entry; number: tree label and trunk (0: the local ports)."""
    ALIVE = 4
    """Watched by what is to work always: no port's state makes it dead."""


ALIVE_GROUP: Final = GroupKind.ALIVE << 28


def link_group(port_no: int) -> int:
    """The group that leads out of a trunk."""
    return GroupKind.LINK << 28 | port_no


def platform_group(index: int) -> int:
    """The group that leads to a platform, by its allotted index (28 bits)."""
    return GroupKind.PLATFORM << 28 | index


def flood_group(tree: int, entry: int) -> int:
    """The group that floods what came in by the trunk `entry` (0: a local port) along a tree's label."""
    return GroupKind.FLOOD << 28 | tree << 16 | entry


def is_our_group(number: int) -> bool:
    """Whether a group's number is of our ranges."""
    return number >> 28 in tuple(GroupKind)


def is_our_meter(number: int) -> bool:
    """Whether a meter's number is of our ranges."""
    return number >> 16 in tuple(MeterKind)


LABELS: Final = range(1, 2048)
"""VLAN numbers that name a segment or a tree: the same on every switch."""
PATH_LABELS: Final = range(2048, 3072)
"""VLAN numbers that name a pinned path: each differs from those that it meets."""
BYPASS_LABELS: Final = range(3072, 4095)
"""VLAN numbers that name a bypass: each differs from those that it meets."""
PLATFORM_INDEXES: Final = range(1, 1 << 28)
UPLINK_INDEXES: Final = range(1, 1 << 16)
SHARE_INDEXES: Final = range(1, 1 << 16)
"""Numbers in the meters of a server's own rates; each differs from those on the same platform."""

# A cookie: 12 bits say that it is ours, 4 the owner's kind, 16 the owner's name, 32 what it should do.
COOKIE_MARK: Final = 0xBAC << 52
COOKIE_MARK_MASK: Final = 0xFFF << 52
OWNER_KINDS: Final = ("base", "port", "server", "link", "path", "segment", "tree", "reservation", "share")


def cookie(owner: Owner, rule: Rule) -> int:
    """The cookie of a rule: whose it is and what it should do."""
    kind = OWNER_KINDS.index(owner.kind)
    return COOKIE_MARK | kind << 48 | name_hash(owner.name) << 32 | digest(rule)


def name_hash(name: str) -> int:
    """What a cookie tells of its owner's name."""
    return crc32(name.encode()) & 0xFFFF


def kind_of_owner(value: int) -> str:
    """The kind of owner in a cookie of ours."""
    return OWNER_KINDS[value >> 48 & 0xF]


def owner_hash(value: int) -> int:
    """The hash of the owner's name in a cookie."""
    return value >> 32 & 0xFFFF


def cookies_of(kind: str) -> tuple[int, int]:
    """A cookie and its mask that all flow entries of one kind of owner match."""
    return COOKIE_MARK | OWNER_KINDS.index(kind) << 48, COOKIE_MARK_MASK | 0xF << 48


def is_our_cookie(value: int) -> bool:
    """Whether a flow entry with this cookie is ours."""
    return value & COOKIE_MARK_MASK == COOKIE_MARK


COUNTED: Final = ((Table.PORT, 0, 0), (Table.VIOLATION, 0, 0), (None, *cookies_of("base")))
"""The flow entries whose counters tell who speaks and what is dropped: table (None: all), cookie and its mask."""
COUNTED_RATES: Final = ((None, *cookies_of("reservation")),)
"""Those that tell what reservations get."""
