"""What a switch reports in an audit, from bytes: what is as before is not decoded, whatever is not is noticed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from apps.openflow import decode, encode
from apps.openflow.judge import judge
from controller.rules.audit import Audit
from controller.rules.placed import Wanted
from controller.rules.reconciler import Reconciler
from controller.rules.rules import (
    Bucket,
    FlowEntry,
    Group,
    GroupType,
    Installed,
    Meter,
    Output,
    Owner,
    Rule,
    SetField,
    ToGroup,
    match,
)
from controller.rules.tables import cookie, link_group
from tests.unit.openflow.messages import flow_reply, group_reply, meter_reply, split

OWNER = Owner("server", "web1")
ENTRY = FlowEntry(3, 300, match(eth_dst=5, xxreg1=7), (SetField("reg0", 4), ToGroup(link_group(2))), 10, 1 << 16 | 2)
GROUP = Group(link_group(2), GroupType.FAST_FAILOVER, (Bucket((Output(2),), watch_port=2),))
METER = Meter(1 << 16 | 2, 1000, 500, True)
RULES: tuple[Rule, ...] = (ENTRY, GROUP, METER)
TIMEOUTS, FLAGS, METER_FLAGS = 16 + 14, 16 + 18, 16 + 2
"""Where these stand in a reply with one rule."""


def mod(rule: Rule) -> bytes:
    value = cookie(OWNER, ENTRY) if isinstance(rule, FlowEntry) else 0
    (message,) = split(encode.encode_batch(((rule, value, True),), (), 1)[0])
    return message


def replies(*rules: Rule, packets: int = 0) -> list[bytes]:
    """What a switch that holds these would say."""
    flows = flow_reply(*(mod(rule) for rule in rules if isinstance(rule, FlowEntry)), packets=packets, seconds=packets)
    groups = group_reply(*(mod(rule) for rule in rules if isinstance(rule, Group)))
    return [groups, meter_reply(*(mod(rule) for rule in rules if isinstance(rule, Meter))), flows]


def found(audit: Audit, parts: list[bytes]) -> list[str]:
    audit.begin()
    for _ in judge(parts, audit):
        pass
    return [f"{finding.what} {finding.key[0]}" for finding in audit.end()]


@pytest.fixture
def audit() -> Audit:
    """Of a switch that holds what is wanted, and was audited once."""
    reconciler = Reconciler()
    for rule in RULES:
        reconciler.want("p1", rule.key, Wanted(rule, OWNER, 0, cookie(OWNER, rule)))
    cookies = {ENTRY.key: cookie(OWNER, ENTRY)}
    reconciler.connected("p1", Installed(cookies, {GROUP.number: GROUP}, {METER.number: METER}))
    made = Audit(reconciler.switches["p1"])
    assert found(made, replies(*RULES)) == []
    return made


def test_counters_and_ages_are_no_change_and_nothing_is_decoded_again(
    audit: Audit, monkeypatch: pytest.MonkeyPatch
) -> None:
    for reader in ("flow_stats", "group_desc", "meter_config"):
        monkeypatch.delattr(decode, reader)
    assert found(audit, replies(*RULES, packets=77)) == []
    assert audit.rules == len(RULES)


@pytest.mark.parametrize(
    "other",
    [
        replace(ENTRY, actions=()),
        replace(ENTRY, goto=11),
        replace(ENTRY, meter=None),
        replace(GROUP, type=GroupType.SELECT),
        replace(GROUP, buckets=(Bucket((Output(3),), watch_port=2),)),
        replace(METER, burst=501),
    ],
)
def test_whatever_a_rule_does_otherwise_is_noticed(audit: Audit, other: Rule) -> None:
    rules = [other if rule.key == other.key else rule for rule in RULES]
    assert found(audit, replies(*rules)) == [f"altered {other.key[0]}"]


def flip(at: int) -> Callable[[bytes], bytes]:
    return lambda part: part[:at] + bytes([part[at] ^ 1]) + part[at + 1 :]


@pytest.mark.parametrize(
    ("part", "change"),
    [(2, flip(TIMEOUTS + 1)), (2, flip(TIMEOUTS + 3)), (2, flip(FLAGS + 1)), (1, flip(METER_FLAGS + 1))],
)
def test_timeouts_and_flags_are_noticed(audit: Audit, part: int, change: Callable[[bytes], bytes]) -> None:
    parts = replies(*RULES)
    parts[part] = change(parts[part])
    assert found(audit, parts) == [f"altered {'flow' if part == 2 else 'meter'}"]


def test_instructions_that_we_never_write_are_noticed(audit: Audit) -> None:
    write_metadata = bytes.fromhex("0002001800000000") + bytes(16)
    parts = [*replies(GROUP, METER)[:2], flow_reply(mod(ENTRY) + write_metadata)]
    assert found(audit, parts) == ["altered flow"]


@pytest.mark.parametrize("rule", RULES)
def test_what_is_not_reported_is_missing(audit: Audit, rule: Rule) -> None:
    assert found(audit, replies(*(other for other in RULES if other != rule))) == [f"missing {rule.key[0]}"]


def test_a_rule_with_fields_that_we_do_not_know_can_be_deleted_as_it_was_reported(audit: Audit) -> None:
    """The delete names the very bytes of the match."""
    fields = bytes.fromhex("80000004000000030001d3080000002000000020ffff000612345678abcd")
    head = (4 + len(fields)).to_bytes(2, "big")
    matched = b"\x00\x01" + head + fields + bytes(-(4 + len(fields)) % 8)
    entry = mod(replace(ENTRY, match=()))[:48] + matched
    parts = [*replies(GROUP, METER)[:2], flow_reply(mod(ENTRY), entry)]
    assert found(audit, parts) == ["foreign flow"]
    ((_, key), *_) = [(0, stats.key) for stats in decode.flow_stats(flow_reply(entry))]
    delete, _ = encode.encode_batch((), (key,), 1)
    assert delete[48:] == matched
