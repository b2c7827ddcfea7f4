"""A document as plain values, nested as people write it: what JSON and YAML can hold, rates in whole bit/s."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, Final

from controller.model.protocols import format_protocol
from controller.model.spec import (
    Classifier,
    Document,
    LinkSpec,
    PlatformSpec,
    ReservationSpec,
    SegmentSpec,
    ServerSpec,
    Settings,
    Spec,
    Undeclared,
    UplinkSpec,
)

_SILENT: Final = Settings().model_dump()
_WHERE_NOT_SILENT: Final = ("bfd", "hold", "best_effort", "preempt")


def document_tree(document: Document) -> dict[str, Any]:
    """The whole document; what nobody asked for is left out, so that reading it again gives the same document."""
    servers: defaultdict[str, dict[str, Any]] = defaultdict(dict)
    uplinks: defaultdict[str, dict[str, Any]] = defaultdict(dict)
    for name, server in document.servers.items():
        servers[server.platform][name] = _server(server)
    for name, uplink in document.uplinks.items():
        uplinks[uplink.platform][name] = _uplink(uplink)
    platforms = document.platforms.items()
    tree: dict[str, Any] = {
        "fabric": document.fabric,
        "undeclared": _undeclared(document.undeclared),
        "storm": document.storm,
        **{name: value for name in _WHERE_NOT_SILENT if (value := getattr(document, name)) != _SILENT[name]},
        "segments": {name: _segment(spec) for name, spec in document.segments.items()},
        "platforms": {name: _platform(spec, servers[name], uplinks[name]) for name, spec in platforms},
        "links": [_link(spec) for spec in document.links.values()],
        "reservations": {name: _reservation(spec) for name, spec in document.reservations.items()},
    }
    return {key: value for key, value in tree.items() if value not in ({}, [])}


def _undeclared(spec: Undeclared) -> str | dict[str, Any]:
    return "closed" if spec.mode == "closed" else _asked(spec, {"mode": spec.mode, "segment": spec.segment})


def _segment(spec: SegmentSpec) -> dict[str, Any]:
    return _asked(spec, {"subnet": _one_or_list(spec.subnet), "gateway": _one_or_list(spec.gateway)})


def _platform(spec: PlatformSpec, servers: dict[str, Any], uplinks: dict[str, Any]) -> dict[str, Any]:
    trunks = {label: _asked(trunk) for label, trunk in spec.trunks.items()}
    undeclared = _undeclared(spec.undeclared) if spec.undeclared else None
    return _asked(spec, {"undeclared": undeclared, "servers": servers, "uplinks": uplinks, "trunks": trunks})


def _server(spec: ServerSpec) -> dict[str, Any]:
    return _asked(spec, {"platform": None, "ip": _one_or_list(spec.ip)})


def _uplink(spec: UplinkSpec) -> dict[str, Any]:
    return _asked(spec, {"platform": None})


def _reservation(spec: ReservationSpec) -> dict[str, Any]:
    return _asked(spec, {"match": _classifier(spec.match) if spec.match else None})


def _classifier(spec: Classifier) -> dict[str, Any]:
    protocol = None if spec.ip_proto is None else format_protocol(spec.ip_proto)
    return _asked(spec, {"ip_proto": protocol})


def _link(spec: LinkSpec) -> list[str] | dict[str, Any]:
    values = _asked(spec, {"ends": list(spec.ends), "risks": _one_or_list(spec.risks)})
    return list(spec.ends) if len(values) == 1 else values


def _one_or_list(values: tuple[object, ...]) -> str | list[str]:
    return str(values[0]) if len(values) == 1 else [str(value) for value in values]


def _asked(spec: Spec, changed: dict[str, Any] | None = None) -> dict[str, Any]:
    """The fields that differ from their defaults, some in another form; then what is no field."""
    changed = changed or {}
    own = {
        field.alias or name: changed.get(name, getattr(spec, name))
        for name, field in type(spec).model_fields.items()
        if getattr(spec, name) != field.default
    }
    return {name: value for name, value in {**own, **changed}.items() if value not in (None, [], {})}
