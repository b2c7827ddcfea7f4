"""Who asks: a token in ``Authorization: Bearer`` (RFC 6750), or, where none is needed, an address."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from eventlet import semaphore, tpool
from webob import Request

from apps.rest.guard.pacing import Pace, neighbourhood
from apps.rest.guard.token_file import TokenFile
from apps.rest.problems import Reason, Refused
from apps.rest.routes import Scope
from apps.rest.tokens import Token

WRONG_COSTS: Final = 50
"""A wrong token counts as so many requests of its address: it costs a hash."""
_CHALLENGE: Final = 'Bearer realm="backplane"'
_LONGEST: Final = 256


@dataclass(frozen=True, slots=True)
class Client:
    """Who asks; without a token, an address is the name."""

    name: str
    address: str
    scope: Scope


class Access:
    """Tells clients by their tokens; each is hashed once, aside from the event loop, and then remembered."""

    def __init__(self, file: TokenFile | None, pace: Pace) -> None:
        self.file, self._pace = file, pace
        self._known: dict[bytes, Token] = {}
        self._one_at_a_time = semaphore.Semaphore()

    def identify(self, request: Request) -> Client:
        """Who asks; without a token and where one is needed, somebody who may see what is open to all."""
        address = request.environ.get("REMOTE_ADDR") or "unknown"
        if self.file is None:
            return Client(address, address, "write")
        if self.file.refresh():
            self._known.clear()
        given = request.headers.get("Authorization")
        if given is None:
            return Client(address, address, "open")
        token = self._find(_bearer(given), neighbourhood(address))
        return Client(token.name, address, token.scope)

    def _find(self, given: str, place: str) -> Token:
        key = hashlib.sha256(given.encode("utf-8", "surrogateescape")).digest()
        if key not in self._known:
            self._known[key] = self._verified(given, place)
        return self._known[key]

    def _verified(self, given: str, place: str) -> Token:
        """One at a time, so that guesses leave threads for others."""
        with self._one_at_a_time:
            require_pace(self._pace, place)
            assert self.file is not None
            name, _, secret = given.partition(".")
            token = self.file.tokens.get(name)
            if token is None or not tpool.execute(token.fits, secret):
                self._pace.charge(place, WRONG_COSTS)
                raise unauthenticated("the token is not one that is known here")
            return token


def require_scope(client: Client, needed: Scope) -> None:
    """Refuse what a client may not do."""
    if needed == "open" or client.scope == "write" or client.scope == needed:
        return
    if client.scope == "open":
        raise unauthenticated("a token is needed: expected Authorization: Bearer TOKEN")
    header = {"WWW-Authenticate": f'{_CHALLENGE}, error="insufficient_scope", scope="{needed}"'}
    detail = f"the token of {client.name} may only read: expected one that may change things"
    raise Refused(Reason.OUT_OF_SCOPE, detail, header)


def require_pace(pace: Pace, who: str) -> None:
    """Count a request of a client, and refuse one that comes too fast."""
    wait_s = pace.take(who)
    if wait_s:
        detail = f"more than {pace.rate_per_s:g} requests a second: expected a pause of {wait_s:.1f} s"
        raise Refused(Reason.TOO_FAST, detail, {"Retry-After": str(max(1, round(wait_s + 0.5)))})


def unauthenticated(detail: str) -> Refused:
    """Refuse somebody who is not known."""
    return Refused(Reason.UNAUTHENTICATED, detail, {"WWW-Authenticate": _CHALLENGE})


def _bearer(given: str) -> str:
    scheme, _, token = given.strip().partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token or len(token) > _LONGEST:
        raise unauthenticated("Authorization cannot be read: expected Bearer TOKEN")
    return token
