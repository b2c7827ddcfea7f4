"""Tells a device which frames belong to which queue, where the datapath does not: on a userspace datapath.

Open vSwitch makes the classes there too (`linux-htb`), but nothing puts a frame into one but the default. So each
class gets a short queue, and the device gets filters (u32, `tc-u32(8)`), by label on trunks and by address on server
ports. All ports of one ovs-vswitchd share the send buffer of one socket: a queue that could fill it would hold up
every port. And it sends in batches: where a full queue refuses a frame, all frames behind it in the batch are lost, of
whatever queue they are. So a full queue drops its first frame and takes the new one, which is no error.

Where a filter looks is told from where the kernel believes the network header to be: behind the tags since Linux 6.10,
behind the MAC addresses before. A tag's type stands where one or the other would have it, and in no third place.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from eventlet import tpool

from controller.compile.reservations import HEAVIEST
from controller.queues import Frames, PortQueues, Queue
from controller.rules.tables import BYPASS_LABELS, Class, QueueKind

_DEVICE: Final = re.compile(r"[^\s/]{1,15}")
_TAG: Final = 0x8100
_LABEL_BYTES: Final = 4
_GENERATIONS: Final = (100, 200)
"""Filters are replaced without a gap: new ones stand beside the old until these go. The first preference of each."""
_STEPS: Final = 50
_BEHIND: Final = 20
"""So much later comes what is asked where the kernel puts the network header behind the tags."""
_SHORTEST, _LONGEST = 16, 48
_QUEUE_S, _SHAPED_S = 0.002, 0.005
"""How much a queue holds; TCP keeps a rate only where it is shaped to it with some milliseconds to spare."""
_FRAME_BITS: Final = 12_144
_TIMEOUT_S: Final = 5.0
_IPV4, _IPV6 = 0x0800, 0x86DD


class CannotClassify(Exception):
    """The device would not take what it was told; the text says why."""


def is_here(device: str) -> bool:
    """Whether a port's device is one of this machine."""
    return bool(_DEVICE.fullmatch(device)) and Path("/sys/class/net", device).exists()


def classes_of(device: str) -> set[int]:
    """The queues that a device has."""
    shown = _tc("", "class", "show", "dev", device)
    return {int(found, 16) - 1 for found in re.findall(r"^class htb 1:([0-9a-f]+) parent", shown, re.MULTILINE)}


def filters_of(device: str) -> str:
    """The filters of a device as they are told, to be compared with what they were."""
    return _tc("", "filter", "show", "dev", device, "parent", "1:")


def set_filters(queues: PortQueues) -> None:
    """Have a device put frames into these queues; raises `CannotClassify`.

    A filter may name a queue that is not there yet; a queue that a filter names cannot be taken away.
    """
    shown = filters_of(queues.name)
    used = {int(found) for found in re.findall(r"\bpref (\d+)\b", shown)}
    first, second = ({pref for pref in used if base <= pref < base + _STEPS} for base in _GENERATIONS)
    unfinished = second if first else set()  # behind the first: a change broke off, and they are not asked
    added = list(_filters(queues, _GENERATIONS[1] if first else _GENERATIONS[0]))
    for lines in (_removed(queues, unfinished), added, _removed(queues, used - unfinished)):
        if lines:
            _tc("\n".join(lines) + "\n", "-batch", "-")


def _removed(queues: PortQueues, preferences: set[int]) -> list[str]:
    return [f"filter del dev {queues.name} parent 1: pref {pref}" for pref in sorted(preferences, reverse=True)]


def set_leaves(queues: PortQueues) -> None:
    """Give each queue of a device its length; raises `CannotClassify`."""
    _tc("\n".join(_leaves(queues)) + "\n", "-batch", "-")


def _tc(batch: str, *arguments: str) -> str:
    def run() -> subprocess.CompletedProcess[str]:
        command = ["tc", *arguments]
        return subprocess.run(command, input=batch, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)

    try:
        done = tpool.execute(run)
    except (OSError, subprocess.SubprocessError) as problem:
        raise CannotClassify(f"tc could not be run: {problem}") from problem
    if done.returncode:
        raise CannotClassify(
            f"tc refused: {done.stderr.strip().splitlines()[0] if done.stderr.strip() else 'no reason'}"
        )
    return str(done.stdout)


def _leaves(queues: PortQueues) -> Iterator[str]:
    """Labels are no part of a rate; and a queue holds some milliseconds, within what the socket can."""
    device = queues.name
    if queues.is_trunk:
        yield f"qdisc change dev {device} root handle 1: stab overhead -{_LABEL_BYTES} linklayer ethernet"
    for queue in queues.queues:
        minor, limit = queue.number + 1, _length(queue)
        yield f"qdisc replace dev {device} parent 1:{minor:x} handle {0x1000 + minor:x}: pfifo_head_drop limit {limit}"


