"""One change, start to end, on a fabric without switches: what is sent when, and what packets meet meanwhile."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import permutations

import pytest

from controller.control import STEP_LIMIT_S, Refused
from controller.learning import Heard, learned_name
from controller.model.topology import End
from controller.rules.lookup import SwitchTables
from controller.rules.packet import Frame, build, parse
from controller.rules.reconciler import DRAIN_S, Batch
from controller.rules.tables import Reason
from controller.surveillance import QUIET_S
from controller.verifier import Journey, Network, follow
from tests.virtual import VirtualFabric

BROADCAST = (1 << 48) - 1
HOLD_S = 5.0
NEXT, BACK, CHORD = 20, 21, 22
PLATFORMS = ("p1", "p2", "p3", "p4")


def platform(number: int, more: str = "") -> str:
    server = f"{{port: 1, segment: lan, mac: '02:00:00:00:00:0{number}', ip: 10.0.0.{number}}}"
    trunks = f"{{next: {{port: {NEXT}}}, back: {{port: {BACK}}}, chord: {{port: {CHORD}}}}}"
    return f"  p{number}: {{dpid: {number}, servers: {{s{number}: {server}{more}}}, trunks: {trunks}}}\n"


def document(*links: str, more: Mapping[int, str] | None = None) -> str:
    """Four platforms with a server each, and these links."""
    platforms = "".join(platform(number, (more or {}).get(number, "")) for number in range(1, 5))
    return f"segments: {{lan: {{}}}}\nplatforms:\n{platforms}links: [{', '.join(links)}]\n"


SIDES = tuple(f"[p{number}.next, p{number % 4 + 1}.back]" for number in range(1, 5))
RING, CHAIN, CROSS = document(*SIDES), document(*SIDES[:3]), "[p1.chord, p3.chord]"


def mac(number: int) -> int:
    return 0x020000000000 | number


class Fabric(VirtualFabric):
    """Steps that the test carries out itself, one switch at a time."""

    def carry_out(self, name: str, batch: Batch) -> None:
        self.switches[name].carry_out(batch)
        self.control.step_confirmed(name, {}, self.now)

    def next_step(self, after_s: float = 0.01) -> Mapping[str, Batch]:
        self.now += after_s
        return self.control.next_step(self.now)

    def network(self) -> Network:
        ports = [(name, port) for name, switch in self.switches.items() for port in switch.ports.values()]
        down = frozenset((name, port.number) for name, port in ports if not port.up)
        tables = {name: SwitchTables(switch.rules.values()) for name, switch in self.switches.items()}
        return Network(tables, self.cables, down)

    def send(self, start: End, frame: Frame) -> Journey:
        return follow(self.network(), start, frame)

    def alarms(self, kind: str) -> dict[str, str]:
        return {alarm.subject: alarm.message for alarm in self.control.alarms.standing() if alarm.kind == kind}


def started(text: str = RING) -> Fabric:
    fabric = Fabric(text)
    fabric.start()
    return fabric


def frame(sender: int, to: int) -> Frame:
    return parse(build({"eth_src": mac(sender), "eth_dst": to, "eth_type": 0x0800, "ipv4_src": 0x0A000000 | sender}))


# Refusals


def test_a_rule_that_a_switch_refuses_is_shown_with_its_owner() -> None:
    fabric = Fabric(RING)
    fabric.connect()
    batches = fabric.next_step()
    key = next(wanted.rule.key for wanted, _ in batches["p1"].upserts if wanted.owner.name == "p1>p2")
    for name in batches:
        fabric.control.step_confirmed(name, {key: "table full"} if name == "p1" else {}, fabric.now)
    (message,) = fabric.alarms("refused_rule").values()
    assert message.startswith("p1 refused group ")
    assert message.endswith(" of path p1>p2: table full")
    assert not fabric.control.converged


def test_a_refusal_is_over_when_the_switch_takes_the_rule() -> None:
    fabric = Fabric(RING)
    fabric.connect()
    refused = True
    for _ in range(200):
        fabric.discover()
        for name, batch in fabric.next_step(0.3).items():
            keys = [wanted.rule.key for wanted, _ in batch.upserts if wanted.owner.name == "p1>p2" and refused]
            fabric.control.step_confirmed(name, dict.fromkeys(keys, "no room"), fabric.now)
    assert len(fabric.alarms("refused_rule")) == 1
    assert not fabric.control.converged
    fabric.disconnect("p1")
    fabric.control.switch_connected(1, "p1", fabric.switches["p1"].ports.values())
    fabric.control.switch_read("p1", fabric.switches["p1"].report(), fabric.now)
    fabric.settle()
    assert fabric.control.converged
    assert not fabric.alarms("refused_rule")


# Slow switches


def test_a_slow_switch_is_named_and_given_up_and_the_others_go_on() -> None:
    fabric = started(CHAIN)
    fabric.change(document(*SIDES[:3], more={1: ", x: {port: 5, segment: lan, mac: '02:00:00:00:00:f1'}"}))
    while "p4" not in (batches := fabric.next_step(0.3)):
        assert batches, "p4 has nothing to do"
        for name, batch in batches.items():
            fabric.carry_out(name, batch)
    for name in batches.keys() - {"p4"}:
        fabric.carry_out(name, batches[name])
    assert not fabric.next_step(STEP_LIMIT_S - 0.1)
    assert fabric.control.overdue(fabric.now) == ()
    fabric.now += 0.2
    assert fabric.control.overdue(fabric.now) == ("p4",)
    assert "p4 did not confirm a step within 10 s" in fabric.alarms("slow_switch")["p4"]
    fabric.disconnect("p4")
    fabric.settle()
    assert fabric.send(("p3", 1), frame(3, 0x0200000000F1)).reached == {("p1", 5)}
    assert fabric.control.absent == ("p4",)
    fabric.connect("p4")
    fabric.settle()
    assert not fabric.alarms("slow_switch")
    assert fabric.send(("p4", 1), frame(4, 0x0200000000F1)).reached == {("p1", 5)}


# Numbers


def held(fabric: Fabric) -> set[str]:
    return {name for pool, name, _ in fabric.control.fabric.ledger.held() if pool == "label"}


def test_a_number_is_free_only_when_every_holder_has_confirmed_its_removal() -> None:
    both = RING.replace("{lan: {}}", "{lan: {}, old: {}}")
    fabric = started(both)
    assert "old" in held(fabric)
    fabric.disconnect("p4")
    fabric.change(RING)
    for _ in range(30):
        for name, batch in fabric.next_step(DRAIN_S).items():
            fabric.carry_out(name, batch)
    assert "old" in held(fabric), "p4 may still hold it"
    fabric.connect("p4")
    while batches := fabric.next_step(DRAIN_S):
        assert "old" in held(fabric)
        for name, batch in batches.items():
            fabric.carry_out(name, batch)
    fabric.settle()
    assert "old" not in held(fabric)


# Names


def test_a_renamed_platform_is_let_go_under_its_old_name_and_comes_back_under_the_new() -> None:
    fabric = started()
    fabric.change(RING.replace("p4", "last"))
    assert fabric.control.dismissed() == ("p4",)
    batches = fabric.next_step(1)
    assert batches.keys() <= {"p1", "p2", "p3"}
    for name, batch in batches.items():
        fabric.carry_out(name, batch)
    fabric.disconnect("p4")
    fabric.switches["last"] = fabric.switches.pop("p4")
    fabric.cables = {rename(one): rename(other) for one, other in fabric.cables.items()}
    answer = fabric.control.switch_connected(4, "br4", fabric.switches["last"].ports.values())
    assert answer == "last"
    fabric.control.switch_read("last", fabric.switches["last"].report(), fabric.now)
    fabric.settle()
    assert fabric.control.dismissed() == ()
    assert fabric.control.absent == ()
    assert fabric.send(("p1", 1), frame(1, mac(4))).reached == {("last", 1)}


def rename(end: End) -> End:
    return ("last" if end[0] == "p4" else end[0], end[1])


def test_a_platform_that_is_no_longer_wanted_is_dismissed_when_nothing_of_ours_is_left_on_it() -> None:
    fabric = started()
    three = "".join(line for line in RING.splitlines(keepends=True) if "p4" not in line) + f"links: [{SIDES[0]}]\n"
    fabric.change(three)
    while fabric.switches["p4"].rules:
        assert fabric.control.dismissed() == ()
        batches = fabric.next_step(DRAIN_S)
        assert batches, "what p4 holds is not taken out"
        for name, batch in batches.items():
            fabric.carry_out(name, batch)
    assert fabric.control.dismissed() == ("p4",)


# Who is refused


def test_a_switch_that_nobody_declared_is_refused_until_it_stays_away() -> None:
    fabric = started()
    answer = fabric.control.switch_connected(0xBAD, "br0", ())
    assert isinstance(answer, Refused)
    assert answer.reason == "dpid 0xbad (br0) is not in the document: expected one of its platforms"
    assert fabric.alarms("unknown_switch") == {"0xbad": answer.reason}
    fabric.control.tick(0.0)
    fabric.control.tick(QUIET_S)
    assert fabric.alarms("unknown_switch")
    fabric.control.tick(QUIET_S + 0.1)
    assert not fabric.alarms("unknown_switch")


def test_a_second_switch_under_a_live_dpid_is_refused_and_the_first_stays() -> None:
    fabric = started()
    before = fabric.rules()
    for now in (0.0, QUIET_S, QUIET_S * 2):
        answer = fabric.control.switch_connected(2, "twin", ())
        assert isinstance(answer, Refused)
        assert answer.rival == "p2"
        fabric.control.tick(now)
        assert "dpid 0x2 (twin) is already connected as p2" in fabric.alarms("duplicate_dpid")["p2"]
    assert not fabric.next_step(1)
    assert fabric.rules() == before
    fabric.control.tick(QUIET_S * 3 + 1)
    assert not fabric.alarms("duplicate_dpid")


# Reconnecting


@pytest.mark.parametrize("keep_state", [True, False], ids=["state kept", "state lost"])
def test_a_switch_that_reconnects_ten_seconds_later_changes_nothing(keep_state: bool) -> None:
    fabric = started()
    written = {name: switch.written for name, switch in fabric.switches.items()}
    fabric.disconnect()
    fabric.restart_controller(keep_state)
    fabric.connect("p1", "p2", "p3")
    for _ in range(20):
        fabric.discover()
        for name, batch in fabric.next_step(0.5).items():
            fabric.carry_out(name, batch)
        if keep_state:
            assert all(fabric.send(*pair).reached for pair in pairs())
    fabric.connect("p4")
    fabric.settle()
    if keep_state:
        assert {name: switch.written for name, switch in fabric.switches.items()} == written
    assert all(fabric.send(*pair).reached for pair in pairs())


def pairs() -> Iterator[tuple[End, Frame]]:
    for one, other in permutations(range(1, 5), 2):
        yield (f"p{one}", 1), frame(one, mac(other))


# Turns


def nothing_is_lost(fabric: Fabric) -> None:
    """Every pair is reached once, and every broadcast reaches all the others once."""
    network = fabric.network()
    for start, sent in pairs():
        journey = follow(network, start, sent)
        assert not journey.loops, start
        assert [found.frame.key for found in journey.deliveries] == [sent.key], (start, journey.drops)
        assert journey.reached == {(f"p{sent.fields['eth_dst'] & 7}", 1)}
    for one in range(1, 5):
        journey = follow(network, (f"p{one}", 1), frame(one, BROADCAST))
        heard = sorted(found.platform for found in journey.deliveries if found.port == 1)
        assert not journey.loops, one
        assert heard == [name for name in PLATFORMS if name != f"p{one}"], (one, heard)


def all_the_way(fabric: Fabric, slow: str) -> int:
    """Steps until nothing is left, one switch always the last; how often rules changed."""
    changes = 0
    for _ in range(1000):
        fabric.discover()
        batches = fabric.next_step(0.3)
        for name in sorted(batches, key=lambda name: (name == slow, name)):
            assert not fabric.control.next_step(fabric.now), "a turn begins before the last is over"
            fabric.carry_out(name, batches[name])
            nothing_is_lost(fabric)
            changes += 1
        if not batches and fabric.control.converged:
            return changes
    raise AssertionError("it does not come to rest")


@pytest.mark.parametrize("slow", PLATFORMS)
def test_a_new_link_costs_no_packet(slow: str) -> None:
    fabric = started()
    fabric.change(document(*SIDES, CROSS))
    fabric.plug(("p1", CHORD), ("p3", CHORD))
    assert all_the_way(fabric, slow)
    assert len(fabric.send(("p1", 1), frame(1, mac(3))).visits) == 2


@pytest.mark.parametrize("slow", PLATFORMS)
def test_a_link_that_the_document_takes_away_costs_no_packet(slow: str) -> None:
    fabric = started(document(*SIDES, CROSS))
    fabric.change(RING)
    assert all_the_way(fabric, slow)
    assert len(fabric.send(("p1", 1), frame(1, mac(3))).visits) == 3


@pytest.mark.parametrize("slow", PLATFORMS)
def test_paths_that_turn_round_cost_no_packet(slow: str) -> None:
    """The costs of the ring's links change: nearly every path goes the other way."""

    def costs(*costs: int) -> str:
        ends = [side.strip("[]") for side in SIDES]
        return document(*(f"{{ends: [{end}], cost: {cost}}}" for end, cost in zip(ends, costs, strict=True)))

    fabric = started(costs(10, 1, 1, 1))
    fabric.change(costs(1, 10, 1, 1))
    assert all_the_way(fabric, slow)
    fabric.change(costs(1, 1, 1, 10))
    assert all_the_way(fabric, slow)


