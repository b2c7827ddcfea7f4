"""What packets tell of servers, decided without a switch: who, where, how often they may move, how many addresses."""

from __future__ import annotations

import pytest

from controller.activity import Activity
from controller.compile.servers import ServerInput, compile_server
from controller.learning import ADDRESSES, HOLD_S, MOVES_WITHIN_S, Heard, Learner, learned_name
from controller.model.alarms import Alarms
from controller.model.fabric import Fabric
from controller.model.identity import Server
from controller.rules.rules import Counted
from controller.rules.tables import Reason
from tests.virtual import VirtualFabric, make_port

MAC, OTHER_MAC = 0x020000000A01, 0x020000000A02
ADDRESS, OTHER_ADDRESS = 0x0A000001, 0x0A000002
LEFT, RIGHT = ("p1", 1), ("p2", 1)
NAME = learned_name("default", MAC)


def open_fabric() -> Fabric:
    """Two adopted platforms; servers may be on ports 1 to 3 of each."""
    virtual = VirtualFabric()
    for dpid, name in enumerate(("p1", "p2"), start=1):
        virtual.add_switch(name, dpid, (1, 2, 3))
    virtual.start()
    return virtual.control.fabric


class Listener:
    """A learner on a fabric, and what it is told."""

    def __init__(self, fabric: Fabric | None = None) -> None:
        self.fabric, self.alarms = fabric or open_fabric(), Alarms()
        self.learner = Learner(self.fabric, self.alarms)

    def hear(self, end: tuple[str, int], now: float = 0.0, mac: int = MAC, **fields: int) -> bool:
        return self.learner.take(Heard(end, Reason.LEARN_MAC, {"eth_src": mac, **fields}), now)

    def server(self, name: str = NAME) -> Server:
        return self.fabric.servers[name]

    def conflicts(self) -> list[str]:
        return [alarm.message for alarm in self.alarms.standing() if alarm.kind == "conflict"]


@pytest.mark.parametrize(
    ("fields", "addresses"),
    [
        ({"arp_spa": ADDRESS}, ((ADDRESS, 4),)),
        ({"ipv4_src": ADDRESS}, ((ADDRESS, 4),)),
        ({"ipv6_src": 0xFD << 120 | 1}, ((0xFD << 120 | 1, 6),)),
        ({"arp_spa": 0, "arp_tpa": ADDRESS}, ()),
        ({"ipv4_src": 0, "ipv4_dst": 0xFFFFFFFF, "udp_src": 68}, ()),
        ({"ipv6_src": 0, "ipv6_nd_target": 0xFE80 << 112 | 1}, ()),
        ({}, ()),
    ],
    ids=["ARP", "IPv4", "IPv6", "ARP probe", "DHCP discover", "DAD", "another protocol"],
)
def test_a_packet_tells_the_senders_mac_and_the_address_it_claims(
    fields: dict[str, int], addresses: tuple[tuple[int, int], ...]
) -> None:
    listener = Listener()
    assert listener.hear(LEFT, **fields)
    server = listener.server()
    assert (server.end, server.mac, server.addresses, server.declared) == (LEFT, MAC, addresses, False)


def test_the_same_again_is_no_news() -> None:
    listener = Listener()
    assert listener.hear(LEFT, arp_spa=ADDRESS)
    assert not listener.hear(LEFT, arp_spa=ADDRESS)


@pytest.mark.parametrize("mac", [0, 0x01005E000001, (1 << 48) - 1], ids=["none", "multicast", "broadcast"])
def test_nobody_has_a_group_for_a_mac(mac: int) -> None:
    listener = Listener()
    assert not listener.hear(LEFT, mac=mac, arp_spa=ADDRESS)
    assert not listener.fabric.servers


def test_nothing_is_learned_before_discovery_has_had_its_say() -> None:
    listener = Listener()
    listener.fabric.wiring.silent.discard(LEFT)
    assert not listener.hear(LEFT, arp_spa=ADDRESS)


def test_a_move_takes_the_addresses_along() -> None:
    listener = Listener()
    listener.hear(LEFT, arp_spa=ADDRESS)
    assert listener.hear(RIGHT, 1.0)
    assert (listener.server().end, listener.server().addresses) == (RIGHT, ((ADDRESS, 4),))


# Moving to and fro


