"""The process behind a UDP load: datagrams at a steady rate, whether anybody listens or not.

    blaster.py ADDRESS PORT BITS_PER_SECOND PAYLOAD_BYTES TOS

It asks nothing of the other end, so that it starts through any overload. What it was too late for it lets go.
"""

from __future__ import annotations

import contextlib
import socket
import sys
import time

_INTERVAL_S = 0.001
_MAKE_UP_S = 0.02
"""So much of a delay is made up for."""


def main(address: str, port: int, rate_bps: int, size: int, tos: int) -> None:
    """Send until ended."""
    opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    opened.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, tos)
    opened.setblocking(False)
    to, payload, each_s = (address, port), bytes(size), size * 8 / rate_bps
    due = time.monotonic()
    while True:
        now = time.monotonic()
        due = max(due, now - _MAKE_UP_S)
        while due <= now:
            with contextlib.suppress(OSError):  # its own card holds no more, or has no carrier
                opened.sendto(payload, to)
            due += each_s
        time.sleep(_INTERVAL_S)


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
