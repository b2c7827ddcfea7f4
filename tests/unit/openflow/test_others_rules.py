"""Rules that are not ours never raise, and are never taken for ours."""

from __future__ import annotations

import struct

from hypothesis import given
from hypothesis import strategies as st

from apps.openflow import decode, encode
from apps.openflow.read_actions import Unknown, read_actions, read_instructions
from controller.rules.rules import FlowEntry, Meter, Output, SetField, match
from tests.unit.openflow.messages import flow_reply, reply


def flow_mod(fields: bytes, instructions: bytes = b"") -> bytes:
    """A flow entry with a match of our making."""
    buffer, _ = encode.encode_batch(((FlowEntry(1, 2, ()), 5, True),), (), 1)
    length = 4 + len(fields)
    return buffer[:48] + struct.pack("!HH", 1, length) + fields + bytes(-length % 8) + instructions


def test_a_field_that_we_do_not_know_makes_a_key_of_its_own() -> None:
    ct_state = bytes.fromhex("0001d3080000002000000020")
    in_port = bytes.fromhex("8000000400000003")
    experimenter = bytes.fromhex("ffff0006123456780001")
    for unknown in (ct_state, experimenter):
        ((key, cookie, *_),) = decode.flow_stats(flow_reply(flow_mod(in_port + unknown)))
        assert cookie == 5
        assert key != FlowEntry(1, 2, match(in_port=3)).key


def test_actions_that_we_do_not_know_are_kept_as_they_are() -> None:
    conntrack = bytes.fromhex("ffff00180000232000230000000000000000020000000000")
    output = bytes.fromhex("00000010000000030000000000000000")
    assert read_actions(conntrack + output) == (Unknown(conntrack), Output(3))


def test_a_copy_without_a_meter_is_not_ours() -> None:
    copy = bytes.fromhex("ffff0010000023200025000000000000")
    assert read_actions(copy) == (Unknown(copy),)


def test_a_load_of_some_bits_is_a_masked_assignment() -> None:
    load = bytes.fromhex("ffff00180000232000070081000106040000000000000003")
    assert read_actions(load) == (SetField("reg3", 3 << 2, 3 << 2),)


def test_instructions_that_we_do_not_use_are_noticed() -> None:
    write_metadata = bytes.fromhex("000200180000000000000000000000010000000000000001")
    assert read_instructions(write_metadata).other == write_metadata


def test_a_meter_of_another_kind_equals_none_of_ours() -> None:
    two_bands = struct.pack("!HHI", 40, 1, 9) + struct.pack("!HHII4x", 1, 16, 5, 5) * 2
    remark = struct.pack("!HHI", 24, 1, 9) + struct.pack("!HHIIB3x", 2, 16, 5, 5, 1)
    bare = struct.pack("!HHI", 8, 1, 9)
    found = list(decode.meter_config(reply(10, two_bands, remark, bare)))
    assert found == [Meter(9, -1, 0, packets=False)] * 3


@given(st.binary(max_size=200))
def test_no_action_list_raises(content: bytes) -> None:
    read_actions(content)
    read_instructions(content)


@given(st.binary(max_size=120))
def test_no_match_raises(fields: bytes) -> None:
    ((key, cookie, *_),) = decode.flow_stats(flow_reply(flow_mod(fields)))
    assert (key[:3], cookie) == (("flow", 1, 2), 5)
