"""What a bridge must have for the rules to work, and what it must be given for that.

Pure: from the settings as seen to the changes wanted, and back when a bridge is let go. Who carries them out
marks each changed row with what was there before (`MARK` and the setting, in `external_ids`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, NamedTuple

LABELS_BYTES: Final = 8
"""Two labels of four bytes on a trunk: a segment's or path's, and a bypass'."""
SERVER_MTU: Final = 1500
MARK: Final = "backplane-was-"
MTU_MARK: Final = MARK + "mtu"


class Setting(Enum):
    """What may have to be changed; the value is its name in the Open vSwitch database."""

    VLAN_LIMIT = "vlan-limit"
    FAIL_MODE = "fail_mode"
    MTU = "mtu_request"
    BFD = "bfd"


WITHOUT: Final[Mapping[Setting, str]] = {
    Setting.VLAN_LIMIT: "a bypass around a failed link drops its packets",
    Setting.FAIL_MODE: "the bridge forgets its rules and forwards by itself when the controller is away",
    Setting.MTU: "full-size packets are dropped on these trunks",
    Setting.BFD: "a link that fails without losing its carrier is not noticed",
}
"""What does not work until a setting is right."""
_NO_BFD: Final[Mapping[int, int]] = {}
_OUR_BFD: Final = re.compile(r"enable=true min_rx=(\d+) min_tx=\1")
_OURS: Final[Mapping[Setting, str]] = {Setting.VLAN_LIMIT: "2", Setting.FAIL_MODE: "secure"}


class Trunk(NamedTuple):
    """A trunk of a bridge: port number and name, and how often BFD tells there that it lives, ms; None: as it is."""

    number: int
    name: str
    bfd_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """A row as seen: `value` of the setting (None: not set), `was` as marked (None: never changed by us)."""

    name: str
    value: str | None = None
    was: str | None = None


@dataclass(frozen=True, slots=True)
class Interface(Row):
    """An interface with its OpenFlow port number and its MTU in bytes (None: it has none, or is not known).

    `was_mtu` is what the MTU was before it was first requested; taking a request back does not bring it back.
    `bfd` is its BFD as text (`bfd_text`), `was_bfd` what that was before us, `heard` whether BFD hears the other end.
    """

    number: int = 0
    mtu: int | None = None
    was_mtu: int | None = None
    bfd: str | None = None
    was_bfd: str | None = None
    heard: bool = False
    virtual: bool = False
    """A patch port: its wire is the switch itself, and Open vSwitch sends no BFD there."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A bridge as its database shows it: `machine` is the row of the whole Open vSwitch."""

    machine: Row
    bridge: Row
    interfaces: tuple[Interface, ...] = field(default=())

    @classmethod
    def nothing(cls, bridge: str, trunks: Mapping[int, str]) -> Seen:
        """What to assume of a bridge whose database cannot be read: that nothing was ever set."""
        interfaces = tuple(Interface(name, number=number, mtu=SERVER_MTU) for number, name in sorted(trunks.items()))
        return cls(Row("."), Row(bridge), interfaces)


@dataclass(frozen=True, slots=True)
class Change:
    """Set `setting` of the row `name` from `before` to `after` (None: not set)."""

    setting: Setting
    name: str
    before: str | None
    after: str | None


def server_mtu(seen: Seen, trunks: Iterable[int]) -> int:
    """The largest MTU of the ports that are not trunks, in bytes; not of those that were once widened for a trunk."""
    others = set(trunks)
    sizes = [
        port.mtu or 0
        for port in seen.interfaces
        if port.number not in others and port.name != seen.bridge.name and port.was is None
    ]
    return max([SERVER_MTU, *sizes])


def bfd_text(interval_ms: int) -> str | None:
    """BFD on a port that tells every so many ms that it lives; 0: none."""
    return f"enable=true min_rx={interval_ms} min_tx={interval_ms}" if interval_ms else None


def wanted_changes(
    seen: Seen, trunks: Iterable[int], largest_mtu: int, bfd_ms: Mapping[int, int] = _NO_BFD
) -> tuple[Change, ...]:
    """What must change on a bridge, given its trunks' port numbers and the largest MTU of any server of the fabric.

    `bfd_ms`: how often BFD is to tell on some of its ports that they live, ms; 0: ours is to go.
    """
    trunk_numbers, needed = set(trunks), largest_mtu + LABELS_BYTES
    changes = []
    if not _two_tags(seen.machine.value):
        changes.append(_change(Setting.VLAN_LIMIT, seen.machine))
    if seen.bridge.value != _OURS[Setting.FAIL_MODE]:
        changes.append(_change(Setting.FAIL_MODE, seen.bridge))
    narrow = [
        port for port in seen.interfaces if port.number in trunk_numbers and port.mtu is not None and port.mtu < needed
    ]
    mtus = (Change(Setting.MTU, port.name, port.value, str(needed)) for port in narrow)
    return (*changes, *mtus, *_bfd_changes(seen, bfd_ms))


