"""What of the fabric outlives the controller, as rows of JSON values: allotted, heard, accepted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from controller.model.document import dump_document, parse_document
from controller.model.fabric import Fabric
from controller.model.identity import Server
from controller.model.ledger import Ledger
from controller.model.spec import Document
from controller.model.topology import End, Platform, Port

Rows: TypeAlias = dict[tuple[str, str], Any]


def snapshot(fabric: Fabric) -> Rows:
    """Everything to keep, by kind and name."""
    rows: Rows = {("fabric", "revision"): fabric.revision}
    rows |= {("number", f"{pool}/{name}"): number for pool, name, number in fabric.ledger.held()}
    rows |= {("heard", _end_text(at)): _end_text(sender) for at, sender in fabric.wiring.heard.items()}
    rows |= {("wired", _end_text(end)): _end_text(other) for end, other in fabric.wiring.wired.items()}
    rows |= {("port", _end_text(end)): [p.name, p.mac, p.up] for end, p in fabric.wiring.ports.items()}
    rows |= {("silent", _end_text(end)): True for end in fabric.wiring.silent}
    rows |= {("server", name): _server_row(server) for name, server in fabric.determined.items()}
    rows |= {("tree", name): [number, sorted(links)] for name, (number, links) in fabric.trees.items()}
    rows |= {("adopted", p.name): p.dpid for p in fabric.platforms.values() if not p.declared}
    return rows


def restore(rows: Mapping[tuple[str, str], Any]) -> Fabric:
    """A fabric as it was last kept, without what is wanted of it."""
    fabric = Fabric(Ledger(_numbers(rows)))
    for (kind, name), value in rows.items():
        if kind == "heard":
            fabric.wiring.heard[_end(name)] = _end(value)
        elif kind == "wired":
            fabric.wiring.wired[_end(name)] = _end(value)
        elif kind == "port":
            end = _end(name)
            fabric.wiring.ports[end] = Port(end[1], *value)
        elif kind == "silent":
            fabric.wiring.silent.add(_end(name))
        elif kind == "server":
            fabric.determined[name] = _server(name, value)
        elif kind == "tree":
            fabric.trees[name] = (value[0], frozenset(value[1]))
        elif kind == "adopted":
            fabric.platforms[name] = Platform(name, value, declared=False)
            fabric.by_dpid[value] = name
        elif (kind, name) == ("fabric", "revision"):
            fabric.revision = value
    fabric.resolve_servers()
    return fabric


def document_text(document: Document) -> str:
    """A document as it is kept."""
    return dump_document(document)


def kept_document(text: str) -> Document:
    """A document as it was kept."""
    return parse_document(text, "the last accepted document")


def _numbers(rows: Mapping[tuple[str, str], Any]) -> list[tuple[str, str, int]]:
    return [(*_split(name), number) for (kind, name), number in rows.items() if kind == "number"]


def _split(name: str) -> tuple[str, str]:
    pool, _, rest = name.partition("/")
    return pool, rest


def _end_text(end: End) -> str:
    return f"{end[0]}:{end[1]}"


def _end(text: str) -> End:
    platform, _, port = text.rpartition(":")
    return (platform, int(port))


def _server_row(server: Server) -> dict[str, Any]:
    return {
        "platform": server.platform,
        "port": server.port,
        "segment": server.segment,
        "mac": server.mac,
        "addresses": [[str(address), version] for address, version in server.addresses],
        "vlan": server.vlan,
        "declared": server.declared,
    }


def _server(name: str, row: dict[str, Any]) -> Server:
    addresses = tuple((int(address), int(version)) for address, version in row["addresses"])
    return Server(name, **{**row, "addresses": addresses})