@pytest.mark.parametrize("slow", PLATFORMS)
def test_a_failed_link_costs_no_packet_from_the_first_moment(slow: str) -> None:
    """The switches go round it by themselves; then the controller follows, and the link comes back."""
    fabric = started()
    end, other = ("p1", NEXT), ("p2", BACK)
    fabric.unplug(end)
    nothing_is_lost(fabric)
    assert all_the_way(fabric, slow)
    fabric.plug(end, other)
    nothing_is_lost(fabric)
    all_the_way(fabric, slow)
    assert fabric.control.routing.waiting, "it is used before it has worked for long enough"
    fabric.now += HOLD_S
    assert all_the_way(fabric, slow)


GUEST = 0x0200000000F1


def with_guest(number: int) -> str:
    """One server more, on port 5 of a platform."""
    return document(*SIDES, more={number: ", guest: {port: 5, segment: lan, mac: '02:00:00:00:00:f1'}"})


@pytest.mark.parametrize("slow", PLATFORMS)
def test_a_server_that_comes_moves_and_goes_costs_the_others_no_packet(slow: str) -> None:
    fabric = started()
    for text in (with_guest(1), with_guest(3), with_guest(4), RING):
        fabric.change(text)
        assert all_the_way(fabric, slow)


@pytest.mark.parametrize("slow", PLATFORMS)
def test_packets_for_a_server_that_moves_are_never_without_a_place_to_go(slow: str) -> None:
    fabric = started(with_guest(1))
    fabric.change(with_guest(3))
    seen = set()
    while batches := fabric.next_step(0.3):
        for name in sorted(batches, key=lambda name: (name == slow, name)):
            fabric.carry_out(name, batches[name])
            for one in range(1, 5):
                journey = fabric.send((f"p{one}", 1), frame(one, GUEST))
                assert len(journey.deliveries) == 1, (one, journey.drops)
                assert not journey.loops
                seen |= journey.reached
    assert seen == {("p1", 5), ("p3", 5)}
    assert all(fabric.send((f"p{one}", 1), frame(one, GUEST)).reached == {("p3", 5)} for one in range(1, 5))


