"""Documents with one thing changed: what a person would edit in the file."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address
from itertools import count
from typing import Any

from controller.model.spec import Document, LinkSpec, SegmentSpec, ServerSpec, TrunkSpec, link_name

_FIRST_PORT = 40
"""Ports for what is added begin here, where they are free."""


def free_port(document: Document, platform: str) -> int:
    """A port number that a platform uses for nothing."""
    hosts = (*document.servers.values(), *document.uplinks.values())
    used = {host.port for host in hosts if host.platform == platform}
    used |= {trunk.port for trunk in document.platforms[platform].trunks.values()}
    return next(port for port in count(_FIRST_PORT) if port not in used)


def with_trunk(document: Document, platform: str, name: str) -> Document:
    """One more trunk on a platform."""
    spec = document.platforms[platform]
    trunks = {**spec.trunks, name: TrunkSpec(port=free_port(document, platform))}
    changed = spec.model_copy(update={"trunks": trunks})
    return _with(document, "platforms", platform, changed)


def with_link(document: Document, one: str, other: str) -> Document:
    """One more link between two trunks (``chassis1.east``)."""
    first, second = sorted((one, other))
    return _with(document, "links", link_name(one, other), LinkSpec(ends=(first, second)))


def without_link(document: Document, name: str) -> Document:
    """Without a link; its trunks stay."""
    links = {key: link for key, link in document.links.items() if key != name}
    return document.model_copy(update={"links": links})


def with_server(document: Document, name: str, **changed: Any) -> Document:
    """A server with other values."""
    return _with(document, "servers", name, document.servers[name].model_copy(update=changed))


def with_cost(document: Document, name: str, cost: int) -> Document:
    """A link with another cost."""
    return _with(document, "links", name, document.links[name].model_copy(update={"cost": cost}))


def with_new_server(document: Document, name: str, like: str) -> Document:
    """One more server, on the platform and in the segment of another, with an address of its own."""
    model = document.servers[like]
    used = {address for server in document.servers.values() for address in server.ip}
    free = (model.ip[0] + number for number in count(1))
    address = next(candidate for candidate in free if candidate not in used)
    spec = ServerSpec(
        platform=model.platform,
        port=free_port(document, model.platform),
        segment=model.segment,
        ip=(ip_address(int(address)),),
    )
    return _with(document, "servers", name, spec)


def without_server(document: Document, name: str) -> Document:
    """Without a server."""
    return document.model_copy(update={"servers": {key: s for key, s in document.servers.items() if key != name}})


def with_segment(document: Document, name: str, platforms: Iterable[str]) -> Document:
    """One more segment, with a server on each of some platforms."""
    document = _with(document, "segments", name, SegmentSpec())
    for platform in platforms:
        spec = ServerSpec(platform=platform, port=free_port(document, platform), segment=name)
        document = _with(document, "servers", f"{name}-{platform}", spec)
    return document


def without_segment(document: Document, name: str) -> Document:
    """Without a segment and the servers in it."""
    segments = {key: segment for key, segment in document.segments.items() if key != name}
    servers = {key: server for key, server in document.servers.items() if server.segment != name}
    return document.model_copy(update={"segments": segments, "servers": servers})


def _with(document: Document, kind: str, name: str, spec: Any) -> Document:
    return document.model_copy(update={kind: {**getattr(document, kind), name: spec}})
