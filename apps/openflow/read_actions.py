"""Actions and instructions from bytes, as rules write them; what is not ours to know never raises."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple, cast

from apps.openflow import actions as wire
from apps.openflow import oxm
from controller.rules.fields import WIDTH
from controller.rules.rules import (
    EXACT,
    Action,
    Actions,
    ClearInPort,
    DecTtl,
    Move,
    Output,
    PopVlan,
    PushVlan,
    Resubmit,
    SetField,
    SetQueue,
    ToController,
    ToGroup,
)

_CLEAR_IN_PORT: Final = wire.action_bytes((ClearInPort(),))


@dataclass(frozen=True, slots=True)
class Unknown:
    """An action or instruction that no rule of ours has: equal to itself, and to nothing that we send."""

    content: bytes


class Instructions(NamedTuple):
    """What a flow entry does; `other` is what no rule of ours has."""

    actions: Actions = ()
    goto: int | None = None
    meter: int | None = None
    other: bytes = b""


def read_instructions(content: bytes) -> Instructions:
    """A flow entry's instructions."""
    found = Instructions()
    for kind, item in _items(content):
        if kind == wire.METER:
            found = found._replace(meter=_number(item, 4, 8))
        elif kind == wire.APPLY_ACTIONS:
            found = found._replace(actions=read_actions(item[8:]))
        elif kind == wire.GOTO_TABLE:
            found = found._replace(goto=item[4])
        else:
            found = found._replace(other=found.other + item)
    return found


def read_actions(content: bytes) -> Actions:
    """A list of actions."""
    return tuple(_action(kind, item) for kind, item in _items(content))


def _items(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Type and bytes of each item in a list of items that begin with type and length."""
    at = 0
    while at + 4 <= len(content):
        kind, length = struct.unpack_from("!HH", content, at)
        yield kind, content[at : at + max(length, 8)]
        at += max(length, 8)


def _number(content: bytes, start: int, end: int) -> int:
    return int.from_bytes(content[start:end], "big")


def _action(kind: int, item: bytes) -> Action:
    match kind:
        case wire.OUTPUT:
            return Output(_number(item, 4, 8))
        case wire.GROUP:
            return ToGroup(_number(item, 4, 8))
        case wire.SET_QUEUE:
            return SetQueue(_number(item, 4, 8))
        case wire.PUSH_VLAN if _number(item, 4, 6) == wire.VLAN_TYPE:
            return PushVlan()
        case wire.POP_VLAN:
            return PopVlan()
        case wire.DEC_TTL:
            return DecTtl()
        case wire.SET_FIELD:
            return _set_field(item, 4)
        case wire.EXPERIMENTER if _number(item, 4, 8) == wire.NICIRA:
            return _nicira(_number(item, 8, 10), item)
    return _unknown(item)


def _unknown(item: bytes) -> Action:
    return cast(Action, Unknown(item))


def _set_field(item: bytes, start: int) -> Action:
    field = next(oxm.read(item, start, start + 4 + item[start + 3]), None)
    return SetField(*field) if field else _unknown(item)


def _nicira(subtype: int, item: bytes) -> Action:
    match subtype:
        case wire.REG_MOVE:
            return _move(item)
        case wire.REG_LOAD:
            return ClearInPort() if item == _CLEAR_IN_PORT else _load(item)
        case wire.REG_LOAD2:
            return _set_field(item, 10)
        case wire.RESUBMIT_TABLE if _number(item, 10, 12) == wire.RESUBMIT_IN_PORT:
            return Resubmit(item[12])
        case wire.CONTROLLER2:
            return _to_controller(item)
    return _unknown(item)


def _move(item: bytes) -> Action:
    bits, src_start, dst_start = struct.unpack_from("!HHH", item, 10)
    src, length = oxm.name_of(item, 16)
    dst, _ = oxm.name_of(item, 16 + length)
    return Move(src, src_start, dst, dst_start, bits)


def _load(item: bytes) -> Action:
    """Open vSwitch reports a masked assignment as a load of some bits."""
    place, value = struct.unpack_from("!H4xQ", item, 10)
    start, bits = place >> 6, (place & 0x3F) + 1
    name, _ = oxm.name_of(item, 12)
    whole = bits == WIDTH.get(name)
    return SetField(name, value << start, EXACT if whole else (1 << bits) - 1 << start)


def _to_controller(item: bytes) -> Action:
    """A copy without a meter, or with a property that we do not set, is not one of ours."""
    found = dict(_items(item[16:]))
    if wire.NXAC2_METER not in found or found.keys() - {wire.NXAC2_MAX_LEN, wire.NXAC2_METER}:
        return _unknown(item)
    limit = found.get(wire.NXAC2_MAX_LEN)
    max_len = wire.WHOLE_PACKET if limit is None else _number(limit, 4, 6)
    return ToController(_number(found[wire.NXAC2_METER], 4, 8), max_len)
