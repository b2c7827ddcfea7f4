"""After any sequence of changes, in any order, what is wanted is what a full compile of the same state wants."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from controller.control import Control
from controller.learning import Heard
from controller.model.fabric import Fabric
from controller.model.snapshot import restore, snapshot
from controller.model.spec import (
    Classifier,
    Document,
    LinkSpec,
    PlatformSpec,
    ReservationSpec,
    SegmentSpec,
    ServerSpec,
    TrunkSpec,
    Undeclared,
    UplinkSpec,
    link_name,
)
from controller.rules.rules import Rule, RuleKey
from controller.rules.tables import Reason
from tests.virtual import VirtualFabric

PLATFORMS = ("p1", "p2", "p3", "p4")
SEGMENTS = ("data", "web")
TRUNKS = range(20, 26)
UPLINK_PORT, SPARE_PORT = 8, 9
MBIT = 1_000_000


@st.composite
def documents(draw: st.DrawFn) -> Document:
    """Small fabrics: any mesh, parallel links, two segments, some of it open for learning, some uplinks."""
    names = PLATFORMS[: draw(st.integers(2, 4))]
    pairs = draw(st.lists(st.tuples(st.sampled_from(names), st.sampled_from(names)), max_size=7))
    free = {name: list(TRUNKS) for name in names}
    trunks: dict[str, dict[str, TrunkSpec]] = {name: {} for name in names}
    links: dict[str, LinkSpec] = {}
    for one, other in pairs:
        if one != other and free[one] and free[other]:
            ends = []
            for name in (one, other):
                port = free[name].pop(0)
                trunks[name][f"t{port}"] = TrunkSpec(port=port, rate=100 * MBIT)
                ends.append(f"{name}.t{port}")
            first, second = sorted(ends)
            links[link_name(first, second)] = LinkSpec(ends=(first, second), cost=draw(st.integers(1, 2)))
    servers = {}
    for number in range(draw(st.integers(0, 6))):
        platform = draw(st.sampled_from(names))
        segment = draw(st.sampled_from(SEGMENTS))
        mac, ip = f"02:00:00:00:00:{number + 1:02x}", f"10.0.0.{number + 1}"
        rate = draw(st.sampled_from((None, 50 * MBIT)))
        servers[f"s{number}"] = ServerSpec(
            platform=platform, port=number + 1, segment=segment, mac=mac, ip=(ip,), rate=rate, fabric_rate=rate
        )
    undeclared = Undeclared(mode="learn", segment="web") if draw(st.booleans()) else Undeclared()
    platforms = {name: PlatformSpec(dpid=PLATFORMS.index(name) + 1, trunks=trunks[name]) for name in names}
    segments = {name: SegmentSpec() for name in SEGMENTS}
    uplinks = {
        f"isp-{name}": UplinkSpec(platform=name, port=UPLINK_PORT, segment=draw(st.sampled_from(SEGMENTS)))
        for name in draw(st.sets(st.sampled_from(names), max_size=2))
    }
    return Document(
        undeclared=undeclared,
        segments=segments,
        platforms=platforms,
        servers=servers,
        uplinks=uplinks,
        links=links,
        reservations=dict(draw(reservations({**servers, **uplinks}))),
    )


@st.composite
def reservations(draw: st.DrawFn, ends: dict[str, ServerSpec | UplinkSpec]) -> list[tuple[str, ReservationSpec]]:
    """Some, one for each pair of ends at most."""
    pairs = [(a, b) for a, one in ends.items() for b, other in ends.items() if a < b and one.segment == other.segment]
    chosen = draw(st.lists(st.sampled_from(pairs), max_size=4, unique=True)) if pairs else []
    return [
        (
            f"{one}-{other}",
            ReservationSpec(
                source=one,
                target=other,
                rate=draw(st.integers(1, 90)) * MBIT,
                floor=MBIT,
                priority=draw(st.integers(0, 2)),
                both=draw(st.booleans()),
                protected=draw(st.booleans()),
                match=draw(st.sampled_from((None, Classifier(udp_dst=2)))),
            ),
        )
        for one, other in chosen
    ]


def wanted(control: Control) -> dict[str, dict[RuleKey, Rule]]:
    control.refresh()
    wanted = {name: switch.wanted for name, switch in control.reconciler.switches.items() if switch.wanted}
    return {name: {key: item.rule for key, item in rules.items()} for name, rules in wanted.items()}


def full_compile(fabric: Fabric) -> dict[str, dict[RuleKey, Rule]]:
    """The same state, read by a controller that was never there."""
    again = restore(snapshot(fabric))
    control = Control(again)
    control.set_document(fabric.document)
    return wanted(control)


class Driver:
    """Carries out drawn changes on a virtual fabric."""

    def __init__(self, virtual: VirtualFabric, data: st.DataObject) -> None:
        self.virtual, self.data = virtual, data
        self.pulled: list[tuple[tuple[str, int], tuple[str, int]]] = []

    def pull_a_cable(self) -> None:
        if self.virtual.cables:
            end = self.data.draw(st.sampled_from(sorted(self.virtual.cables)))
            self.pulled.append((end, self.virtual.cables[end]))
            self.virtual.unplug(end)

    def put_it_back(self) -> None:
        if self.pulled:
            self.virtual.plug(*self.pulled.pop())

    def speak(self) -> None:
        """A host says something on the spare port of a platform, or on the one that may be an uplink's."""
        platform = self.data.draw(st.sampled_from(sorted(self.virtual.switches)))
        port = self.data.draw(st.sampled_from((SPARE_PORT, UPLINK_PORT)))
        mac = 0x0200AA000000 + self.data.draw(st.integers(1, 3))
        heard = {"eth_src": mac, "arp_spa": 0x0A000100 + (mac & 0xFF)}
        self.virtual.control.packet_heard(Heard((platform, port), Reason.LEARN_MAC, heard), self.virtual.now)

    def change_document(self) -> None:
        document = self.data.draw(documents())
        self.virtual.change(document)

    def lose_a_switch(self) -> None:
        connected = sorted(self.virtual.control.connected)
        if connected:
            self.virtual.disconnect(self.data.draw(st.sampled_from(connected)))

    def connect_the_rest(self) -> None:
        known = self.virtual.control.fabric.platforms
        gone = [name for name in self.virtual.switches if name in known and name not in self.virtual.control.connected]
        if gone:
            self.virtual.connect(*gone)

    def discover(self) -> None:
        self.virtual.discover()

    def step(self) -> None:
        self.virtual.step()

    def settle(self) -> None:
        self.virtual.settle()


