"""Actions and instructions to bytes (OpenFlow 1.3.5, 7.2.4 and 7.2.5; Open vSwitch's `nicira-ext.h`)."""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

from apps.openflow import oxm
from controller.rules.rules import (
    CONTROLLER_PORT,
    EXACT,
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

OUTPUT, PUSH_VLAN, POP_VLAN, SET_QUEUE, GROUP, DEC_TTL, SET_FIELD = 0, 17, 18, 21, 22, 24, 25
EXPERIMENTER: Final = 0xFFFF
NICIRA: Final = 0x00002320
REG_MOVE, REG_LOAD, RESUBMIT_TABLE, REG_LOAD2, CONTROLLER2 = 6, 7, 14, 33, 37
NXAC2_MAX_LEN, NXAC2_METER = 0, 5
GOTO_TABLE, APPLY_ACTIONS, METER = 1, 4, 6
VLAN_TYPE: Final = 0x8100
WHOLE_PACKET: Final = 0xFFFF
IN_PORT_16: Final = 0x00000002
"""The older, 16-bit name of the port of entry (``NXM_OF_IN_PORT``): the one that can be loaded."""
RESUBMIT_IN_PORT: Final = 0xFFF8


@lru_cache(maxsize=1 << 16)
def instruction_bytes(actions: Actions, goto: int | None, meter: int | None) -> bytes:
    """A flow entry's instructions: the meter, the actions, the next table."""
    parts = []
    if meter is not None:
        parts.append(struct.pack("!HHI", METER, 8, meter))
    if actions:
        listed = action_bytes(actions)
        parts.append(struct.pack("!HHI", APPLY_ACTIONS, 8 + len(listed), 0) + listed)
    if goto is not None:
        parts.append(struct.pack("!HHB3x", GOTO_TABLE, 8, goto))
    return b"".join(parts)


def action_bytes(actions: Actions) -> bytes:
    """A list of actions; raises `ValueError` for a field that is not known on the wire."""
    return b"".join([_ENCODERS[type(action)](action) for action in actions])


def _padded(kind: int, body: bytes) -> bytes:
    padding = -(4 + len(body)) % 8
    return struct.pack("!HH", kind, 4 + len(body) + padding) + body + bytes(padding)


def _nicira(subtype: int, body: bytes) -> bytes:
    return _padded(EXPERIMENTER, struct.pack("!IH", NICIRA, subtype) + body)


def _output(action: Output) -> bytes:
    max_len = WHOLE_PACKET if action.port == CONTROLLER_PORT else 0
    return struct.pack("!HHIH6x", OUTPUT, 16, action.port, max_len)


def _set_field(action: SetField) -> bytes:
    field = oxm.tlv(action.field, action.value, action.mask)
    if action.mask == EXACT:
        return _padded(SET_FIELD, field)
    return _nicira(REG_LOAD2, field)


def _move(action: Move) -> bytes:
    bits = struct.pack("!HHH", action.bits, action.src_start, action.dst_start)
    return _nicira(REG_MOVE, bits + oxm.head(action.src) + oxm.head(action.dst))


def _to_controller(action: ToController) -> bytes:
    """``max_len`` is left out where it is the default."""
    limit = b"" if action.max_len == WHOLE_PACKET else struct.pack("!HHH2x", NXAC2_MAX_LEN, 8, action.max_len)
    return _nicira(CONTROLLER2, bytes(6) + limit + struct.pack("!HHI", NXAC2_METER, 8, action.meter))


_ENCODERS: Final[dict[type, Callable[[Any], bytes]]] = {
    Output: _output,
    ToGroup: lambda action: struct.pack("!HHI", GROUP, 8, action.group),
    PushVlan: lambda _: struct.pack("!HHH2x", PUSH_VLAN, 8, VLAN_TYPE),
    PopVlan: lambda _: struct.pack("!HH4x", POP_VLAN, 8),
    SetField: _set_field,
    Move: _move,
    ClearInPort: lambda _: _nicira(REG_LOAD, struct.pack("!HIQ", 16 - 1, IN_PORT_16, 0)),
    Resubmit: lambda action: _nicira(RESUBMIT_TABLE, struct.pack("!HB3x", RESUBMIT_IN_PORT, action.table)),
    ToController: _to_controller,
    SetQueue: lambda action: struct.pack("!HHI", SET_QUEUE, 8, action.queue),
    DecTtl: lambda _: struct.pack("!HH4x", DEC_TTL, 8),
}
