"""What a switch would say of the messages that it was sent: statistics made of modifications."""

from __future__ import annotations

import struct
from collections.abc import Iterator

_FLOW, _GROUP_DESC, _METER_CONFIG = 1, 7, 10


def split(buffer: bytes) -> Iterator[bytes]:
    """The messages in a buffer."""
    while buffer:
        length = int.from_bytes(buffer[2:4], "big")
        yield buffer[:length]
        buffer = buffer[length:]


def reply(kind: int, *entries: bytes) -> bytes:
    """A multipart reply."""
    body = b"".join(entries)
    return struct.pack("!BBHIHH4x", 4, 19, 16 + len(body), 1, kind, 0) + body


def flow_reply(*flow_mods: bytes, packets: int = 0, octets: int = 0, seconds: int = 0) -> bytes:
    return reply(_FLOW, *(_flow_entry(message, packets, octets, seconds) for message in flow_mods))


def _flow_entry(message: bytes, packets: int, octets: int, seconds: int) -> bytes:
    (cookie,) = struct.unpack_from("!Q", message, 8)
    table, priority, tail = message[24], message[30:32], message[48:]
    head = struct.pack(
        "!HBxII2sHHH4xQQQ", 48 + len(tail), table, seconds, 500_000_000, priority, 0, 0, 0, cookie, packets, octets
    )
    return head + tail


def group_reply(*group_mods: bytes) -> bytes:
    return reply(_GROUP_DESC, *(struct.pack("!H", len(message) - 8) + message[10:] for message in group_mods))


def meter_reply(*meter_mods: bytes) -> bytes:
    return reply(_METER_CONFIG, *(struct.pack("!H", len(message) - 8) + message[10:] for message in meter_mods))
