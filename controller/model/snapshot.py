"""What of the fabric outlives the controller, as rows of JSON values: allotted, heard, accepted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from controller.model.desired import SECTIONS, SETTINGS, Desired, Key
from controller.model.document import dump_document, parse_document
from controller.model.fabric import Fabric
from controller.model.grants import Grant
from controller.model.identity import Server
from controller.model.ledger import Ledger
from controller.model.spec import Document, Settings, Spec
from controller.model.topology import End, Platform, Port

Rows: TypeAlias = dict[tuple[str, str], Any]


def snapshot(fabric: Fabric) -> Rows:
    """Everything to keep, by kind and name."""
    rows: Rows = {("fabric", "revision"): fabric.revision}
    rows |= {("number", f"{pool}/{name}"): number for pool, name, number in fabric.ledger.held()}
    rows |= {("heard", _end_text(at)): _end_text(sender) for at, sender in fabric.wiring.heard.items()}
    rows |= {("wired", _end_text(end)): _end_text(other) for end, other in fabric.wiring.wired.items()}
    rows |= {("port", _end_text(end)): [p.name, p.mac, p.up, p.live] for end, p in fabric.wiring.ports.items()}
    rows |= {("watched", _end_text(end)): True for end in fabric.wiring.watched}
    rows |= {("failed", name): True for name in fabric.failed}
    rows |= {("grant", name): [grant.rate_bps, list(grant.links)] for name, grant in fabric.grants.items()}
    rows |= {("promised", name): True for name in fabric.promised}
    rows |= {("lease", name): until for name, until in fabric.leases.items()}
    rows |= {("silent", _end_text(end)): True for end in fabric.wiring.silent}
    rows |= {("server", name): _server_row(server) for name, server in fabric.determined.items()}
    rows |= {("tree", name): [number, sorted(links)] for name, (number, links) in fabric.trees.items()}
    rows |= {made_row(key): spec_row(spec) for key, spec in fabric.desired.made.items()}
    rows |= {admin_row(key): state for key, state in fabric.admin.items()}
    rows |= {("adopted", p.name): p.dpid for p in fabric.platforms.values() if not p.declared}
    return rows


def restore(rows: Mapping[tuple[str, str], Any]) -> Fabric:
    """A fabric as it was last kept, without the document's file."""
    fabric = Fabric(Ledger(_numbers(rows)))
    for (kind, name), value in rows.items():
        take = _TAKERS.get(kind)
        if take:
            take(fabric, name, value)
    made = {_split(name): spec_of(_split(name), value) for (kind, name), value in rows.items() if kind == "made"}
    fabric.set_desired(Desired(None, made))
    return fabric


def _take_port(fabric: Fabric, name: str, value: Any) -> None:
    end = _end(name)
    fabric.wiring.ports[end] = Port(end[1], *value)


def _take_adopted(fabric: Fabric, name: str, dpid: int) -> None:
    fabric.platforms[name] = Platform(name, dpid, declared=False)
    fabric.by_dpid[dpid] = name


def _take_revision(fabric: Fabric, _: str, revision: int) -> None:
    fabric.revision = revision


_TAKERS: Final[Mapping[str, Callable[[Fabric, str, Any], None]]] = {
    "fabric": _take_revision,
    "heard": lambda fabric, name, value: fabric.wiring.set_heard(_end(name), _end(value)),
    "wired": lambda fabric, name, value: fabric.wiring.wired.update({_end(name): _end(value)}),
    "port": _take_port,
    "failed": lambda fabric, name, _: fabric.failed.add(name),
    "watched": lambda fabric, name, _: fabric.wiring.watched.add(_end(name)),
    "grant": lambda fabric, name, row: fabric.grants.update({name: Grant(row[0], tuple(row[1]))}),
    "promised": lambda fabric, name, _: fabric.promised.add(name),
    "lease": lambda fabric, name, until: fabric.leases.update({name: until}),
    "silent": lambda fabric, name, _: fabric.wiring.silent.add(_end(name)),
    "server": lambda fabric, name, row: fabric.determined.update({name: _server(name, row)}),
    "tree": lambda fabric, name, row: fabric.trees.update({name: (row[0], frozenset(row[1]))}),
    "adopted": _take_adopted,
    "admin": lambda fabric, name, state: fabric.admin.update({_split(name): state}),
}


def made_row(key: Key) -> tuple[str, str]:
    """The row of a spec that the API made."""
    return ("made", "/".join(key))


def admin_row(key: Key) -> tuple[str, str]:
    """The row of an override."""
    return ("admin", "/".join(key))


def spec_row(spec: Spec) -> Any:
    """A spec as it is kept."""
    return spec.model_dump(mode="json", by_alias=True, exclude_defaults=True)


def spec_of(key: Key, row: Any) -> Spec:
    """A spec as it was kept."""
    return (Settings if key == SETTINGS else SECTIONS[key[0]]).model_validate(row)


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