def to_and_fro(listener: Listener, moves: int, start: float = 0.0, every: float = 1.0) -> float:
    """So many moves, the first from the left to the right; when the last one was."""
    listener.hear(LEFT, start)
    for number in range(1, moves + 1):
        listener.hear(RIGHT if number % 2 else LEFT, start + number * every)
    return start + moves * every


def test_three_moves_are_followed() -> None:
    listener = Listener()
    to_and_fro(listener, 3)
    assert listener.server().end == RIGHT
    assert not listener.conflicts()


def test_a_fourth_move_in_time_is_a_conflict_and_the_server_stays() -> None:
    listener = Listener()
    now = to_and_fro(listener, 4)
    assert listener.server().end == RIGHT
    (message,) = listener.conflicts()
    assert message == (f"{NAME} moved more than 3 times in 10 s between p2 port 1 and p1 port 1: it stays for 30 s")
    assert not listener.hear(LEFT, now + HOLD_S - 0.1)
    assert listener.server().end == RIGHT


def test_slow_moves_are_no_conflict() -> None:
    listener = Listener()
    to_and_fro(listener, 12, every=MOVES_WITHIN_S / 3 + 0.1)
    assert listener.server().end == LEFT
    assert not listener.conflicts()


def test_a_conflict_is_over_when_its_time_is() -> None:
    listener = Listener()
    now = to_and_fro(listener, 4)
    listener.learner.tick(now + HOLD_S - 0.1)
    assert listener.conflicts()
    listener.learner.tick(now + HOLD_S)
    assert not listener.conflicts()
    assert listener.hear(LEFT, now + HOLD_S)
    assert listener.server().end == LEFT


def test_after_a_conflict_three_moves_count_anew() -> None:
    listener = Listener()
    now = to_and_fro(listener, 4) + HOLD_S
    listener.learner.tick(now)
    for number in range(3):
        assert listener.hear(RIGHT if number % 2 else LEFT, now + number)
    assert not listener.hear(RIGHT, now + 3)
    assert listener.conflicts()


def test_one_servers_conflict_is_not_anothers() -> None:
    listener = Listener()
    now = to_and_fro(listener, 4)
    listener.hear(LEFT, now, mac=OTHER_MAC)
    assert listener.hear(RIGHT, now, mac=OTHER_MAC)


def test_a_server_in_conflict_still_tells_its_addresses_where_it_is() -> None:
    listener = Listener()
    now = to_and_fro(listener, 4)
    assert listener.hear(RIGHT, now, arp_spa=ADDRESS)
    assert listener.server().addresses == ((ADDRESS, 4),)


# Addresses


def test_a_server_has_sixteen_addresses_at_most() -> None:
    listener = Listener()
    for number in range(ADDRESSES + 3):
        listener.hear(LEFT, arp_spa=ADDRESS + number)
    assert listener.server().addresses == tuple((ADDRESS + number, 4) for number in range(ADDRESSES))


def test_an_address_goes_from_one_learned_server_to_another() -> None:
    listener = Listener()
    listener.hear(LEFT, arp_spa=ADDRESS)
    listener.hear(RIGHT, mac=OTHER_MAC, arp_spa=ADDRESS)
    assert listener.server().addresses == ()
    assert listener.server(learned_name("default", OTHER_MAC)).addresses == ((ADDRESS, 4),)


# Beside declared servers

MIXED = """
undeclared: {mode: learn, segment: lan, age: 60}
segments: {lan: {}, other: {}}
platforms:
  p1:
    dpid: 1
    servers:
      fixed: {port: 5, segment: lan, mac: "02:00:00:00:0a:01", ip: 10.0.0.1}
      open: {port: 6, segment: lan}
      apart: {port: 7, segment: other, mac: "02:00:00:00:0a:02"}
"""


def mixed() -> VirtualFabric:
    virtual = VirtualFabric(MIXED)
    for number in (1, 2):
        virtual.switches["p1"].ports[number] = make_port(number)
    virtual.start()
    return virtual


def test_a_declared_mac_is_not_learned_elsewhere() -> None:
    listener = Listener(mixed().control.fabric)
    assert not listener.hear(("p1", 1), arp_spa=ADDRESS)
    assert listener.server("fixed").end == ("p1", 5)


def test_a_declared_address_is_not_taken() -> None:
    listener = Listener(mixed().control.fabric)
    listener.hear(("p1", 1), mac=OTHER_MAC, arp_spa=ADDRESS)
    assert listener.server(learned_name("lan", OTHER_MAC)).addresses == ()
    assert listener.server("fixed").addresses == ((ADDRESS, 4),)


