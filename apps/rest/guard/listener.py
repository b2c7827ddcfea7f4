"""The server of the API, in place of Ryu's: TLS where a certificate is given, and an end to clients that are slow."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import eventlet
import eventlet.wsgi
from eventlet.green import ssl
from ryu.app import wsgi
from ryu.lib import hub

HEADERS_WITHIN_S: Final = 20.0
"""How long a client may take from its first byte (the TLS handshake included) to the end of its headers, seconds."""
IDLE_S: Final = 60.0
"""How long a connection may stay open between two requests, seconds."""
STUCK_S: Final = 30.0
"""How long a client may take nothing and send nothing in the middle of something, seconds."""
UNWANTED_WITHIN_S: Final = 5.0
"""How long the rest of a body that nobody wants may take, before its connection is closed, seconds."""
MOST_CONNECTIONS: Final = 256


_PIECE: Final = 16 * 1024


class BadCertificate(Exception):
    """TLS cannot be spoken; the text says why."""


class Certificate:
    """A certificate and its key, read again when their files change; with a CA, clients must show one of its own.

    Raises `BadCertificate`.
    """

    def __init__(self, cert: str, key: str, client_ca: str | None = None) -> None:
        self._files = (Path(cert), Path(key))
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            self._seen = self._stamp()
            self.context.load_cert_chain(*self._files)
        except (OSError, ValueError) as problem:
            raise BadCertificate(f"api_cert {cert} with api_key {key} cannot be used: {problem}") from problem
        if client_ca is not None:
            self._require_clients(client_ca)

    def refresh(self) -> None:
        """Follow a renewal; one that is half done is tried again with the next connection."""
        try:
            seen = self._stamp()
            if seen != self._seen:
                self.context.load_cert_chain(*self._files)
                self._seen = seen
        except (OSError, ValueError):
            return

    def _require_clients(self, client_ca: str) -> None:
        try:
            self.context.load_verify_locations(client_ca)
        except (OSError, ValueError) as problem:
            raise BadCertificate(f"api_client_ca {client_ca} cannot be used: {problem}") from problem
        self.context.verify_mode = ssl.CERT_REQUIRED

    def _stamp(self) -> object:
        return [(found.st_mtime_ns, found.st_ino) for found in (file.stat() for file in self._files)]


class _Protocol(eventlet.wsgi.HttpProtocol):  # type: ignore[misc]
    """One connection; what is late ends it."""

    def _read_request_line(self) -> Any:
        try:
            with eventlet.Timeout(IDLE_S + HEADERS_WITHIN_S, TimeoutError()):
                return super()._read_request_line()
        except ssl.SSLError as error:
            self.server.log.debug(f"no TLS with {self.client_address}: {error}")
            self.close_connection = 1
            return b""

    def parse_request(self) -> Any:
        """Read the headers."""
        with eventlet.Timeout(HEADERS_WITHIN_S, TimeoutError()):
            return super().parse_request()

    def get_environ(self) -> Any:
        """The request, for the application."""
        environ = super().get_environ()
        body = environ["eventlet.input"]
        body.discard = lambda: _discard(body)
        if "Content-Type" not in self.headers:
            environ.pop("CONTENT_TYPE", None)  # the server would say text/plain, which nobody said
        return environ


def _discard(body: Any) -> None:
    """Read what is left of a body; an `OSError`, as the server expects it, where that takes too long."""
    with eventlet.Timeout(UNWANTED_WITHIN_S, TimeoutError()):
        while body.read(_PIECE):
            pass


class Server(hub.WSGIServer):  # type: ignore[misc]
    """Serves Ryu's web application."""

    def __init__(self, application: Any, certificate: Certificate | None) -> None:
        super().__init__((wsgi.CONF.wsapi_host, wsgi.CONF.wsapi_port), application)
        self._certificate = certificate

    def __call__(self) -> None:
        """What Ryu calls."""
        self.serve_forever()

    def serve_forever(self) -> None:
        """Until the process ends."""
        eventlet.wsgi.server(
            self._listening(),
            self._answer,
            hub.LoggingWrapper(),
            protocol=_Protocol,
            max_size=MOST_CONNECTIONS,
            keepalive=IDLE_S,
            socket_timeout=STUCK_S,
            debug=False,
        )

    def _listening(self) -> Any:
        if self._certificate is None:
            return self.server
        return self._certificate.context.wrap_socket(self.server, server_side=True)

    def _answer(self, environ: Any, start_response: Any) -> Any:
        if self._certificate is not None:
            self._certificate.refresh()
        return self.handle(environ, start_response)


def serve_with(certificate: Certificate | None) -> None:
    """Have Ryu start this server instead of its own, which knows neither."""
    wsgi.WSGIServer = lambda application: Server(application, certificate)
