"""One server's storm harms nobody else: not their traffic, not learning, not discovery; and it is counted."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from lab import Lab

from controller.model.spec import LinkSpec, ServerSpec
from tests.emulation.frames_made import BROADCAST, arp, datagram, plain, solicitation
from tests.emulation.frames_wire import Card, Ping, Wires, token, wired
from tests.waiting import wait_until

STORM = 200
BURST = STORM // 2 + 50
"""What may pass at once: half a second's share, and what comes while it is sent."""
DOCUMENT = f"""
fabric: stormy
undeclared: {{mode: learn, segment: red}}
storm: 5000
segments:
  red: {{subnet: [10.1.0.0/24, "fd00:1::/64"]}}
platforms:
  one:
    dpid: 1
    servers:
      loud: {{port: 1, segment: red, ip: [10.1.0.1, "fd00:1::1"], mac: "02:00:00:00:01:01", storm: {STORM}}}
      calm: {{port: 2, segment: red, ip: [10.1.0.2, "fd00:1::2"], mac: "02:00:00:00:01:02"}}
      open: {{port: 3, segment: red}}
    trunks: {{east: {{port: 20}}, east2: {{port: 21}}}}
  two:
    dpid: 2
    servers:
      far: {{port: 1, segment: red, ip: [10.1.0.3, "fd00:1::3"], mac: "02:00:00:00:02:01"}}
    trunks: {{west: {{port: 20}}, west2: {{port: 21}}}}
links:
  - [one.east, two.west]
  - [one.east2, two.west2]
"""
PLUGGED_LATER = LinkSpec(ends=("one.east2", "two.west2"))
LOUD, FAR = "02:00:00:00:01:01", "02:00:00:00:02:01"
COUNTED_S = 25.0
"""Counters are read every 10 s."""
FOUND_S = 30.0
PORTION = 256


@pytest.fixture(scope="module")
def wires() -> Iterator[Wires]:
    with Lab(DOCUMENT) as lab:
        lab.remove_link("one.east2--two.west2")
        with wired(lab) as built:
            yield built


def port(lab: Lab, port_no: int) -> dict[str, Any]:
    ports = lab.api("/platforms/one")["status"]["ports"]
    return next(shown for shown in ports if shown["number"] == port_no)


