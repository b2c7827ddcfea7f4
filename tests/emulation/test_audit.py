"""Rules of real switches that somebody changes behind the controller's back, with Open vSwitch's own tools."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from commands import vsctl
from experiments.audit import tamper_often
from installed import held_by, installed
from lab import Lab
from tampering import LIMIT_S, WAYS, time_repair

from tests.waiting import wait_until

RING = Path(__file__).resolve().parents[2] / "examples/ring.yaml"
QUIET = "fabric: ring\nbfd: off"
"""On a busy machine BFD may miss its other end: other rules are wanted then."""
HERE = "chassis1"
AUDITED_S = 3.0


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab(RING.read_text().replace("fabric: ring", QUIET)) as made:
        wait_until(lambda: audits(made) > 1, 15, f"{HERE} is not audited")
        yield made


@pytest.fixture(autouse=True)
def as_before(lab: Lab) -> Iterator[None]:
    """What a test does is put right, to the last rule."""
    before = installed(lab)
    yield
    wait_until(lambda: installed(lab) == before, 2 * LIMIT_S, "the switches do not hold what they held before")
    lab.wait_converged(LIMIT_S)


def status(lab: Lab) -> Any:
    return lab.api(f"/platforms/{HERE}")["status"]


def audits(lab: Lab) -> float:
    text = lab.fabric_api.get("/metrics")
    return sum(float(line.split()[1]) for line in text.splitlines() if line.startswith("backplane_audits_total{"))


def told_since(lab: Lab, last: int) -> list[dict[str, Any]]:
    return list(lab.api(f"/events?kind=audit&after={last}&follow=false")["items"])


def last_event(lab: Lab) -> int:
    return int(lab.api("/events?after=0&follow=false")["last"])


def alarms(lab: Lab, kind: str) -> list[str]:
    return [alarm["message"] for alarm in status(lab)["alarms"] if alarm["kind"] == kind]


@pytest.fixture
def tell(lab: Lab) -> Callable[[int], list[dict[str, Any]]]:
    """Wait for so many findings, and give them."""
    last = last_event(lab)

    def wait(count: int) -> list[dict[str, Any]]:
        wait_until(lambda: len(told_since(lab, last)) >= count, LIMIT_S, "no audit finds it")
        return told_since(lab, last)

    return wait


def test_nothing_is_found_in_a_fabric_that_nobody_touches(lab: Lab) -> None:
    done = audits(lab)
    wait_until(lambda: audits(lab) >= done + 8, 3 * AUDITED_S, "four platforms are not audited twice")
    assert status(lab)["audit"]["rules"] == len(held_by(lab, HERE))
    found = [item["status"]["audit"]["found"] for item in lab.api("/platforms")["items"]]
    assert found == [{"missing": 0, "altered": 0, "foreign": 0, "setting": 0}] * 4


@pytest.mark.parametrize(("action", "kind"), WAYS)
def test_a_rule_that_is_changed_is_put_right(lab: Lab, action: str, kind: str) -> None:
    done = time_repair(lab, HERE, action, kind, Random(f"{action} {kind}"))
    assert done.repaired_s <= LIMIT_S, done


def test_a_rule_that_is_deleted_is_told_with_its_owner(lab: Lab, tell: Callable[[int], list[dict[str, Any]]]) -> None:
    lab.switch(HERE).dpctl("del-flows", "table=10,dl_dst=02:00:00:00:03:01")
    (event,) = tell(1)
    assert (event["name"], event["what"]) == (HERE, "missing")
    assert (event["data"]["owner_kind"], event["data"]["owner"]) == ("server", "web5")
    assert event["text"].startswith(f"{HERE}: table 10 priority 300 eth_dst=0x20000000301 ")
    assert alarms(lab, "tampered") == [event["text"]]


def test_the_counters_of_a_rule_that_is_put_right_go_on(lab: Lab) -> None:
    """It is replaced, not deleted."""
    switch, rule = lab.switch(HERE), "table=10,dl_dst=02:00:00:00:01:02"

    def packets() -> int:
        return int(switch.dpctl("dump-flows", rule).partition("n_packets=")[2].partition(",")[0])

    lab.host("web1").cmd("ping -c 3 -i 0.05 10.1.0.12")
    wait_until(lambda: packets() >= 3, LIMIT_S, "nothing is counted")
    switch.dpctl("mod-flows", f"{rule},actions=drop")
    wait_until(lambda: "actions=drop" not in switch.dpctl("dump-flows", rule), LIMIT_S, "it is not put right")
    assert packets() >= 3
    assert " 0% packet loss" in lab.host("web1").cmd("ping -c 3 -i 0.05 10.1.0.12")


@pytest.mark.parametrize("change", ["idle_timeout=600,actions=drop", "send_flow_rem,actions=drop"])
def test_what_our_entries_never_have_is_an_alteration(
    lab: Lab, tell: Callable[[int], list[dict[str, Any]]], change: str
) -> None:
    """The same cookie, the same actions: what differs is a timeout, or a flag."""
    switch = lab.switch(HERE)
    (line,) = [line for line in held_by(lab, HERE) if "table=11, priority=0 " in line]
    switch.dpctl("add-flow", f"{line.split(',')[0]},table=11,priority=0,{change}")
    assert [event["what"] for event in tell(1)] == ["altered"]


def test_a_group_takes_its_entries_along_and_all_come_back(
    lab: Lab, tell: Callable[[int], list[dict[str, Any]]]
) -> None:
    before = held_by(lab, HERE)
    lab.switch(HERE).dpctl("del-groups")
    wait_until(lambda: held_by(lab, HERE) == before, LIMIT_S, "groups and entries are not back")
    assert {event["what"] for event in tell(20)} == {"missing", "more"}
    assert not alarms(lab, "refused_rule")


def test_an_entry_with_a_field_that_we_do_not_know_is_taken_out(
    lab: Lab, tell: Callable[[int], list[dict[str, Any]]]
) -> None:
    switch = lab.switch(HERE)
    rules = ("ct_state=+trk", "ip,nw_frag=yes", "tun_id=5", "metadata=7", "reg5=3/7")
    for rule in rules:
        switch.dpctl("add-flow", f"cookie=0x77,table=3,priority=9,{rule},actions=drop")
    assert [event["what"] for event in tell(len(rules))] == ["foreign"] * len(rules)
    wait_until(lambda: "cookie=0x77" not in switch.dpctl("dump-flows"), LIMIT_S, "they are not taken out")


def test_rules_that_stood_there_before_are_left_alone(lab: Lab) -> None:
    switch, rule = lab.switch(HERE), "table=0,in_port=4000"
    lab.kill_controller()
    switch.dpctl("add-flow", f"cookie=0x99,priority=1,{rule},actions=drop")
    lab.start_controller()
    lab.wait_converged()
    done = audits(lab)
    wait_until(lambda: audits(lab) >= done + 8, 3 * AUDITED_S, "it is not audited")
    assert "cookie=0x99" in switch.dpctl("dump-flows", rule)
    assert alarms(lab, "foreign_rules") == [
        f"{HERE} held 1 rule of somebody else when it connected, such as table 0 priority 1 in_port=0xfa0: left alone"
    ]
    switch.dpctl("del-flows", rule)
    wait_until(lambda: not alarms(lab, "foreign_rules"), LIMIT_S, "the alarm does not end")
    assert not alarms(lab, "tampered")


def test_a_rule_that_is_refused_shows_until_it_is_mended(lab: Lab) -> None:
    """A flow table is full."""
    switch, last = lab.switch(HERE), last_event(lab)
    limit(switch.bridge, len([line for line in held_by(lab, HERE) if "table=10," in line]) - 1)
    try:
        switch.dpctl("del-flows", "table=10,dl_dst=02:00:00:00:03:01")
        switch.dpctl("del-flows", "table=10,dl_dst=02:00:00:00:03:02")
        wait_until(lambda: alarms(lab, "refused_rule"), LIMIT_S, "nothing is refused")
        (text,) = alarms(lab, "refused_rule")
        assert text.startswith(f"{HERE} refused table 10 priority 300 eth_dst=0x2000000030")
        assert text.endswith(": OFPET_FLOW_MOD_FAILED OFPFMFC_TABLE_FULL")
        moments: set[float] = set()

        def is_audited_again() -> bool:
            now = status(lab)
            refused = [alarm["message"] for alarm in now["alarms"] if alarm["kind"] == "refused_rule"]
            assert (now["converged"], now["rules"]["refused"], refused) == (False, 1, [text])
            moments.add(now["audit"]["at"])
            return len(moments) > 2

        wait_until(is_audited_again, 3 * AUDITED_S, f"{HERE} is not audited twice")
    finally:
        unlimit(switch.bridge)
    wait_until(lambda: status(lab)["converged"], LIMIT_S, "it is not tried again")
    assert not alarms(lab, "refused_rule")
    assert {event["what"] for event in told_since(lab, last)} == {"missing"}


def limit(bridge: str, entries: int) -> None:
    """Have a bridge's table 10 refuse more entries than that."""
    made = ("--id=@t", "create", "Flow_Table", f"flow_limit={entries}", "overflow_policy=refuse")
    vsctl(*made, "--", "set", "Bridge", bridge, "flow_tables:10=@t")


def unlimit(bridge: str) -> None:
    vsctl("clear", "Bridge", bridge, "flow_tables")


@pytest.mark.long
def test_each_of_a_hundred_changes_is_put_right_in_time(lab: Lab) -> None:
    done = tamper_often(lab, 100, Random())
    assert [one for one in done if one.repaired_s > LIMIT_S] == []
