"""Every server reaches its segment, once, by unicast, broadcast and multicast, on every shape of fabric."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import pytest
from experiments import reachability
from lab import Lab

from tests.emulation.frames_made import BROADCAST, datagram, plain
from tests.emulation.frames_wire import Wires, token, wired

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
PLATFORMS = ("one", "two", "three", "four")


def _mesh() -> str:
    """Four platforms, each joined to each by two parallel links; two segments on each."""
    pairs = list(combinations(range(4), 2))
    lines = ['segments: {red: {subnet: [10.1.0.0/24, "fd00:1::/64"]}, blue: {subnet: [10.2.0.0/24, "fd00:2::/64"]}}']
    lines += ["platforms:"]
    for at, name in enumerate(PLATFORMS):
        trunks = [f"t{b if a == at else a}{way}" for a, b in pairs if at in (a, b) for way in "ab"]
        lines += [f"  {name}:", f"    dpid: {at + 1}", "    servers:"]
        for n, (segment, net) in enumerate((("red", 1), ("blue", 2)), start=1):
            ip = f'[10.{net}.0.{at + 1}, "fd00:{net}::{at + 1}"]'
            lines += [f"      {segment}{at + 1}: {{port: {n}, segment: {segment}, ip: {ip}}}"]
        lines += ["    trunks:", *(f"      {trunk}: {{port: {20 + n}}}" for n, trunk in enumerate(trunks))]
    ends = [(f"{PLATFORMS[a]}.t{b}{way}", f"{PLATFORMS[b]}.t{a}{way}") for a, b in pairs for way in "ab"]
    return "\n".join([*lines, "links:", *(f"  - [{one}, {other}]" for one, other in ends)])


FABRICS: dict[str, Path | str] = {
    **{name: EXAMPLES / f"{name}.yaml" for name in ("one-platform", "two-chassis", "daisy-chain", "ring", "star")},
    "mesh": _mesh(),
}


@pytest.fixture(scope="module", params=FABRICS)
def wires(request: pytest.FixtureRequest) -> Iterator[Wires]:
    with Lab(FABRICS[request.param]) as lab, wired(lab) as built:
        yield built


def test_all_pairs_of_a_segment_are_reached_once_and_none_across(wires: Wires) -> None:
    families, endpoints = reachability.measure(wires.lab)
    assert [family.version for family in families] == [4, 6]
    for family in families:
        assert len(family.within) == sum(len(wires.others(endpoint.name)) for endpoint in endpoints)
        assert all(found.answered == found.sent == 2 for found in family.within.values())
        assert family.across > 0
        assert (family.lost, family.duplicates, dict(family.crossed)) == (0, 0, {})


def members_once(wires: Wires, sender: str) -> Counter[str]:
    return Counter(wires.others(sender))


def each_link_once(wires: Wires, mark: bytes) -> bool:
    """No link carried it twice, and no more links than a tree of the platforms has."""
    found = wires.on_trunks(mark)
    links = [wires.lab.wiring.cables[link] for link in wires.lab.document.links]
    carried = [found[cable.intf1.name] + found[cable.intf2.name] for cable in links]
    return max(carried, default=0) <= 1 and sum(carried) <= len(wires.lab.document.platforms) - 1


@pytest.mark.parametrize("target", [BROADCAST, "01:00:5e:00:00:fb", "33:33:00:00:00:fb"])
def test_a_flooded_frame_comes_once_to_every_member_and_to_nobody_else(wires: Wires, target: str) -> None:
    for sender in wires.servers:
        mark = token()
        assert wires.copies(sender, mark, plain(wires.mac(sender), target, mark)) == members_once(wires, sender)
        assert each_link_once(wires, mark)


@pytest.mark.parametrize(("version", "group"), [(4, "239.1.2.3"), (6, "ff02::1:3")])
def test_multicast_datagrams_come_once_to_every_member(wires: Wires, version: int, group: str) -> None:
    mac = "01:00:5e:01:02:03" if version == 4 else "33:33:00:01:00:03"
    for sender, spec in wires.lab.document.servers.items():
        mark, source = token(), next(str(ip) for ip in spec.ip if ip.version == version)
        frame = datagram((wires.mac(sender), mac), (source, group), mark)
        assert wires.copies(sender, mark, frame) == members_once(wires, sender)
        assert each_link_once(wires, mark)


def test_a_frame_to_a_mac_that_nobody_knows_comes_once_to_every_member(wires: Wires) -> None:
    sender, mark = next(iter(wires.servers)), token()
    frame = plain(wires.mac(sender), "02:ee:ee:ee:ee:ee", mark)
    assert wires.copies(sender, mark, frame) == members_once(wires, sender)


def test_a_frame_to_a_known_mac_comes_to_its_owner_alone(wires: Wires) -> None:
    for sender in wires.servers:
        target, mark = wires.others(sender)[-1], token()
        assert wires.copies(sender, mark, plain(wires.mac(sender), wires.mac(target), mark)) == {target: 1}
