"""Which frames of a device belong to which queue: the filters as tc takes them, and as the kernel reads them."""

from __future__ import annotations

import re
import struct

import pytest

from apps.ovsdb import classifier
from apps.ovsdb.classifier import _filters, set_filters
from controller.compile.reservations import Chosen
from controller.queues import Frames, PortQueues
from controller.rules.tables import BYPASS_LABELS, PATH_LABELS, Class, QueueKind, path_queue

OWN, PASSING, GUARDED = PATH_LABELS[7], PATH_LABELS[8], PATH_LABELS[9]
"""Labels of paths: one that begins at the trunk, two that come by it."""
BYPASS = BYPASS_LABELS[3]
SEGMENT = 464
OWN_QUEUE = path_queue(OWN)
A, B, C = (0x020000000100 + number for number in (1, 2, 3))
TRUNK = PortQueues(20, "s1-eth20", 10**8, (), labels=((OWN, OWN_QUEUE),), is_trunk=True)
MAC_BYTES, TAG_BYTES = 14, 4
TCP, UDP = 6, 17

Tag = tuple[int, int]
"""A label and its PCP."""


def server_port(*frames: Frames) -> PortQueues:
    return PortQueues(1, "s1-eth1", 10**8, (), frames=frames)


def chosen(source: int = A, target: int = B, **fields: int) -> Chosen:
    return Chosen(SEGMENT, source, None, target, None, tuple(sorted(fields.items())))


# What tc is told


