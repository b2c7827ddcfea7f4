"""Discovery frames: genuine ones are read, all else is refused with its reason and never raises."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.compile.ports import PortInput, PortKind, compile_port
from controller.discovery.frames import Probe, Refusal, ReplayGuard, build_probe, first_counter, read_probe
from controller.rules.rules import FlowEntry

KEY = bytes(range(32))
MAC = 0x020000000101
HEADER_BYTES = 14
DPID_AT_END = 16 + 8 + 4 + 8 + 2
"""How far before the frame's end the signed sender begins: claim, digest, end TLV."""


def probe(dpid: int = 1, port_no: int = 2, counter: int = 3) -> bytes:
    return build_probe(KEY, dpid, port_no, counter, MAC)


def spoiled(frame: bytes, at: int) -> bytes:
    return frame[:at] + bytes([frame[at] ^ 1]) + frame[at + 1 :]


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**32 - 1), st.integers(0, 2**64 - 1))
def test_what_was_built_is_read_again(dpid: int, port_no: int, counter: int) -> None:
    assert read_probe(KEY, probe(dpid, port_no, counter)) == Probe(dpid, port_no, counter)


def test_padding_by_a_network_card_does_no_harm() -> None:
    assert read_probe(KEY, probe() + bytes(40)) == Probe(1, 2, 3)


def test_the_frame_comes_from_the_ports_own_address() -> None:
    assert probe()[6:12] == MAC.to_bytes(6, "big")


def test_the_switch_hands_up_exactly_what_is_sent() -> None:
    rules = [item.rule for item in compile_port(PortInput("p", 1, PortKind.CLOSED, discovers=True))]
    (entry,) = [rule for rule in rules if isinstance(rule, FlowEntry)]
    wanted = {name: value for name, value, _ in entry.match}
    frame = probe()
    assert int.from_bytes(frame[:6], "big") == wanted["eth_dst"]
    assert int.from_bytes(frame[12:14], "big") == wanted["eth_type"]


def test_every_frame_cut_short_is_refused() -> None:
    whole = probe()
    assert {read_probe(KEY, whole[:size]) for size in range(len(whole))} == {Refusal.TRUNCATED}


@pytest.mark.parametrize("back", range(2 + 1, DPID_AT_END + 1))
def test_a_frame_that_differs_in_any_signed_byte_is_forged(back: int) -> None:
    whole = probe()
    assert read_probe(KEY, spoiled(whole, len(whole) - back)) is Refusal.FORGED


def test_another_key_is_a_forgery() -> None:
    assert read_probe(b"another", probe()) is Refusal.FORGED


def test_the_lldp_of_a_server_is_foreign() -> None:
    chassis = struct.pack("!H", 1 << 9 | 7) + b"\x04" + MAC.to_bytes(6, "big")
    foreign = probe()[:HEADER_BYTES] + chassis + bytes(2)
    assert read_probe(KEY, foreign) is Refusal.FOREIGN


@pytest.mark.parametrize("at", [0, 12])
def test_another_destination_or_ethertype_is_not_discovery(at: int) -> None:
    assert read_probe(KEY, spoiled(probe(), at)) is Refusal.NOT_DISCOVERY


@given(st.binary(max_size=200))
def test_garbage_is_refused_and_never_raises(data: bytes) -> None:
    assert isinstance(read_probe(KEY, data), Refusal)
    assert isinstance(read_probe(KEY, probe()[:HEADER_BYTES] + data), Refusal)


def test_a_probe_is_accepted_once() -> None:
    guard = ReplayGuard(0)
    assert guard.accept(Probe(1, 2, 7))
    assert not guard.accept(Probe(1, 2, 7))


def test_an_older_probe_of_the_same_port_is_a_replay_but_one_of_another_port_is_not() -> None:
    guard = ReplayGuard(0)
    guard.accept(Probe(1, 2, 7))
    assert not guard.accept(Probe(1, 2, 6))
    assert guard.accept(Probe(1, 3, 6))
    assert guard.accept(Probe(2, 2, 6))


def test_probes_of_an_earlier_run_are_refused() -> None:
    guard = ReplayGuard(100)
    assert not guard.accept(Probe(1, 2, 99))
    assert guard.accept(Probe(1, 2, 100))


def test_what_has_become_too_old_is_refused_though_nobody_heard_it() -> None:
    guard = ReplayGuard(100)
    guard.refuse_below(200)
    assert not guard.accept(Probe(1, 2, 150))


def test_counters_grow_over_restarts_even_when_the_clock_goes_back() -> None:
    first = first_counter(0, clock_ns=10**18)
    probes_of_a_day = 1000 * 86_400
    assert first_counter(first, clock_ns=10**18 + 5 * 10**12) > first + probes_of_a_day
    assert first_counter(first, clock_ns=10**9) > first + probes_of_a_day
