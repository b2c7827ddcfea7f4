"""A small blocking OpenFlow 1.3 peer: the controller's end of one switch's connection, over loopback TCP."""

from __future__ import annotations

import itertools
import socket
import struct
import time
from types import TracebackType

HELLO, ERROR, ECHO_REQUEST, ECHO_REPLY, PACKET_IN, MULTIPART_REPLY, BARRIER_REPLY = 0, 1, 2, 3, 10, 19, 21
_VERSION = 4
_HEADER = struct.Struct("!BBHI")


class Peer:
    """Listens on a free loopback port; `accept` takes the switch's connection."""

    def __init__(self, timeout_s: float = 20.0) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(timeout_s)
        self._timeout_s = timeout_s
        self._socket: socket.socket | None = None
        self._xids = itertools.count(1 << 24)
        self._rest = b""

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._listener.close()
        if self._socket:
            self._socket.close()

    @property
    def target(self) -> str:
        """What a bridge's controller is set to."""
        return f"tcp:127.0.0.1:{self._listener.getsockname()[1]}"

    def accept(self) -> None:
        """Wait for the switch and say hello; raises `TimeoutError` if it does not come."""
        self._socket, _ = self._listener.accept()
        self._socket.settimeout(self._timeout_s)
        self.send(_HEADER.pack(_VERSION, HELLO, 8, next(self._xids)))

    def send(self, message: bytes) -> None:
        """Send a message, or many."""
        assert self._socket
        self._socket.sendall(message)

    def receive(self, kind: int) -> bytes:
        """The next message of a type; what comes before it is dropped, an echo is answered."""
        deadline = time.monotonic() + self._timeout_s
        while time.monotonic() < deadline:
            message = self._next()
            if message[1] == kind:
                return message
        raise TimeoutError(f"no message of type {kind} in {self._timeout_s} s")

    def ask(self, request: bytes) -> list[bytes]:
        """Send a request, or a batch, and a barrier; all that comes before the barrier's reply."""
        xid = next(self._xids)
        self.send(request + _HEADER.pack(_VERSION, BARRIER_REPLY - 1, 8, xid))
        heard = []
        while True:
            message = self._next()
            if message[1] == BARRIER_REPLY and _HEADER.unpack_from(message)[3] == xid:
                return heard
            heard.append(message)

    def _next(self) -> bytes:
        while True:
            head = self._take(8)
            _, kind, length, xid = _HEADER.unpack(head)
            message = head + self._take(length - 8)
            if kind != ECHO_REQUEST:
                return message
            self.send(_HEADER.pack(_VERSION, ECHO_REPLY, length, xid) + message[8:])

    def _take(self, count: int) -> bytes:
        assert self._socket
        while len(self._rest) < count:
            more = self._socket.recv(1 << 20)
            if not more:
                raise ConnectionError("the switch has closed the connection")
            self._rest += more
        taken, self._rest = self._rest[:count], self._rest[count:]
        return taken
