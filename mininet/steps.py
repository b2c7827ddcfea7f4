"""A step is one change to a running lab; measuring it shows what it cost the streams between servers."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fabric_api import ApiError
from rule_ages import Difference, births_of, difference
from stream import Flow, Stream, StreamResult

from controller.model.document import dump_document
from controller.model.spec import Document

if TYPE_CHECKING:
    from lab import Lab

_AROUND_S = 0.3
"""So long the streams run before a step and after it."""
_DONE_S = 30.0
_POLL_S = 0.02


class StepFailed(Exception):
    """A step did not come to its end in time; the text says what was awaited."""


@dataclass(frozen=True)
class Step:
    """`act` changes the lab, and returns when all is settled. `concerns`: the server that is unplugged, if one is."""

    title: str
    act: Callable[[], None]
    concerns: str | None = None


@dataclass(frozen=True)
class Outcome:
    """What a step did: to the streams, and to the switches' rules."""

    step: Step
    began: float
    took_s: float
    result: StreamResult
    rules: Difference

    @property
    def others(self) -> StreamResult:
        """The streams that do not end at the server that was unplugged."""
        return self.result.without(self.step.concerns) if self.step.concerns else self.result


def measure(lab: Lab, flows: Sequence[Flow], step: Step) -> Outcome:
    """Do a step while the streams run; raises what the step raises, and `StreamFailed`."""
    before = births_of(lab)
    with Stream(lab, flows) as stream:
        stream.go_on(_AROUND_S)
        began = time.monotonic()
        step.act()
        took_s = time.monotonic() - began
        stream.go_on(_AROUND_S)
    return Outcome(step, began, took_s, stream.result, difference(before, births_of(lab)))


def usual_flows(document: Document, spared: Sequence[str] = ()) -> list[Flow]:
    """Three streams by IPv4, one by IPv6 and one that is flooded, between platforms; `spared` servers have no part."""
    names = [name for name in document.servers if name not in spared]
    pairs = [(a, b) for at, a in enumerate(names) for b in names[at + 1 :] if _apart(document, a, b)]
    four = [pair for pair in pairs if _both(document, pair, 4)]
    six = [pair for pair in pairs if _both(document, pair, 6)]
    unicast = dict.fromkeys((*four[:1], *four[len(four) // 2 :][:1], *four[-1:]))
    flows = [Flow(*pair) for pair in unicast] + [Flow(b, a, 6) for a, b in six[-1:]]
    return flows + [Flow(b, a, flooded=True) for a, b in four[:1]]


def _apart(document: Document, one: str, other: str) -> bool:
    a, b = document.servers[one], document.servers[other]
    return a.segment == b.segment and a.platform != b.platform


def _both(document: Document, pair: tuple[str, str], version: int) -> bool:
    return all(any(ip.version == version for ip in document.servers[name].ip) for name in pair)


# What steps are made of


def rewrite(lab: Lab, document: Document) -> None:
    """Give the controller a document by SIGHUP and wait until the switches have confirmed it."""
    revision = lab.api("/fabric")["status"]["revision"]
    lab.rewrite(dump_document(document))
    lab.wait_converged(_DONE_S, beyond=revision)


def await_link(lab: Lab, name: str, up: bool) -> None:
    """Wait until a link is up (or is not), and the fabric converged."""
    wait_for(lambda: link_is_up(lab, name) == up, f"link {name} {'up' if up else 'not up'}")
    lab.wait_converged(_DONE_S)


def link_is_up(lab: Lab, name: str) -> bool:
    """Whether the controller has a link as up; one that it does not know is not."""
    try:
        return bool(lab.api(f"/links/{name}")["status"]["state"] == "up")
    except ApiError:
        return False


def wait_for(condition: Callable[[], bool], what: str, timeout_s: float = _DONE_S) -> None:
    """Ask until it is true; raises `StepFailed`."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise StepFailed(f"awaited for {timeout_s:g} s: {what}")
        time.sleep(_POLL_S)
