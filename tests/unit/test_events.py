"""What happened is told once, in order, and within bounds."""

from __future__ import annotations

from controller.chronicle import REWORDED_EVERY_S
from controller.control import Control
from controller.events import Event, History
from controller.learning import Heard
from controller.model.document import parse_document
from controller.model.fabric import Fabric
from controller.model.snapshot import restore, snapshot
from controller.model.topology import Port
from controller.rules.rules import Installed
from controller.rules.tables import Reason
from tests.unit.rest.fabrics import DOCUMENT, EAST_A, SPUR, connect, port, running_fabric, settle, wire

MACS = range(0x02_00_00_00_00_00, 0x02_00_00_00_00_00 + 1000)


def news(control: Control, since: int) -> list[Event]:
    """What was told since."""
    control.refresh()
    return control.chronicle.history.after(since)


def told(control: Control, since: int) -> list[tuple[str, str, str]]:
    return [(event.kind, event.name, event.what) for event in news(control, since)]


def last(control: Control) -> int:
    control.refresh()
    return control.chronicle.history.last


def learning_port() -> Control:
    """No document, one bridge, and a port of it on which servers may be."""
    control = Control(Fabric())
    control.switch_connected(1, "s1", [Port(number, f"s1-eth{number}", number, True) for number in (1, 2)])
    control.switch_read("s1", Installed({}, {}, {}), 0.0)
    for number in (1, 2):
        control.port_silent(("s1", number))
    settle(control)
    return control


def hear(control: Control, mac: int, number: int = 1, now: float = 0.0) -> None:
    control.packet_heard(Heard(("s1", number), Reason.LEARN_MAC, {"eth_src": mac}), now)


# The history


def fill(history: History, count: int) -> None:
    for number in range(count):
        history.tell("server", f"s{number}", "learned", "")


def test_a_history_gives_what_follows_an_id_in_order_and_as_much_as_is_asked_for() -> None:
    history = History(size=10)
    start = history.last
    fill(history, 5)
    assert [event.name for event in history.after(start)] == ["s0", "s1", "s2", "s3", "s4"]
    assert [event.name for event in history.after(start + 2, limit=2)] == ["s2", "s3"]
    assert history.after(history.last) == []


def test_a_full_history_forgets_the_oldest_and_knows_what_is_lost() -> None:
    history = History(size=10)
    start = history.last
    fill(history, 25)
    assert [event.name for event in history.after(start)] == [f"s{number}" for number in range(15, 25)]
    assert not history.holds_all_after(start + 14)
    assert history.holds_all_after(start + 15)
    assert history.holds_all_after(history.last)


def test_an_id_that_was_never_given_is_not_held() -> None:
    assert not History(size=10).holds_all_after(1)


def test_ids_after_a_restart_are_higher_whatever_happened_before() -> None:
    before = History(clock=lambda: 1000.0)
    fill(before, 50_000)
    after = History(clock=lambda: 1001.0)
    fill(after, 1)
    assert after.last > before.last
    assert not after.holds_all_after(before.last)


def test_an_event_has_the_time_of_the_clock() -> None:
    control = Control(Fabric(), clock=lambda: 1234.5)
    control.switch_connected(1, "s1", [])
    assert [event.time for event in control.chronicle.history.after(0)] == [1234.5]


# What is told


def test_a_new_document_is_accepted_and_then_confirmed_by_the_switches() -> None:
    control = running_fabric()
    control.tick(0.0)
    start = last(control)
    control.set_document(parse_document(DOCUMENT.replace("web2", "web9"), "lab.yaml"))
    control.tick(0.0)
    assert told(control, start) == [
        ("revision", "2", "accepted"),
        ("server", "web2", "gone"),
        ("server", "web9", "declared"),
    ]
    settle(control)
    control.tick(1.0)
    assert told(control, start)[3:] == [("revision", "2", "confirmed")]


def test_a_platform_that_comes_is_told_once_and_not_port_by_port() -> None:
    control = running_fabric()
    start = last(control)
    control.switch_gone("remote")
    control.switch_gone("remote")
    connect(control, "remote")
    assert told(control, start) == [("platform", "remote", "gone"), ("platform", "remote", "connected")]
    assert news(control, start)[-1].data == {"dpid": 4, "ports": 2}


def test_what_changed_at_a_platform_while_it_was_away_is_told() -> None:
    control = running_fabric()
    control.switch_gone("remote")
    start = last(control)
    control.switch_connected(4, "remote", [port("remote", 1), port("remote", 20, up=False)])
    down = [("port", "remote:20", "down"), ("link", SPUR, "down"), ("alarm", SPUR, "raised")]
    assert told(control, start)[1:] == down


def test_a_switch_that_is_turned_away_is_told_once_however_often_it_tries() -> None:
    control = running_fabric()
    start = last(control)
    for _ in range(3):
        control.switch_connected(99, "stranger", [])
    assert told(control, start) == [("platform", "0x63", "refused"), ("alarm", "0x63", "raised")]


