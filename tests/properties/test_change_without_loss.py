"""At no moment of a change is a packet lost or doubled: not between two steps, nor between two switches in one step."""

from __future__ import annotations

from itertools import combinations

import networkx as nx
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.model.spec import (
    Document,
    LinkSpec,
    PlatformSpec,
    ReservationSpec,
    SegmentSpec,
    ServerSpec,
    TrunkSpec,
    link_name,
)
from controller.rules.lookup import SwitchTables
from controller.rules.packet import build, parse
from controller.verifier import Network, follow
from tests.virtual import VirtualFabric

NAMES = ("p1", "p2", "p3", "p4")
PAIRS = [(*pair, way) for pair in combinations(range(4), 2) for way in range(2)]
"""Two cables between any two platforms."""
BROADCAST = (1 << 48) - 1


def end(at: int, pair: tuple[int, int, int]) -> str:
    return f"{NAMES[at]}.t{PAIRS.index(pair)}"


def _mac(at: int) -> str:
    return f"02:00:00:00:00:{at + 1:02x}"


def document(
    pairs: frozenset[tuple[int, int, int]],
    costs: dict[tuple[int, int, int], int],
    reserved: dict[tuple[int, int], tuple[int, int, bool]],
) -> Document:
    """All trunks are declared; these links are, and rates (Mbit/s, priority, protected) from server to server."""
    trunks: dict[str, dict[str, TrunkSpec]] = {name: {} for name in NAMES}
    for number, pair in enumerate(PAIRS):
        for at in pair[:2]:
            trunks[NAMES[at]][f"t{number}"] = TrunkSpec(port=20 + number, rate=100_000_000)
    links = {}
    for pair in sorted(pairs):
        first, second = sorted((end(pair[0], pair), end(pair[1], pair)))
        links[link_name(first, second)] = LinkSpec(ends=(first, second), cost=costs.get(pair, 1))
    servers = {
        f"s{at}": ServerSpec(platform=name, port=1, segment="web", mac=_mac(at), ip=(f"10.0.0.{at + 1}",))
        for at, name in enumerate(NAMES)
    }
    platforms = {name: PlatformSpec(dpid=at + 1, trunks=trunks[name]) for at, name in enumerate(NAMES)}
    reservations = {
        f"r{one}{other}": ReservationSpec(
            source=f"s{one}",
            target=f"s{other}",
            rate=rate * 1_000_000,
            floor=5_000_000,
            priority=priority,
            protected=protected,
        )
        for (one, other), (rate, priority, protected) in sorted(reserved.items())
    }
    return Document(
        segments={"web": SegmentSpec()}, platforms=platforms, servers=servers, links=links, reservations=reservations
    )


def joined(pairs: frozenset[tuple[int, int, int]]) -> bool:
    graph: nx.Graph[int] = nx.Graph([pair[:2] for pair in pairs])
    return len(graph) == 4 and bool(nx.is_connected(graph))


FABRICS = st.frozensets(st.sampled_from(PAIRS), min_size=3).filter(joined)
COSTS = st.dictionaries(st.sampled_from(PAIRS), st.integers(1, 3))
RESERVED = st.dictionaries(
    st.sampled_from([(one, other) for one in range(4) for other in range(4) if one != other]),
    st.tuples(st.integers(5, 90), st.integers(0, 2), st.booleans()),
    max_size=6,
)
DOCUMENTS = st.builds(document, FABRICS, COSTS, RESERVED)


class Watched(VirtualFabric):
    """Every packet is followed each time that one switch has carried out its part of a step."""

    def __init__(self, first: Document) -> None:
        super().__init__(first)
        self.watching, self.story = False, list[str]()
        for pair in PAIRS:
            one, other = ((NAMES[at], 20 + PAIRS.index(pair)) for at in pair[:2])
            self.plug(one, other)
        self.start()
        self.watching = True
        self.check()

    def step(self) -> bool:
        self.now += 0.01
        batches = self.control.next_step(self.now)
        for name, batch in batches.items():
            self.switches[name].carry_out(batch)
            self.story.append(f"{self.now:.2f} {name}: {len(batch.upserts)} in, {len(batch.deletes)} out")
            if self.watching:
                self.check()
        for name in batches:
            self.control.step_confirmed(name, {}, self.now)
        return bool(batches)

    def check(self) -> None:
        """Every server reaches every other, once, and all others by broadcast."""
        tables = {name: SwitchTables(switch.rules.values()) for name, switch in self.switches.items()}
        network = Network(tables, self.cables)
        for sender in range(4):
            everyone = {(name, 1) for name in NAMES if name != NAMES[sender]}
            for receiver in range(4):
                if receiver != sender:
                    self.arrives(network, sender, 0x020000000001 + receiver, {(NAMES[receiver], 1)})
            self.arrives(network, sender, BROADCAST, everyone)

    def arrives(self, network: Network, sender: int, eth_dst: int, where: set[tuple[str, int]]) -> None:
        fields = {"eth_src": 0x020000000001 + sender, "eth_dst": eth_dst, "eth_type": 0x0800}
        frame = parse(build({**fields, "ipv4_src": 0x0A000001 + sender}))
        for choice in range(2):
            journey = follow(network, (NAMES[sender], 1), frame, lambda _, choice=choice: choice)  # type: ignore[misc]
            found = sorted((d.platform, d.port) for d in journey.deliveries)
            assert found == sorted(where), (NAMES[sender], hex(eth_dst), found, journey.drops, self.story[-8:])


@settings(max_examples=15)
@given(first=DOCUMENTS, changes=st.lists(DOCUMENTS, min_size=1, max_size=3))
def test_nothing_is_lost_while_links_change(first: Document, changes: list[Document]) -> None:
    virtual = Watched(first)
    for changed in changes:
        virtual.change(changed)
        virtual.settle()


@settings(max_examples=15)
@given(first=DOCUMENTS, changed=DOCUMENTS, then=DOCUMENTS, done=st.integers(0, 6))
def test_nothing_is_lost_when_a_change_overtakes_another(
    first: Document, changed: Document, then: Document, done: int
) -> None:
    virtual = Watched(first)
    virtual.change(changed)
    for _ in range(done):
        virtual.step()
    virtual.change(then)
    virtual.settle()


@settings(max_examples=15)
@given(first=DOCUMENTS, changed=DOCUMENTS, away=st.sets(st.sampled_from(NAMES), min_size=1), done=st.integers(0, 30))
def test_nothing_is_lost_when_links_change_while_switches_are_away(
    first: Document, changed: Document, away: set[str], done: int
) -> None:
    virtual = Watched(first)
    virtual.disconnect(*sorted(away))
    virtual.change(changed)
    for _ in range(done):
        virtual.step()
    for name in sorted(away):
        virtual.connect(name)
        virtual.step()
    virtual.settle()


@settings(max_examples=15)
@given(first=DOCUMENTS, changed=DOCUMENTS, done=st.integers(0, 8), order=st.permutations(NAMES))
def test_nothing_is_lost_when_the_controller_restarts_amid_a_change(
    first: Document, changed: Document, done: int, order: list[str]
) -> None:
    virtual = Watched(first)
    virtual.change(changed)
    for _ in range(done):
        virtual.step()
    virtual.disconnect()
    virtual.restart_controller()
    for name in order:
        virtual.connect(name)
        virtual.step()
    virtual.settle()
