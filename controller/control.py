"""One change, start to end: an event becomes state, state becomes rules, rules become steps for switches."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from controller.activity import Activity
from controller.auditing import Auditing
from controller.bridge_settings import Trunk
from controller.chronicle import Chronicle
from controller.derive import COLLECTED, Derivation
from controller.events import History, no_clock
from controller.failures import Failures
from controller.learning import Heard, Learner
from controller.liveness import Liveness
from controller.measuring import Measuring
from controller.model.alarms import Alarms
from controller.model.desired import Desired, Key
from controller.model.fabric import AdminState, Fabric
from controller.model.spec import Document
from controller.model.topology import End, Port
from controller.negotiation import Negotiation, Outcome
from controller.patience import Patience
from controller.pinning import Granted
from controller.queues import Mechanism, PortQueues, Queues
from controller.rates.network import Way
from controller.recover import Recovery
from controller.routing import Rerouted, Routing
from controller.rulebook import Rulebook
from controller.rules.audit import Audit
from controller.rules.reconciler import Batch, Reconciler
from controller.rules.rules import Counted, Installed, RuleKey
from controller.rules.tables import is_our_cookie
from controller.surveillance import Surveillance

STEP_LIMIT_S: Final = 10.0
"""How long a switch may take to confirm a step before its connection is given up, seconds."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A switch that is not taken, and why; `rival` is the platform that is connected under its dpid."""

    dpid: int
    reason: str
    rival: str | None = None


