"""What the fake switch does with a packet, rule by rule."""

from __future__ import annotations

import pytest

from controller.rules.outcome import Conditions, Outcome
from controller.rules.packet import Frame, build, parse
from controller.rules.rules import (
    CONTROLLER_PORT,
    IN_PORT,
    Action,
    Bucket,
    ClearInPort,
    DecTtl,
    FlowEntry,
    Group,
    GroupType,
    Meter,
    Move,
    Output,
    Owner,
    PopVlan,
    PushVlan,
    Resubmit,
    Rule,
    RuleKey,
    SetField,
    ToController,
    ToGroup,
    match,
)
from controller.rules.simulator import SwitchTables, simulate
from controller.rules.tables import Reg

FRAME = parse(build({"eth_src": 1, "eth_dst": 2, "eth_type": 0x0800, "ipv4_src": 3, "ipv4_dst": 4, "nw_ttl": 2}))


def send(*rules: Rule, frame: Frame = FRAME, in_port: int = 1, **conditions: object) -> Outcome:
    return simulate(SwitchTables(rules), in_port, frame, Conditions(**conditions))  # type: ignore[arg-type]


def do(*actions: Action, goto: int | None = None, table: int = 0) -> FlowEntry:
    return FlowEntry(table, 1, (), actions, goto)


def ports(outcome: Outcome) -> list[int]:
    return [out.port for out in outcome.outputs]


def vids(outcome: Outcome) -> list[list[int]]:
    return [[tag & 0xFFF for tag in out.frame.vlans] for out in outcome.outputs]


def tag(number: int) -> tuple[Action, ...]:
    return (PushVlan(), SetField("vlan_vid", 0x1000 | number))


def test_a_table_miss_drops() -> None:
    outcome = send()
    assert outcome.outputs == ()
    assert [(step.table, step.rule) for step in outcome.steps] == [(0, None)]


def test_the_highest_priority_wins() -> None:
    low = FlowEntry(0, 1, match(eth_dst=2), (Output(2),))
    high = FlowEntry(0, 2, match(eth_src=1), (Output(3),))
    assert ports(send(low, high)) == ports(send(high, low)) == [3]


def test_masks_choose_the_bits_that_count() -> None:
    entry = FlowEntry(0, 1, match(eth_dst=(0b10, 0b10)), (Output(2),))
    assert ports(send(entry)) == [2]
    assert ports(send(entry, frame=Frame({"eth_dst": 0b101}))) == []


def test_a_packet_leaves_as_it_is_at_that_moment() -> None:
    outcome = send(do(Output(2), SetField("eth_dst", 9), Output(3)))
    assert [(out.port, out.frame.fields["eth_dst"]) for out in outcome.outputs] == [(2, 2), (3, 9)]


def test_a_goto_goes_on_with_the_changed_packet() -> None:
    entry = FlowEntry(1, 1, match(reg0=7), (Output(2),))
    assert ports(send(do(SetField("reg0", 7), goto=1), entry)) == [2]


def test_a_packet_does_not_leave_by_its_port_of_entry() -> None:
    outcome = send(do(Output(1)))
    assert outcome.outputs == ()
    assert "not sent back" in outcome.notes[0]


@pytest.mark.parametrize("actions", [(Output(IN_PORT),), (ClearInPort(), Output(1))])
def test_a_packet_leaves_by_its_port_of_entry_when_told_so(actions: tuple[Action, ...]) -> None:
    assert ports(send(do(*actions))) == [1]


def test_a_wide_register_is_four_narrow_ones() -> None:
    wide = FlowEntry(0, 1, (), (SetField("xxreg1", 5 << 96 | 6), Move("reg4", 0, "reg7", 8, 8)), 1)
    narrow = FlowEntry(1, 1, match(reg4=5, reg7=0x506, xxreg1=5 << 96 | 0x506), (Output(2),))
    assert ports(send(wide, narrow)) == [2]


def test_a_part_of_a_field_is_set() -> None:
    outcome = send(do(SetField("eth_src", 0xF0, 0xF0), Move("eth_src", 0, "eth_dst", 8, 8), Output(2)))
    fields = outcome.outputs[0].frame.fields
    assert (fields["eth_src"], fields["eth_dst"]) == (0xF1, 0xF102)


def test_a_field_that_the_packet_does_not_have_is_not_set() -> None:
    outcome = send(do(SetField("arp_op", 2), Move("arp_sha", 0, "eth_src", 0, 48), Output(2)))
    assert outcome.outputs[0].frame.key == FRAME.key


def test_a_tag_goes_on_top_and_comes_off_again() -> None:
    assert vids(send(do(*tag(5), Output(2), *tag(6), Output(3), PopVlan(), PopVlan(), Output(4)))) == [[5], [6, 5], []]


