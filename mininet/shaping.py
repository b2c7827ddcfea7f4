"""Rates by HTB. Mininet's own `TCLink` ignores those over 1,000 Mbit/s without a word.

A server's card is told by `tc`. A bridge's port has a QoS in Open vSwitch's database, as an operator would set it: a
controller that puts its own there finds it, and puts it back when it lets go.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from commands import inside, run, vsctl

_FRAME_BYTES = 1600
_QUEUE_S = 0.05
_SHORTEST, _LONGEST = 32, 64
"""Frames that wait at a port. All ports of a userspace datapath share one socket, which holds some 90."""
_LAB, _BACKPLANE = "backplane-lab", "backplane-port"
"""Keys in `external_ids` of what the lab and what Backplane has made for a port; the value is the port's name."""
MOST_BPS = 32_000_000_000
"""Open vSwitch 3.1 keeps a rate as 32 bits of bytes/s."""


def shape_card(device: str, rate_bps: int, pid: int) -> None:
    """Let a card in the namespace of `pid` send at most `rate_bps`, with a queue of some 50 ms."""
    for command in card_commands(device, rate_bps):
        run(*inside(pid), "tc", *command)


def card_commands(device: str, rate_bps: int) -> list[list[str]]:
    """The `tc` commands, as lists of arguments."""
    burst, queue = burst_bytes(rate_bps), max(int(rate_bps / 8 * _QUEUE_S), 32 * _FRAME_BYTES)
    return [
        f"qdisc replace dev {device} root handle 5: htb default 1".split(),
        f"class replace dev {device} parent 5: classid 5:1 htb rate {rate_bps}bit ceil {rate_bps}bit"
        f" burst {burst} cburst {burst} quantum 60000".split(),
        f"qdisc replace dev {device} parent 5:1 handle 50: bfifo limit {queue}".split(),
    ]


def burst_bytes(rate_bps: int) -> int:
    """What may be sent at once: 1 ms at the rate, and some full-size frames at least."""
    return max(rate_bps // 8 // 1000, 10 * _FRAME_BYTES)


def queue_frames(rate_bps: int) -> int:
    """How many frames may wait at a port of this rate."""
    return min(max(int(rate_bps / 8 * _QUEUE_S / _FRAME_BYTES), _SHORTEST), _LONGEST)


def limit_port(interface: str, number: int, rate_bps: int) -> Iterator[str]:
    """The words that give a port its rate, for the `ovs-vsctl` command that makes the port.

    In one transaction, so that no controller sees the port without it. A rate that Open vSwitch cannot keep is none.
    """
    if rate_bps > MOST_BPS:
        return
    whose, most = f"external_ids:{_LAB}={interface}", f"other_config:max-rate={rate_bps}"
    yield from ("--", f"--id=@qos{number}", "create", "QoS", "type=linux-htb", most, whose, f"queues:0=@queue{number}")
    yield from ("--", f"--id=@queue{number}", "create", "Queue", most, whose, f"other_config:min-rate={rate_bps}")
    yield f"other_config:burst={burst_bytes(rate_bps) * 8}"
    yield from ("--", "set", "Port", interface, f"qos=@qos{number}")


def forget_limits(prefix: str) -> None:
    """Remove what was made for ports whose names begin so, by the lab or a controller; they are gone already."""
    rows = [(table, uuid) for table in ("QoS", "Queue") for uuid in _made_for(prefix, table)]
    if rows:
        vsctl(*(word for table, uuid in rows for word in ("--", "--if-exists", "destroy", table, uuid)))


def _made_for(prefix: str, table: str) -> Iterator[str]:
    """Open vSwitch keeps these rows though nothing refers to them."""
    shown = json.loads(vsctl("--format=json", "--columns=_uuid,external_ids", "list", table))
    for (_, uuid), (_, pairs) in shown["data"]:
        whose = dict(pairs)
        if whose.get(_LAB, whose.get(_BACKPLANE, "")).startswith(prefix):
            yield uuid
