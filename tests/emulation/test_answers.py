"""The switch answers ARP and neighbour solicitations for the addresses that it knows, and the question goes nowhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest
from lab import Lab

from tests.emulation.frames_made import (
    BROADCAST,
    advertisement,
    arp,
    plain,
    solicitation,
    solicited_node,
    with_tags,
)
from tests.emulation.frames_wire import Card, Wires, token, wired
from tests.waiting import wait_until

DOCUMENT = """
fabric: answers
segments:
  red:  {subnet: [10.1.0.0/24, "fd00:1::/64"]}
  blue: {subnet: [10.1.0.0/24, "fd00:1::/64"]}
platforms:
  one:
    dpid: 1
    servers:
      asker: {port: 1, segment: red, ip: [10.1.0.1, "fd00:1::1"], mac: "02:00:00:00:01:01"}
      near: {port: 2, segment: red, ip: [10.1.0.2, "fd00:1::2"], mac: "02:00:00:00:01:02"}
      tagged: {port: 3, segment: red, ip: [10.1.0.3, "fd00:1::3"], mac: "02:00:00:00:01:03", vlan: 100}
    trunks: {east: {port: 20}}
  two:
    dpid: 2
    servers:
      far: {port: 1, segment: red, ip: [10.1.0.4, "fd00:1::4"], mac: "02:00:00:00:02:01"}
      blue2: {port: 2, segment: blue, ip: [10.1.0.2, "fd00:1::2"], mac: "02:00:00:00:02:02"}
      blue9: {port: 3, segment: blue, ip: [10.1.0.9, "fd00:1::9"], mac: "02:00:00:00:02:09"}
    trunks: {west: {port: 20}}
links:
  - [one.east, two.west]
