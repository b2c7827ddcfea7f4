"""Asking the controller over its REST API, and waiting until it is content."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, Request, build_opener

_POLL_S = 0.05
_ANSWER_S = 5.0
_OPEN = build_opener(ProxyHandler({}))  # the loopback is never behind a proxy


class ApiError(Exception):
    """The API did not answer, or refused; the text gives its words."""


class FabricApi:
    """A controller's API: `base` is ``http://127.0.0.1:8080``."""

    def __init__(self, base: str) -> None:
        self.base = base.rstrip("/")

    def get(self, path: str) -> Any:
        """The JSON at a path under `/api/v1` (or at the root: `/healthz`); raises `ApiError`."""
        return self._ask(Request(self._url(path)))

    def post(self, path: str, body: Any = None) -> Any:
        """POST JSON and return the JSON that is answered; raises `ApiError`."""
        data = json.dumps(body).encode() if body is not None else b""
        return self._ask(Request(self._url(path), data, {"Content-Type": "application/json"}, method="POST"))

    def put(self, path: str, body: Any) -> Any:
        """PUT JSON and return the JSON that is answered; raises `ApiError`."""
        headers = {"Content-Type": "application/json"}
        return self._ask(Request(self._url(path), json.dumps(body).encode(), headers, method="PUT"))

    def delete(self, path: str) -> Any:
        """DELETE, and return the JSON that is answered; raises `ApiError`."""
        return self._ask(Request(self._url(path), method="DELETE"))

    def _url(self, path: str) -> str:
        rooted = path.startswith(("/api/", "/healthz", "/readyz", "/metrics", "/openapi"))
        return self.base + (path if rooted else f"/api/v1/{path.lstrip('/')}")

    def _ask(self, request: Request) -> Any:
        try:
            with _OPEN.open(request, timeout=_ANSWER_S) as answer:
                text = answer.read()
        except HTTPError as problem:
            raise ApiError(f"{request.full_url}: {problem.code} {problem.read().decode(errors='replace')}") from None
        except (URLError, OSError) as problem:
            raise ApiError(f"{request.full_url}: {getattr(problem, 'reason', problem)}") from None
        try:
            return json.loads(text) if text else None
        except ValueError:
            return text.decode(errors="replace")


class NotReady(Exception):
    """The fabric is not as wanted in time; the text says what is missing."""


def wait_converged(
    api: FabricApi, timeout_s: float, alive: Callable[[], bool] = lambda: True, beyond: int = -1
) -> dict[str, Any]:
    """Wait until no platform is absent and the fabric is converged, at a revision `beyond` the one given.

    Returns what `/fabric` answers; raises `NotReady`.
    """
    deadline, state = time.monotonic() + timeout_s, "the controller's API has not answered"
    while time.monotonic() < deadline:
        if not alive():
            raise NotReady("the controller has ended")
        try:
            fabric = api.get("/fabric")
        except ApiError as problem:
            state = str(problem)
        else:
            status = fabric["status"]
            if status["converged"] and not status["absent"] and status["revision"] > beyond:
                return dict(fabric)
            state = describe(status)
        time.sleep(_POLL_S)
    raise NotReady(f"the fabric is not ready after {timeout_s:g} s: {state}")


def wait_watched(api: FabricApi, timeout_s: float) -> None:
    """Wait until BFD has heard the other end of every trunk that it watches, or the time is over.

    Until then switches go round those links, as if they had failed.
    """
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        ends = [end for link in api.get("/links")["items"] for end in link["status"]["ends"]]
        if all(end["bfd"] != "starting" for end in ends):
            return
        time.sleep(_POLL_S)


def describe(status: dict[str, Any]) -> str:
    """A fabric's status in a sentence: what is absent, what alarms stand."""
    parts = [f"revision {status.get('revision')}", "converged" if status.get("converged") else "not converged"]
    parts += [f"absent: {', '.join(status['absent'])}"] if status.get("absent") else []
    parts += [f"alarm: {_alarm(alarm)}" for alarm in status.get("alarms", ())]
    return "; ".join(parts)


def _alarm(alarm: Any) -> str:
    return str(alarm.get("message", alarm)) if isinstance(alarm, dict) else str(alarm)
