"""A fabric without switches: the controller on one side, maps of rules that stand for switches on the other.

What a real switch does when it gets a step (put in, take out, confirm) is done to a map; cables carry
discovery. Packets are followed by `controller.verifier`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from controller.control import Control, Refused
from controller.events import no_clock
from controller.model.document import parse_document
from controller.model.fabric import Fabric
from controller.model.snapshot import restore, snapshot
from controller.model.spec import Document
from controller.model.topology import End, Port
from controller.rules.audit import Audit, Reported
from controller.rules.reconciler import Batch
from controller.rules.rules import FlowEntry, Group, Installed, Meter, Rule, RuleKey, ToController, describe


@dataclass
class VirtualSwitch:
    """A bridge: its ports, and what it holds under which key."""

    dpid: int
    ports: dict[int, Port]
    rules: dict[RuleKey, Rule] = field(default_factory=dict)
    cookies: dict[RuleKey, int] = field(default_factory=dict)
    written: int = 0
    """Rules put in or taken out so far."""

    def report(self) -> Installed:
        groups = {rule.number: rule for rule in self.rules.values() if isinstance(rule, Group)}
        meters = {rule.number: rule for rule in self.rules.values() if isinstance(rule, Meter)}
        return Installed(dict(self.cookies), groups, meters)

    def reported(self) -> list[Reported]:
        """All that it holds, as an audit hears it."""
        return [Reported(rule, self.cookies.get(key, 0)) for key, rule in self.rules.items()]

    def carry_out(self, batch: Batch) -> None:
        for wanted, new in batch.upserts:
            key = wanted.rule.key
            assert not isinstance(wanted.rule, Group | Meter) or new == (key not in self.rules), key
            self.rules[key] = wanted.rule
            if isinstance(wanted.rule, FlowEntry):
                self.cookies[key] = wanted.cookie
        for key in batch.deletes:
            self.rules.pop(key)
            self.cookies.pop(key, None)
        self.written += len(batch.upserts) + len(batch.deletes)
        if any(key[0] == "meter" for key in batch.deletes) or any(_meters_of(w.rule) for w, _ in batch.upserts):
            self._check_meters()

    def _check_meters(self) -> None:
        """A switch does not take an entry without its meter, and loses it with its meter."""
        for key, rule in self.rules.items():
            missing = [number for number in _meters_of(rule) if ("meter", number) not in self.rules]
            assert not missing, f"{describe(key)}: meters {missing} are not there"


def _meters_of(rule: Rule) -> list[int]:
    if not isinstance(rule, FlowEntry):
        return []
    of_copies = [action.meter for action in rule.actions if isinstance(action, ToController)]
    return [number for number in (rule.meter, *of_copies) if number is not None]


def tell_all(reported: Iterable[Reported], audit: Audit) -> None:
    """Tell an audit what a switch has reported."""
    for rule in reported:
        token = repr(rule).encode()
        if not audit.recognises(token):
            audit.judge(token, rule)


def make_port(number: int, up: bool = True) -> Port:
    return Port(number, f"eth{number}", 0x020000FF0000 + number, up)


class VirtualFabric:
    """Switches by name (a platform's name where the document declares it), cables between their ports."""

    def __init__(
        self,
        document: str | Document | None = None,
        fabric: Fabric | None = None,
        clock: Callable[[], float] = no_clock,
    ) -> None:
        self.now = 0.0
        self.switches: dict[str, VirtualSwitch] = {}
        self.cables: dict[End, End] = {}
        self._clock = clock
        self.control = Control(fabric or Fabric(), clock)
        if document is not None:
            self.change(document)
            self._build(self.control.fabric)

    def _build(self, fabric: Fabric) -> None:
        """Exactly what the document says."""
        for name, spec in fabric.declared.platforms.items():
            ports = {*fabric.declared.host_ports(name), *(trunk.port for trunk in spec.trunks.values())}
            self.add_switch(name, spec.dpid, ports)
        for link in fabric.declared.links.values():
            self.plug(*link.ends)

    def change(self, document: str | Document) -> None:
        """Give the controller another document."""
        parsed = parse_document(document, "test") if isinstance(document, str) else document
        self.control.set_document(parsed)

    def restart_controller(self, keep_state: bool = True) -> None:
        """A new controller, with the old one's state folder or an empty one; switches keep their rules."""
        document = self.control.fabric.document
        rows = json.loads(json.dumps([[*key, value] for key, value in snapshot(self.control.fabric).items()]))
        kept = {(kind, name): value for kind, name, value in rows}
        self.control = Control(restore(kept) if keep_state else Fabric(), self._clock)
        if document is not None:
            self.control.set_document(document)

    # Things that happen

    def add_switch(self, name: str, dpid: int, ports: Iterable[int]) -> None:
        self.switches[name] = VirtualSwitch(dpid, {number: make_port(number) for number in ports})

    def plug(self, one: End, other: End) -> None:
        self.cables[one], self.cables[other] = other, one
        for end in (one, other):
            self._set_port(end, True)

    def unplug(self, end: End) -> None:
        other = self.cables.pop(end)
        del self.cables[other]
        for gone in (end, other):
            self._set_port(gone, False)

    def _set_port(self, end: End, up: bool) -> None:
        name, number = end
        if name not in self.switches:
            return
        port = self.switches[name].ports[number] = make_port(number, up)
        if name in self.control.connected:
            self.control.port_changed(name, port)

    def connect(self, *names: str) -> None:
        for name in names or tuple(self.switches):
            switch = self.switches[name]
            answer = self.control.switch_connected(switch.dpid, name, switch.ports.values())
            assert not isinstance(answer, Refused), answer
            assert answer == name
            self.control.switch_read(name, switch.report(), self.now)

    def audit(self, *names: str) -> None:
        """Have switches (all: none given) audited, with nothing else going on meanwhile."""
        for name in names or tuple(self.control.connected):
            audit = self.control.auditing.begin(name)
            assert audit, f"{name} is being audited"
            tell_all(self.switches[name].reported(), audit)
            self.control.audited(name, audit)

    def disconnect(self, *names: str) -> None:
        for name in names or tuple(self.control.connected):
            self.control.switch_gone(name)

    def discover(self) -> None:
        """One round of discovery over all cables, and silence where there is none."""
        for name in tuple(self.control.connected):
            for number, port in self.switches[name].ports.items():
                end = (name, number)
                other = self.cables.get(end)
                if other and other[0] in self.control.connected and self.control.takes_probes(other):
                    self.control.probe_heard(other, self.switches[name].dpid, number)
                elif other is None and port.up and self.control.takes_probes(end):
                    self.control.port_silent(end)

    # Steps

    def step(self) -> bool:
        """One step at every switch that has one; false where there is none."""
        self.now += 0.01
        batches = self.control.next_step(self.now)
        for name, batch in batches.items():
            self.switches[name].carry_out(batch)
            self.control.step_confirmed(name, {}, self.now)
        return bool(batches)

    def settle(self) -> None:
        """Discovery and steps until nothing is left to do, nor a link that returns is waited for."""
        for _ in range(1000):
            self.discover()
            if not self.step():
                self.now += 1.0
                if not self.step() and self.control.converged and not self.control.routing.waiting:
                    return
        raise AssertionError("the fabric does not come to rest")

    def start(self) -> None:
        """Connect all switches and come to rest."""
        self.connect()
        self.settle()

    # Answers

    def rules(self) -> dict[str, dict[RuleKey, Rule]]:
        return {name: dict(switch.rules) for name, switch in self.switches.items()}
