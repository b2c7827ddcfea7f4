"""Whose a rule is, as a place in the document that a person can go to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from controller.model.document_yaml import Text
from controller.model.problems import DocumentError, Place, place_text
from controller.model.spec import link_name
from controller.rules.rules import Owner
from controller.views.reading import Reading
from controller.views.resource import View


@dataclass(frozen=True)
class Lines:
    """Where things stand in a document's text; nothing is known of a text that is empty or no YAML."""

    text: str = ""
    file: str | None = None

    @cached_property
    def _read(self) -> Text | None:
        try:
            return Text(self.text, self.file or "") if self.text else None
        except DocumentError:
            return None

    def of(self, place: Place) -> int | None:
        """The line of a place, or of what contains it, from 1; None where its section is not in the text."""
        lines = self._read.lines if self._read else {}
        return lines.get(place)

    @cached_property
    def links(self) -> Mapping[str, int]:
        """The number of each link in the text's list."""
        value = self._read.value if self._read else None
        links = value.get("links") if isinstance(value, dict) else None
        found = {}
        for index, raw in enumerate(links or ()):
            ends = raw.get("ends") if isinstance(raw, dict) else raw
            if isinstance(ends, list) and len(ends) == 2:
                found[link_name(str(ends[0]), str(ends[1]))] = index
        return found


class OwnerView(View):
    """Whose rule it is: kind and name; its place in the document and the line there, where it has one."""

    kind: str
    name: str
    place: str | None
    line: int | None


@dataclass(frozen=True)
class Places:
    """Finds owners in the document."""

    reading: Reading
    lines: Lines = field(default_factory=Lines)

    def owner(self, owner: Owner) -> OwnerView:
        """An owner with its place."""
        place = self._finders[owner.kind](owner.name) if owner.kind in self._finders else None
        text, line = self.say(place) if place else (None, None)
        return OwnerView(kind=owner.kind, name=owner.name, place=text, line=line)

    def say(self, place: Place) -> tuple[str, int | None]:
        """A place as text, with its line."""
        return place_text(place), self.lines.of(place)

    def words(self, place: Place | None) -> str:
        """`` (platforms.chassis1.servers.web1, line 12)``; nothing where there is no place."""
        if place is None:
            return ""
        text, line = self.say(place)
        return f" ({text}, line {line})" if line else f" ({text})"

    @cached_property
    def _finders(self) -> Mapping[str, Callable[[str], Place | None]]:
        return {
            "base": self.platform,
            "port": self._port,
            "server": self.server,
            "link": self.link,
            "path": lambda name: self.platform(name.partition(">")[2]),
            "segment": self.segment,
            "tree": lambda name: self.segment(name.rpartition("#")[0]),
            "reservation": self._reservation,
            "share": self.server,
        }

    def server(self, name: str) -> Place | None:
        """A declared server."""
        spec = self.reading.document.servers.get(name)
        return ("platforms", spec.platform, "servers", name) if spec else None

    def platform(self, name: str) -> Place | None:
        """A declared platform."""
        return ("platforms", name) if name in self.reading.document.platforms else None

    def segment(self, name: str) -> Place | None:
        """A declared segment."""
        return ("segments", name) if name in self.reading.document.segments else None

    def link(self, name: str) -> Place | None:
        """A declared link."""
        if name in self.lines.links:
            return ("links", self.lines.links[name])
        declared = tuple(self.reading.document.links)
        return ("links", declared.index(name)) if name in declared else None

    def _reservation(self, name: str) -> Place | None:
        return ("reservations", name) if name in self.reading.document.reservations else None

    def _port(self, name: str) -> Place | None:
        """What is plugged in there: a trunk, a server; else the platform that says what becomes of other ports."""
        platform, _, number = name.rpartition(":")
        end = (platform, int(number))
        trunk = self.reading.trunks.get(end)
        if trunk is not None:
            return ("platforms", platform, "trunks", trunk.partition(".")[2])
        uplink = self.reading.fabric.declared.uplink_at(end)
        if uplink is not None:
            return ("platforms", platform, "uplinks", uplink)
        servers = (self.server(server) for server in self.reading.servers_at.get(end, ()))
        return next((place for place in servers if place), None) or self.platform(platform)
