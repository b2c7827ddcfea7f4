"""What a change would do, worked out on a copy of the state: nothing is sent, nothing of the fabric is touched.

`take_basis` copies what is needed, at once; `make_plan` may take its time, in a thread of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Final

from controller.assurance import Assurance, Fault, Touched, check_change
from controller.control import Control
from controller.model.desired import Desired, Key, resources_of
from controller.model.fabric import Fabric
from controller.model.identity import Server
from controller.model.problems import Problem
from controller.model.snapshot import Rows, restore, snapshot
from controller.model.spec import Document, Spec
from controller.negotiation import Outcome
from controller.rules.placed import Wanted
from controller.rules.rules import Owner, RuleKey

CHECKED_PACKETS: Final = 400
"""How many packets are followed through the rules that a change would leave."""


@dataclass(frozen=True, slots=True)
class Basis:
    """The state that a plan starts from; `version` tells whether the fabric has moved on since."""

    rows: Rows
    desired: Desired
    version: int
    now: float = 0.0
    """Seconds since 1970: leases end."""
    stuck: frozenset[str] = frozenset()
    """Reservations for which there was nothing."""


@dataclass(frozen=True, slots=True)
class Delta:
    """How many rules of one kind a switch gets, has replaced, loses."""

    added: int = 0
    changed: int = 0
    deleted: int = 0


@dataclass(frozen=True, slots=True)
class Loss:
    """Packets that a change may cost: whose, and why."""

    who: str
    why: str


@dataclass(frozen=True, slots=True)
class RateChange:
    """What becomes of a reservation: what it has and would have, bit/s, and the outcome of the negotiation."""

    was_bps: int
    outcome: Outcome

    @property
    def now_bps(self) -> int:
        """What it would have."""
        return self.outcome.granted.rate_bps if self.outcome.granted else 0


@dataclass(frozen=True, slots=True)
class Plan:
    """What would happen; `refusals` and `faults` say why it will not."""

    number: str
    basis: Basis
    desired: Desired
    added: tuple[Key, ...] = ()
    changed: tuple[Key, ...] = ()
    removed: tuple[Key, ...] = ()
    switches: Mapping[str, Mapping[str, Delta]] = field(default_factory=dict)
    """Platform, kind of rule (flow, group, meter), how many."""
    servers: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    """From which platform to which (``a>b``) the next hops change."""
    losses: tuple[Loss, ...] = ()
    rates: Mapping[str, RateChange] = field(default_factory=dict)
    """Reservations that are asked for, or whose grant or state would be another."""
    refusals: Mapping[Key, tuple[Problem, ...]] = field(default_factory=dict)
    inactive: Mapping[Key, tuple[Problem, ...]] = field(default_factory=dict)
    """What the API made and would not fit beside another file any more: the file wins, so it is no refusal."""
    unnumbered: Mapping[Key, str] = field(default_factory=dict)
    """Resources that would have no rules, since no number is left for them, and why, in words."""
    faults: tuple[Fault, ...] = ()
    followed: int = 0
    """Packets that were followed."""

    @property
    def accepted(self) -> bool:
        """Whether it may be carried out."""
        return not (self.refusals or self.faults)


def take_basis(control: Control) -> Basis:
    """Copy the state as it is now."""
    control.refresh()
    now = control.chronicle.history.now
    stuck = control.negotiation.stuck
    return Basis(snapshot(control.fabric), control.fabric.desired, control.fabric.version, now, stuck)


def make_plan(basis: Basis, desired: Desired) -> Plan:
    """Work out what comes of asking for `desired` instead."""
    if desired == basis.desired:
        return Plan(_number(basis, desired), basis, desired)
    misfits = _misfits(basis, desired)
    refusals, inactive = (misfits, {}) if desired.file == basis.desired.file else ({}, misfits)
    before, after = _resources(basis.desired), _resources(desired)
    plan = Plan(
        _number(basis, desired),
        basis,
        desired,
        added=tuple(sorted(after.keys() - before.keys())),
        changed=tuple(sorted(key for key in before.keys() & after.keys() if before[key] != after[key])),
        removed=tuple(sorted(before.keys() - after.keys())),
        refusals=refusals,
        inactive=inactive,
    )
    return plan if refusals else _tried(plan)


def _tried(plan: Plan) -> Plan:
    """The plan with what came of it on a copy; what was wrong before does not speak against a change."""
    trial = _Trial(plan.basis)
    tried = trial.carry_out(plan)
    if not tried.faults:
        return tried
    standing = {_sign(fault) for fault in _Trial(plan.basis).check(trial.touched).faults}
    return replace(tried, faults=tuple(fault for fault in tried.faults if _sign(fault) not in standing))


def _sign(fault: Fault) -> tuple[object, ...]:
    return (fault.kind, fault.source, fault.target, fault.failed)


def _misfits(basis: Basis, desired: Desired) -> dict[Key, tuple[Problem, ...]]:
    """What would not fit, apart from what does not fit already."""
    known = basis.desired.compose().inactive
    inactive = desired.compose().inactive.items()
    return {key: problems for key, problems in inactive if key not in known or _asked(key, basis, desired)}


def _asked(key: Key, basis: Basis, desired: Desired) -> bool:
    """Whether it is this change that asks for a spec."""
    return desired.made.get(key) != basis.desired.made.get(key)


def _resources(desired: Desired) -> dict[Key, Spec]:
    document = desired.compose().document
    return resources_of(document) if document else resources_of(Document())


def _number(basis: Basis, desired: Desired) -> str:
    return blake2b(f"{basis.version} {desired!r}".encode(), digest_size=8).hexdigest()


class _Trial:
    """A controller that holds a copy of the state and is connected to nothing."""

    def __init__(self, basis: Basis) -> None:
        self._control = Control(restore(basis.rows), lambda: basis.now)
        self._control.negotiation.stuck = basis.stuck
        self._control.set_desired(basis.desired)
        self._control.refresh(at_once=True)
        self._rules = {name: dict(switch.wanted) for name, switch in self._control.reconciler.switches.items()}
        for switch in self._control.reconciler.switches.values():
            switch.pending.clear()
        self._outcomes = dict(self._control.negotiation.outcomes)
        self._servers = dict(self._fabric.servers)
        self._reached = self._reachable()
        self.touched = Touched()
        """What `carry_out` has touched."""

    def check(self, touched: Touched) -> Assurance:
        """Follow packets through the rules as they are now."""
        return check_change(self._control, touched, CHECKED_PACKETS)

    @property
    def _fabric(self) -> Fabric:
        return self._control.fabric

    def carry_out(self, plan: Plan) -> Plan:
        """The plan with what came of it."""
        self._control.set_desired(plan.desired)
        self._control.refresh(at_once=True)
        owners: set[Owner] = set()
        switches = {}
        for name, switch in self._control.reconciler.switches.items():
            before = self._rules.get(name, {})
            differing = [key for key in switch.pending if _content(before.get(key)) != _content(switch.wanted.get(key))]
            owners |= {item.owner for key in differing for item in (before.get(key), switch.wanted.get(key)) if item}
            if differing:
                switches[name] = _deltas(differing, before, switch.wanted)
        touched = self.touched = _touched(owners, frozenset(self._ends(owners)))
        checked = self.check(touched)
        return replace(
            plan,
            switches=switches,
            servers=tuple(sorted(touched.servers)),
            paths=tuple(sorted(f"{src}>{dst}" for src, dst in touched.pairs)),
            losses=tuple(self._losses()),
            rates=dict(self._rates(plan)),
            unnumbered={(f"{owner.kind}s", owner.name): why for owner, why in self._control.rulebook.refused.items()},
            faults=checked.faults,
            followed=checked.followed,
        )

    def _ends(self, owners: set[Owner]) -> Iterator[str]:
        """The servers between which reservations lead."""
        for owner in owners:
            spec = self._fabric.declared.reservations.get(owner.name) if owner.kind == "reservation" else None
            yield from (spec.source, spec.target) if spec else ()

    def _rates(self, plan: Plan) -> Iterator[tuple[str, RateChange]]:
        asked = {name for section, name in (*plan.added, *plan.changed) if section == "reservations"}
        for name, outcome in self._control.negotiation.outcomes.items():
            before = self._outcomes.get(name)
            differs = before is None or (before.state, before.granted) != (outcome.state, outcome.granted)
            if name in asked or differs:
                now = self._control.negotiation.outcome(name) or outcome
                yield name, RateChange(before.granted.rate_bps if before and before.granted else 0, now)

    def _reachable(self) -> set[tuple[str, str]]:
        names = sorted(self._fabric.platforms)
        ways = self._control.routing
        return {(src, dst) for src in names for dst in names if src != dst and ways.ports(src, dst)}

    def _losses(self) -> Iterator[Loss]:
        for name, server in self._servers.items():
            now = self._fabric.servers.get(name)
            why = "it is removed" if now is None else _why_lost(server, now)
            if why:
                yield Loss(f"server {name}", why)
        platforms = self._fabric.platforms
        for src, dst in sorted(self._reached - self._reachable()):
            if src in platforms and dst in platforms:
                yield Loss(f"platform {src}", f"no way is left to {dst}")


def _why_lost(before: Server, now: Server) -> str | None:
    """Why packets from or to a server may be lost, if so."""
    if before.end != now.end:
        return f"it moves from {before.platform} port {before.port} to {now.platform} port {now.port}"
    if before.segment != now.segment:
        return f"it leaves segment {before.segment} for {now.segment}"
    if (before.mac, before.vlan) != (now.mac, now.vlan):
        return "its MAC or its VLAN is another"
    gone = set(before.addresses) - set(now.addresses)
    return "it may no longer use an address that it has" if gone and not now.open_addresses else None


def _content(wanted: Wanted | None) -> tuple[object, int] | None:
    return (wanted.rule, wanted.cookie) if wanted else None


def _deltas(keys: list[RuleKey], before: Mapping[RuleKey, Wanted], after: Mapping[RuleKey, Wanted]) -> dict[str, Delta]:
    counts = Counter((key[0], _fate(key, before, after)) for key in keys)
    kinds = sorted({kind for kind, _ in counts})
    return {kind: Delta(*(counts[kind, fate] for fate in ("added", "changed", "deleted"))) for kind in kinds}


def _fate(key: RuleKey, before: Mapping[RuleKey, Wanted], after: Mapping[RuleKey, Wanted]) -> str:
    if key not in before:
        return "added"
    return "changed" if key in after else "deleted"


def _touched(owners: set[Owner], ends: frozenset[str]) -> Touched:
    return Touched(
        servers=frozenset(owner.name for owner in owners if owner.kind in ("server", "share")) | ends,
        segments=frozenset(owner.name.partition("#")[0] for owner in owners if owner.kind in ("segment", "tree")),
        pairs=frozenset(_pair(owner.name) for owner in owners if owner.kind == "path"),
        everything=False,
    )


def _pair(name: str) -> tuple[str, str]:
    src, _, dst = name.partition(">")
    return (src, dst)
