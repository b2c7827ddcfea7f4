"""What is encoded is decoded to the same, for every rule that can be said."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.openflow import decode, encode
from apps.openflow.read_actions import Instructions, read_instructions
from controller.rules.fields import WIDTH
from controller.rules.rules import (
    EXACT,
    Action,
    Actions,
    Bucket,
    ClearInPort,
    DecTtl,
    FlowEntry,
    Group,
    GroupType,
    Match,
    Meter,
    Move,
    Output,
    PopVlan,
    PushVlan,
    Resubmit,
    SetField,
    SetQueue,
    ToController,
    ToGroup,
    match,
)
from tests.unit.openflow.messages import flow_reply, group_reply, meter_reply, split

NUMBER = st.integers(0, 2**32 - 2)
PARTS = {f"reg{number}" for number in (*range(4, 8), *range(12, 16))}


@st.composite
def assignments(draw: st.DrawFn, names: tuple[str, ...]) -> tuple[str, int, int]:
    name = draw(st.sampled_from(names))
    full = (1 << WIDTH[name]) - 1
    mask = draw(st.just(EXACT) | st.integers(1, full - 1))
    return name, draw(st.integers(0, full)) & mask, mask


ALL_FIELDS = tuple(WIDTH)
MATCHED = tuple(name for name in WIDTH if name not in PARTS)
MATCHES: st.SearchStrategy[Match] = st.lists(assignments(MATCHED), unique_by=lambda field: field[0], max_size=8).map(
    lambda fields: tuple(sorted(fields))
)
MOVES = st.builds(
    Move,
    st.sampled_from(MATCHED),
    st.integers(0, 127),
    st.sampled_from(MATCHED),
    st.integers(0, 127),
    st.integers(1, 128),
)
ACTIONS: st.SearchStrategy[Action] = st.one_of(
    st.builds(Output, NUMBER),
    st.builds(ToGroup, NUMBER),
    st.builds(Resubmit, st.integers(0, 254)),
    st.builds(ToController, NUMBER, st.integers(0, 0xFFFF)),
    assignments(ALL_FIELDS).map(lambda field: SetField(*field)),
    MOVES,
    st.builds(SetQueue, NUMBER),
    st.sampled_from((PushVlan(), PopVlan(), ClearInPort(), DecTtl())),
)
LISTS: st.SearchStrategy[Actions] = st.lists(ACTIONS, max_size=5).map(tuple)
ENTRIES = st.builds(
    FlowEntry,
    st.integers(0, 254),
    st.integers(0, 0xFFFF),
    MATCHES,
    LISTS,
    st.none() | st.integers(0, 254),
    st.none() | NUMBER,
)


@given(ENTRIES, st.integers(0, 2**64 - 1))
def test_a_flow_entry_comes_back_equal(entry: FlowEntry, cookie: int) -> None:
    buffer, _ = encode.encode_batch(((entry, cookie, True),), (), 1)
    (found,) = decode.flow_stats(flow_reply(buffer, packets=3, octets=180, seconds=7))
    assert (found.key, found.cookie) == (entry.key, cookie)
    assert (found.packets, found.octets, found.duration_s) == (3, 180, 7.5)
    assert read_instructions(found.instructions) == Instructions(entry.actions, entry.goto, entry.meter)


@given(
    st.builds(
        Group,
        NUMBER,
        st.sampled_from(GroupType),
        st.lists(st.builds(Bucket, LISTS, st.none() | NUMBER, st.integers(0, 9)), max_size=4).map(tuple),
    )
)
def test_a_group_comes_back_equal(group: Group) -> None:
    buffer, _ = encode.encode_batch(((group, 0, True),), (), 1)
    assert list(decode.group_desc(group_reply(buffer))) == [group]


@given(st.builds(Meter, NUMBER, NUMBER, NUMBER, st.booleans()))
def test_a_meter_comes_back_equal(meter: Meter) -> None:
    buffer, _ = encode.encode_batch(((meter, 0, True),), (), 1)
    assert list(decode.meter_config(meter_reply(buffer))) == [meter]


def test_a_batch_is_read_in_order_and_numbered_by_rule() -> None:
    entry = FlowEntry(1, 2, match(in_port=3), (Output(4),))
    group, meter = Group(5, GroupType.ALL, ()), Meter(6, 7, 8, packets=True)
    buffer, sent = encode.encode_batch(
        ((meter, 0, True), (group, 0, True), (entry, 9, True)), (("meter", 2), ("group", 1)), 40
    )
    assert sent == {40: meter.key, 41: group.key, 42: entry.key, 43: ("meter", 2), 44: ("group", 1)}
    assert [int.from_bytes(message[4:8], "big") for message in split(buffer)] == [40, 41, 42, 43, 44]


def test_an_altered_key_is_another_key() -> None:
    first, second = (FlowEntry(1, 2, match(in_port=3, eth_dst=(1 << 40, 1 << 40), vlan_vid=vid)) for vid in (0, 0x1000))
    buffer, _ = encode.encode_batch(((first, 1, True), (second, 2, True)), (), 1)
    assert dict(entry[:2] for entry in decode.flow_stats(flow_reply(*split(buffer)))) == {first.key: 1, second.key: 2}


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (FlowEntry(0, 1, match(eth_type=0x10000)), "too wide"),
        (FlowEntry(0, 1, match(eth_dst=-5, in_port=1)), "too wide"),
        (FlowEntry(0, 1, match(reg7=1)), "a part of xxreg1"),
        (FlowEntry(0, 1, match(colour=1)), "'colour'"),
        (FlowEntry(0, 1, match(), (SetField("reg1", 1 << 32),)), "expected 4 bytes"),
        (FlowEntry(0, 70000, match()), "70000"),
        (FlowEntry(0, 1, match(), (Output(1),) * 5000), "FlowEntry"),
    ],
)
def test_what_cannot_be_encoded_is_said(entry: FlowEntry, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        encode.encode_batch(((entry, 0, True),), (), 1)


def test_a_group_that_no_message_holds_is_said() -> None:
    group = Group(0x30010000, GroupType.ALL, (Bucket((Output(1),)),) * 3000)
    with pytest.raises(ValueError, match=r"group 0x30010000: 96016 bytes"):
        encode.encode_batch(((group, 0, True),), (), 1)
