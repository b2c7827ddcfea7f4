"""Names: how they are written, and that each stands for one thing."""

from __future__ import annotations

from collections.abc import Iterator

from controller.model.draft import Draft
from controller.model.fields import parse_name
from controller.model.problems import Found, Place, place_text


def check(draft: Draft) -> Iterator[Found]:
    """Names are well formed; servers, uplinks and segments share one namespace over the whole fabric."""
    yield from ((place, wrong) for place in _places(draft) if (wrong := _misnamed(place)))
    yield from _shared_namespace(draft)


def _misnamed(place: Place) -> str | None:
    try:
        parse_name(place[-1])
    except ValueError as error:
        return str(error)
    return None


def _places(draft: Draft) -> Iterator[Place]:
    yield from (entry.place for entry in draft.segments)
    yield from (entry.place for entry in draft.platforms)
    yield from (entry.place for entry in draft.trunks)
    yield from (entry.place for entry in draft.servers)
    yield from (entry.place for entry in draft.uplinks)
    yield from (entry.place for entry in draft.reservations)


def _shared_namespace(draft: Draft) -> Iterator[Found]:
    first: dict[str, Place] = {entry.name: entry.place for entry in draft.segments}
    plugged = [(entry.name, entry.place) for entry in draft.servers]
    plugged += [(entry.name, entry.place) for entry in draft.uplinks]
    for name, place in plugged:
        taken = first.setdefault(name, place)
        if taken != place:
            yield place, f"the name is taken by the {_kind(taken)} at {place_text(taken)}"


def _kind(place: Place) -> str:
    """What stands at a place, in one word: its section without the plural."""
    return str(place[-2]).removesuffix("s")