"""
ASKER, ASKER4, ASKER6 = "02:00:00:00:01:01", "10.1.0.1", "fd00:1::1"
TAGGED, TAGGED4, TAGGED6 = "02:00:00:00:01:03", "10.1.0.3", "fd00:1::3"
NEAR, FAR = "02:00:00:00:01:02", "02:00:00:00:02:01"
KNOWN = {
    "near": (NEAR, "10.1.0.2", "fd00:1::2"),
    "far": (FAR, "10.1.0.4", "fd00:1::4"),
    "tagged": (TAGGED, TAGGED4, TAGGED6),
}
RED = ("asker", "near", "tagged", "far")
SOLICITED, OVERRIDING = 0x60000000, 0x20000000
"""The flags solicited and override, and override alone (RFC 4861, 4.4)."""


@pytest.fixture(scope="module")
def wires() -> Iterator[Wires]:
    with Lab(DOCUMENT) as lab, wired(lab) as built:
        yield built


def told(wires: Wires, sender: str, mark: bytes, question: bytes) -> list[bytes]:
    """What the sender of a question hears; nobody else may hear anything of it."""
    got = wires.copies(sender, mark, question)
    assert got.keys() <= {sender}
    assert wires.on_trunks(mark) == {}
    return wires.servers[sender].having(mark)


def others(sender: str) -> Counter[str]:
    return Counter(name for name in RED if name != sender)


# ARP (RFC 826)


@pytest.mark.parametrize("owner", KNOWN)
def test_a_broadcast_arp_question_is_answered_with_the_owners_mac(wires: Wires, owner: str) -> None:
    mark, (mac, address, _) = token(), KNOWN[owner]
    answers = told(wires, "asker", mark, arp(1, ASKER, ASKER4, address, mark))
    assert answers == [arp(2, mac, address, ASKER4, mark, tha=ASKER, to=ASKER)]


@pytest.mark.parametrize("owner", KNOWN)
def test_a_probe_for_anothers_address_is_answered(wires: Wires, owner: str) -> None:
    """Address conflict detection (RFC 5227): the prober learns that the address is taken."""
    mark, (mac, address, _) = token(), KNOWN[owner]
    answers = told(wires, "asker", mark, arp(1, ASKER, "0.0.0.0", address, mark))
    assert answers == [arp(2, mac, address, "0.0.0.0", mark, tha=ASKER, to=ASKER)]


def test_the_same_address_in_another_segment_is_answered_with_that_segments_owner(wires: Wires) -> None:
    mark, blue9, blue2 = token(), "02:00:00:00:02:09", "02:00:00:00:02:02"
    answers = told(wires, "blue9", mark, arp(1, blue9, "10.1.0.9", "10.1.0.2", mark))
    assert answers == [arp(2, blue2, "10.1.0.2", "10.1.0.9", mark, tha=blue9, to=blue9)]


@pytest.mark.parametrize("address", ["10.1.0.77", "10.1.0.9", "10.9.9.9"])
def test_a_question_for_an_address_that_the_segment_does_not_know_is_asked_of_all(wires: Wires, address: str) -> None:
    mark = token()
    question = arp(1, ASKER, ASKER4, address, mark)
    assert wires.copies("asker", mark, question) == others("asker")
    assert wires.servers["far"].having(mark) == [question]


@pytest.mark.parametrize("sender", [ASKER4, "0.0.0.0"])
def test_a_servers_own_announcement_is_flooded_and_not_answered(wires: Wires, sender: str) -> None:
    mark = token()
    assert wires.copies("asker", mark, arp(1, ASKER, sender, ASKER4, mark)) == others("asker")


def test_a_servers_gratuitous_reply_is_flooded(wires: Wires) -> None:
    mark = token()
    assert wires.copies("asker", mark, arp(2, ASKER, ASKER4, ASKER4, mark, tha=BROADCAST)) == others("asker")


@pytest.mark.parametrize("owner", ["near", "far", "tagged"])
def test_a_unicast_arp_question_is_the_owners_to_answer(wires: Wires, owner: str) -> None:
    mark, (mac, address, _) = token(), KNOWN[owner]
    question = arp(1, ASKER, ASKER4, address, mark, to=mac)
    got = wires.copies("asker", mark, question)
    assert got[owner] == 1
    assert got.keys() <= {owner, "asker"}
    assert question in wires.servers[owner].look()


# Neighbour discovery (RFC 4861)


@pytest.mark.parametrize("owner", KNOWN)
def test_a_solicitation_is_answered_with_the_owners_mac(wires: Wires, owner: str) -> None:
    mark, (mac, _, address) = token(), KNOWN[owner]
    answers = told(wires, "asker", mark, solicitation(ASKER, ASKER6, address, mark, sll=ASKER))
    to = (ASKER6, ASKER)
    assert answers == [advertisement(mac, address, address, mark, tll=mac, flags=SOLICITED, to=to)]


@pytest.mark.parametrize("option", [True, False])
@pytest.mark.parametrize("owner", KNOWN)
def test_duplicate_address_detection_learns_that_the_address_is_taken(wires: Wires, owner: str, option: bool) -> None:
    """The answer goes to all nodes (RFC 4861, 7.2.4), but only out of the port of the question.

    The owner's MAC takes the place of the nonce that Linux asks with; a question without options has no place for it.
    """
    mark, (mac, _, address) = token() if option else b"", KNOWN[owner]
    answer = advertisement(mac, address, address, b"", tll=mac if option else None, flags=OVERRIDING)
    question = solicitation(ASKER, "::", address, mark)
    before = wires.got(answer)
    assert wires.copies("asker", question, question) == {}
    assert wires.on_trunks(question) == {}
    assert wires.got(answer) - before == {"asker": 1}


def test_a_host_that_takes_anothers_address_is_told_by_its_kernel(wires: Wires) -> None:
    """The kernel's own duplicate address detection hears the switch's answer, checksum and options included."""
    host = wires.lab.host("asker")
    host.cmd("sysctl -w net.ipv6.conf.eth0.accept_dad=1; ip addr add fd00:1::4/128 dev eth0")
    try:
        wait_until(
            lambda: "dadfailed" in host.cmd("ip -6 addr show dev eth0 to fd00:1::4"), 5, "the kernel took the address"
        )
    finally:
        host.cmd("ip addr del fd00:1::4/128 dev eth0")


def test_a_solicitation_for_an_unknown_address_is_asked_of_all(wires: Wires) -> None:
    mark = token()
    question = solicitation(ASKER, ASKER6, "fd00:1::77", mark, sll=ASKER)
    assert wires.copies("asker", mark, question) == others("asker")


def test_a_servers_own_solicitation_is_flooded_and_not_answered(wires: Wires) -> None:
    mark = token()
    assert wires.copies("asker", mark, solicitation(ASKER, "::", ASKER6, mark)) == others("asker")


def test_a_servers_own_advertisement_is_flooded(wires: Wires) -> None:
    mark = token()
    assert wires.copies("asker", mark, advertisement(ASKER, ASKER6, ASKER6, mark, tll=ASKER)) == others("asker")


@pytest.mark.parametrize("owner", ["near", "far", "tagged"])
def test_a_unicast_solicitation_is_the_owners_to_answer(wires: Wires, owner: str) -> None:
    mark, (mac, _, address) = token(), KNOWN[owner]
    question = solicitation(ASKER, ASKER6, address, mark, sll=ASKER, to=(address, mac))
    got = wires.copies("asker", mark, question)
    assert got[owner] == 1
    assert got.keys() <= {owner, "asker"}


# A tagged server


@pytest.fixture
def behind_the_port(wires: Wires) -> Iterator[Card]:
    """What the platform sends to the tagged server, before its tag is taken off."""
    card = Card(wires.lab.wiring.splitters["one", 3].port_name(1))
    yield card
    card.close()


def test_a_tagged_servers_arp_answer_carries_its_tag(wires: Wires, behind_the_port: Card) -> None:
    mark = token()
    told(wires, "tagged", mark, arp(1, TAGGED, TAGGED4, "10.1.0.4", mark))
    answer = arp(2, FAR, "10.1.0.4", TAGGED4, mark, tha=TAGGED, to=TAGGED)
    assert behind_the_port.having(mark) == [with_tags(answer, 100)]


def test_a_tagged_servers_neighbour_answer_carries_its_tag(wires: Wires, behind_the_port: Card) -> None:
    mark, address = token(), "fd00:1::4"
    told(wires, "tagged", mark, solicitation(TAGGED, TAGGED6, address, mark, sll=TAGGED))
    answer = advertisement(FAR, address, address, mark, tll=FAR, flags=SOLICITED, to=(TAGGED6, TAGGED))
    assert behind_the_port.having(mark) == [with_tags(answer, 100)]


def test_a_frame_to_a_tagged_server_carries_its_tag(wires: Wires, behind_the_port: Card) -> None:
    for target in (TAGGED, BROADCAST):
        mark = token()
        frame = plain(ASKER, target, mark)
        wires.copies("asker", mark, frame)
        assert behind_the_port.having(mark) == [with_tags(frame, 100)]


def test_the_questions_address_is_that_of_the_target(wires: Wires) -> None:
    """So that what is asked here is what hosts ask."""
    assert solicited_node("fd00:1::12:3456") == ("ff02::1:ff12:3456", "33:33:ff:12:34:56")
