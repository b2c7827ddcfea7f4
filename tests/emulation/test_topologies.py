"""The topologies for `mn --custom`, built the way that `mn` builds them."""

from __future__ import annotations

import pytest
from mininet.topo import Topo
from mininet.util import buildTopo
from topologies import topos


def build(text: str) -> Topo:
    """What `mn --topo TEXT` builds."""
    return buildTopo(topos, text)


def joined(topo: Topo) -> list[tuple[str, str]]:
    """The pairs of platforms that are joined, once for each cable."""
    return sorted(tuple(sorted(pair)) for pair in topo.links() if all(topo.isSwitch(node) for node in pair))


def test_a_platform_alone_has_its_servers_on_ports_from_1() -> None:
    topo = build("platform,servers=3")
    assert topo.switches() == ["s1"]
    assert {host: topo.port("s1", host)[0] for host in topo.hosts()} == {"h1s1": 1, "h2s1": 2, "h3s1": 3}


def test_a_chain_is_open() -> None:
    assert joined(build("chain,platforms=3")) == [("s1", "s2"), ("s2", "s3")]


def test_a_ring_is_closed() -> None:
    assert joined(build("ring,platforms=4")) == [("s1", "s2"), ("s1", "s4"), ("s2", "s3"), ("s3", "s4")]


def test_a_ring_of_two_is_one_link() -> None:
    assert joined(build("ring,platforms=2")) == [("s1", "s2")]


def test_a_star_has_a_central_switch_without_servers() -> None:
    topo = build("star,platforms=3,servers=2")
    assert joined(topo) == [("s1", "s2"), ("s1", "s3"), ("s1", "s4")]
    assert sorted(topo.hosts()) == ["h1s2", "h1s3", "h1s4", "h2s2", "h2s3", "h2s4"]


def test_a_mesh_joins_all() -> None:
    assert len(joined(build("mesh,platforms=5"))) == 10


def test_trunks_are_parallel_cables_on_the_ports_after_the_servers() -> None:
    topo = build("chain,platforms=2,servers=2,trunks=3")
    assert joined(topo) == [("s1", "s2")] * 3
    ends = sorted((info["port1"], info["port2"]) for one, _other, info in topo.links(withInfo=True) if one == "s1")
    assert ends == [(3, 3), (4, 4), (5, 5)]


def test_dpids_are_the_platforms_numbers() -> None:
    topo = build("chain,platforms=12,servers=0")
    assert {name: int(topo.nodeInfo(name)["dpid"], 16) for name in topo.switches()} == {
        f"s{number}": number for number in range(1, 13)
    }


def test_interface_names_fit_into_linux() -> None:
    topo = build("chain,platforms=1000,servers=9,trunks=2")
    ends = [(i["node1"], i["port1"]) for *_, i in topo.links(withInfo=True)]
    ends += [(i["node2"], i["port2"]) for *_, i in topo.links(withInfo=True)]
    assert max(len(f"{node}-eth{port}") for node, port in ends) <= 15


@pytest.mark.parametrize("text", ["ring,platforms=0", "chain,trunks=0", "platform,servers=-1"])
def test_nonsense_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected platforms"):
        build(text)
