"""Whatever others do to the rules, and whenever: it is found and put right; and nothing is found that nobody did."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from controller.rules.audit import Audit, Reported
from controller.rules.reconciler import Batch
from controller.rules.rules import Bucket, FlowEntry, Group, GroupType, Meter, Output, RuleKey, match
from controller.rules.tables import COOKIE_MARK, GroupKind
from tests.properties.test_incremental import PLATFORMS, Driver, build, documents
from tests.virtual import VirtualFabric, VirtualSwitch, tell_all

ADDED = (
    (FlowEntry(0, 9, match(in_port=99), (Output(4),)), 0),
    (FlowEntry(10, 9, match(eth_dst=99), (Output(4),)), COOKIE_MARK | 1),
    (Group(77, GroupType.ALL, ()), 0),
    (Group(GroupKind.LINK << 28 | 99, GroupType.ALL, ()), 0),
    (Meter(5, 1, 1, True), 0),
    (Meter(1 << 16 | 99, 1, 1, True), 0),
)


@dataclass
class Line:
    """What is on its way to a switch and back, in order, and what of an audit's answer is still to be judged."""

    out: list[Batch | Audit] = field(default_factory=list)
    back: list[dict[RuleKey, str] | tuple[Audit, list[Reported]]] = field(default_factory=list)
    judged: tuple[Audit, list[Reported]] | None = None


class Wire:
    """Steps and audits take their time; a switch refuses what OpenFlow says it has to refuse."""

    def __init__(self, virtual: VirtualFabric, data: st.DataObject) -> None:
        self.virtual, self.data = virtual, data
        self.lines = {name: Line() for name in virtual.switches}

    def step(self) -> bool:
        self.virtual.now += 0.3
        steps = self.virtual.control.next_step(self.virtual.now)
        for name, batch in steps.items():
            self.lines[name].out.append(batch)
        return bool(steps)

    def ask(self) -> None:
        for name in self._connected():
            audit = self.virtual.control.auditing.begin(name)
            if audit:
                self.lines[name].out.append(audit)

    def work(self) -> None:
        for name in self._connected():
            if self.lines[name].out:
                self._work(name)

    def hear(self) -> None:
        for name in self._connected():
            if self.lines[name].back:
                self._hear(name)

    def judge(self) -> None:
        for name in self._connected():
            if self.lines[name].judged:
                self._judge(name)

    def discover(self) -> None:
        self.virtual.discover()

    def tamper(self) -> None:
        tamper(self.virtual.switches[self._some()], self.data)

    def _some(self) -> str:
        return self.data.draw(st.sampled_from(sorted(self.virtual.switches)))

    def _connected(self) -> list[str]:
        """Some of those that are connected, so that they do not keep step with each other."""
        late = self.data.draw(st.none() | st.sampled_from(sorted(self.virtual.switches)))
        return [name for name in sorted(self.virtual.control.connected) if name != late]

    def _work(self, name: str) -> None:
        line, switch = self.lines[name], self.virtual.switches[name]
        item = line.out.pop(0)
        line.back.append((item, switch.reported()) if isinstance(item, Audit) else carry_out(switch, item))

    def _hear(self, name: str) -> None:
        answer = self.lines[name].back.pop(0)
        if isinstance(answer, dict):
            self.virtual.control.step_confirmed(name, answer, self.virtual.now)
        else:
            self.lines[name].judged = answer

    def _judge(self, name: str) -> None:
        """A third at a time, while other things happen."""
        assert self.lines[name].judged
        audit, reported = self.lines[name].judged
        third = len(self.virtual.switches[name].rules) // 3 + 1
        tell_all(reported[:third], audit)
        del reported[:third]
        if not reported:
            self.lines[name].judged = None
            self.virtual.control.audited(name, audit)

    def _catch_up(self) -> None:
        for name, line in self.lines.items():
            while line.out or line.back or line.judged:
                (self._work if line.out else self._hear if line.back else self._judge)(name)

    def _rest(self) -> None:
        """Whatever is under way comes to its end."""
        for _ in range(200):
            self._catch_up()
            self.virtual.discover()
            if not self.step() and not self.step():
                self._catch_up()
                return
        raise AssertionError("the fabric does not come to rest")


def carry_out(switch: VirtualSwitch, batch: Batch) -> dict[RuleKey, str]:
    """As a switch does it whose rules others change too; what it refuses."""
    refused: dict[RuleKey, str] = {}
    for wanted, new in batch.upserts:
        rule, key = wanted.rule, wanted.rule.key
        if isinstance(rule, Group | Meter) and new == (key in switch.rules):
            refused[key] = "there is one" if new else "there is none"
            continue
        switch.rules[key] = rule
        if isinstance(rule, FlowEntry):
            switch.cookies[key] = wanted.cookie
    for key in batch.deletes:
        switch.rules.pop(key, None)
        switch.cookies.pop(key, None)
    return refused


def tamper(switch: VirtualSwitch, data: st.DataObject) -> None:
    """Delete, alter or add a rule."""
    if not switch.rules or data.draw(st.booleans()):
        rule, cookie = data.draw(st.sampled_from(ADDED))
        switch.rules[rule.key] = rule
        if isinstance(rule, FlowEntry):
            switch.cookies[rule.key] = cookie
        return
    key = data.draw(st.sampled_from(sorted(switch.rules, key=repr)))
    if data.draw(st.booleans()):
        del switch.rules[key]
        switch.cookies.pop(key, None)
        return
    rule = switch.rules[key]
    if isinstance(rule, FlowEntry):
        switch.rules[key] = replace(rule, actions=(*rule.actions, Output(98)))
    elif isinstance(rule, Group):
        switch.rules[key] = replace(rule, buckets=(*rule.buckets, Bucket((Output(98),))))
    else:
        switch.rules[key] = replace(rule, rate=rule.rate + 1)


def started(data: st.DataObject) -> tuple[VirtualFabric, Wire]:
    virtual = build(data.draw(documents()))
    Driver(virtual, data).connect_the_rest()
    wire = Wire(virtual, data)
    if data.draw(st.booleans()):
        wire._rest()
        virtual.audit()
    return virtual, wire


DONE = ("step", "ask", "work", "hear", "judge", "discover")


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_whatever_others_do_is_put_right(data: st.DataObject) -> None:
    virtual, wire = started(data)
    for act in data.draw(st.lists(st.sampled_from((*DONE, "tamper", "tamper")), max_size=40)):
        getattr(wire, act)()
    for _ in range(3):
        wire._rest()
        virtual.audit()
    assert virtual.control.converged
    for name in virtual.control.connected:
        wanted, switch = virtual.control.reconciler.switches[name].wanted, virtual.switches[name]
        assert switch.rules == {key: item.rule for key, item in wanted.items()}
        assert switch.cookies == {key: wanted[key].cookie for key in switch.cookies}


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_nothing_is_found_that_nobody_did(data: st.DataObject) -> None:
    virtual, wire = started(data)
    for act in data.draw(st.lists(st.sampled_from((*DONE, "work", "hear", "change")), min_size=20, max_size=80)):
        if act == "change":
            virtual.change(data.draw(documents().filter(lambda document: len(document.platforms) <= len(PLATFORMS))))
        else:
            getattr(wire, act)()
    wire._rest()
    virtual.audit()
    events = virtual.control.chronicle.history.after(0)
    assert not [event for event in events if event.kind == "audit"]
    assert not [event for event in events if event.data.get("alarm") in ("tampered", "refused_rule")]
