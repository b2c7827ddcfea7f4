"""The fabric as a whole: how much there is, and whether all is as it should be."""

from __future__ import annotations

from controller.model.alarms import Alarm
from controller.model.declared import Preemption
from controller.model.desired import SETTINGS, Origin
from controller.model.spec import Document, SegmentSpec, Undeclared
from controller.views.reading import Reading
from controller.views.resource import View
from controller.views.rules import RuleCounts, add_rules, count_rules


class Counts(View):
    """How many of each kind there are, learned ones included."""

    platforms: int
    servers: int
    segments: int
    links: int
    uplinks: int
    reservations: int


class FabricSpec(View):
    """What the document says of the fabric as a whole."""

    undeclared: Undeclared
    storm: int
    """Broadcast, multicast and unknown unicast that one port may send, packets/s."""
    bfd: int
    """How often the ends of a link tell each other that they live, ms; 0: BFD is off."""
    hold: int
    """How long a link that had failed must work again before traffic is led over it, s."""
    best_effort: int
    """The share of every link's rate that no reservation gets, percent."""
    preempt: Preemption
    """What a reservation may do to one of a lower priority: nothing, push it down to its floor, also push it out."""


class FabricStatus(View):
    """The fabric as it is now."""

    revision: int
    converged: bool
    """Every connected switch has confirmed what is wanted: nothing missing, excess or refused."""
    absent: tuple[str, ...]
    """Declared platforms that are not connected."""
    unprotected: tuple[str, ...]
    """Links that carry traffic and have no way round them."""
    rules: RuleCounts
    """Over all connected switches."""
    alarms: tuple[Alarm, ...]


class FabricView(View):
    """The fabric."""

    name: str
    origin: Origin
    counts: Counts
    spec: FabricSpec
    status: FabricStatus


def view_fabric(reading: Reading) -> FabricView:
    """The fabric now."""
    document = effective_document(reading)
    return FabricView(
        name=document.fabric,
        origin=reading.origin(SETTINGS),
        counts=_counts(reading),
        spec=_spec(document),
        status=_status(reading),
    )


def _spec(document: Document) -> FabricSpec:
    return FabricSpec(**{name: getattr(document, name) for name in FabricSpec.model_fields})


def effective_document(reading: Reading) -> Document:
    """The document, or where nobody gave one, that which says what then holds."""
    fabric = reading.fabric
    if fabric.document is not None:
        return fabric.document
    segments = {name: SegmentSpec() for name in fabric.declared.segments}
    return Document(undeclared=fabric.declared.undeclared(None), segments=segments)


def _counts(reading: Reading) -> Counts:
    return Counts(
        platforms=len(reading.fabric.platforms),
        servers=len(reading.fabric.servers),
        segments=len(reading.fabric.declared.segments),
        links=len(reading.links),
        uplinks=len(reading.fabric.declared.uplinks),
        reservations=len(reading.fabric.declared.reservations),
    )


def _status(reading: Reading) -> FabricStatus:
    switches = reading.control.reconciler.switches.values()
    return FabricStatus(
        revision=reading.fabric.revision,
        converged=reading.control.converged,
        absent=reading.control.absent,
        unprotected=tuple(sorted(reading.routing.unprotected)),
        rules=add_rules(count_rules(switch) for switch in switches if switch.connected),
        alarms=reading.control.alarms.standing(),
    )
