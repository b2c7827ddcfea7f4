"""Platforms: chassis under this controller, declared, adopted or turned away."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal, TypeAlias

from controller.auditing import FOUND
from controller.model.addresses import mac_from_int
from controller.model.fabric import AdminState
from controller.model.spec import PlatformSpec, TrunkSpec
from controller.model.topology import End
from controller.rules.reconciler import SwitchRules
from controller.views.reading import Reading
from controller.views.resource import Resource, Status, View
from controller.views.rules import RuleCounts, count_rules
from controller.views.usage import Use, is_empty, uses_of_platform

PortKind: TypeAlias = Literal["server", "uplink", "trunk", "learn", "unclassified", "closed"]
"""`unclassified`: nobody declared it, and discovery has not yet had its say."""


class PortView(View):
    """A port and what is behind it."""

    number: int
    name: str | None
    """None where its switch has not reported it."""
    mac: str | None
    up: bool
    kind: PortKind
    uplink: str | None
    """The uplink that it is."""
    servers: tuple[str, ...]
    link: str | None
    hears: str | None
    """The trunk whose probes come in here."""
    violations: int
    """Packets that the guard has dropped here."""
    storm_dropped: int
    """Packets that were not flooded because there were too many."""


class AuditView(View):
    """What came of comparing all that the switch holds with what it was given, every few seconds."""

    at: float
    """When it was done last, in seconds since 1970."""
    rules: int
    """How many rules the switch held then, those of others too."""
    found: dict[str, int]
    """Since the controller started: rules `missing`, `altered` and `foreign`; each `setting` that was changed back."""


class PlatformStatus(Status):
    """A platform as it is now."""

    state: Literal["connected", "absent", "refused", "inactive"]
    admin: AdminState
    """How it is to be used: `drain` and `down` are overrides, and hold for all its links."""
    empty: bool
    """Whether nothing needs it; false where nobody asked for it to be taken out of use."""
    in_use_by: tuple[Use, ...]
    """What still needs one that is drained or down."""
    dpid: int
    converged: bool
    """It is connected, has been read, and holds exactly what is wanted."""
    rules: RuleCounts
    audit: AuditView | None
    """None: not yet."""
    dropped: dict[str, int]
    """Packets that nobody wants, by cause."""
    ports: tuple[PortView, ...]


def platform_names(reading: Reading) -> Collection[str]:
    """All platforms, and switches that were turned away because nobody declared them."""
    return {*reading.fabric.platforms, *_strangers(reading)}


def view_platform(reading: Reading, name: str) -> Resource[PlatformSpec, PlatformStatus]:
    """One platform; `name` is one of `platform_names`."""
    platform = reading.fabric.platforms.get(name)
    dpid = platform.dpid if platform else _strangers(reading)[name]
    return Resource(
        name=name,
        origin=reading.origin(("platforms", name)),
        spec=_spec(reading, name, dpid),
        status=_status(reading, name, dpid),
    )


def inactive_platform(reading: Reading, name: str, spec: PlatformSpec, reasons: tuple[str, ...]) -> PlatformStatus:
    """The status of one that does not fit."""
    return PlatformStatus(
        state="inactive",
        alarms=reading.alarms_of(name),
        reasons=reasons,
        admin=reading.fabric.admin_of(("platforms", name)),
        empty=False,
        in_use_by=(),
        dpid=spec.dpid,
        converged=False,
        rules=RuleCounts(),
        audit=None,
        dropped={},
        ports=(),
    )


def _strangers(reading: Reading) -> dict[str, int]:
    refused = (a.subject for a in reading.control.alarms.standing() if a.kind == "unknown_switch")
    dpids = {subject: int(subject, 16) for subject in refused}
    return {name: dpid for name, dpid in dpids.items() if dpid not in reading.fabric.by_dpid}


def _spec(reading: Reading, name: str, dpid: int) -> PlatformSpec:
    declared = reading.document.platforms.get(name)
    if declared is not None:
        return declared
    found = sorted(end for end in reading.link_at if end[0] == name)
    trunks = {reading.fabric.port_name(end): TrunkSpec(port=end[1]) for end in found}
    return PlatformSpec.model_construct(dpid=dpid, trunks=trunks)


def _status(reading: Reading, name: str, dpid: int) -> PlatformStatus:
    switch = reading.control.reconciler.switches.get(name) or SwitchRules()
    connected = name in reading.control.connected
    admin = reading.fabric.admin_of(("platforms", name))
    uses = uses_of_platform(reading, name) if admin != "up" else ()
    differs = reading.fabric.changes or switch.pending or switch.in_flight or switch.refused
    return PlatformStatus(
        state="connected" if connected else _why_not(reading, name),
        alarms=reading.alarms_of(name),
        admin=admin,
        empty=admin != "up" and is_empty(uses),
        in_use_by=uses,
        dpid=dpid,
        converged=connected and switch.connected and not differs,
        rules=count_rules(switch),
        audit=_audit(reading, name),
        dropped=reading.control.activity.drops.get(name, {}),
        ports=tuple(_port(reading, (name, number)) for number in _port_numbers(reading, name)),
    )


def _audit(reading: Reading, name: str) -> AuditView | None:
    result = reading.control.auditing.results.get(name)
    if result is None or result.at is None:
        return None
    return AuditView(at=result.at, rules=result.rules, found={what: result.found[what] for what in FOUND})


def _why_not(reading: Reading, name: str) -> Literal["absent", "refused"]:
    turned_away = any(alarm.kind in ("unknown_switch", "duplicate_dpid") for alarm in reading.alarms_of(name))
    return "refused" if turned_away else "absent"


def _port_numbers(reading: Reading, name: str) -> list[int]:
    trunks = reading.document.platforms[name].trunks if name in reading.document.platforms else {}
    declared = {trunk.port for trunk in trunks.values()}
    return sorted({*reading.ports.get(name, ()), *declared, *reading.fabric.declared.host_ports(name)})


def _port(reading: Reading, end: End) -> PortView:
    port = reading.fabric.wiring.ports.get(end)
    sender = reading.fabric.wiring.heard.get(end)
    return PortView(
        number=end[1],
        name=port.name if port else None,
        mac=mac_from_int(port.mac) if port else None,
        up=port is not None and port.up,
        kind=_kind(reading, end),
        uplink=reading.fabric.declared.uplink_at(end),
        servers=reading.servers_at.get(end, ()),
        link=reading.link_at.get(end),
        hears=reading.end_name(sender) if sender else None,
        violations=reading.control.activity.violations.get(end, 0),
        storm_dropped=reading.control.activity.storms.get(end, 0),
    )


def _kind(reading: Reading, end: End) -> PortKind:
    if reading.fabric.declared.uplink_at(end) is not None:
        return "uplink"
    if reading.fabric.declared.is_server_port(end):
        return "server"
    if end in reading.trunks or end in reading.link_at:
        return "trunk"
    if end[0] not in reading.fabric.platforms or reading.fabric.declared.undeclared(end[0]).mode == "closed":
        return "closed"
    return "learn" if end in reading.fabric.wiring.silent else "unclassified"