def test_a_resubmission_returns_and_its_changes_stay() -> None:
    inner = do(SetField("eth_dst", 9), Output(2), table=1)
    outcome = send(do(Resubmit(1), Output(3)), inner)
    assert [(out.port, out.frame.fields["eth_dst"]) for out in outcome.outputs] == [(2, 9), (3, 9)]


def test_a_resubmission_without_end_drops_everything() -> None:
    outcome = send(do(Output(2), Resubmit(0)))
    assert outcome.outputs == ()
    assert "64" in outcome.notes[-1]


def test_a_copy_goes_to_the_controller_with_its_reason_while_the_packet_goes_on() -> None:
    outcome = send(do(SetField(Reg.REASON, 3), ToController(77), Output(2), Output(CONTROLLER_PORT)))
    assert [(copy.reason, copy.meter) for copy in outcome.copies] == [(3, 77), (3, None)]
    assert ports(outcome) == [2]


def test_the_ttl_is_counted_down_and_ends_the_packet() -> None:
    outcome = send(do(DecTtl(), Output(2), DecTtl(), Output(3), goto=1), do(Output(4), table=1))
    assert [(out.port, out.frame.fields["nw_ttl"]) for out in outcome.outputs] == [(2, 1)]


def group(kind: GroupType, *buckets: Bucket) -> tuple[Rule, ...]:
    return (do(ToGroup(7), Output(9)), Group(7, kind, buckets))


def test_a_flood_sends_copies_whose_changes_do_not_leak() -> None:
    outcome = send(*group(GroupType.ALL, Bucket((*tag(5), Output(2))), Bucket((Output(3),))))
    assert list(zip(ports(outcome), vids(outcome), strict=True)) == [(2, [5]), (3, []), (9, [])]


def test_a_cleared_port_of_entry_is_known_again_after_the_bucket() -> None:
    outcome = send(*group(GroupType.ALL, Bucket((ClearInPort(), Output(1))), Bucket((Output(1),))))
    assert ports(outcome) == [1, 9]


def test_fast_failover_takes_the_first_live_bucket() -> None:
    rules = group(GroupType.FAST_FAILOVER, Bucket((Output(2),), 2), Bucket((Output(3),), 3))
    assert ports(send(*rules)) == [2, 9]
    assert ports(send(*rules, is_up=lambda port: port != 2)) == [3, 9]
    assert ports(send(*rules, is_up=lambda port: False)) == [9]


def test_select_chooses_by_weight() -> None:
    rules = group(GroupType.SELECT, Bucket((Output(2),), weight=1), Bucket((Output(3),), weight=2))
    assert [ports(send(*rules, spread=lambda _, n=n: n))[0] for n in range(4)] == [2, 3, 3, 2]


def test_the_default_spread_uses_every_bucket_and_keeps_a_flow_together() -> None:
    rules = group(GroupType.SELECT, Bucket((Output(2),), weight=1), Bucket((Output(3),), weight=1))
    frames = [Frame({"eth_src": number}) for number in range(50)]
    chosen = [ports(send(*rules, frame=frame))[0] for frame in frames]
    assert set(chosen) == {2, 3}
    assert chosen == [ports(send(*rules, frame=frame))[0] for frame in frames]


def test_a_group_without_a_bucket_drops() -> None:
    assert ports(send(*group(GroupType.SELECT))) == [9]


def test_a_bucket_is_an_action_set() -> None:
    mixed = Bucket((Output(2), SetField("vlan_vid", 0x1000 | 5), PushVlan()))
    assert vids(send(*group(GroupType.INDIRECT, mixed)))[0] == [5]


def test_a_group_that_is_not_there_is_told() -> None:
    assert "0x7" in send(do(ToGroup(7))).notes[0]


def test_a_meter_over_its_rate_drops_the_packet() -> None:
    rules = (Meter(5, 10, 10, True), FlowEntry(0, 1, (), (Output(2),), meter=5))
    assert ports(send(*rules)) == [2]
    assert ports(send(*rules, exceeded=frozenset({5}))) == []


def test_a_copy_meter_over_its_rate_drops_the_copy_alone() -> None:
    outcome = send(do(ToController(5), Output(2)), exceeded=frozenset({5}))
    assert (ports(outcome), outcome.copies) == ([2], ())


def test_the_steps_tell_whose_rules_were_followed() -> None:
    first, second = do(goto=1), do(ToGroup(7), table=1)
    whole = Group(7, GroupType.ALL, (Bucket((Output(2),)),))
    owners: dict[RuleKey, Owner] = {
        first.key: Owner("port", "a"),
        second.key: Owner("server", "s"),
        whole.key: Owner("tree", "t"),
    }
    outcome = simulate(SwitchTables((first, second, whole), owners), 1, FRAME)
    told = [(step.table, step.owner and step.owner.name, step.bucket) for step in outcome.steps]
    assert told == [(0, "a", None), (1, "s", None), (None, "t", 0)]
