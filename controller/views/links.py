"""Links: declared or found, with what passes when each one fails."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal, TypeAlias

from controller.model.fabric import AdminState
from controller.model.links import link_state
from controller.model.spec import LinkSpec
from controller.model.topology import End, Link
from controller.views.bypasses import BypassView, view_bypass
from controller.views.reading import Reading
from controller.views.resource import Resource, Status, View
from controller.views.usage import Use, is_empty, uses_of_link

BfdState: TypeAlias = Literal["up", "down", "starting", "off"]


class LinkEnd(View):
    """One end of a link, and the direction that leaves by it."""

    platform: str
    trunk: str
    """Its name in the document, or its port's name."""
    port: int
    port_name: str
    up: bool
    bfd: BfdState
    """What BFD says: `down`: it does not hear the other end, as if there were no carrier; `starting`: it has yet to
    hear it; `off`: it does not watch here."""
    hears: str | None
    """The trunk whose probes come in here; None: none."""
    equal_cost: tuple[str, ...]
    """The links that share, by hash, what this end's platform sends to the other's."""
    reserved_bps: int
    """What is granted in the direction that leaves by this end, and what may be diverted onto it; layer-2 bit/s."""
    left_bps: int | None
    """What can still be reserved in that direction; null: the link has no rate, and can hold no reservation."""
    bypass: BypassView | None
    """The way round, used by the switch itself the moment the link fails; None: none is possible."""


class LinkStatus(Status):
    """A link as it is now."""

    state: Literal["up", "down", "half", "miswired", "drained", "inactive"]
    """`drained`: an override of it or of a platform of it takes it out of use."""
    admin: AdminState
    """How it is to be used, by its own override and those of its platforms: the strictest."""
    empty: bool
    """Whether nothing goes over it; false where nobody asked for it to be taken out of use."""
    in_use_by: tuple[Use, ...]
    """What still goes over one that is drained or down."""
    rate_bps: int | None
    """Capacity each way, the lower of its ends'; None: not declared."""
    protected: bool
    """False: no way round it is possible."""
    waits: bool
    """It had failed and works again: traffic is led over it when it has gone on working for the fabric's `hold`."""
    ends: tuple[LinkEnd, ...]
    """Both; none of one that is inactive."""


def link_names(reading: Reading) -> Collection[str]:
    """Declared links and those found between ports that nobody declared."""
    return reading.links.keys()


def view_link(reading: Reading, name: str) -> Resource[LinkSpec, LinkStatus]:
    """One link; `name` is one of `link_names`."""
    link = reading.links[name]
    return Resource(
        name=name,
        origin=reading.origin(("links", name)),
        spec=reading.document.links.get(name) or _seen(reading, link),
        status=_status(reading, link),
    )


def inactive_link(reading: Reading, name: str, spec: LinkSpec, reasons: tuple[str, ...]) -> LinkStatus:
    """The status of one that does not fit."""
    return LinkStatus(
        state="inactive",
        alarms=reading.alarms_of(name),
        reasons=reasons,
        admin=reading.fabric.admin_of(("links", name)),
        empty=False,
        in_use_by=(),
        rate_bps=spec.rate,
        protected=False,
        waits=False,
        ends=(),
    )


def _status(reading: Reading, link: Link) -> LinkStatus:
    admin = reading.routing.admin(link)
    uses = uses_of_link(reading, link) if admin != "up" else ()
    return LinkStatus(
        state="drained" if admin != "up" else link_state(reading.fabric.wiring, link).value,
        alarms=reading.alarms_of(link.name),
        admin=admin,
        empty=admin != "up" and is_empty(uses),
        in_use_by=uses,
        rate_bps=reading.fabric.declared.link_rate(link),
        protected=reading.routing.way_round(link.name, link.ends[0][0]) is not None,
        waits=link.name in reading.routing.waiting,
        ends=tuple(_end(reading, link, end) for end in link.ends),
    )


def _seen(reading: Reading, link: Link) -> LinkSpec:
    first, second = sorted(map(reading.end_name, link.ends))
    return LinkSpec.model_construct(ends=(first, second), rate=link.rate, cost=link.cost)


def _end(reading: Reading, link: Link, end: End) -> LinkEnd:
    sender = reading.fabric.wiring.heard.get(end)
    return LinkEnd(
        platform=end[0],
        trunk=reading.end_name(end).partition(".")[2],
        port=end[1],
        port_name=reading.fabric.port_name(end),
        up=reading.fabric.wiring.is_up(end),
        bfd=_bfd(reading, link, end),
        hears=reading.end_name(sender) if sender else None,
        equal_cost=_equal_cost(reading, link, end[0]),
        reserved_bps=reading.reserved_bps(link.name, end[0]),
        left_bps=reading.left_bps(link.name, end[0]),
        bypass=view_bypass(reading, link.name, end[0]),
    )


def _bfd(reading: Reading, link: Link, end: End) -> BfdState:
    """Where it is not yet known whether BFD can be set, it is starting."""
    wiring = reading.fabric.wiring
    if end in wiring.watched:
        return "up" if wiring.works(end) else "down"
    wanted = reading.routing.takes_labels(link.name) and reading.control.liveness.interval_ms(end) != 0
    return "starting" if wanted else "off"


def _equal_cost(reading: Reading, link: Link, near: str) -> tuple[str, ...]:
    if link.name not in reading.routing.live:
        return ()
    far, _ = link.other(near)
    hops = reading.routing.next_hops(near, far)
    return tuple(sorted(reading.link_at[hop] for hop in hops if hop in reading.link_at))
