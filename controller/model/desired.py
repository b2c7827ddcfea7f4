"""What is asked for: the document's file and what the API made, put together into one valid document.

A file wins a name over the API. What the API made and does not fit beside the file any more is `inactive`: it is
kept, with the reason, and is there again as soon as it fits.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Final, Literal, TypeAlias

from controller.model.checks import check
from controller.model.declared import DEFAULT_SEGMENT
from controller.model.draft import Draft, Entry
from controller.model.problems import Found, Place, Problem, to_problems
from controller.model.spec import (
    Document,
    LinkSpec,
    PlatformSpec,
    ReservationSpec,
    SegmentSpec,
    ServerSpec,
    Settings,
    Spec,
    Undeclared,
    UplinkSpec,
)

Key: TypeAlias = tuple[str, str]
"""A section of the document and a name in it."""
Origin: TypeAlias = Literal["file", "api", "learned"]
"""Who asked for it: the document's file, the API, or nobody (it was found)."""
_Misfits: TypeAlias = dict[Key, tuple[Problem, ...]]
SECTIONS: Final[Mapping[str, type[Spec]]] = {
    "segments": SegmentSpec,
    "platforms": PlatformSpec,
    "servers": ServerSpec,
    "uplinks": UplinkSpec,
    "links": LinkSpec,
    "reservations": ReservationSpec,
}


SETTINGS: Final[Key] = ("fabric", "")
_ADOPTING: Final = Settings(undeclared=Undeclared(mode="learn", segment=DEFAULT_SEGMENT))


@dataclass(frozen=True, slots=True)
class Composed:
    """One document of all that fits; `document` is None where nobody asked for anything."""

    document: Document | None
    origins: Mapping[Key, Origin]
    inactive: Mapping[Key, tuple[Problem, ...]]


@dataclass(frozen=True)
class Desired:
    """The file's document and the specs that the API made."""

    file: Document | None = None
    made: Mapping[Key, Spec] = field(default_factory=dict)

    def with_changes(self, changes: Mapping[Key, Spec | None]) -> Desired:
        """With some specs of the API made, replaced or (None) taken out."""
        made = {key: spec for key, spec in self.made.items() if key not in changes}
        return replace(self, made=made | {key: spec for key, spec in changes.items() if spec is not None})

    def compose(self) -> Composed:
        """Both put together; worked out once."""
        return self._composed

    @cached_property
    def _composed(self) -> Composed:
        if self.file is None and not self.made:
            return Composed(None, {}, {})
        base = resources_of(self.file) if self.file else _blank(self.made)
        taken = Problem("", "the document's file has this name")
        inactive: dict[Key, tuple[Problem, ...]] = {
            key: (taken,) for key in self.made if key in base and key != SETTINGS
        }
        wanted = {key: spec for key, spec in self.made.items() if key not in base}
        while found := _misfits(base, wanted):
            blamed = {key: problems for key, problems in found.items() if key in wanted}
            blamed = blamed or _blame(base, wanted, found)
            inactive |= blamed
            wanted = {key: spec for key, spec in wanted.items() if key not in blamed}
        origins: dict[Key, Origin] = dict.fromkeys(base, "file" if self.file else "learned")
        origins |= dict.fromkeys(wanted, "api")
        return Composed(_document(base | wanted), origins, inactive)


def resources_of(document: Document) -> dict[Key, Spec]:
    """A document as flat resources; what it says of the fabric as a whole stands under `SETTINGS`."""
    found: dict[Key, Spec] = {SETTINGS: settings_of(document)}
    for section in SECTIONS:
        found |= {(section, name): spec for name, spec in getattr(document, section).items()}
    return found


def settings_of(document: Document) -> Settings:
    """What a document says of the fabric as a whole."""
    return Settings.model_construct(**{name: getattr(document, name) for name in Settings.model_fields})


def key_of(place: Place, links: Iterable[Key] = ()) -> Key:
    """The resource that a place of the document belongs to."""
    match place:
        case ("platforms", _, ("servers" | "uplinks") as section, str(name), *_):
            return (section, name)
        case ("links", int(index), *_):
            return tuple(links)[index]
        case (str(section), str(name), *_) if section in SECTIONS:
            return (section, name)
    return SETTINGS


def _blank(made: Mapping[Key, Spec]) -> dict[Key, Spec]:
    """What holds beside the API's resources where there is no file: bridges are adopted, unless the API says
    otherwise."""
    if SETTINGS in made:
        return {}
    return {SETTINGS: _ADOPTING} | {key: SegmentSpec() for key in [("segments", DEFAULT_SEGMENT)] if key not in made}


def _misfits(base: Mapping[Key, Spec], made: Mapping[Key, Spec]) -> _Misfits:
    """Whatever is wrong between all of them, by resource."""
    everything = {**base, **made}
    links = [key for key in everything if key[0] == "links"]
    found: dict[Key, list[Found]] = {}
    for place, message in check(_draft(everything)):
        found.setdefault(key_of(place, links), []).append((place, message))
    return {key: tuple(to_problems(problems, {})) for key, problems in found.items()}


def _blame(base: Mapping[Key, Spec], made: Mapping[Key, Spec], found: _Misfits) -> _Misfits:
    """Where only the file's resources are found wrong: the spec of the API without which less is, the latest first."""
    problems = tuple(problem for each in found.values() for problem in each)
    for key in reversed(list(made)):
        rest = _misfits(base, {other: spec for other, spec in made.items() if other != key})
        if sum(map(len, rest.values())) < len(problems):
            return {key: problems}
    return dict.fromkeys(made, problems)


def _draft(everything: Mapping[Key, Spec]) -> Draft:
    draft = Draft()
    for (_, name), spec in everything.items():
        _enter(draft, name, spec)
    return draft


def _enter(draft: Draft, name: str, spec: Spec) -> None:
    match spec:
        case Settings():
            draft.undeclared.append(Entry(("undeclared",), "", spec.undeclared))
        case SegmentSpec():
            draft.segments.append(Entry(("segments", name), name, spec))
        case PlatformSpec():
            _enter_platform(draft, name, spec)
        case ServerSpec():
            draft.servers.append(Entry(("platforms", spec.platform, "servers", name), name, spec))
        case UplinkSpec():
            draft.uplinks.append(Entry(("platforms", spec.platform, "uplinks", name), name, spec))
        case LinkSpec():
            draft.links.append(Entry(("links", len(draft.links)), name, spec))
        case ReservationSpec():
            draft.reservations.append(Entry(("reservations", name), name, spec))


def _enter_platform(draft: Draft, name: str, spec: PlatformSpec) -> None:
    draft.platforms.append(Entry(("platforms", name), name, spec))
    for label, trunk in spec.trunks.items():
        draft.trunks.append(Entry(("platforms", name, "trunks", label), f"{name}.{label}", trunk))
    if spec.undeclared:
        draft.undeclared.append(Entry(("platforms", name, "undeclared"), name, spec.undeclared))


def _document(everything: Mapping[Key, Spec]) -> Document:
    settings = everything[SETTINGS]
    assert isinstance(settings, Settings)
    sections: dict[str, Any] = {section: {} for section in SECTIONS}
    for (section, name), spec in everything.items():
        if section in sections:
            sections[section][name] = spec
    return Document(**{name: getattr(settings, name) for name in Settings.model_fields}, **sections)
