"""One reading of the controller's state, with the indexes that several views need, each made once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from functools import cached_property

from controller.control import Control
from controller.edits import within
from controller.model.alarms import Alarm
from controller.model.desired import SECTIONS, Key, Origin
from controller.model.links import known_links
from controller.model.problems import Problem
from controller.model.spec import Document
from controller.model.topology import End, Link, Port
from controller.pinning import Granted


class Reading:
    """For one request: `control` does not change while it is answered."""

    def __init__(self, control: Control) -> None:
        self.control = control
        self.fabric = control.fabric
        self.routing = control.routing

    @cached_property
    def document(self) -> Document:
        """The document, or an empty one where nobody gave any."""
        return self.fabric.document or Document()

    def origin(self, key: Key) -> Origin:
        """Where a resource comes from."""
        return self.fabric.composed.origins.get(key, "learned")

    def inactive(self, section: str) -> Mapping[str, tuple[str, ...]]:
        """What the API made of one section and does not fit, unless the file has the name: why, by name."""
        composed = self.fabric.composed
        found = ((key, problems) for key, problems in composed.inactive.items() if key[0] == section)
        return {
            key[1]: tuple(_sentence(within(key, problem)) for problem in problems)
            for key, problems in found
            if key not in composed.origins
        }

    @cached_property
    def links(self) -> Mapping[str, Link]:
        """Declared and found links by name."""
        return known_links(self.fabric)

    @cached_property
    def link_at(self) -> Mapping[End, str]:
        """The link that each trunk end belongs to."""
        return {end: link.name for link in self.links.values() for end in link.ends}

    @cached_property
    def trunks(self) -> Mapping[End, str]:
        """Declared trunks by place: their full names."""
        return self.fabric.declared.trunks

    @cached_property
    def ports(self) -> Mapping[str, Mapping[int, Port]]:
        """The ports that each switch has reported."""
        found: defaultdict[str, dict[int, Port]] = defaultdict(dict)
        for (platform, number), port in self.fabric.wiring.ports.items():
            found[platform][number] = port
        return found

    @cached_property
    def servers_at(self) -> Mapping[End, tuple[str, ...]]:
        """The servers behind each port, sorted."""
        found: defaultdict[End, list[str]] = defaultdict(list)
        for name in sorted(self.fabric.servers):
            server = self.fabric.servers[name]
            found[server.platform, server.port].append(name)
        return {end: tuple(names) for end, names in found.items()}

    @cached_property
    def servers_in(self) -> Mapping[str, tuple[str, ...]]:
        """The servers of each segment, sorted."""
        found: defaultdict[str, list[str]] = defaultdict(list)
        for name in sorted(self.fabric.servers):
            found[self.fabric.servers[name].segment].append(name)
        return {segment: tuple(names) for segment, names in found.items()}

    def reserved_bps(self, link: str, platform: str) -> int:
        """What a link must hold at most in the direction that leaves a platform: grants, and what may be diverted."""
        return self.control.loads.get((link, platform), 0)

    def left_bps(self, link: str, platform: str) -> int | None:
        """What of a link can still be reserved in that direction; None where it has no rate."""
        known = self.routing.known.get(link)
        if known is None or self.fabric.declared.link_rate(known) is None:
            return None
        return max(self.fabric.declared.reservable_bps(known) - self.reserved_bps(link, platform), 0)

    @cached_property
    def granted(self) -> Granted:
        """The directions of all that is granted."""
        return self.control.granted

    @cached_property
    def labels(self) -> Mapping[str, int]:
        """The labels that are allotted, by holder."""
        return {name: number for pool, name, number in self.fabric.ledger.held() if pool == "label"}

    @cached_property
    def _alarms(self) -> Mapping[str, tuple[Alarm, ...]]:
        found: defaultdict[str, list[Alarm]] = defaultdict(list)
        for alarm in self.control.alarms.standing():
            for name in self._about(alarm.subject):
                found[name].append(alarm)
        return {name: tuple(alarms) for name, alarms in found.items()}

    def _about(self, subject: str) -> set[str]:
        """Whom an alarm is about: the first word of its subject; of a port, its platform and what is plugged in."""
        section, _, name = subject.partition("/")
        first, _, _ = (name if section in SECTIONS else subject).partition(" ")
        platform, _, port = first.rpartition(":")
        if not (port.isdecimal() and platform):
            return {first}
        end = (platform, int(port))
        uplink = self.fabric.declared.uplink_at(end)
        return {platform, *self.servers_at.get(end, ()), *((uplink,) if uplink is not None else ())}

    def alarms_of(self, name: str) -> tuple[Alarm, ...]:
        """The alarms about one resource."""
        return self._alarms.get(name, ())

    def end_name(self, end: End) -> str:
        """``platform.trunk`` where it is declared, else the platform and the port's name."""
        return self.trunks.get(end) or f"{end[0]}.{self.fabric.port_name(end)}"


def _sentence(problem: Problem) -> str:
    return f"{problem.place}: {problem.message}" if problem.place else problem.message
