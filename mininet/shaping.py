"""Port rates by HTB. Mininet's own `TCLink` ignores rates over 1,000 Mbit/s without a word."""

from __future__ import annotations

from commands import inside, run

_MTU_BYTES = 1600
_QUEUE_S = 0.05


def shape(device: str, rate_bps: int, pid: int | None = None) -> None:
    """Let `device` send at most `rate_bps`, with a queue of some 50 ms; in the namespace of `pid` where given."""
    for command in shape_commands(device, rate_bps):
        run(*(inside(pid) if pid else ()), "tc", *command)


def shape_commands(device: str, rate_bps: int) -> list[list[str]]:
    """The `tc` commands, as lists of arguments."""
    burst = max(rate_bps // 8 // 1000, 10 * _MTU_BYTES)  # 1 ms at the rate
    queue = max(int(rate_bps / 8 * _QUEUE_S), 32 * _MTU_BYTES)
    return [
        f"qdisc replace dev {device} root handle 5: htb default 1".split(),
        f"class replace dev {device} parent 5: classid 5:1 htb rate {rate_bps}bit ceil {rate_bps}bit"
        f" burst {burst} cburst {burst} quantum 60000".split(),
        f"qdisc replace dev {device} parent 5:1 handle 50: bfifo limit {queue}".split(),
    ]