def test_the_filters_of_a_trunk_as_tc_takes_them() -> None:
    told = list(_filters(TRUNK, 10))
    start = "filter add dev s1-eth20 parent 1: protocol all pref"
    assert all(line.startswith(start) for line in told)
    lines = [line.removeprefix(start) for line in told]
    in_front, behind = lines[: len(lines) // 2], lines[len(lines) // 2 :]
    one_tag = "match u16 0x8100 0xffff at -2"
    bypass = "match u16 0x8100 0xffff at 2 match u16 0x0c00 0x0c00 at 0"
    assert in_front == [
        f" 10 u32 {one_tag} {bypass} match u16 0xa000 0xe000 at 4 flowid 1:2",
        f" 11 u32 {one_tag} {bypass} flowid 1:3",
        f" 12 u32 {one_tag} match u16 {0x8000 | OWN:#06x} 0xcfff at 0 flowid 1:{OWN_QUEUE + 1:x}",
        f" 13 u32 {one_tag} match u16 0x8000 0x8000 at 0 flowid 1:2",
        f" 14 u32 {one_tag} flowid 1:3",
    ]
    assert [line.split()[0] for line in behind] == ["30", "31", "32", "33", "34"]
    assert all("at -6" in line for line in behind)


def test_the_filters_of_a_server_port_as_tc_takes_them() -> None:
    web = Frames(chosen(ip_proto=TCP, tcp_dst=80), tagged=False, queue=OWN_QUEUE)
    (v4, v6) = _filters(server_port(web), 30)
    macs = "match u16 0x0200 0xffff at -14 match u16 0x0000 0xffff at -12 match u16 0x0102 0xffff at -10"
    macs += " match u16 0x0200 0xffff at -8 match u16 0x0000 0xffff at -6 match u16 0x0101 0xffff at -4"
    start = "filter add dev s1-eth1 parent 1: protocol all pref 39 u32"
    to = f"flowid 1:{OWN_QUEUE + 1:x}"
    unfragmented = "match u8 0x45 0xff at 0 match u16 0x0000 0x1fff at 6"
    assert v4 == (
        f"{start} {macs} match u16 0x0800 0xffff at -2 match u8 0x6 0xff at 9 {unfragmented}"
        f" match u16 0x0050 0xffff at 22 {to}"
    )
    assert v6 == (
        f"{start} {macs} match u16 0x86dd 0xffff at -2 match u8 0x6 0xff at 6 match u16 0x0050 0xffff at 42 {to}"
    )


# What comes of it: the filters read as u32 reads them, on the bytes of frames


def queue_of(queues: PortQueues, frame: bytes, header: int) -> int:
    """The queue of a frame whose network header the kernel believes to be at `header`."""
    for line in sorted(_filters(queues, 10), key=lambda line: int(re.findall(r"pref (\d+)", line)[0])):
        if all(_fits(test, frame, header) for test in re.findall(r"match (u\d+) (\w+) (\w+) at (-?\d+)", line)):
            return int(re.findall(r"flowid 1:(\w+)", line)[0], 16) - 1
    return QueueKind.DEFAULT


def _fits(test: tuple[str, str, str, str], frame: bytes, header: int) -> bool:
    size, value, mask = (1 if test[0] == "u8" else 2), int(test[1], 16), int(test[2], 16)
    start = header + int(test[3])
    found = int.from_bytes(frame[start : start + size], "big")
    return len(frame) >= start + size and found & mask == value & mask


def queues_of(queues: PortQueues, frame: bytes, tags: int) -> set[int]:
    """Its queue on kernels that put the network header behind the MAC addresses and their type, or behind the tags."""
    return {queue_of(queues, frame, header) for header in (MAC_BYTES, MAC_BYTES + TAG_BYTES * tags)}


def frame(*tags: Tag, source: int = A, target: int = B, payload: bytes = b"", kind: int = 0x0800) -> bytes:
    labels = b"".join(struct.pack("!HH", 0x8100, pcp << 13 | label) for label, pcp in tags)
    macs = target.to_bytes(6, "big") + source.to_bytes(6, "big")
    return macs + labels + struct.pack("!H", kind) + payload.ljust(60, b"\0")


def ipv4(
    protocol: int = TCP, ports: tuple[int, int] = (4000, 80), dscp: int = 0, start: int = 0x45, offset: int = 0
) -> bytes:
    head = struct.pack("!BBHHHBBH8x", start, dscp << 2, 60, 0, offset, 64, protocol, 0)
    return head + struct.pack("!HH", *ports)


def ipv6(protocol: int = TCP, ports: tuple[int, int] = (4000, 80), dscp: int = 0) -> bytes:
    return struct.pack("!IHBB32x", 6 << 28 | dscp << 22, 20, protocol, 64) + struct.pack("!HH", *ports)


@pytest.mark.parametrize(
    ("tags", "queue"),
    [
        ((), QueueKind.DEFAULT),
        (((SEGMENT, 0),), QueueKind.BEST_EFFORT),
        (((OWN, Class.RESERVED),), OWN_QUEUE),
        (((OWN, Class.PROTECTED),), OWN_QUEUE),
        (((PASSING, Class.RESERVED),), QueueKind.RESERVED),
        (((GUARDED, Class.PROTECTED),), QueueKind.RESERVED),
        (((BYPASS, 0), (SEGMENT, 0)), QueueKind.BEST_EFFORT),
        (((BYPASS, 0), (PASSING, Class.RESERVED)), QueueKind.BEST_EFFORT),
        (((BYPASS, 0), (OWN, Class.RESERVED)), QueueKind.BEST_EFFORT),
        (((BYPASS, Class.DIVERTED), (GUARDED, Class.PROTECTED)), QueueKind.RESERVED),
        (((BYPASS, Class.DIVERTED), (OWN, Class.PROTECTED)), QueueKind.RESERVED),
    ],
    ids=str,
)
def test_a_frame_on_a_trunk_has_its_queue_whatever_the_kernel_believes(tags: tuple[Tag, ...], queue: int) -> None:
    assert queues_of(TRUNK, frame(*tags), len(tags)) == {queue}


WEB = Frames(chosen(ip_proto=TCP, tcp_dst=80), tagged=False, queue=11)
ALL = Frames(chosen(), tagged=False, queue=12)
VOICE = Frames(chosen(ip_dscp=46), tagged=False, queue=13)
ALL_UDP = Frames(chosen(ip_proto=UDP), tagged=False, queue=14)


@pytest.mark.parametrize(
    ("sent", "queue"),
    [
        (frame(payload=ipv4()), 11),
        (frame(payload=ipv6(), kind=0x86DD), 11),
        (frame(payload=ipv4(ports=(80, 4000))), 12),
        (frame(payload=ipv4(protocol=50)), 12),
        (frame(payload=ipv4(protocol=UDP)), 14),
        (frame(payload=ipv4(start=0x46)), 12),
        (frame(payload=ipv4(offset=100)), 12),
        (frame(payload=ipv4(protocol=50, dscp=46)), 13),
        (frame(payload=ipv6(protocol=50, dscp=46), kind=0x86DD), 13),
        (frame(payload=ipv4(protocol=UDP, dscp=46)), 14),
        (frame(payload=ipv4(dscp=46)), 11),
        (frame(payload=b"who has?", kind=0x0806), 12),
        (frame(source=C, payload=ipv4()), QueueKind.DEFAULT),
        (frame(target=C, payload=ipv4()), QueueKind.DEFAULT),
    ],
)
def test_a_frame_to_a_server_has_the_queue_of_the_reservation_that_says_most_of_it(sent: bytes, queue: int) -> None:
    assert queues_of(server_port(ALL, VOICE, ALL_UDP, WEB), sent, 0) == {queue}


def test_a_tagged_server_s_frames_are_found_behind_their_tag() -> None:
    port = server_port(*(Frames(each.chosen, True, each.queue) for each in (WEB, ALL)))
    assert queues_of(port, frame((100, 0), payload=ipv4()), 1) == {11}
    assert queues_of(port, frame((100, 0), payload=ipv6(), kind=0x86DD), 1) == {11}
    assert queues_of(port, frame((100, 0), payload=ipv4(protocol=UDP)), 1) == {12}
    assert queues_of(port, frame((100, 0), source=C, payload=ipv4()), 1) == {QueueKind.DEFAULT}


# Filters in place of others


class Device:
    """Holds filters by their preference, as tc does."""

    def __init__(self, *held: int) -> None:
        self.held = list(held)

    def tc(self, batch: str, *_: str) -> str:
        for line in batch.splitlines():
            found = re.match(r"filter (add|del) dev \S+ parent 1: .*?pref (\d+)", line)
            assert found, line
            if found[1] == "add":
                self.held.append(int(found[2]))
            else:
                assert int(found[2]) in self.held, line
                self.held = [pref for pref in self.held if pref != int(found[2])]
            assert self.held, "a moment without any filter"
        return "".join(f"filter protocol all pref {pref} u32\n" for pref in self.held)


@pytest.mark.parametrize("held", [(), (100, 103), (200, 203), (100, 103, 200, 203)], ids=str)
def test_filters_are_replaced_without_a_gap_also_where_a_change_broke_off(
    held: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    device, fresh = Device(*held), Device()
    monkeypatch.setattr(classifier, "_tc", fresh.tc)
    set_filters(TRUNK)
    monkeypatch.setattr(classifier, "_tc", device.tc)
    set_filters(TRUNK)
    assert sorted(pref % 100 for pref in device.held) == sorted(pref % 100 for pref in fresh.held)
    assert len({pref // 100 for pref in device.held}) == 1
