"""Plain values, nested as people write them, to a draft of flat specs; everything odd is noted, nothing is dropped."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import ValidationError

from controller.model.declared import DEFAULT_SEGMENT
from controller.model.draft import Draft, Entry
from controller.model.problems import Found, Place
from controller.model.spec import (
    Classifier,
    LinkSpec,
    PlatformSpec,
    ReservationSpec,
    SegmentSpec,
    ServerSpec,
    Settings,
    Spec,
    TrunkSpec,
    Undeclared,
    UplinkSpec,
    keys_of,
    link_name,
)
from controller.model.wording import describe, did_you_mean, listed, with_article

S = TypeVar("S", bound=Spec)

SECTIONS = (*Settings.model_fields, "segments", "platforms", "links", "reservations")
PLUGGED = ("servers", "uplinks")
"""What stands under a platform and is a resource of its own."""
UNDECLARED = "closed, learn or a mapping of mode, segment and age"
LINK = "two ends such as [chassis1.east, chassis2.west] or a mapping of a link"


class Reader:
    """Reads one document; `found` are the problems so far."""

    def __init__(self) -> None:
        self.found: list[Found] = []
        self.draft = Draft()
        self._segments_written = False

    def read(self, value: Any) -> Draft:
        """The draft of a whole document."""
        top = self._mapping(value, (), "a mapping of a fabric document")
        self._refuse_unknown(top, (), SECTIONS)
        for name, raw in self._named(top, "segments"):
            place: Place = ("segments", name)
            spec = self._spec(SegmentSpec, raw, place, "segment", {"subnet"})
            self.draft.segments.append(Entry(place, name, spec))
        self._segments_written = bool(self.draft.segments)
        self._read_head(top)
        for name, raw in self._named(top, "platforms"):
            self._read_platform(name, raw)
        self._read_links(top.get("links"))
        for name, raw in self._named(top, "reservations"):
            within: Place = ("reservations", name)
            self.draft.reservations.append(Entry(within, name, self._reservation(raw, within)))
        return self.draft

    def _read_head(self, top: dict[str, Any]) -> None:
        head = {key: top[key] for key in Settings.model_fields if key in top and key != "undeclared"}
        spec = self._spec(Settings, head, (), "fabric document", set())
        if spec:
            self.draft.settings = {key: getattr(spec, key) for key in head}
        self._read_undeclared(top, (), "")

    def _read_undeclared(self, raw: dict[str, Any], place: Place, platform: str) -> Undeclared | None:
        """A word alone, ``learn``, is short for ``{mode: learn}``."""
        value = raw.get("undeclared")
        if value is None:
            return None
        within = (*place, "undeclared")
        given = {"mode": value} if isinstance(value, str) else value
        spec = self._spec(Undeclared, given, within, "undeclared", {"mode"}, written=value, expected=UNDECLARED)
        if spec and spec.mode == "learn" and spec.segment is None and not self._segments_written:
            spec = self._in_default_segment(spec)
        self.draft.undeclared.append(Entry(within, platform, spec))
        return spec

    def _in_default_segment(self, spec: Undeclared) -> Undeclared:
        """Learning needs a segment: where the document has none at all, one is made."""
        place: Place = ("segments", DEFAULT_SEGMENT)
        self.draft.segments = [Entry(place, DEFAULT_SEGMENT, SegmentSpec())]
        return spec.model_copy(update={"segment": DEFAULT_SEGMENT})

    def _read_platform(self, name: str, raw: Any) -> None:
        place: Place = ("platforms", name)
        values = self._mapping(raw, place, "a mapping of a platform")
        trunks = self._read_trunks(name, values, place)
        for server, inner in self._named(values, "servers", place):
            self._read_server(name, server, inner, (*place, "servers", server))
        for uplink, inner in self._named(values, "uplinks", place):
            self._read_uplink(name, uplink, inner, (*place, "uplinks", uplink))
        undeclared = self._read_undeclared(values, place, name)
        own = {key: value for key, value in values.items() if key not in (*PLUGGED, "trunks", "undeclared")}
        known = (*PlatformSpec.model_fields, *PLUGGED)
        spec = self._spec(PlatformSpec, own, place, "platform", {"dpid"}, known=known)
        if spec:
            spec = spec.model_copy(update={"trunks": trunks, "undeclared": undeclared})
        self.draft.platforms.append(Entry(place, name, spec))

    def _read_trunks(self, platform: str, values: dict[str, Any], place: Place) -> dict[str, TrunkSpec]:
        trunks = {}
        for name, raw in self._named(values, "trunks", place):
            within = (*place, "trunks", name)
            spec = self._spec(TrunkSpec, raw, within, "trunk", {"port"})
            self.draft.trunks.append(Entry(within, f"{platform}.{name}", spec))
            if spec:
                trunks[name] = spec
        return trunks

    def _read_server(self, platform: str, name: str, raw: Any, place: Place) -> None:
        known = tuple(key for key in ServerSpec.model_fields if key != "platform")
        essential = {"port", "segment", "vlan"}
        spec = self._spec(ServerSpec, raw, place, "server", essential, known=known, given={"platform": platform})
        self.draft.servers.append(Entry(place, name, spec))

    def _read_uplink(self, platform: str, name: str, raw: Any, place: Place) -> None:
        known = tuple(key for key in UplinkSpec.model_fields if key != "platform")
        essential = {"port", "segment"}
        spec = self._spec(UplinkSpec, raw, place, "uplink", essential, known=known, given={"platform": platform})
        self.draft.uplinks.append(Entry(place, name, spec))

    def _reservation(self, raw: Any, place: Place) -> ReservationSpec | None:
        """One whose classifier cannot be read is none: nobody knows which traffic it means."""
        own, match = (raw, None) if not isinstance(raw, dict) else ({**raw, "match": None}, raw.get("match"))
        classifier = self._classifier(match, (*place, "match"))
        spec = self._spec(ReservationSpec, own, place, "reservation", {"from", "to", "rate"})
        if spec is None or (match is not None and classifier is None):
            return None
        return spec.model_copy(update={"match": classifier})

    def _classifier(self, raw: Any, place: Place) -> Classifier | None:
        if raw is None:
            return None
        before = len(self.found)
        expected = f"a mapping of {listed(keys_of(Classifier))}"
        spec = self._spec(Classifier, raw, place, "match", set(), expected=expected)
        return spec if len(self.found) == before else None

    def _read_links(self, raw: Any) -> None:
        if raw is not None and not isinstance(raw, list):
            self.found.append((("links",), f"expected a list of links, found {describe(raw)}"))
            return
        for index, value in enumerate(raw or ()):
            place: Place = ("links", index)
            given = {"ends": value} if isinstance(value, list) else value
            spec = self._spec(LinkSpec, given, place, "link", {"ends"}, written=value, expected=LINK)
            self.draft.links.append(Entry(place, link_name(*spec.ends) if spec else "", spec))

    def _named(self, values: dict[str, Any], section: str, place: Place = ()) -> list[tuple[str, Any]]:
        what = f"a mapping of names to {section}"
        return list(self._mapping(values.get(section), (*place, section), what).items())

    def _mapping(self, raw: Any, place: Place, what: str) -> dict[str, Any]:
        """A mapping as it is; nothing written is an empty one."""
        if raw is None or isinstance(raw, dict):
            return raw or {}
        self.found.append((place, f"expected {what}, found {describe(raw)}"))
        return {}

    def _refuse_unknown(self, raw: dict[str, Any], place: Place, known: tuple[str, ...]) -> dict[str, Any]:
        """What is left without keys that nobody knows, and without keys that have no value."""
        for key in raw:
            if key not in known:
                hint = did_you_mean(key, known) or f"; expected one of {listed(known)}"
                self.found.append(((*place, key), f"unknown key{hint}"))
        return {key: value for key, value in raw.items() if key in known and value is not None}

    def _spec(
        self,
        model: type[S],
        raw: Any,
        place: Place,
        kind: str,
        essential: set[str],
        *,
        known: tuple[str, ...] | None = None,
        given: dict[str, Any] | None = None,
        written: Any = None,
        expected: str | None = None,
    ) -> S | None:
        """Read one spec. What is wrong in it is left out, and the rest is still checked, unless it is `essential`."""
        before = len(self.found)
        values = self._mapping(raw, place, expected or f"a mapping of {with_article(kind)}")
        if len(self.found) > before:
            return None
        values = {**self._refuse_unknown(values, place, known or keys_of(model)), **(given or {})}
        try:
            return model.model_validate(values)
        except ValidationError as error:
            wrong = self._note(error, values if written is None else written, place, kind)
        if wrong & essential:
            return None
        return model.model_validate({key: value for key, value in values.items() if key not in wrong})

    def _note(self, error: ValidationError, written: Any, place: Place, kind: str) -> set[str]:
        """Take over what pydantic found, in our words; the fields that are wrong."""
        details = error.errors(include_url=False)
        for detail in details:
            missing = detail["type"] == "missing"
            message = f"missing: {with_article(kind)} needs it" if missing else str(detail["ctx"]["error"])
            steps = detail["loc"] if missing else _as_written(detail["loc"], written)
            self.found.append(((*place, *steps), message))
        return {str(detail["loc"][0]) for detail in details}


def _as_written(steps: tuple[str | int, ...], written: Any) -> Place:
    """The part of a place that is in the text: one address alone has no number in a list."""
    real: list[str | int] = []
    for step in steps:
        if (isinstance(written, dict) and step in written) or (isinstance(written, list) and isinstance(step, int)):
            real.append(step)
            written = written[step]  # type: ignore[index]
    return tuple(real)