def floods(mark: bytes, number: int) -> list[bytes]:
    """Broadcast, multicast, questions that nobody can answer and unknown unicast, in turn."""
    kinds = [
        plain(LOUD, BROADCAST, mark),
        datagram((LOUD, "33:33:00:00:00:fb"), ("fd00:1::1", "ff02::fb"), mark),
        arp(1, LOUD, "10.1.0.1", "10.1.0.99", mark),
        plain(LOUD, "02:ee:ee:ee:ee:ee", mark),
    ]
    return (kinds * (number // len(kinds) + 1))[:number]


def test_flooding_beyond_the_limit_is_dropped_and_counted(wires: Wires) -> None:
    lab, mark, sent = wires.lab, token(), 10 * STORM
    before, began = port(lab, 1)["storm_dropped"], time.monotonic()
    wires.pour("loud", floods(mark, sent))
    allowed = BURST + STORM * (time.monotonic() - began)
    wires.settle("loud")
    got = wires.got(mark)
    assert set(got) == {"calm", "open", "far"}
    assert len(set(got.values())) == 1
    passed = got["calm"]
    assert STORM // 4 <= passed <= allowed < sent
    dropped = sent - passed
    wait_until(lambda: port(lab, 1)["storm_dropped"] - before >= dropped, COUNTED_S, "the drops were not counted")
    assert port(lab, 2)["storm_dropped"] == 0


def test_a_storm_does_not_take_from_unicast_of_the_same_server(wires: Wires) -> None:
    mark, noise = token(), token()
    for _ in range(20):
        wires.pour("loud", [*floods(noise, 40), plain(LOUD, FAR, mark)])
    wires.settle("loud")
    assert wires.got(mark) == {"far": 20}


def test_frames_of_link_protocols_never_cross(wires: Wires) -> None:
    mark = token()
    wires.pour("loud", [plain(LOUD, f"01:80:c2:00:00:{last:02x}", mark) for last in range(16)])
    wires.settle("loud")
    assert wires.got(mark) == {}
    assert wires.on_trunks(mark) == {}


# While somebody floods as fast as it can


def spoofed(random_: random.Random) -> list[bytes]:
    """With a MAC and addresses that change with each frame."""
    frames = []
    for _ in range(PORTION // 4):
        mac, address = f"02:77:{random_.randbytes(4).hex(':')}", f"10.1.0.{random_.randrange(100, 250)}"
        frames += [
            plain(mac, BROADCAST, b"spoofed"),
            arp(1, LOUD, address, address),
            arp(2, mac, address, "10.1.0.2", source=LOUD),
            solicitation(LOUD, f"fd00:1::{random_.randrange(1 << 16):x}", "fd00:1::2", b"", sll=LOUD),
        ]
    return frames


@pytest.mark.parametrize("target", ["10.1.0.3", "fd00:1::3"])
def test_others_lose_nothing_while_one_floods(wires: Wires, target: str) -> None:
    ping = Ping(wires.lab, "calm", target, 300)
    noise = floods(token(), PORTION)
    while ping.running():
        wires.servers["loud"].send(*noise)
    assert ping.lost() == 0


@pytest.fixture
def learned_port(wires: Wires) -> Iterator[Callable[[str, int], Card]]:
    """Plugs in a card at a port that nobody declared."""
    cards: dict[str, Card] = {}

    def plug(name: str, number: int) -> Card:
        mac = f"02:00:00:00:01:{number:02d}"
        wires.lab.add_server(name, ServerSpec(platform="one", port=number, segment="red", mac=mac, ip=["10.1.0.80"]))
        cards[name] = Card("eth0", wires.lab.host(name).pid)
        return cards[name]

    yield plug
    for name, card in cards.items():
        card.close()
        wires.lab.remove_server(name)


def announcement(number: int) -> bytes:
    return arp(1, f"02:00:00:00:01:{number:02d}", "10.1.0.80", "10.1.0.80")


def servers_at(lab: Lab, port_no: int) -> list[str]:
    return [s["name"] for s in lab.api("/servers?platform=one")["items"] if s["status"]["port"] == port_no]


def test_one_that_floods_what_is_spoofed_starves_neither_learning_nor_discovery(
    wires: Wires, learned_port: Callable[[str, int], Card]
) -> None:
    """Meanwhile a link is plugged in and found, a server is plugged in and learned, and others lose nothing."""
    lab, shaken = wires.lab, random.Random(3)
    noise = [spoofed(shaken) for _ in range(8)]
    ping = Ping(lab, "calm", "10.1.0.3", 1000)
    link = lab.add_link(PLUGGED_LATER)

    def flood(condition: Callable[[], bool]) -> Callable[[], bool]:
        def poured() -> bool:
            wires.servers["loud"].send(*shaken.choice(noise))
            return condition()

        return poured

    def up() -> bool:
        return bool(lab.api(f"/links/{link}")["status"]["state"] == "up")

    wait_until(flood(up), FOUND_S, "the link was not found")
    late = learned_port("late", 9)

    def learned() -> bool:
        late.send(announcement(9))
        return bool(servers_at(lab, 9))

    wait_until(flood(learned), FOUND_S, "the server was not learned")
    while ping.running():
        wires.servers["loud"].send(*shaken.choice(noise))
    assert ping.lost() == 0
    assert lab.api("/fabric")["status"]["converged"]


def strangers(shaken: random.Random) -> list[bytes]:
    """Each from a MAC that was never seen."""
    macs = [f"02:55:{shaken.randbytes(4).hex(':')}" for _ in range(PORTION)]
    return [arp(1, mac, f"10.1.0.{shaken.randrange(100, 250)}", "10.1.0.2") for mac in macs]


def test_one_that_invents_servers_does_not_starve_anothers_learning(
    wires: Wires, learned_port: Callable[[str, int], Card]
) -> None:
    lab, shaken = wires.lab, random.Random(4)
    liar = learned_port("liar", 10)
    wait_until(lambda: port(lab, 10)["kind"] == "learn", FOUND_S, "the port does not learn")
    honest = learned_port("honest", 11)

    def learned() -> bool:
        honest.send(announcement(11))
        liar.send(*strangers(shaken))
        return "red.02-00-00-00-01-11" in servers_at(lab, 11)

    wait_until(learned, FOUND_S, "the other server was not learned")