def _length(queue: Queue) -> int:
    """What is not shaped here is not to stand in a queue at all, but comes in bursts: Open vSwitch's own batches."""
    if queue.number == QueueKind.RESERVED:
        return _LONGEST
    holds_s = _QUEUE_S if queue.number in (QueueKind.DEFAULT, QueueKind.BEST_EFFORT) else _SHAPED_S
    return min(max(int(queue.max_bps * holds_s / _FRAME_BITS), _SHORTEST), _LONGEST)


def _filters(queues: PortQueues, base: int) -> Iterator[str]:
    for step, tests, queue in _trunk_tests(queues) if queues.is_trunk else _server_tests(queues):
        where = f"filter add dev {queues.name} parent 1: protocol all pref {base + step} u32"
        yield f"{where} {' '.join(tests)} flowid 1:{queue + 1:x}"


Tests = tuple[int, tuple[str, ...], int]
"""When it is asked (the lowest first), what, and the queue of what fits."""


def _u16(value: int, mask: int, at: int) -> str:
    return f"match u16 {value:#06x} {mask:#06x} at {at}"


def _trunk_tests(queues: PortQueues) -> Iterator[Tests]:
    """Two tags: on a bypass, where only what is protected has room. One: by label where it enters, else by class. None:
    BFD or discovery, which have the default queue to themselves."""
    for step, outer, inner, second in ((0, 0, 4, 2), (_BEHIND, -8, -4, -10)):
        first = _u16(_TAG, 0xFFFF, -2 if step == 0 else -6)
        diverted = (first, _u16(_TAG, 0xFFFF, second), _u16(BYPASS_LABELS.start, BYPASS_LABELS.start, outer))
        protected = _u16(Class.PROTECTED << 13, 0xE000, inner)
        yield step, (*diverted, protected), QueueKind.RESERVED
        yield step + 1, diverted, QueueKind.BEST_EFFORT
        tag = outer if step == 0 else inner
        for label, queue in queues.labels:
            yield step + 2, (first, _u16(Class.RESERVED << 13 | label, 0xCFFF, tag)), queue
        reserved = _u16(Class.ANY_RESERVED << 13, Class.ANY_RESERVED << 13, tag)
        yield step + 3, (first, reserved), QueueKind.RESERVED
        yield step + 4, (first,), QueueKind.BEST_EFFORT


def _server_tests(queues: PortQueues) -> Iterator[Tests]:
    """The weightiest reservation is asked first, as in the switch."""
    for frames in queues.frames:
        step = HEAVIEST - frames.chosen.weight
        for version in (_IPV4, _IPV6) if frames.chosen.fields else (None,):
            layer3 = () if version is None else tuple(_layer3(frames, version))
            if frames.tagged:
                yield step, (_u16(_TAG, 0xFFFF, -2), *_macs(frames, 0), *_shifted(layer3, 4)), frames.queue
                yield step + _BEHIND, (_u16(_TAG, 0xFFFF, -6), *_macs(frames, -4), *layer3), frames.queue
            else:
                yield step, (*_macs(frames, 0), *layer3), frames.queue


def _macs(frames: Frames, shift: int) -> Iterator[str]:
    for mac, at in ((frames.chosen.target, -14 + shift), (frames.chosen.source, -8 + shift)):
        if mac is not None:
            for part in range(3):
                yield _u16(mac >> (32 - 16 * part) & 0xFFFF, 0xFFFF, at + 2 * part)


def _layer3(frames: Frames, version: int) -> Iterator[str]:
    """A packet with options or a fragment has no ports at a known place, and is best effort."""
    fields = dict(frames.chosen.fields)
    yield _u16(version, 0xFFFF, -2)
    if "ip_proto" in fields:
        yield f"match u8 {fields['ip_proto']:#x} 0xff at {9 if version == _IPV4 else 6}"
    if "ip_dscp" in fields:
        dscp = fields["ip_dscp"]
        yield f"match u8 {dscp << 2:#x} 0xfc at 1" if version == _IPV4 else _u16(dscp << 6, 0x0FC0, 0)
    ports = [(name, value) for name, value in fields.items() if name.startswith(("tcp_", "udp_"))]
    if ports and version == _IPV4:
        yield from ("match u8 0x45 0xff at 0", _u16(0, 0x1FFF, 6))
    start = 20 if version == _IPV4 else 40
    for name, value in ports:
        yield _u16(value, 0xFFFF, start + (2 if name.endswith("dst") else 0))


def _shifted(tests: tuple[str, ...], by: int) -> Iterator[str]:
    for test in tests:
        head, at = test.rsplit(" ", 1)
        yield f"{head} {int(at) + by}"