def test_a_mac_of_another_segment_is_free() -> None:
    listener = Listener(mixed().control.fabric)
    assert listener.hear(("p1", 1), mac=OTHER_MAC)


def test_a_declared_server_is_completed_by_what_it_says() -> None:
    listener = Listener(mixed().control.fabric)
    assert listener.hear(("p1", 6), mac=0x020000000B00, arp_spa=OTHER_ADDRESS)
    server = listener.server("open")
    assert (server.mac, server.addresses) == (0x020000000B00, ((OTHER_ADDRESS, 4),))
    assert not listener.hear(("p1", 6), mac=0x020000000B01, arp_spa=OTHER_ADDRESS + 1)


def test_what_a_server_was_heard_to_use_is_its_own_no_more_once_the_document_gives_it_an_address() -> None:
    virtual = mixed()
    listener = Listener(virtual.control.fabric)
    listener.hear(("p1", 6), mac=0x020000000B00, arp_spa=OTHER_ADDRESS)
    virtual.change(MIXED.replace("open: {port: 6, segment: lan}", "open: {port: 6, segment: lan, ip: 10.0.0.9}"))
    server = listener.server("open")
    assert (server.mac, server.addresses) == (0x020000000B00, ((0x0A000009, 4),))


def test_a_declared_server_without_mac_does_not_become_another() -> None:
    listener = Listener(mixed().control.fabric)
    assert not listener.hear(("p1", 6), mac=MAC)
    assert listener.server("open").mac is None


# Age


def speaks(activity: Activity, server: Server, packets: int, now: float) -> None:
    """The counters of a switch that holds the server's rules."""
    rules = [placed.rule for placed in compile_server(ServerInput(server, 1, 1, ()))]
    activity.counted(server.platform, Counted({rule.key: packets for rule in rules}, {}), now)


def test_a_learned_server_ages_when_it_is_silent() -> None:
    fabric = mixed().control.fabric
    listener, activity = Listener(fabric), Activity(fabric)
    listener.hear(("p1", 1), mac=OTHER_MAC)
    server = listener.server(learned_name("lan", OTHER_MAC))
    for now, packets in ((0.0, 5), (50.0, 6), (100.0, 6)):
        speaks(activity, server, packets, now)
        assert not list(activity.expired("p1", now))
    assert activity.silent_s(server.name, 100.0) == 50.0
    speaks(activity, server, 6, 110.0)
    assert not list(activity.expired("p1", 110.0))
    assert list(activity.expired("p1", 110.1)) == [server.name]


def test_a_declared_server_does_not_age() -> None:
    fabric = mixed().control.fabric
    activity = Activity(fabric)
    for now in (0.0, 1000.0):
        speaks(activity, fabric.servers["fixed"], 1, now)
    assert activity.silent_s("fixed", 1000.0) == 1000.0
    assert not list(activity.expired("p1", 1000.0))


def test_a_switch_that_cannot_be_asked_ages_nobody() -> None:
    """No counters, no age: a controller that was away finds all servers as they were."""
    fabric = mixed().control.fabric
    listener, activity = Listener(fabric), Activity(fabric)
    listener.hear(("p1", 1), mac=OTHER_MAC)
    assert not list(activity.expired("p1", 1e6))


def test_nobody_ages_on_a_platform_that_cannot_be_asked() -> None:
    fabric = open_fabric()
    listener, activity = Listener(fabric), Activity(fabric)
    for end, mac in ((LEFT, MAC), (RIGHT, OTHER_MAC)):
        listener.hear(end, mac=mac)
    for name in (NAME, learned_name("default", OTHER_MAC)):
        speaks(activity, listener.server(name), 1, 0.0)
    assert list(activity.expired("p1", 1000.0)) == [NAME]


def test_a_server_that_is_learned_again_is_as_young_as_a_new_one() -> None:
    fabric = open_fabric()
    listener, activity = Listener(fabric), Activity(fabric)
    listener.hear(LEFT)
    speaks(activity, listener.server(), 1, 0.0)
    fabric.forget(NAME)
    activity.counted("p1", Counted({}, {}), 10.0)
    listener.hear(LEFT)
    speaks(activity, listener.server(), 1, 1000.0)
    assert not list(activity.expired("p1", 1000.0))
