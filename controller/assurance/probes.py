"""Which packets stand for a change: between touched servers and others, over touched paths, to whole segments."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum, auto
from itertools import chain, islice
from typing import TypeVar

from controller.assurance.faults import Touched
from controller.assurance.scene import Scene, chosen
from controller.host_frames import Made, broadcast, question, unicast
from controller.model.identity import Server

T = TypeVar("T")


class Purpose(Enum):
    """What a packet is sent for."""

    REACH = auto()
    """To one server of its segment."""
    FLOOD = auto()
    """To all of its segment."""
    CROSS = auto()
    """To a server of another segment, which it must not reach."""
    ASK = auto()
    """Who has an address of another segment: nobody may answer."""


@dataclass(frozen=True, slots=True)
class Probe:
    """A packet to be followed; `target` is None for one that is flooded."""

    purpose: Purpose
    sender: Server
    target: Server | None
    made: Made


def find_probes(scene: Scene, touched: Touched) -> Iterator[Probe]:
    """Packets for all that is touched, each subject in its turn, so that any number of them is a fair choice."""
    everything = touched.everything
    segments = sorted(scene.neighbours) if everything else sorted(touched.segments & scene.neighbours.keys())
    servers = scene.servers if everything else [name for name in scene.servers if name in touched.servers]
    subjects = (
        *(_of_segment(scene, segment) for segment in segments),
        *(_of_pair(scene, pair) for pair in _pairs(scene, touched)),
        *(_of_server(scene, scene.servers[name]) for name in servers),
    )
    return in_turn(subjects)


def in_turn(subjects: Iterable[Iterator[T]]) -> Iterator[T]:
    """One of each, then the next of each, and so on."""
    waiting = list(subjects)
    while waiting:
        left = []
        for subject in waiting:
            for found in islice(subject, 1):
                yield found
                left.append(subject)
        waiting = left


def _pairs(scene: Scene, touched: Touched) -> Iterable[tuple[str, str]]:
    if not touched.everything:
        return sorted(touched.pairs)
    platforms = sorted(scene.fabric.platforms)
    return [(src, dst) for src in platforms for dst in platforms if src != dst]


def _of_segment(scene: Scene, segment: str) -> Iterator[Probe]:
    """Flooded from each platform; and a server's own way to its neighbours, since labels are the segment's too."""
    for _, here in sorted(scene.neighbours[segment].items()):
        sender = chosen(here, segment)
        yield Probe(Purpose.FLOOD, sender, None, broadcast(sender))
    for _, here in sorted(scene.neighbours[segment].items()):
        yield from _of_server(scene, chosen(here, segment))


def _of_pair(scene: Scene, pair: tuple[str, str]) -> Iterator[Probe]:
    """From a server of one platform to one of the other, in each segment that both have."""
    src, dst = pair
    for segment, platforms in sorted(scene.neighbours.items()):
        if src in platforms and dst in platforms:
            sender, target = (chosen(platforms[at], segment) for at in pair)
            yield _reach(sender, target)


def _of_server(scene: Scene, server: Server) -> Iterator[Probe]:
    """There and back with one neighbour a platform; and never to other segments."""
    foreigners = tuple(scene.foreigners(server))
    for neighbour in _one_a_platform(scene, server):
        yield _reach(server, neighbour)
        yield _reach(neighbour, server)
    yield from chain.from_iterable(_across(server, other) for other in foreigners)


def _one_a_platform(scene: Scene, server: Server) -> Iterator[Server]:
    for _, here in sorted(scene.neighbours[server.segment].items()):
        others = tuple(other for other in here if other.end != server.end)
        if others:
            yield chosen(others, server.name)


def _reach(sender: Server, target: Server) -> Probe:
    return Probe(Purpose.REACH, sender, target, unicast(sender, target))


def _across(server: Server, other: Server) -> Iterator[Probe]:
    yield Probe(Purpose.CROSS, server, other, unicast(server, other))
    yield Probe(Purpose.CROSS, other, server, unicast(other, server))
    for address in other.addresses[:1]:
        yield Probe(Purpose.ASK, server, other, question(server, address))
