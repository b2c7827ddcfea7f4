"""`ovs-vswitchd` is killed and started: rules and traffic come back, with the controller and without it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from experiments import switch_restart
from installed import Held, differences, installed
from lab import Lab
from private_ovs import PrivateOvs
from rule_ages import births_of, difference
from steps import Step, measure
from stream import Flow, StreamResult

from controller.model.document import dump_document, parse_document
from tests.waiting import wait_until

EXAMPLE = Path(__file__).resolve().parents[2] / "examples/two-chassis.yaml"
FLOWS = [Flow("web1", "web2"), Flow("web1", "web3"), Flow("db3", "db1", 6), Flow("db2", "db4", flooded=True)]
APART_S = 10.0
"""Servers are not apart for longer than this, on a busy machine either; it takes some 0.4 s."""

SETTLED_S = 30.0


@pytest.fixture(scope="module")
def ovs() -> Iterator[PrivateOvs]:
    with PrivateOvs() as running:
        yield running


@pytest.fixture(scope="module")
def lab(ovs: PrivateOvs) -> Iterator[Lab]:
    with Lab(document(ovs, "off")) as running:
        yield running


def document(ovs: PrivateOvs, bfd: str) -> str:
    """BFD is off where rules are compared: on a busy machine it takes links to have failed."""
    text = EXAMPLE.read_text().replace("storm: 1000 ", f"storm: 10000\nbfd: {bfd} ")
    return dump_document(ovs.document(parse_document(text, EXAMPLE.name)))


def assert_all_is_back(result: StreamResult) -> None:
    assert not result.duplicated, str(result)
    for flow in result.flows:
        assert flow.lost, f"{flow} was not interrupted: was the switch restarted?"
        assert flow.longest_gap_s < APART_S, str(result)
        assert flow.arrived_at.max() > flow.sent_at[-1] - 0.1, f"{flow}: nothing arrived in the end"


def assert_holds(lab: Lab, before: Held) -> None:
    wait_until(lambda: not differences(before, installed(lab)), SETTLED_S, "every rule as it was")
    wait_until(lambda: not lab.api("/fabric")["status"]["alarms"], SETTLED_S, "no alarm")


def bfd_is(lab: Lab, wanted: str) -> None:
    def all_are() -> bool:
        return all(end["bfd"] == wanted for link in lab.api("/links")["items"] for end in link["status"]["ends"])

    wait_until(all_are, SETTLED_S, f"BFD {wanted} on all trunks")


def test_the_controller_fills_an_empty_switch(lab: Lab, ovs: PrivateOvs) -> None:
    before = installed(lab)
    assert all(len(lines) > 100 for lines in before.values())
    outcome = measure(lab, FLOWS, Step("killed", lambda: switch_restart.killed(lab, ovs)))
    assert_all_is_back(outcome.result)
    assert_holds(lab, before)


def test_rules_that_were_carried_over_work_without_the_controller_and_are_left_alone(lab: Lab, ovs: PrivateOvs) -> None:
    before, folder = installed(lab), ovs.folder / "rules"

    def restart() -> None:
        switch_restart.keep_rules("save", folder)
        ovs.kill_switch()
        ovs.start_switch()
        switch_restart.keep_rules("restore", folder)

    lab.kill_controller()
    outcome = measure(lab, FLOWS, Step("carried over", restart))
    assert_all_is_back(outcome.result)
    assert differences(before, installed(lab)) == []
    births = births_of(lab)
    lab.start_controller()
    lab.wait_converged()
    assert difference(births, births_of(lab)).nothing
    assert_holds(lab, before)


def test_the_controller_puts_in_what_was_not_carried_over(lab: Lab, ovs: PrivateOvs) -> None:
    before, folder = installed(lab), ovs.folder / "rules"
    lab.kill_controller()
    switch_restart.keep_rules("save", folder)
    lost = [drop_rules(file) for file in sorted(folder.glob("*.rules"))]
    ovs.kill_switch()
    ovs.start_switch()
    switch_restart.keep_rules("restore", folder)
    births = births_of(lab)
    lab.start_controller()
    lab.wait_converged()
    found = difference(births, births_of(lab))
    assert len(found.added) == sum(lost)
    assert not found.removed, found
    assert not found.rewritten, found
    assert_holds(lab, before)


def drop_rules(file: Path) -> int:
    """Take the ways to servers elsewhere out of what was saved; how many."""
    lines = file.read_text().splitlines()
    kept = [line for line in lines if not ("table=10" in line and "group:" in line)]
    file.write_text("\n".join(kept) + "\n")
    assert len(kept) < len(lines)
    return len(lines) - len(kept)


def test_a_controller_that_is_quicker_is_not_disturbed(lab: Lab, ovs: PrivateOvs) -> None:
    before, folder = installed(lab), ovs.folder / "rules"
    switch_restart.keep_rules("save", folder)
    switch_restart.killed(lab, ovs)
    births = births_of(lab)
    switch_restart.keep_rules("restore", folder)
    assert difference(births, births_of(lab)).nothing
    assert_holds(lab, before)


def test_traffic_is_back_before_bfd_has_found_its_links_again(lab: Lab, ovs: PrivateOvs) -> None:
    lab.rewrite(document(ovs, "20 ms"))
    bfd_is(lab, "up")
    outcome = measure(lab, FLOWS, Step("killed", lambda: switch_restart.killed(lab, ovs)))
    assert_all_is_back(outcome.result)
    bfd_is(lab, "up")
