"""A short conversation with an OVSDB server, over the transport of Open vSwitch's own Python library.

That library polls by `select`, which Ryu makes green: while one greenlet waits here, the others run. Its replica
of the whole database (the IDL) is not used: a bridge's few rows are read when they are needed.
"""

from __future__ import annotations

import errno
import os
import time
from types import TracebackType
from typing import Any, Final

from ovs.jsonrpc import Connection, Message
from ovs.poller import Poller
from ovs.stream import Stream
from ryu.lib import hub

TIMEOUT_S: Final = 3.0
_POLL_S: Final = 0.02
LOCAL: Final = "unix:/var/run/openvswitch/db.sock"


class OvsdbError(Exception):
    """The database did not do what was asked; the text says why."""


class Database:
    """An open connection, to be used in a `with`. Raises `OvsdbError` where there is none, or no timely answer."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._rpc = Connection(self._open())

    def __enter__(self) -> Database:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._rpc.close()

    def transact(self, *operations: dict[str, Any]) -> list[dict[str, Any]]:
        """Carry out operations (RFC 7047, 5.2) all or none; answers one result each."""
        request = Message.create_request("transact", ["Open_vSwitch", *operations])
        self._check(self._rpc.send(request))
        reply = self._reply(request.id, time.monotonic() + TIMEOUT_S)
        if reply.type == Message.T_ERROR:
            raise OvsdbError(f"the database at {self._address} refused a request: {reply.error}")
        for result in reply.result:
            if result and "error" in result:
                raise OvsdbError(
                    f"the database at {self._address} refused a change: {result['error']} {result.get('details', '')}"
                )
        return list(reply.result[: len(operations)])

    def reconfigured(self, within_s: float) -> None:
        """Wait until Open vSwitch has taken over all that was asked for so far, or so long (`ovs-vsctl --wait`)."""
        ask = {"op": "mutate", "table": "Open_vSwitch", "where": [], "mutations": [["next_cfg", "+=", 1]]}
        look = {"op": "select", "table": "Open_vSwitch", "where": [], "columns": ["next_cfg", "cur_cfg"]}
        _, asked = self.transact(ask, look)
        wanted, deadline = asked["rows"][0]["next_cfg"], time.monotonic() + within_s
        while time.monotonic() < deadline:
            (seen,) = self.transact(look)
            if seen["rows"][0]["cur_cfg"] >= wanted:
                return
            hub.sleep(_POLL_S)

    def _open(self) -> Stream:
        try:
            error, stream = Stream.open_block(Stream.open(self._address), int(TIMEOUT_S * 1000))
        except (OSError, ValueError) as problem:
            raise self._unreachable(str(problem)) from problem
        if error:
            raise self._unreachable(os.strerror(error))
        return stream

    def _reply(self, number: Any, deadline: float) -> Message:
        while time.monotonic() < deadline:
            error, message = self._rpc.recv()
            if error == errno.EAGAIN:
                self._wait(deadline)
                continue
            self._check(error)
            if message.type in (Message.T_REPLY, Message.T_ERROR) and message.id == number:
                return message
        raise OvsdbError(f"the database at {self._address} did not answer within {TIMEOUT_S:.0f} s")

    def _wait(self, deadline: float) -> None:
        self._rpc.run()
        poller = Poller()
        self._rpc.wait(poller)
        self._rpc.recv_wait(poller)
        poller.timer_wait(max(int((deadline - time.monotonic()) * 1000), 1))
        poller.block()

    def _check(self, error: int) -> None:
        if error:
            raise self._unreachable("it closed the connection" if error < 0 else os.strerror(error))

    def _unreachable(self, why: str) -> OvsdbError:
        return OvsdbError(f"its database at {self._address} cannot be reached ({why})")
