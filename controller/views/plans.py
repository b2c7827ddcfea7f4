"""A plan as a document: what a change would do, and what speaks against it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from controller.assurance import Fault
from controller.edits import within
from controller.model.desired import SETTINGS, Key
from controller.model.problems import Problem
from controller.negotiation import ReservationState
from controller.planner import Delta, Loss, Plan, RateChange
from controller.views.offers import OfferView, view_offer
from controller.views.resource import View


class ResourceChanges(View):
    """Resources by name (``servers/web1``; ``fabric``: what is said of the whole)."""

    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]


class RuleChanges(View):
    """How many rules of one kind a switch gets, has replaced and loses."""

    added: int = 0
    changed: int = 0
    deleted: int = 0


class SwitchChanges(View):
    """What changes on one switch."""

    flows: RuleChanges
    groups: RuleChanges
    meters: RuleChanges


class LossView(View):
    """Packets that may be lost: whose, and why."""

    who: str
    why: str


class MisfitView(View):
    """What of a resource would not fit."""

    resource: str
    place: str
    """Within its spec; empty: all of it."""
    message: str


class FaultView(View):
    """A packet that would come to harm."""

    kind: str
    message: str
    packet: str
    """Its bytes in hex."""
    source: str
    target: str
    """The server that it is for, or the segment that it is flooded in."""
    failed: str | None
    """The link that is taken to be down."""
    steps: tuple[str, ...]


class RateChangeView(View):
    """What a reservation has and would have; `offer` is the best there is where that is less than it needs."""

    reservation: str
    was_bps: int
    granted_bps: int
    state: ReservationState
    links: tuple[str, ...]
    offer: OfferView | None


class PlanView(View):
    """What a change would do, while the fabric is as it was at `revision`."""

    id: str
    revision: int
    accepted: bool
    resources: ResourceChanges
    switches: dict[str, SwitchChanges]
    """By platform; those that nothing changes on are left out."""
    servers: tuple[str, ...]
    """Those whose rules change."""
    paths: tuple[str, ...]
    """From which platform to which (``a>b``) the next hops change."""
    losses: tuple[LossView, ...]
    rates: tuple[RateChangeView, ...]
    """Reservations that are asked for, or that would have more or less."""
    refusals: tuple[MisfitView, ...]
    inactive: tuple[MisfitView, ...]
    """What the API made and would be out of use, because it does not go with the file."""
    faults: tuple[FaultView, ...]
    followed_packets: int


def view_plan(plan: Plan) -> PlanView:
    """The plan as a document."""
    return PlanView(
        id=plan.number,
        revision=plan.basis.rows["fabric", "revision"],
        accepted=plan.accepted,
        resources=ResourceChanges(added=_texts(plan.added), changed=_texts(plan.changed), removed=_texts(plan.removed)),
        switches={name: _switch(deltas) for name, deltas in plan.switches.items()},
        servers=plan.servers,
        paths=plan.paths,
        losses=tuple(map(_loss, plan.losses)),
        rates=tuple(_rate(name, change) for name, change in sorted(plan.rates.items())),
        refusals=view_misfits(plan.refusals),
        inactive=view_misfits(plan.inactive),
        faults=view_faults(plan.faults),
        followed_packets=plan.followed,
    )


def view_misfits(misfits: Mapping[Key, tuple[Problem, ...]]) -> tuple[MisfitView, ...]:
    """Problems with the resources that they are in."""
    return tuple(_misfit(key, within(key, problem)) for key, problems in misfits.items() for problem in problems)


def view_faults(faults: Iterable[Fault]) -> tuple[FaultView, ...]:
    """Faults with the packets that show them."""
    return tuple(
        FaultView(
            kind=fault.kind.value,
            message=fault.message,
            packet=fault.frame,
            source=fault.source,
            target=fault.target,
            failed=fault.failed,
            steps=fault.steps,
        )
        for fault in faults
    )


def key_text(key: Key) -> str:
    """A resource by the end of its address: ``servers/web1``."""
    return "fabric" if key == SETTINGS else "/".join(key)


def _texts(keys: Iterable[Key]) -> tuple[str, ...]:
    return tuple(map(key_text, keys))


def _switch(deltas: Mapping[str, Delta]) -> SwitchChanges:
    flows, groups, meters = (_rules(deltas.get(kind, Delta())) for kind in ("flow", "group", "meter"))
    return SwitchChanges(flows=flows, groups=groups, meters=meters)


def _rules(delta: Delta) -> RuleChanges:
    return RuleChanges(added=delta.added, changed=delta.changed, deleted=delta.deleted)


def _loss(loss: Loss) -> LossView:
    return LossView(who=loss.who, why=loss.why)


def _rate(name: str, change: RateChange) -> RateChangeView:
    outcome = change.outcome
    return RateChangeView(
        reservation=name,
        was_bps=change.was_bps,
        granted_bps=change.now_bps,
        state=outcome.state,
        links=outcome.granted.links if outcome.granted else (),
        offer=view_offer(outcome.offer) if outcome.offer else None,
    )


def _misfit(key: Key, problem: Problem) -> MisfitView:
    return MisfitView(resource=key_text(key), place=problem.place, message=problem.message)