class Control:
    """The controller without its wires: adapters report events and carry out the steps.

    All times are seconds of one monotonic clock, passed in; `clock` dates the events, in seconds since 1970.
    """

    def __init__(self, fabric: Fabric, clock: Callable[[], float] = no_clock) -> None:
        self.fabric = fabric
        self.routing = Routing(fabric)
        self.reconciler = Reconciler()
        self.alarms = Alarms()
        self.chronicle = Chronicle(fabric, self.alarms, History(clock))
        self.learner = Learner(fabric, self.alarms)
        self.surveillance = Surveillance(fabric, self.alarms)
        derivation = Derivation(fabric, self.routing)
        self.rulebook = Rulebook(self.reconciler, derivation)
        self.negotiation = Negotiation(fabric, self.routing, self.alarms, self.chronicle.history)
        self.queues = Queues(fabric, self.routing)
        self.measuring = Measuring()
        self.granted: Granted = {}
        self.loads: dict[Way, int] = {}
        """What each way of each link must hold at most, bypasses included, bit/s; empty where nothing is granted."""
        self._pinning = derivation.pinning
        self.auditing = Auditing(self.reconciler, self.surveillance, self.alarms, self.chronicle.history)
        self.failures = Failures(fabric, self.routing)
        self.liveness = Liveness(fabric, self.routing, self.alarms)
        self.activity = Activity(fabric)
        self.recovery = Recovery(fabric)
        self.patience = Patience(self.routing, fabric.home_of)
        self.connected: dict[str, int] = {}
        """Connected platforms with their dpids."""
        self.discovering = False
        """Whether there are ports on which discovery has not had its say yet."""
        self._bridges: dict[str, str] = {}
        self._to_collect = False
        self._unknown: set[str] = set()
        """Platforms that connected with nothing known of them."""
        self._doubted: set[str] = set()
        self.surveillance.inactive()

    # What is wanted

    def set_document(self, document: Document | None) -> None:
        """Take over the document of the file; an equal one changes nothing."""
        self.set_desired(replace(self.fabric.desired, file=document))

    def set_desired(self, desired: Desired) -> None:
        """Take over what is asked for; what is equal changes nothing."""
        if desired == self.fabric.desired:
            return
        before = self.fabric.declared.reservations
        self.fabric.set_desired(desired)
        self.fabric.revision += 1
        for name, spec in self.fabric.declared.reservations.items():
            if before.get(name, spec) != spec:
                self.negotiation.renew(name)
        self.surveillance.inactive()
        for name in self._renamed():
            self.reconciler.disconnected(name)
        for subject in [a.subject for a in self.alarms.standing() if a.kind == "unknown_switch"]:
            self.alarms.clear("unknown_switch", subject)

    def set_admin(self, key: Key, state: AdminState) -> None:
        """Override how a link or a platform is used."""
        if self.fabric.admin_of(key) != state:
            self.fabric.set_admin(key, state)
            self.fabric.revision += 1

    def renew(self, name: str) -> Outcome | None:
        """A reservation was asked for again: its lease begins anew; answers what it has, None where there is none.

        Where there is no room for one whose lease was over, it stays over.
        """
        before, until = self.negotiation.outcomes.get(name), self.fabric.leases.get(name)
        self.negotiation.renew(name)
        self.refresh(at_once=True)
        outcome = self.negotiation.outcome(name)
        if before and outcome and before.state == "expired" and not outcome.granted:
            self.negotiation.renew(name, until)
            self.refresh()
        return outcome

    # What is seen

    def switch_connected(self, dpid: int, name: str, ports: Iterable[Port]) -> str | Refused:
        """A switch says hello with its ports; answers its platform, or why it is refused."""
        platform = self.fabric.by_dpid.get(dpid)
        if platform is None and not self.fabric.declared.adopts:
            reason = f"dpid {dpid:#x} ({name}) is not in the document: expected one of its platforms"
            self.surveillance.happened("unknown_switch", f"{dpid:#x}", reason)
            return Refused(dpid, reason)
        if platform is not None and platform in self.connected:
            reason = f"dpid {dpid:#x} ({name}) is already connected as {platform}: expected one switch for a dpid"
            self.surveillance.happened("duplicate_dpid", platform, reason)
            return Refused(dpid, reason, platform)
        if platform is None:
            platform = self.fabric.adopt(name, dpid)
        self.connected[platform], self._bridges[platform] = dpid, name
        self._look_at_platforms()
        if not any(at == platform for at, _ in self.fabric.wiring.ports):
            self._unknown.add(platform)
        self._take_ports(platform, ports)
        return platform

    def _take_ports(self, platform: str, ports: Iterable[Port]) -> None:
        present = {port.number: port for port in ports}
        for port in present.values():
            self.fabric.set_port(platform, port)
        for end in [end for end in self.fabric.wiring.ports if end[0] == platform and end[1] not in present]:
            self.fabric.drop_port(end)
        self.chronicle.connected(platform, self.connected[platform], present.values())

    def switch_read(self, platform: str, installed: Installed, now: float) -> None:
        """What the switch holds has been read: from now on it takes part in changes.

        Those that work by our rules while no state of them was kept go on as they are until discovery had its say.
        """
        if platform in self._unknown and any(map(is_our_cookie, installed.cookies.values())):
            self.recovery.take(platform, installed, now)
        self._lead_back(now)
        self.refresh()
        self.reconciler.connected(platform, installed)
        self.auditing.connected(platform)
        all_back = all(self.reconciler.switches[name].connected for name in self.fabric.platforms)
        self.recovery.returned(all_back)

    def switch_gone(self, platform: str) -> None:
        """The connection is lost; nothing else is concluded from that."""
        if self.connected.pop(platform, None) is not None:
            self.chronicle.gone(platform)
            self._look_at_platforms()
        self._unknown.discard(platform)
        self.reconciler.disconnected(platform)
        self.auditing.gone(platform)
        self.alarms.clear("duplicate_dpid", platform)

    def port_changed(self, platform: str, port: Port) -> None:
        """A port came, changed, or lost or found its carrier."""
        self.fabric.set_port(platform, port)

    def port_gone(self, platform: str, number: int) -> None:
        """A port was taken away."""
        self.fabric.drop_port((platform, number))

    def takes_probes(self, end: End) -> bool:
        """Whether a port's switch is known to hand up what discovery hears there."""
        return self.rulebook.holds_discovery(end)

    def probe_heard(self, at: End, sender_dpid: int, sender_port: int) -> None:
        """A genuine probe came in."""
        platform = self.fabric.by_dpid.get(sender_dpid)
        if platform is None or self.fabric.declared.is_host_port(at):
            return
        sender = (platform, sender_port)
        self.liveness.probe_heard(at)
        if self.fabric.wiring.hear(at, sender):
            self.fabric.touch(at, sender)
            for end in (at, sender):
                self.learner.forget_port(end)

    def port_silent(self, end: End) -> None:
        """An undeclared port was probed and heard nothing: a server may be there, unless its wire's other end
        cannot answer because its switch is not connected."""
        wiring = self.fabric.wiring
        peer = wiring.wired.get(end)
        if end in wiring.silent or not wiring.is_up(end) or (peer and peer[0] not in self.connected):
            return
        wiring.set_silent(end)
        self.fabric.touch(end)

    def packet_heard(self, heard: Heard, now: float) -> None:
        """A server's packet was copied to the controller."""
        if not self.learner.take(heard, now):
            self.surveillance.packet(heard)

    # From state to rules

    def refresh(self, at_once: bool = False) -> None:
        """Bring the wanted rules up to date with the state; `at_once`: with all that is to be negotiated."""
        changes = self.fabric.take_changes()
        if not changes and not self.negotiation.pending:
            return
        self.chronicle.follow(changes)
        rerouted = Rerouted()
        if changes.wires or changes.links or changes.everything:
            rerouted = self.routing.update(None if changes.everything or changes.links else changes.wires)
            self.chronicle.links(self.routing.states, rerouted.looked_at)
            self.surveillance.links(self.routing)
            self.liveness.follow(rerouted.looked_at)
            self._doubted |= self.failures.follow_links(rerouted.looked_at)
            self._look_at_platforms()
            self._to_collect = True
        negotiated = self.negotiation.follow(changes, rerouted, at_once)
        self.rulebook.follow(changes, rerouted, self.fabric)
        if negotiated:
            self._to_collect = True
            self.granted = self._pinning.granted()
            self.measuring.follow(self.granted)
            self.loads = self.negotiation.loads()
            self.queues.follow(self.granted, self.loads)
        self.alarms.keep("no_number_left", {owner.name: text for owner, text in self.rulebook.refused.items()})

    def _look_at_platforms(self) -> None:
        self.failures.follow_connections(self.connected)
        self.alarms.keep("platform_down", self.failures.texts())

    def take_doubted(self) -> set[str]:
        """Connected platforms that no neighbour reaches since the last call: do they still answer?"""
        doubted, self._doubted = self._doubted & self.connected.keys(), set()
        return doubted

    def _collect(self) -> None:
        """Numbers and queues are free again when every switch that may use them has confirmed that it does not."""
        if self._to_collect and self.converged and not self.absent:
            self._to_collect = False
            self.fabric.version += self.queues.settle()
            if self.fabric.ledger.collect(self.rulebook.holdings(), COLLECTED):
                self.fabric.version += 1
                self._ask_again()

    def _ask_again(self) -> None:
        """Who found no number left may find one now."""
        if self.rulebook.refused:
            self.fabric.changes.everything = True

    # Steps

    def next_step(self, now: float) -> Mapping[str, Batch]:
        """What to send now, by platform; each is answered by `step_confirmed`."""
        self._lead_back(now)
        self.recovery.tick(now)
        self.reconciler.hold(self.recovery.until)
        self.refresh()
        away = [name for name in self.fabric.platforms if not self.reconciler.switches[name].connected]
        kept = self.patience.kept(away, now, self.queues.waits(now))
        steps = self.reconciler.next_step(now, kept, self.failures.apart)
        self.auditing.sent(steps)
        if not steps:
            self._collect()
        return steps

    def _lead_back(self, now: float) -> None:
        """Links that had failed and have worked for long enough since."""
        for link in self.routing.due(now):
            self.fabric.touch(*link.ends)

    def step_confirmed(self, platform: str, refusals: Mapping[RuleKey, str], now: float) -> None:
        """A switch's barrier came back."""
        self.reconciler.confirmed(platform, refusals, now)
        self.alarms.clear("slow_switch", platform)
        self.surveillance.refusals(self.reconciler)

    def audited(self, platform: str, audit: Audit) -> bool:
        """All that a switch holds was judged; true when something of it is to be repaired."""
        found = self.auditing.end(platform, audit)
        self.surveillance.refusals(self.reconciler)
        return found

    def counted(self, platform: str, counted: Counted, now: float) -> None:
        """Counters of a switch's port tables: who speaks, and who has been silent for too long."""
        self.activity.counted(platform, counted, now)
        for name in self.activity.expired(platform, now):
            self.fabric.forget(name)

    def tick(self, now: float) -> None:
        """What is due by time alone."""
        self.learner.tick(now)
        self.negotiation.tick()
        self.surveillance.tick(now)
        self.chronicle.at_rest(self.converged, now)

    def bridge(self, platform: str) -> tuple[str, str | None, tuple[Trunk, ...], tuple[PortQueues, ...]]:
        """Its bridge's name, where its OVSDB is (None: the local one), its trunks, and the queues of its ports."""
        spec = self.fabric.declared.platforms.get(platform)
        ends = {end for end in (*self.fabric.declared.trunks, *self.routing.trunk_ends) if end[0] == platform}
        present = [end for end in sorted(ends) if end in self.fabric.wiring.ports]
        trunks = (Trunk(end[1], self.fabric.port_name(end), self.liveness.interval_ms(end)) for end in present)
        address = spec.ovsdb if spec else None
        return self._bridges.get(platform, platform), address, tuple(trunks), self.queues.of(platform)

    def bridge_left(self, platform: str, problem: str) -> None:
        """A bridge that was let go could not be put back as it was."""
        self.surveillance.happened("bridge_settings", platform, problem)

    def bridge_seen(
        self, platform: str, heard: Collection[int] | None, kept: Mapping[PortQueues, Mechanism], now: float
    ) -> None:
        """A bridge's settings were looked at: the ports where BFD hears the other end (None: they cannot be), and how
        what is reserved is kept at its ports."""
        self.liveness.bridge_seen(platform, heard, now)
        self.queues.seen(platform, kept)

    def overdue(self, now: float) -> tuple[str, ...]:
        """Platforms that have not confirmed a step in time: their connection is to be closed."""
        late = tuple(name for name in self.connected if self.reconciler.waiting_s(name, now) > STEP_LIMIT_S)
        for name in late:
            text = f"{name} did not confirm a step within {STEP_LIMIT_S:.0f} s: its connection was closed"
            self.alarms.raise_("slow_switch", name, text)
        return late

    def dismissed(self) -> tuple[str, ...]:
        """Connected platforms whose connection is to be closed: not wanted any more, or under another name."""
        return (*self._renamed(), *self.let_go())

    def let_go(self) -> tuple[str, ...]:
        """Connected platforms that are no longer wanted and hold nothing of ours any more."""
        known = self.fabric.by_dpid
        gone = (name for name, dpid in self.connected.items() if dpid not in known)
        return tuple(name for name in gone if self.reconciler.is_empty(name))

    def _renamed(self) -> list[str]:
        return [name for name, dpid in self.connected.items() if self.fabric.by_dpid.get(dpid, name) != name]

    @property
    def absent(self) -> tuple[str, ...]:
        """Platforms that are not connected."""
        return tuple(sorted(name for name in self.fabric.platforms if name not in self.connected))

    @property
    def converged(self) -> bool:
        """Whether every connected switch was read and holds what is wanted, and what is wired is known."""
        read = all(self.reconciler.switches[name].connected for name in self.connected)
        at_rest = not (self.discovering or self.fabric.changes or self.negotiation.pending)
        return read and at_rest and self.reconciler.converged