def test_a_cut_link_is_told_after_its_cause() -> None:
    control = running_fabric()
    start = last(control)
    control.port_changed("chassis1", port("chassis1", 20, up=False))
    lost = [("port", "chassis1:20", "down"), ("link", EAST_A, "down"), ("alarm", EAST_A, "raised")]
    assert told(control, start) == [*lost, ("reservation", "copy", "moved")]
    down = news(control, start)
    assert down[0].data == {"platform": "chassis1", "port": 20, "port_name": "chassis1-p20", "up": False}
    assert down[1].text == f"link {EAST_A} is down, it was up"


def test_a_mended_link_goes_by_half_to_up() -> None:
    control = running_fabric()
    control.port_changed("chassis1", port("chassis1", 20, up=False))
    start = last(control)
    control.port_changed("chassis1", port("chassis1", 20))
    control.probe_heard(("chassis1", 20), 2, 20)
    half = [("port", "chassis1:20", "up"), ("link", EAST_A, "half")]
    assert [event for event in told(control, start) if event[0] != "alarm"] == half
    control.probe_heard(("chassis2", 20), 1, 20)
    assert told(control, start)[-2:] == [("link", EAST_A, "up"), ("alarm", EAST_A, "cleared")]


def test_a_link_that_is_wired_otherwise_is_told_with_its_alarm() -> None:
    control = running_fabric()
    start = last(control)
    for number in (20, 21):
        control.port_changed("chassis1", port("chassis1", number, up=False))
        control.port_changed("chassis1", port("chassis1", number))
    wire(control, ("chassis1", 20), ("chassis2", 21))
    happened = told(control, start)
    assert ("link", EAST_A, "miswired") in happened
    assert ("alarm", EAST_A, "raised") in happened


def test_ports_that_come_and_go_are_told() -> None:
    control = running_fabric()
    start = last(control)
    control.port_changed("chassis1", port("chassis1", 7))
    control.refresh()
    control.port_gone("chassis1", 7)
    assert told(control, start) == [("port", "chassis1:7", "added"), ("port", "chassis1:7", "removed")]


def test_a_server_is_learned_moves_and_goes_with_its_port() -> None:
    control = learning_port()
    start = last(control)
    hear(control, MACS[0], number=1)
    control.refresh()
    hear(control, MACS[0], number=2)
    control.refresh()
    control.port_gone("s1", 2)
    name = "default.02-00-00-00-00-00"
    servers = [event for event in told(control, start) if event[0] == "server"]
    assert servers == [("server", name, "learned"), ("server", name, "moved"), ("server", name, "gone")]
    moved = next(event for event in news(control, start) if event.what == "moved")
    assert moved.text == f"{name} moved to s1 port 2, it was on s1 port 1"


def test_a_server_that_moves_to_and_fro_is_a_conflict() -> None:
    control = learning_port()
    start = last(control)
    for turn in range(5):
        hear(control, MACS[0], number=turn % 2 + 1, now=float(turn))
        control.refresh()
    assert told(control, start)[-2:] == [
        ("server", "default.02-00-00-00-00-00", "conflict"),
        ("alarm", "default.02-00-00-00-00-00", "raised"),
    ]


def test_what_a_declared_server_tells_of_itself_is_told() -> None:
    control = running_fabric()
    start = last(control)
    control.packet_heard(Heard(("chassis1", 2), Reason.LEARN_MAC, {"eth_src": 0x02_00_00_00_02_02}), 0.0)
    assert told(control, start) == [("server", "db1", "determined")]
    assert news(control, start)[0].data["mac"] == "02:00:00:00:02:02"


def test_a_restart_with_what_was_kept_tells_nothing_anew() -> None:
    before = running_fabric().fabric
    kept = restore(snapshot(before))
    kept.set_desired(before.desired)
    control = Control(kept)
    start = control.chronicle.history.last
    control.tick(0.0)
    assert [event for event in told(control, start) if event[0] != "link"] == []


# Alarms


def test_an_alarm_is_told_when_it_is_raised_reworded_and_over_and_never_twice() -> None:
    now = 100.0
    control = Control(Fabric(), clock=lambda: now)
    start = last(control)
    for text in ("one", "one"):
        control.alarms.raise_("bridge", "s1", text)
    now += REWORDED_EVERY_S
    control.alarms.raise_("bridge", "s1", "two")
    for _ in range(2):
        control.alarms.clear("bridge", "s1")
    assert [(e.what, e.text) for e in news(control, start)] == [
        ("raised", "one"),
        ("changed", "two"),
        ("cleared", "it is over: two"),
    ]


def test_an_alarm_whose_text_never_rests_does_not_drown_the_history() -> None:
    now = 100.0
    control = Control(Fabric(), clock=lambda: now)
    start = last(control)
    for number in range(1000):
        now += REWORDED_EVERY_S / 100
        control.alarms.raise_("violation", "s1:1", f"text {number}")
    assert 8 <= len(news(control, start)) <= 11


def test_a_thousand_servers_are_told_in_one_go() -> None:
    control = learning_port()
    start = last(control)
    for mac in MACS:
        hear(control, mac)
    control.refresh()
    assert sum(event[2] == "learned" for event in told(control, start)) == len(MACS)
