"""From what a bridge has to what it must be given, and back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller.bridge_settings import (
    SERVER_MTU,
    Change,
    Interface,
    Row,
    Seen,
    Setting,
    by_hand,
    complaint,
    is_narrowed,
    last_changes,
    server_mtu,
    undo_changes,
    wanted_changes,
)

TRUNK = 20


def seen(
    limit: str | None = "2", fail_mode: str | None = "secure", mtu: int | None = 1508, requested: str | None = None
) -> Seen:
    trunk = Interface("east", requested, number=TRUNK, mtu=mtu)
    return Seen(Row(".", limit), Row("br1", fail_mode), (trunk, Interface("web1", number=1, mtu=1500)))


def test_a_bridge_that_has_all_is_left_alone() -> None:
    assert wanted_changes(seen(), [TRUNK], SERVER_MTU) == ()


@pytest.mark.parametrize("limit", ["0", "2", "7"])
def test_a_limit_that_lets_two_tags_pass_is_left_alone(limit: str) -> None:
    assert wanted_changes(seen(limit=limit), [TRUNK], SERVER_MTU) == ()


@pytest.mark.parametrize("limit", [None, "1", "", "many", "-1"])
def test_a_limit_that_does_not_is_set_to_two(limit: str | None) -> None:
    assert wanted_changes(seen(limit=limit), [], SERVER_MTU) == (Change(Setting.VLAN_LIMIT, ".", limit, "2"),)


@pytest.mark.parametrize("mode", [None, "standalone"])
def test_a_bridge_that_would_forget_its_rules_is_set_to_secure(mode: str | None) -> None:
    assert wanted_changes(seen(fail_mode=mode), [], SERVER_MTU) == (Change(Setting.FAIL_MODE, "br1", mode, "secure"),)


def test_a_trunk_holds_the_largest_packet_of_a_server_and_two_labels() -> None:
    assert wanted_changes(seen(mtu=1507), [TRUNK], 1500) == (Change(Setting.MTU, "east", None, "1508"),)
    assert wanted_changes(seen(mtu=1508), [TRUNK], 9000) == (Change(Setting.MTU, "east", None, "9008"),)


def test_a_port_without_an_mtu_and_ports_that_are_no_trunks_are_left_alone() -> None:
    assert wanted_changes(seen(mtu=None), [TRUNK], 9000) == ()
    assert wanted_changes(seen(mtu=1500), [], 9000) == ()


def test_the_largest_mtu_of_the_servers_counts_never_that_of_trunks_or_the_bridge_itself() -> None:
    ports = (
        Interface("east", number=TRUNK, mtu=9500),
        Interface("br1", number=65534, mtu=9400),
        Interface("web1", number=1, mtu=9000),
        Interface("web2", number=2, mtu=None),
    )
    assert server_mtu(Seen(Row("."), Row("br1"), ports), [TRUNK]) == 9000
    assert server_mtu(Seen(Row("."), Row("br1"), ports[:2]), [TRUNK]) == SERVER_MTU


def test_a_trunk_that_is_one_no_more_does_not_widen_the_others() -> None:
    once = Interface("east", "1508", was="", number=TRUNK, mtu=1508)
    assert server_mtu(Seen(Row("."), Row("br1"), (once,)), []) == SERVER_MTU


def marked(fail_mode: str = "secure", limit: str = "2") -> Seen:
    trunk = Interface("east", "1508", was="", number=TRUNK, mtu=1508, was_mtu=1400)
    return Seen(Row(".", limit, was="1"), Row("br1", fail_mode, was="standalone"), (trunk,))


def test_letting_go_puts_back_what_was_there() -> None:
    assert set(undo_changes(marked(), others_held=False)) == {
        Change(Setting.FAIL_MODE, "br1", "secure", "standalone"),
        Change(Setting.VLAN_LIMIT, ".", "2", "1"),
        Change(Setting.MTU, "east", "1508", "1400"),
    }


def test_an_mtu_that_nobody_had_requested_is_requested_back_until_the_device_has_it() -> None:
    assert last_changes(marked()) == (Change(Setting.MTU, "east", "1508", None),)
    wide = Interface("east", "1400", was="", number=TRUNK, mtu=1508, was_mtu=1400)
    assert not is_narrowed(Seen(Row("."), Row("br1"), (wide,)))
    assert is_narrowed(Seen(Row("."), Row("br1"), (replace(wide, mtu=1400),)))


def test_an_mtu_that_somebody_had_requested_stays_requested() -> None:
    asked = Interface("east", "1508", was="1450", number=TRUNK, mtu=1508, was_mtu=1450)
    settings = Seen(Row("."), Row("br1"), (asked,))
    assert undo_changes(settings, others_held=False) == (Change(Setting.MTU, "east", "1508", "1450"),)
    assert last_changes(settings) == ()


def test_letting_go_leaves_what_other_bridges_still_need() -> None:
    assert Setting.VLAN_LIMIT not in {change.setting for change in undo_changes(marked(), others_held=True)}


def test_letting_go_leaves_what_somebody_else_has_set_since() -> None:
    left = {change.setting for change in undo_changes(marked(fail_mode="standalone", limit="0"), others_held=False)}
    assert left == {Setting.MTU}


def test_letting_go_of_a_bridge_that_was_never_changed_changes_nothing() -> None:
    assert undo_changes(seen(), others_held=False) == ()


def test_the_command_by_hand_makes_all_changes_at_once() -> None:
    changes = wanted_changes(seen(limit=None, fail_mode=None, mtu=1500), [TRUNK], 1500)
    assert by_hand(changes) == (
        "ovs-vsctl set Open_vSwitch . other_config:vlan-limit=2 -- set-fail-mode br1 secure"
        " -- set Interface east mtu_request=1508"
    )


def test_where_nothing_can_be_read_the_complaint_names_all_that_may_be_missing() -> None:
    changes = wanted_changes(Seen.nothing("br1", {TRUNK: "east"}), [TRUNK], 1500)
    text = complaint("chassis1", "its database cannot be reached (refused)", changes)
    assert text.startswith("chassis1: its database cannot be reached (refused)")
    for part in ("bypass", "forgets its rules", "full-size", "vlan-limit=2", "br1 secure", "east mtu_request=1508"):
        assert part in text


BFD_20 = "enable=true min_rx=20 min_tx=20"


def with_bfd(bfd: str | None, was: str | None = None, virtual: bool = False) -> Seen:
    trunk = Interface("east", number=TRUNK, mtu=1508, bfd=bfd, was_bfd=was, virtual=virtual)
    return Seen(Row(".", "2"), Row("br1", "secure"), (trunk,))


def bfd_changes(settings: Seen, interval_ms: int | None) -> tuple[tuple[str | None, str | None], ...]:
    wanted = {} if interval_ms is None else {TRUNK: interval_ms}
    return tuple((change.before, change.after) for change in wanted_changes(settings, [TRUNK], 1500, wanted))


@pytest.mark.parametrize("before", [None, "enable=false", "enable=true min_rx=1000 min_tx=100"])
def test_bfd_is_set_as_often_as_asked(before: str | None) -> None:
    assert bfd_changes(with_bfd(before), 20) == ((before, BFD_20),)
    assert bfd_changes(with_bfd(BFD_20), 20) == ()
    assert bfd_changes(with_bfd(BFD_20, was=""), 100) == ((BFD_20, "enable=true min_rx=100 min_tx=100"),)


def test_bfd_is_left_as_it_is_where_nobody_knows_yet_and_on_patch_ports() -> None:
    assert bfd_changes(with_bfd(BFD_20, was=""), None) == ()
    assert bfd_changes(with_bfd(None, virtual=True), 20) == ()


@pytest.mark.parametrize(("was", "after"), [("", None), ("enable=true min_tx=300", "enable=true min_tx=300")])
def test_bfd_that_is_not_wanted_any_more_is_put_back_as_it_was(was: str, after: str | None) -> None:
    assert bfd_changes(with_bfd(BFD_20, was=was), 0) == ((BFD_20, after),)
    assert Change(Setting.BFD, "east", BFD_20, after) in undo_changes(with_bfd(BFD_20, was=was), others_held=True)


def test_bfd_that_somebody_else_has_set_is_left_to_them() -> None:
    assert bfd_changes(with_bfd("enable=true min_tx=300"), 0) == ()
    assert undo_changes(with_bfd("enable=true min_tx=300", was=""), others_held=True) == ()


def test_bfd_is_set_by_hand_as_open_vswitch_takes_it() -> None:
    change = Change(Setting.BFD, "east", None, BFD_20)
    assert by_hand([change]) == "ovs-vsctl set Interface east bfd='{enable=true,min_rx=20,min_tx=20}'"
    assert by_hand([Change(Setting.BFD, "east", BFD_20, None)]) == "ovs-vsctl clear Interface east bfd"