# A server that is learned


def learning_chain() -> Fabric:
    """Three adopted platforms in a row; ports 1 are for servers."""
    fabric = Fabric()
    for number in (1, 2, 3):
        fabric.add_switch(f"p{number}", number, {1, *((NEXT,) if number < 3 else ()), *((BACK,) if number > 1 else ())})
    for number in (1, 2):
        fabric.plug((f"p{number}", NEXT), (f"p{number + 1}", BACK))
    fabric.start()
    return fabric


@pytest.mark.parametrize("slow", PLATFORMS[:3])
@pytest.mark.parametrize("home", [1, 2, 3])
def test_a_server_is_reached_at_every_moment_while_the_fabric_learns_it(home: int, slow: str) -> None:
    """First as an unknown one, by flooding; then by the way that is opened outward from its home."""
    fabric = learning_chain()
    new = 0x0200000000F0
    fabric.control.packet_heard(Heard((f"p{home}", 1), Reason.LEARN_MAC, {"eth_src": new}), fabric.now)
    changed = 0
    while batches := fabric.next_step(0.3):
        for name in sorted(batches, key=lambda name: (name == slow, name)):
            fabric.carry_out(name, batches[name])
            changed += 1
            for other in {1, 2, 3} - {home}:
                journey = fabric.send((f"p{other}", 1), frame(other, new))
                assert (f"p{home}", 1) in journey.reached, (other, journey.drops)
                assert not journey.duplicates
                assert not journey.loops
    assert changed > 3
    assert learned_name("default", new) in fabric.control.fabric.servers
    assert fabric.send((f"p{home % 3 + 1}", 1), frame(home, new)).reached == {(f"p{home}", 1)}