CHANGES = [name for name in vars(Driver) if not name.startswith("_")]


def build(document: Document) -> VirtualFabric:
    virtual = VirtualFabric(document)
    for number, name in enumerate(PLATFORMS, start=1):
        ports = {UPLINK_PORT, SPARE_PORT, *range(1, 7), *TRUNKS}
        virtual.add_switch(name, number, ports)
    for link in virtual.control.fabric.declared.links.values():
        virtual.plug(*link.ends)
    return virtual


@settings(max_examples=60, deadline=None)
@given(document=documents(), data=st.data())
def test_the_incremental_result_equals_a_full_compile(document: Document, data: st.DataObject) -> None:
    virtual = build(document)
    driver = Driver(virtual, data)
    driver.connect_the_rest()
    for change in data.draw(st.lists(st.sampled_from(CHANGES), max_size=12)):
        getattr(driver, change)()
        assert wanted(virtual.control) == full_compile(virtual.control.fabric)


@settings(max_examples=60, deadline=None)
@given(document=documents(), data=st.data())
def test_switches_end_up_with_what_is_wanted_and_a_second_reconcile_sends_nothing(
    document: Document, data: st.DataObject
) -> None:
    virtual = build(document)
    driver = Driver(virtual, data)
    driver.connect_the_rest()
    for change in data.draw(st.lists(st.sampled_from(CHANGES), max_size=12)):
        getattr(driver, change)()
    driver.connect_the_rest()
    virtual.settle()
    held = {name: rules for name, rules in virtual.rules().items() if name in virtual.control.connected}
    expected = wanted(virtual.control)
    assert held == {name: expected.get(name, {}) for name in held}
    written = {name: switch.written for name, switch in virtual.switches.items()}
    virtual.disconnect()
    virtual.restart_controller()
    driver.connect_the_rest()
    virtual.settle()
    assert {name: switch.written for name, switch in virtual.switches.items()} == written
