"""OpenFlow over TLS: Ryu's own server forgets its certificate with the first connection, so this one takes its place.

It is set by Ryu's options: ``--ctl-privkey``, ``--ctl-cert``, ``--ca-certs``, ``--ofp-ssl-listen-port``.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Final

import eventlet
from eventlet.green import ssl
from ryu.controller import controller
from ryu.lib import hub

LOG: Final = logging.getLogger("backplane.openflow")
HANDSHAKE_S: Final = 10.0
"""How long a switch may take to show who it is, seconds."""
_Handle = Callable[[Any, Any], Any]


class SecureServer(hub.StreamServer):  # type: ignore[misc]
    """Listens for switches, with TLS where Ryu was given a key and a certificate."""

    def __init__(self, listen_info: Any, handle: _Handle, **ssl_args: Any) -> None:
        super().__init__(listen_info, handle)
        if ssl_args:
            self.handle = _behind_tls(_context(ssl_args), handle)


def install() -> None:
    """Have Ryu listen with this server, once for the process."""
    controller.StreamServer = SecureServer


def _context(ssl_args: dict[str, Any]) -> Any:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(ssl_args["certfile"], ssl_args["keyfile"])
    if ssl_args.get("ca_certs"):
        context.load_verify_locations(ssl_args["ca_certs"])
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def _behind_tls(context: Any, handle: _Handle) -> _Handle:
    def shake_hands(sock: Any, address: Any) -> None:
        try:
            with eventlet.Timeout(HANDSHAKE_S, TimeoutError("it says nothing")):
                secure = context.wrap_socket(sock, server_side=True)
        except (OSError, ValueError) as problem:
            LOG.warning("no TLS with %s: %s", address, problem)
            sock.close()
        else:
            handle(secure, address)

    return shake_hands
