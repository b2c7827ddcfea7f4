"""Rules that are changed behind the controller's back, on a fabric without switches: found, told and put right."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller.auditing import TOLD
from controller.events import Event
from controller.model.topology import End
from controller.rules.audit import Reported
from controller.rules.rules import Bucket, FlowEntry, Group, GroupType, Meter, Output, Rule, RuleKey, match
from controller.rules.tables import COOKIE_MARK, GroupKind, Table
from controller.surveillance import QUIET_S
from controller.views.platforms import view_platform
from controller.views.reading import Reading
from tests.virtual import VirtualFabric, tell_all

TEXT = """
segments: {lan: {}}
platforms:
  p1: {dpid: 1, servers: {s1: {port: 1, segment: lan, mac: '02:00:00:00:00:01', ip: 10.0.0.1}}, trunks: {t: {port: 20}}}
  p2: {dpid: 2, servers: {s2: {port: 1, segment: lan, mac: '02:00:00:00:00:02', ip: 10.0.0.2}}, trunks: {t: {port: 20}}}
links: [[p1.t, p2.t]]
"""
END: End = ("p1", 1)
FOREIGN = FlowEntry(Table.PORT, 9, match(in_port=3), (Output(4),))


@pytest.fixture
def fabric() -> VirtualFabric:
    made = VirtualFabric(TEXT)
    made.start()
    made.audit()
    return made


def held(fabric: VirtualFabric, kind: type[Rule], name: str = "p1") -> Rule:
    """A rule of a kind that a switch holds: the entry that leads to s2, where it is a flow entry."""
    found = [rule for rule in fabric.switches[name].rules.values() if isinstance(rule, kind)]
    to_s2 = [rule for rule in found if isinstance(rule, FlowEntry) and ("eth_dst", 0x020000000002, -1) in rule.match]
    return (to_s2 or found)[0]


def put(fabric: VirtualFabric, rule: Rule, cookie: int = 0, name: str = "p1") -> None:
    """What somebody else does to a switch."""
    fabric.switches[name].rules[rule.key] = rule
    if isinstance(rule, FlowEntry):
        fabric.switches[name].cookies[rule.key] = cookie


def take(fabric: VirtualFabric, key: RuleKey, name: str = "p1") -> None:
    fabric.switches[name].rules.pop(key)
    fabric.switches[name].cookies.pop(key, None)


def altered(rule: Rule) -> Rule:
    """The same key, something else to do."""
    if isinstance(rule, FlowEntry):
        return replace(rule, actions=(Output(99),), goto=None)
    if isinstance(rule, Group):
        return replace(rule, buckets=(*rule.buckets, Bucket((Output(99),))))
    return replace(rule, rate=rule.rate + 1)


def events(fabric: VirtualFabric) -> list[Event]:
    return [event for event in fabric.control.chronicle.history.after(0) if event.kind == "audit"]


def alarms(fabric: VirtualFabric, kind: str) -> dict[str, str]:
    return {alarm.subject: alarm.message for alarm in fabric.control.alarms.standing() if alarm.kind == kind}


def assert_found(fabric: VirtualFabric, *whats: str) -> None:
    """An audit finds this, and then the fabric comes to rest as it is wanted."""
    fabric.audit()
    assert [event.what for event in events(fabric)] == list(whats)
    assert not fabric.control.converged
    fabric.settle()
    fabric.audit()
    assert [event.what for event in events(fabric)] == list(whats)
    for name, switch in fabric.switches.items():
        wanted = fabric.control.reconciler.switches[name].wanted
        assert switch.rules == {key: item.rule for key, item in wanted.items()}
        assert switch.cookies == {key: wanted[key].cookie for key in switch.cookies}


def test_nothing_is_found_where_nothing_was_changed(fabric: VirtualFabric) -> None:
    written = {name: switch.written for name, switch in fabric.switches.items()}
    fabric.audit()
    fabric.settle()
    assert not events(fabric)
    assert not fabric.control.alarms.standing()
    assert {name: switch.written for name, switch in fabric.switches.items()} == written
    result = fabric.control.auditing.results["p1"]
    assert (result.rules, result.count) == (len(fabric.switches["p1"].rules), 2)


@pytest.mark.parametrize("kind", [FlowEntry, Group, Meter])
def test_a_rule_that_is_deleted_comes_back(fabric: VirtualFabric, kind: type[Rule]) -> None:
    rule = held(fabric, kind)
    take(fabric, rule.key)
    assert_found(fabric, "missing")
    assert fabric.switches["p1"].rules[rule.key] == rule


@pytest.mark.parametrize("kind", [FlowEntry, Group, Meter])
def test_a_rule_that_is_altered_is_put_right_though_its_cookie_is_the_same(
    fabric: VirtualFabric, kind: type[Rule]
) -> None:
    rule = held(fabric, kind)
    put(fabric, altered(rule), fabric.switches["p1"].cookies.get(rule.key, 0))
    assert_found(fabric, "altered")
    assert fabric.switches["p1"].rules[rule.key] == rule


def test_an_entry_with_another_cookie_is_put_right(fabric: VirtualFabric) -> None:
    rule = held(fabric, FlowEntry)
    cookie = fabric.switches["p1"].cookies[rule.key]
    put(fabric, rule, cookie ^ 1)
    assert_found(fabric, "altered")
    assert fabric.switches["p1"].cookies[rule.key] == cookie


@pytest.mark.parametrize(
    ("rule", "cookie"),
    [
        (FOREIGN, 0),
        (FOREIGN, COOKIE_MARK | 7 << 48),
        (Group(77, GroupType.ALL, ()), 0),
        (Group(GroupKind.PLATFORM << 28 | 12345, GroupType.ALL, ()), 0),
        (Meter(5, 1, 1, True), 0),
    ],
)
def test_a_rule_that_somebody_adds_is_taken_out(fabric: VirtualFabric, rule: Rule, cookie: int) -> None:
    put(fabric, rule, cookie)
    assert_found(fabric, "foreign")
    assert rule.key not in fabric.switches["p1"].rules


def test_a_rule_that_somebody_adds_does_not_wait_until_packets_have_drained(fabric: VirtualFabric) -> None:
    fabric.change(TEXT.replace("00:01'", "00:07'"))
    while fabric.step():
        pass
    assert not fabric.control.converged
    put(fabric, FOREIGN)
    fabric.audit()
    batches = fabric.control.next_step(fabric.now + 0.01)
    assert {name: batch.deletes for name, batch in batches.items()} == {"p1": (FOREIGN.key,)}


def test_an_entry_that_matches_something_else_is_missed_and_too_much(fabric: VirtualFabric) -> None:
    rule = held(fabric, FlowEntry)
    assert isinstance(rule, FlowEntry)
    cookie = fabric.switches["p1"].cookies[rule.key]
    take(fabric, rule.key)
    put(fabric, replace(rule, match=match(eth_dst=5)), cookie)
    assert_found(fabric, "missing", "foreign")


def test_what_a_rule_of_ours_never_has_is_an_alteration(fabric: VirtualFabric) -> None:
    rule, switch = held(fabric, FlowEntry), fabric.switches["p1"]
    audit = fabric.control.auditing.begin("p1")
    assert audit
    tell_all([replace(found, more=found.rule == rule) for found in switch.reported()], audit)
    assert fabric.control.audited("p1", audit)
    assert [event.what for event in events(fabric)] == ["altered"]


def test_what_was_found_is_told_with_its_owner(fabric: VirtualFabric) -> None:
    rule = held(fabric, FlowEntry)
    take(fabric, rule.key)
    fabric.audit()
    (event,) = events(fabric)
    assert (event.name, event.data["owner_kind"], event.data["owner"]) == ("p1", "server", "s2")
    assert event.data["rule"] in event.text
    assert event.text.startswith("p1: table 10 ")
    assert event.text.endswith(" of server s2 was deleted behind the controller's back: it is put in again")
    assert alarms(fabric, "tampered") == {"p1": event.text}
    fabric.control.tick(fabric.now)
    fabric.control.tick(fabric.now + QUIET_S + 1)
    assert not alarms(fabric, "tampered")


def test_the_status_of_a_platform_tells_of_its_audits(fabric: VirtualFabric) -> None:
    take(fabric, held(fabric, FlowEntry).key)
    fabric.audit()
    status = view_platform(Reading(fabric.control), "p1").status
    assert (status.converged, status.rules.missing) == (False, 1)
    assert status.audit is not None
    assert status.audit.found == {"missing": 1, "altered": 0, "foreign": 0, "setting": 0}
    assert status.audit.rules == status.rules.proper


def test_of_many_findings_the_first_are_told_and_the_rest_are_counted(fabric: VirtualFabric) -> None:
    for port in range(TOLD + 5):
        put(fabric, replace(FOREIGN, match=match(in_port=1000 + port)))
    fabric.audit()
    told = events(fabric)
    assert [event.what for event in told] == ["foreign"] * TOLD + ["more"]
    assert told[-1].data["count"] == 5
    assert fabric.control.auditing.results["p1"].found["foreign"] == TOLD + 5


# Rules of others


def test_rules_that_stood_there_before_are_left_alone_and_told() -> None:
    fabric = VirtualFabric(TEXT)
    strangers = [FOREIGN, Group(77, GroupType.ALL, ()), Meter(5, 1, 1, True)]
    for rule in strangers:
        put(fabric, rule)
    fabric.start()
    fabric.audit()
    fabric.audit()
    fabric.settle()
    assert all(fabric.switches["p1"].rules[rule.key] == rule for rule in strangers)
    assert not events(fabric)
    assert alarms(fabric, "foreign_rules") == {
        "p1": "p1 held 3 rules of somebody else when it connected, such as group 0x4d: left alone"
    }
    for rule in strangers:
        take(fabric, rule.key)
    fabric.audit()
    assert not fabric.control.alarms.standing()
    put(fabric, FOREIGN)
    assert_found(fabric, "foreign")


def test_an_alarm_of_foreign_rules_ends_with_the_connection() -> None:
    fabric = VirtualFabric(TEXT)
    put(fabric, FOREIGN)
    fabric.start()
    assert alarms(fabric, "foreign_rules")
    fabric.disconnect("p1")
    assert not alarms(fabric, "foreign_rules")


# Changes under way


def test_nothing_is_concluded_of_what_is_sent_while_a_switch_reports(fabric: VirtualFabric) -> None:
    """The report is from before the step, and is judged after it was confirmed; or the other way round."""
    fabric.change(TEXT.replace("10.0.0.2", "10.0.0.9").replace("00:01'", "00:07'"))
    switch, seen = fabric.switches["p1"], 0
    for _ in range(40):
        audit = fabric.control.auditing.begin("p1")
        assert audit
        early = switch.reported()
        seen += fabric.step()
        tell_all(early, audit)
        assert not fabric.control.audited("p1", audit)
        batches = fabric.control.next_step(fabric.now)
        audit = fabric.control.auditing.begin("p1")
        assert audit
        for name, batch in batches.items():
            fabric.switches[name].carry_out(batch)
        late = switch.reported()
        for name in batches:
            fabric.control.step_confirmed(name, {}, fabric.now)
        tell_all(late, audit)
        assert not fabric.control.audited("p1", audit)
        fabric.now += 0.3
    assert seen > 2
    assert not events(fabric)
    assert fabric.control.converged
    take(fabric, held(fabric, FlowEntry).key)
    assert_found(fabric, "missing")


def changed_during_an_audit(fabric: VirtualFabric, text: str) -> None:
    """A change of which an audit is told nothing: p1 has answered before it."""
    audit = fabric.control.auditing.begin("p1")
    assert audit
    early = fabric.switches["p1"].reported()
    fabric.change(text)
    fabric.settle()
    tell_all(early, audit)
    assert not fabric.control.audited("p1", audit)


def test_what_was_there_before_a_change_is_an_alteration_after_it(fabric: VirtualFabric) -> None:
    before, cookies = fabric.rules()["p1"], dict(fabric.switches["p1"].cookies)
    changed_during_an_audit(fabric, TEXT.replace("{lan: {}}", "{lan: {}}\nstorm: 17"))
    after = fabric.rules()["p1"]
    key = next(key for key in before if key in after and before[key] != after[key])
    put(fabric, before[key], cookies.get(key, 0))
    assert_found(fabric, "altered")


def test_what_is_new_is_missed_though_no_audit_has_ever_seen_it(fabric: VirtualFabric) -> None:
    before = fabric.rules()["p1"]
    changed_during_an_audit(fabric, TEXT.replace("00:01'", "00:07'"))
    take(fabric, next(key for key in fabric.rules()["p1"] if key not in before))
    assert_found(fabric, "missing")


def test_a_connection_that_is_lost_ends_its_audit(fabric: VirtualFabric) -> None:
    audit = fabric.control.auditing.begin("p1")
    assert audit
    assert fabric.control.auditing.begin("p1") is None
    fabric.disconnect("p1")
    assert not fabric.control.audited("p1", audit)
    assert not events(fabric)
    fabric.connect("p1")
    fabric.audit()
    assert not events(fabric)


# Refusals


def refuse(fabric: VirtualFabric, key: RuleKey, times: int = 1) -> None:
    """Steps, of which a switch refuses one rule."""
    for _ in range(200):
        fabric.now += 0.3
        for name, batch in fabric.control.next_step(fabric.now).items():
            refused = {wanted.rule.key for wanted, _ in batch.upserts} & {key} if name == "p1" and times else set()
            times -= len(refused)
            kept = tuple(item for item in batch.upserts if item[0].rule.key not in refused)
            fabric.switches[name].carry_out(replace(batch, upserts=kept))
            fabric.control.step_confirmed(name, dict.fromkeys(refused, "table full"), fabric.now)


@pytest.mark.parametrize("kind", [FlowEntry, Group])
def test_what_was_refused_is_tried_again_and_stays_refused_until_it_is_taken(
    fabric: VirtualFabric, kind: type[Rule]
) -> None:
    rule = held(fabric, kind)
    put(fabric, altered(rule), fabric.switches["p1"].cookies.get(rule.key, 0))
    fabric.audit()
    refuse(fabric, rule.key)
    (text,) = alarms(fabric, "refused_rule").values()
    for _ in range(3):
        fabric.audit()
        assert list(alarms(fabric, "refused_rule").values()) == [text]
        assert not fabric.control.converged
        refuse(fabric, rule.key)
        assert list(alarms(fabric, "refused_rule").values()) == [text]
    fabric.audit()
    assert list(alarms(fabric, "refused_rule").values()) == [text]
    fabric.settle()
    assert not alarms(fabric, "refused_rule")
    assert fabric.switches["p1"].rules[rule.key] == rule
    assert [event.what for event in events(fabric)] == ["altered"]


def test_what_was_refused_and_is_there_all_the_same_is_taken_as_mended(fabric: VirtualFabric) -> None:
    rule, cookie = held(fabric, FlowEntry), fabric.switches["p1"].cookies
    was = cookie[rule.key]
    take(fabric, rule.key)
    fabric.audit()
    refuse(fabric, rule.key)
    put(fabric, rule, was)
    fabric.audit()
    assert fabric.control.converged
    assert not alarms(fabric, "refused_rule")


def test_a_refusal_of_what_nobody_wants_any_more_is_over(fabric: VirtualFabric) -> None:
    """A rule that could not be taken out went by itself."""
    put(fabric, FOREIGN)
    fabric.audit()
    for _ in range(5):
        fabric.now += 1
        for name in fabric.control.next_step(fabric.now):
            fabric.control.step_confirmed(name, {FOREIGN.key: "no such field"}, fabric.now)
    assert alarms(fabric, "refused_rule")
    take(fabric, FOREIGN.key)
    fabric.audit()
    assert fabric.control.converged
    assert not alarms(fabric, "refused_rule")


def test_reported_rules_of_any_kind_have_what_they_are_known_by() -> None:
    assert Reported(FOREIGN, 7).content == 7
    assert Reported(Meter(5, 1, 1, True)).content == Meter(5, 1, 1, True)


def test_an_audit_that_breaks_off_does_not_end_the_next_ones(fabric: VirtualFabric) -> None:
    broken = fabric.control.auditing.begin("p1")
    assert broken
    take(fabric, held(fabric, FlowEntry).key)
    assert not fabric.control.auditing.begin("p1"), "it is being audited"
    fabric.control.auditing.failed("p1", broken)
    fabric.audit("p1")
    assert fabric.control.auditing.results["p1"].found["missing"] == 1
