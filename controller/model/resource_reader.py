"""One resource, as the API takes it: plain values to the spec of one name, with places within what was sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, cast, get_args

from pydantic import BeforeValidator

from controller.model.desired import Key
from controller.model.document_json import JsonText
from controller.model.document_reader import LINK, PLUGGED, Reader
from controller.model.document_yaml import Text
from controller.model.fabric import AdminState
from controller.model.fields import parse_name
from controller.model.problems import DocumentError, Place, to_problems
from controller.model.spec import LinkSpec, SegmentSpec, ServerSpec, Spec, UplinkSpec, link_name
from controller.model.wording import describe, listed, quoted


def read_resource(key: Key, read: Text | JsonText) -> Spec:
    """The spec of what `key` names; raises `DocumentError` with all that is wrong in it."""
    reader = _ResourceReader()
    section, name = key
    reader.check_name(section, name)
    spec = _READERS[section](reader, name, read.value)
    problems = to_problems([*read.found, *reader.found], read.lines)
    if problems or spec is None:
        raise DocumentError(f"{section}/{name}", problems)
    return spec


def read_override(read: Text | JsonText) -> AdminState:
    """How a link or a platform is to be used; raises `DocumentError`."""
    reader = _ResourceReader()
    spec = reader.override(read.value)
    problems = to_problems([*read.found, *reader.found], read.lines)
    if problems or spec is None:
        raise DocumentError("admin", problems)
    return spec.state


def _parse_admin(value: Any) -> AdminState:
    states = get_args(AdminState)
    if value not in states:
        raise ValueError(f"expected one of {listed(states)}, found {describe(value)}")
    return cast(AdminState, value)


class _Override(Spec):
    state: Annotated[AdminState, BeforeValidator(_parse_admin)]


class _ResourceReader(Reader):
    """Reads a document's parts by themselves."""

    def check_name(self, section: str, name: str) -> None:
        """Note a name that is none; a link's follows from its ends."""
        if section != "links":
            try:
                parse_name(name)
            except ValueError as error:
                self.found.append(((), str(error)))

    def segment(self, _: str, value: Any) -> Spec | None:
        """A segment."""
        return self._spec(SegmentSpec, value, (), "segment", {"subnet"})

    def server(self, _: str, value: Any) -> Spec | None:
        """A server, which names its platform."""
        return self._spec(ServerSpec, value, (), "server", {"platform", "port", "segment", "vlan"})

    def uplink(self, _: str, value: Any) -> Spec | None:
        """An uplink, which names its platform."""
        return self._spec(UplinkSpec, value, (), "uplink", {"platform", "port", "segment"})

    def reservation(self, _: str, value: Any) -> Spec | None:
        """A reservation."""
        return self._reservation(value, ())

    def platform(self, name: str, value: Any) -> Spec | None:
        """A platform without its servers and uplinks: they are resources of their own."""
        self._segments_written = True
        value = self._without_plugged(value)
        before = len(self.found)
        self._read_platform(name, value)
        self.found[before:] = [(_within(place), message) for place, message in self.found[before:]]
        for _, undeclared in ((entry.place, entry.spec) for entry in self.draft.undeclared):
            if undeclared and undeclared.mode == "learn" and undeclared.segment is None:
                self.found.append((("undeclared", "segment"), "missing: who learns says into which segment"))
        return self.draft.platforms[-1].spec

    def _without_plugged(self, value: Any) -> Any:
        """Without what is plugged into the platform."""
        if not isinstance(value, dict):
            return value
        for section in PLUGGED:
            if section in value:
                self.found.append(((section,), f"{section} are resources of their own: a platform holds its trunks"))
        return {key: inner for key, inner in value.items() if key not in PLUGGED}

    def override(self, value: Any) -> _Override | None:
        """How something is to be used."""
        return self._spec(_Override, value, (), "override", {"state"})

    def link(self, name: str, value: Any) -> Spec | None:
        """A link, under the name of its ends."""
        given = {"ends": value} if isinstance(value, list) else value
        spec = self._spec(LinkSpec, given, (), "link", {"ends"}, written=value, expected=LINK)
        expected = link_name(*spec.ends) if spec else name
        if expected != name:
            self.found.append((("ends",), f"a link has the name of its ends, {expected}: found {quoted(name)}"))
        return spec


def _within(place: Place) -> Place:
    """Without the platform's own place in a document."""
    return place[2:]


_READERS: Final[Mapping[str, Callable[[_ResourceReader, str, Any], Spec | None]]] = {
    "segments": _ResourceReader.segment,
    "platforms": _ResourceReader.platform,
    "servers": _ResourceReader.server,
    "uplinks": _ResourceReader.uplink,
    "links": _ResourceReader.link,
    "reservations": _ResourceReader.reservation,
}
