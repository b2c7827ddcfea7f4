"""If-Match and If-None-Match (RFC 9110, 13.1): a change is made only of what the client has seen.

A resource's ETag has two halves, ``spec-whole``: the first is of what is asked for, the second of everything that GET
shows, counters and all. If-Match compares the first alone, or it would fail for each packet counted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

from webob import Request
from webob.etag import AnyETag

from apps.rest.media import to_json
from apps.rest.problems import Reason, Refused
from controller.views.kinds import Kind
from controller.views.reading import Reading


def tag_of(value: Any) -> str:
    """The tag of what is asked for."""
    return hashlib.blake2b(to_json(value), digest_size=8).hexdigest()


def resource_tag(reading: Reading, kind: Kind, name: str) -> str | None:
    """The tag of what is asked for of a resource: its spec, whose it is, and how it is to be used; None: none is."""
    if name not in kind.names(reading):
        return None
    resource = kind.view(reading, name)
    return tag_of([resource.origin, resource.spec, reading.fabric.admin_of((kind.plural, name))])


def check_preconditions(request: Request, tag: str | None) -> None:
    """Raise `Refused` unless the change is wanted; `tag` is that of what there is now, None where nothing is."""
    expected = request.headers.get("If-Match")
    if expected is not None and not (expected.strip() and _fits(request.if_match, tag)):
        raise Refused(Reason.NOT_AS_EXPECTED, _not_as_seen(tag))
    if "If-None-Match" in request.headers and _fits(request.if_none_match, tag):
        raise Refused(Reason.NOT_AS_EXPECTED, "If-None-Match: it is there already")


def _fits(given: Any, tag: str | None) -> bool:
    return tag is not None and (given is AnyETag or tag in _first_halves(getattr(given, "etags", ())))


def _first_halves(tags: Iterable[str]) -> set[str]:
    return {given.partition("-")[0] for given in tags}


def _not_as_seen(tag: str | None) -> str:
    if tag is None:
        return "If-Match: it is not there (any more)"
    return "If-Match: what is asked for has changed since: GET it again, and decide anew"
