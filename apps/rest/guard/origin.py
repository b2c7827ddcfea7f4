"""Requests that a browser makes for another web page are refused: its user did not ask for them."""

from __future__ import annotations

import ipaddress
from typing import Final
from urllib.parse import urlsplit

from webob import Request

from apps.rest.problems import Reason, Refused
from controller.model.wording import quoted

SAFE: Final = ("GET", "HEAD", "OPTIONS")
_OWN: Final = ("same-origin", "none")
"""Sec-Fetch-Site of our own page, and of what the user typed (W3C Fetch Metadata)."""


def check_origin(request: Request) -> None:
    """Refuse a change that a page of another origin asks for (RFC 6454); programs that are no browsers say nothing."""
    if request.method in SAFE:
        return
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site is not None and site.lower() not in _OWN:
        raise _refused(f"a page of another origin (Sec-Fetch-Site: {quoted(site)})")
    if origin is not None and urlsplit_host(origin) != request.headers.get("Host", "").lower():
        raise _refused(f"a page of {quoted(origin)}")


def _refused(who: str) -> Refused:
    return Refused(Reason.OTHER_ORIGIN, f"{who} asks for a change: expected our own page, or no browser")


def check_host(request: Request) -> None:
    """Refuse names that are not this machine's own, where nobody has to show a token.

    A page can have its own name lead to 127.0.0.1 (DNS rebinding): then all is of one origin, and only Host tells.
    """
    host = request.headers.get("Host", "")
    if not is_loopback(_name_of(host)):
        raise Refused(
            Reason.OTHER_ORIGIN,
            f"Host is {quoted(host)}: without tokens, expected localhost or an address of the loopback",
        )


def is_loopback(host: str) -> bool:
    """Whether only this machine can come here."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def urlsplit_host(origin: str) -> str:
    """The host and port of an origin; empty where it has none (``null``)."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


def _name_of(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""
