"""What the API shows of a fabric: the state that a person would name, and what goes with it."""

from __future__ import annotations

from ipaddress import IPv6Address

import pytest

from controller.control import Control
from controller.learning import Heard
from controller.model.fabric import Fabric
from controller.rules.rules import Group, Installed, Meter
from controller.rules.tables import Reason
from controller.views.fabric import effective_document, view_fabric
from controller.views.kinds import KINDS, Kind
from controller.views.paths import Refusal, view_paths
from controller.views.reading import Reading
from controller.views.rules import count_rules
from tests.unit.rest.fabrics import (
    BY_NAME,
    EAST_A,
    SPUR,
    connect,
    declared_fabric,
    learning_fabric,
    port,
    running_fabric,
    settle,
    view,
)

# Platforms


def test_a_platform_that_never_connected_is_absent_and_its_declared_ports_are_down() -> None:
    status = view(declared_fabric(), "platform", "chassis1").status
    assert status.state == "absent"
    assert [(p.number, p.up, p.kind) for p in status.ports][:3] == [
        (1, False, "server"),
        (2, False, "server"),
        (20, False, "trunk"),
    ]


def test_a_running_platform_tells_what_is_behind_each_port() -> None:
    status = view(running_fabric(), "platform", "chassis1").status
    assert (status.state, status.converged) == ("connected", True)
    ports = {p.number: p for p in status.ports}
    assert (ports[1].name, ports[1].servers, ports[1].link) == ("chassis1-p1", ("web1",), None)
    assert (ports[20].kind, ports[20].link, ports[20].hears) == ("trunk", EAST_A, "chassis2.west-a")
    assert status.rules.proper > 0
    assert (status.rules.missing, status.rules.excess, status.rules.misconfigured, status.rules.refused) == (0, 0, 0, 0)


def test_a_switch_that_nobody_declared_is_listed_as_refused_with_the_reason() -> None:
    control = declared_fabric()
    control.switch_connected(0x2A, "stranger", [])
    resource = view(control, "platform", "0x2a")
    assert (resource.origin, resource.spec.dpid, resource.status.state) == ("learned", 0x2A, "refused")
    assert "stranger" in resource.status.alarms[0].message


def test_a_platform_is_connected_though_a_second_switch_with_its_dpid_was_refused() -> None:
    control = running_fabric()
    control.switch_connected(1, "impostor", [])
    status = view(control, "platform", "chassis1").status
    assert status.state == "connected"
    assert [alarm.kind for alarm in status.alarms] == ["duplicate_dpid"]


def test_rules_are_missing_until_they_are_confirmed() -> None:
    control = declared_fabric()
    connect(control, "chassis3")
    before = view(control, "platform", "chassis3").status
    assert not before.converged
    assert before.rules.missing > 0
    settle(control)
    after = view(control, "platform", "chassis3").status
    assert after.converged
    assert (after.rules.missing, after.rules.proper) == (0, before.rules.missing + before.rules.proper)


def test_counts_tell_misconfigured_excess_and_refused_rules_apart() -> None:
    control = running_fabric()
    switch = control.reconciler.switches["chassis3"]
    proper = count_rules(switch).proper
    flows = [key for key in switch.wanted if key[0] == "flow"]
    held = switch.installed.values()
    cookies = {key: content for key, content in switch.installed.items() if isinstance(content, int)}
    groups = {group.number: group for group in held if isinstance(group, Group)}
    meters = {meter.number: meter for meter in held if isinstance(meter, Meter)}
    cookies[flows[0]] ^= 1
    cookies["flow", 0, 2, ()] = cookies[flows[1]]
    cookies["flow", 0, 1, ()] = 0x1234
    control.switch_gone("chassis3")
    control.reconciler.connected("chassis3", Installed(cookies, groups, meters))
    counts = count_rules(switch)
    assert (counts.misconfigured, counts.excess, counts.foreign) == (1, 1, 1)
    assert counts.proper == proper - 1
    control.next_step(1e6)
    control.step_confirmed("chassis3", {flows[0]: "error type 5 code 1"}, 1e6)
    counts = count_rules(switch)
    assert (counts.refused, counts.misconfigured, counts.proper) == (1, 0, proper - 1)


# Servers


def test_a_server_is_present_when_its_port_is_up_and_its_mac_known() -> None:
    resource = view(running_fabric(), "server", "web1")
    assert (resource.origin, resource.status.state) == ("file", "present")
    assert (resource.status.platform, resource.status.port_name) == ("chassis1", "chassis1-p1")
    assert resource.status.mac == "02:00:00:00:01:01"
    assert [str(address) for address in resource.status.addresses] == ["10.1.0.11"]
    assert resource.spec.rate == 10_000_000_000


def test_a_server_without_a_declared_mac_is_silent_until_it_speaks() -> None:
    control = running_fabric()
    assert view(control, "server", "db1").status.state == "silent"
    fields = {"eth_src": 0x020000000102, "arp_spa": 0x0A02000B}
    control.packet_heard(Heard(("chassis1", 2), Reason.LEARN_MAC, fields), 0.0)
    resource = view(control, "server", "db1")
    assert (resource.status.state, resource.status.mac) == ("present", "02:00:00:00:01:02")
    assert resource.spec.mac is None


def test_a_server_whose_port_is_down_is_unreachable() -> None:
    control = running_fabric()
    control.port_changed("chassis1", port("chassis1", 1, up=False))
    assert view(control, "server", "web1").status.state == "unreachable"


