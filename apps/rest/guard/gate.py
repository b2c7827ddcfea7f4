"""What every request passes before its route sees it, and what is written down of it after."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import eventlet
from webob import Request, Response

from apps.rest.guard.access import Access, Client, require_pace, require_scope
from apps.rest.guard.audit import Audit
from apps.rest.guard.origin import SAFE, check_host, check_origin
from apps.rest.guard.pacing import Pace, neighbourhood
from apps.rest.http import MAX_BODY_BYTES, Router
from apps.rest.problems import Reason, Refused, problem_response
from apps.rest.routes import Scope, steps_of

BODY_WITHIN_S: Final = 30.0
"""How long a client may take to send its body, seconds."""


class Gate:
    """Lets in who may, as fast as they may; answers the others itself."""

    def __init__(self, router: Router, access: Access, pace: Pace, audit: Audit) -> None:
        self._router, self._access, self._pace, self._audit = router, access, pace, audit

    def __call__(self, request: Request) -> Response:
        """The answer; it never raises."""
        before, scope = self._audit.revision(), self._scope_of(request)
        client, answer = self._admit(request, scope)
        response = answer(request)
        if scope == "write" and response.status_code != Reason.TOO_FAST.status:
            self._audit.tell(client, request, response, before)
        return response

    def _admit(self, request: Request, scope: Scope) -> tuple[Client, Callable[[Request], Response]]:
        address = request.environ.get("REMOTE_ADDR") or "unknown"
        client = Client(address, address, "open")
        try:
            if self._access.file is None:
                check_host(request)
            check_origin(request)
            client = self._access.identify(request)
            require_pace(self._pace, client.name if client.name != client.address else neighbourhood(address))
            require_scope(client, scope)
            _receive(request)
        except Refused as refused:
            refusal = refused
            return client, lambda _: problem_response(refusal)
        return client, self._router

    def _scope_of(self, request: Request) -> Scope:
        """What the route asks for; of a path or method that is none, what one needs to be told so."""
        asked = "GET" if request.method == "HEAD" else request.method
        try:
            steps = steps_of(request.path_info)
        except UnicodeDecodeError:
            return "read"
        routes = (route for route in self._router.routes if route.method == asked)
        found = (route.scope for route in routes if route.match(steps) is not None)
        return next(found, "read" if asked in SAFE else "write")


def _receive(request: Request) -> None:
    """Have the whole body, if it is one that will be read: a client must not hold a request open for ever."""
    length = request.headers.get("Content-Length") or "0"
    if not length.isascii() or not length.isdecimal() or not 0 < int(length) <= MAX_BODY_BYTES:
        return
    try:
        with eventlet.Timeout(BODY_WITHIN_S, TimeoutError()):
            request.request_body_tempfile_limit = MAX_BODY_BYTES + 1  # in memory, not on a disk
            request.make_body_seekable()
    except TimeoutError:
        detail = f"the body did not come within {BODY_WITHIN_S:g} s"
        raise Refused(Reason.TOO_SLOW, detail) from None
    except OSError as error:
        raise Refused(Reason.NOT_READABLE, f"the body cannot be read: {error}") from error