def _bfd_changes(seen: Seen, bfd_ms: Mapping[int, int]) -> Iterator[Change]:
    for port in seen.interfaces:
        if port.number not in bfd_ms or port.virtual:
            continue
        wanted = bfd_text(bfd_ms[port.number])
        if wanted is None and port.was_bfd is not None:
            yield from _bfd_undone(port)
        elif wanted is not None and port.bfd != wanted:
            yield Change(Setting.BFD, port.name, port.bfd, wanted)


def _bfd_undone(port: Interface) -> Iterator[Change]:
    """What puts a port's BFD back, where nobody has set another since."""
    former = port.was_bfd or None
    if port.bfd is not None and port.bfd != former and _OUR_BFD.fullmatch(port.bfd):
        yield Change(Setting.BFD, port.name, port.bfd, former)


def undo_changes(seen: Seen, others_held: bool) -> tuple[Change, ...]:
    """What puts a bridge back; `others_held`: other bridges of this Open vSwitch still need what they share.

    What somebody else has set since is left as it is. MTUs are requested back; `last_changes` ends that.
    """
    rows: list[tuple[Setting, Row]] = [(Setting.FAIL_MODE, seen.bridge)]
    if not others_held:
        rows.append((Setting.VLAN_LIMIT, seen.machine))
    changes = [
        Change(setting, row.name, row.value, row.was or None)
        for setting, row in rows
        if row.was is not None and row.value == _OURS[setting]
    ]
    former = [(port, port.was or str(port.was_mtu or SERVER_MTU)) for port in _widened(seen)]
    mtus = (Change(Setting.MTU, port.name, port.value, mtu) for port, mtu in former)
    bfd = (change for port in seen.interfaces if port.was_bfd is not None for change in _bfd_undone(port))
    return (*changes, *mtus, *bfd)


def is_narrowed(seen: Seen) -> bool:
    """Whether the devices have taken their former MTUs back."""
    return all(port.mtu is None or str(port.mtu) == port.value for port in _widened(seen))


def last_changes(seen: Seen) -> tuple[Change, ...]:
    """What ends a release when the devices have their former MTUs: no request where there was none."""
    return tuple(Change(Setting.MTU, port.name, port.value, None) for port in _widened(seen) if not port.was)


def _widened(seen: Seen) -> list[Interface]:
    return [port for port in seen.interfaces if port.was is not None and port.value is not None]


def by_hand(changes: Sequence[Change]) -> str:
    """The command by which a person makes these changes."""
    return "ovs-vsctl " + " -- ".join(map(_command, changes))


def complaint(platform: str, problem: str, changes: Sequence[Change]) -> str:
    """What is wrong with a platform's bridge, what does not work until then, and what to do about it."""
    settings = dict.fromkeys(change.setting for change in changes)
    lost = "; ".join(WITHOUT[setting] for setting in settings)
    return f"{platform}: {problem}. Until it is set, {lost}. To set it by hand: {by_hand(changes)}"


def _change(setting: Setting, row: Row) -> Change:
    return Change(setting, row.name, row.value, _OURS[setting])


def _two_tags(limit: str | None) -> bool:
    """Whether a packet may have two tags: Open vSwitch's default is one, 0 is no limit."""
    return limit is not None and limit.isdecimal() and int(limit) != 1


def _command(change: Change) -> str:
    name, value = change.name, change.after
    if change.setting is Setting.VLAN_LIMIT:
        if value is None:
            return "remove Open_vSwitch . other_config vlan-limit"
        return f"set Open_vSwitch . other_config:vlan-limit={value}"
    if change.setting is Setting.FAIL_MODE:
        return f"set-fail-mode {name} {value}" if value else f"del-fail-mode {name}"
    if change.setting is Setting.BFD:
        return f"set Interface {name} bfd='{{{value.replace(' ', ',')}}}'" if value else f"clear Interface {name} bfd"
    return f"set Interface {name} mtu_request={value}" if value else f"clear Interface {name} mtu_request"