def test_a_server_in_conflict_says_so_with_its_alarm() -> None:
    control = running_fabric()
    control.alarms.raise_("conflict", "web1", "web1 moved too often")
    status = view(control, "server", "web1").status
    assert (status.state, status.alarms[0].message) == ("conflict", "web1 moved too often")


def test_a_violation_at_a_port_is_shown_by_its_platform_and_its_server() -> None:
    control = running_fabric()
    control.packet_heard(Heard(("chassis1", 1), Reason.MAC, {"eth_src": 0x020000009999}), 0.0)
    for kind, name in (("platform", "chassis1"), ("server", "web1")):
        assert [alarm.kind for alarm in view(control, kind, name).status.alarms] == ["violation"]
    assert view(control, "server", "web2").status.alarms == ()


def test_what_came_before_the_switch_had_its_senders_rules_is_no_violation() -> None:
    control = running_fabric()
    own = {"eth_src": 0x020000000101}
    control.packet_heard(Heard(("chassis1", 1), Reason.MAC, own), 0.0)
    assert view(control, "server", "web1").status.alarms == ()


def test_a_neighbour_advertisement_for_another_is_a_violation_though_its_sender_is_right() -> None:
    control = running_fabric()
    own = {"eth_src": 0x020000000101, "ipv6_src": int(IPv6Address("fd00:1::11"))}
    control.packet_heard(
        Heard(("chassis1", 1), Reason.ADDRESS, {**own, "ipv6_nd_target": int(IPv6Address("fd00:1::66"))}), 0.0
    )
    assert [alarm.kind for alarm in view(control, "server", "web1").status.alarms] == ["violation"]


def test_the_mac_of_a_port_with_a_tag_that_is_not_its_own_is_a_violation() -> None:
    control = running_fabric()
    control.packet_heard(Heard(("chassis1", 1), Reason.MAC, {"eth_src": 0x020000000101}, vlan=7), 0.0)
    assert [alarm.kind for alarm in view(control, "server", "web1").status.alarms] == ["violation"]


def test_a_learned_server_has_the_spec_that_would_declare_it() -> None:
    control = learning_fabric()
    (name,) = BY_NAME["server"].names(Reading(control))
    resource = view(control, "server", name)
    assert (name, resource.origin, resource.status.state) == ("default.02-00-00-00-01-01", "learned", "present")
    assert (resource.spec.platform, resource.spec.port, resource.spec.mac) == ("s1", 1, "02:00:00:00:01:01")


# Segments


def test_a_segment_tells_its_label_its_members_and_its_tree() -> None:
    control = running_fabric()
    status = view(control, "segment", "web").status
    assert status.state == "active"
    assert status.label == next(n for pool, name, n in control.fabric.ledger.held() if (pool, name) == ("label", "web"))
    assert status.servers == ("web1", "web2", "web3")
    assert status.platforms == ("chassis1", "chassis2", "remote")
    assert SPUR in status.tree


def test_a_segment_without_a_label_is_inactive() -> None:
    control = Control(Fabric())
    assert view(control, "segment", "default").status.state == "inactive"


# The whole


def test_the_fabric_counts_what_there_is_and_says_what_is_absent() -> None:
    shown = view_fabric(Reading(declared_fabric()))
    assert (shown.name, shown.origin, shown.status.revision) == ("lab", "file", 1)
    assert shown.counts.model_dump() == {
        "platforms": 4,
        "servers": 4,
        "segments": 2,
        "links": 5,
        "uplinks": 1,
        "reservations": 1,
    }
    assert shown.status.absent == ("chassis1", "chassis2", "chassis3", "remote")


def test_a_fabric_at_rest_is_converged_and_all_its_rules_are_proper() -> None:
    control = running_fabric()
    status = view_fabric(Reading(control)).status
    assert status.converged
    wanted = sum(len(switch.wanted) for switch in control.reconciler.switches.values())
    assert status.rules.model_dump(exclude_defaults=True) == {"proper": wanted}


def test_without_a_document_the_one_that_says_the_same_is_shown() -> None:
    document = effective_document(Reading(learning_fabric()))
    assert (document.undeclared.mode, document.undeclared.segment) == ("learn", "default")
    assert tuple(document.segments) == ("default",)


# Every kind


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_resource_can_be_shown_in_every_stage_of_a_fabrics_life(kind: Kind) -> None:
    lost = running_fabric()
    lost.switch_gone("chassis2")
    for control in (Control(Fabric()), declared_fabric(), running_fabric(), lost, learning_fabric()):
        for resource in kind.listed(Reading(control), {}):
            assert resource.status.state in kind.states


def test_what_a_new_document_names_is_shown_before_its_rules_are_made() -> None:
    control = running_fabric()
    document = control.fabric.document
    assert document is not None
    platforms = {**document.platforms, "chassis9": document.platforms["chassis3"].model_copy(update={"dpid": 9})}
    moved = document.servers["web2"].model_copy(update={"platform": "chassis9"})
    servers = {**document.servers, "web2": moved}
    control.set_document(document.model_copy(update={"platforms": platforms, "servers": servers}))
    assert view(control, "platform", "chassis9").status.state == "absent"
    assert view(control, "server", "web2").status.state == "unreachable"
    assert isinstance(view_paths(Reading(control), "web1", "web2"), Refusal)
