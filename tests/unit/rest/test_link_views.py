"""What the API shows of links, and of the paths over them."""

from __future__ import annotations

from controller.control import Control
from controller.views.paths import NoPath, Paths, Refusal, view_paths
from controller.views.reading import Reading
from tests.unit.rest.fabrics import (
    EAST_A,
    EAST_B,
    SPUR,
    connect,
    declared_fabric,
    learning_fabric,
    running_fabric,
    view,
    wire,
)


def paths(control: Control, source: str, target: str) -> Paths:
    found = view_paths(Reading(control), source, target)
    assert isinstance(found, Paths)
    return found


def refusal(control: Control, source: str, target: str) -> Refusal:
    found = view_paths(Reading(control), source, target)
    assert isinstance(found, Refusal)
    return found


# Links


def test_a_link_that_is_up_tells_who_shares_its_traffic_and_the_way_round_it() -> None:
    resource = view(running_fabric(), "link", EAST_A)
    near, far = resource.status.ends
    assert (resource.origin, resource.status.state, resource.status.protected) == ("file", "up", True)
    assert (near.platform, near.trunk, near.port_name, near.hears) == (
        "chassis1",
        "east-a",
        "chassis1-p20",
        "chassis2.west-a",
    )
    assert near.equal_cost == far.equal_cost == (EAST_A, EAST_B)
    assert near.bypass.links == (EAST_B,)
    assert near.bypass.platforms == ()


def test_a_links_rate_is_the_lower_of_its_ends() -> None:
    control = declared_fabric()
    assert view(control, "link", EAST_A).status.rate_bps == 1_000_000_000
    assert view(control, "link", EAST_B).status.rate_bps == 10_000_000_000
    assert view(control, "link", SPUR).status.rate_bps is None


def test_a_bypass_names_the_platforms_that_it_passes() -> None:
    end = view(running_fabric(), "link", "chassis1.north--chassis3.left").status.ends[0]
    assert end.bypass.platforms == ("chassis2",)
    assert end.bypass.links in (
        (EAST_A, "chassis2.north--chassis3.right"),
        (EAST_B, "chassis2.north--chassis3.right"),
    )


def test_the_only_link_to_a_platform_is_not_protected() -> None:
    status = view(running_fabric(), "link", SPUR).status
    assert not status.protected
    assert [end.bypass for end in status.ends] == [None, None]


def test_a_link_is_down_before_it_is_heard_half_when_one_end_hears_and_miswired_when_it_hears_another() -> None:
    control = declared_fabric()
    for name in ("chassis1", "chassis2", "chassis3"):
        connect(control, name)
    assert view(control, "link", EAST_A).status.state == "down"
    control.probe_heard(("chassis1", 20), 2, 20)
    assert view(control, "link", EAST_A).status.state == "half"
    wire(control, ("chassis1", 20), ("chassis3", 20))
    control.refresh()
    status = view(control, "link", EAST_A).status
    assert status.state == "miswired"
    assert status.ends[0].hears == "chassis3.left"
    assert status.ends[0].equal_cost == ()
    assert "chassis3.left" in status.alarms[0].message


def test_a_found_link_is_learned_and_named_by_its_ports() -> None:
    resource = view(learning_fabric(), "link", "s1.s1-eth2--s2.s2-eth2")
    assert (resource.origin, resource.status.state) == ("learned", "up")
    assert resource.spec.ends == ("s1.s1-eth2", "s2.s2-eth2")


# Paths


def test_paths_between_platforms_list_all_equal_cost_ways_with_their_bypasses() -> None:
    found = paths(running_fabric(), "web1", "web2")
    ways = [found.hops, *(path.hops for path in found.alternatives)]
    assert sorted(tuple(hop.link for hop in way) for way in ways) == [(EAST_A,), (EAST_B,)]
    hop = min(ways, key=lambda way: way[0].link)[0]
    assert (hop.platform, hop.port_name, hop.to_platform, hop.to_port_name) == (
        "chassis1",
        "chassis1-p20",
        "chassis2",
        "chassis2-p20",
    )
    assert hop.bypass is not None
    assert hop.bypass.links == (EAST_B,)


def test_a_path_of_several_hops_is_in_order_from_the_source() -> None:
    hops = paths(running_fabric(), "web3", "web2").hops
    assert [(hop.platform, hop.to_platform) for hop in hops] == [("remote", "chassis1"), ("chassis1", "chassis2")]
    assert hops[0].bypass is None


def test_servers_of_two_segments_have_no_path_and_the_reason_names_both() -> None:
    refused = refusal(running_fabric(), "web1", "db1")
    assert refused.reason is NoPath.OTHER_SEGMENT
    assert "web1 is in segment web, db1 in data" in refused.message


def test_servers_on_platforms_that_nothing_joins_have_no_path() -> None:
    assert refusal(declared_fabric(), "web1", "web2").reason is NoPath.NOT_JOINED


def test_a_server_has_no_path_to_itself() -> None:
    assert refusal(running_fabric(), "web1", "web1").reason is NoPath.SAME_SERVER


def test_servers_on_one_platform_need_no_link() -> None:
    control = running_fabric()
    document = control.fabric.document
    assert document is not None
    twin = document.servers["web1"].model_copy(update={"port": 3, "mac": "02:00:00:00:01:03", "ip": ()})
    control.set_document(document.model_copy(update={"servers": {**document.servers, "web4": twin}}))
    assert paths(control, "web1", "web4").hops == ()
