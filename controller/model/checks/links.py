"""Links: each joins two trunks of two platforms, and a trunk ends one link."""

from __future__ import annotations

from collections.abc import Iterator

from controller.model.draft import Draft, names, specs
from controller.model.problems import Found, Place
from controller.model.spec import LinkSpec
from controller.model.units import format_rate
from controller.model.wording import did_you_mean


def check(draft: Draft) -> Iterator[Found]:
    """Ends, then what a trunk can hold."""
    first: dict[str, Place] = {}
    platforms, trunks = names(draft.platforms), names(draft.trunks)
    for entry, spec in specs(draft.links):
        unknown = [end for end in dict.fromkeys(spec.ends) if end not in trunks]
        yield from ((entry.place, _no_trunk(draft, end, platforms, trunks)) for end in unknown)
        yield from _joined(entry.place, spec, first)
    yield from _rates(draft)


def _no_trunk(draft: Draft, end: str, platforms: set[str], trunks: set[str]) -> str:
    """Why ``platform.trunk`` is none."""
    platform, _, name = end.partition(".")
    if platform not in platforms:
        return f"there is no platform '{platform}' for the end {end}{did_you_mean(platform, platforms)}"
    if any(server.place[1] == platform and server.name == name for server in draft.servers):
        return f"{end} is a server; a link joins two trunks"
    if any(uplink.place[1] == platform and uplink.name == name for uplink in draft.uplinks):
        return f"{end} is an uplink; a link joins two trunks"
    own = [trunk.partition(".")[2] for trunk in trunks if trunk.startswith(f"{platform}.")]
    return f"platform '{platform}' has no trunk '{name}'{did_you_mean(name, own)}"


def _joined(place: Place, spec: LinkSpec, first: dict[str, Place]) -> Iterator[Found]:
    one, other = spec.ends
    if one == other:
        yield place, f"expected two ends, found {one} twice"
    elif one.partition(".")[0] == other.partition(".")[0]:
        yield place, f"{one} and {other} are on one platform; a link joins two"
    for end in spec.ends:
        taken = first.setdefault(end, place)
        if taken != place:
            yield place, f"{end} is already an end of links[{taken[1]}]; a trunk ends one link"


def _rates(draft: Draft) -> Iterator[Found]:
    trunks = {entry.name: spec.rate for entry, spec in specs(draft.trunks) if spec.rate}
    for entry, spec in specs(draft.links):
        slower = [end for end in spec.ends if spec.rate and trunks.get(end, spec.rate) < spec.rate]
        for end in slower:
            message = f"expected at most the {format_rate(trunks[end])} of {end}, found {format_rate(spec.rate or 0)}"
            yield (*entry.place, "rate"), message
