"""The kinds of resource: what they are called, and which columns a list of them has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from apps.cli.bars import bar
from apps.cli.failures import Misused
from apps.cli.wording import about, dash, joined, number, rate, yes_no
from controller.model.wording import did_you_mean, listed, quoted

Resource: TypeAlias = Mapping[str, Any]
Column: TypeAlias = Callable[[Resource], str]


@dataclass(frozen=True)
class Kind:
    """A kind; `plural` is its place in the API, `columns` those of its list beside the name, state and origin."""

    name: str
    plural: str
    columns: Mapping[str, Column] = field(default_factory=dict)
    has_admin: bool = False


def _status(name: str, show: Callable[[Any], str] = dash) -> Column:
    return lambda resource: show(resource["status"].get(name))


def _spec(name: str, show: Callable[[Any], str] = dash) -> Column:
    return lambda resource: show(resource["spec"].get(name))


def _servers_of_platform(platform: Resource) -> str:
    return number(sum(len(port["servers"]) for port in platform["status"]["ports"]))


def _rules(platform: Resource) -> str:
    return number(platform["status"].get("rules", {}).get("proper"))


def _use(resource: Resource) -> str:
    """Whether what is taken out of use still carries anything."""
    status = resource["status"]
    if status.get("admin", "up") == "up":
        return "-"
    return f"{status['admin']}: " + ("empty" if status["empty"] else f"still {joined(status['in_use_by'])}")


def _of_directions(reservation: Resource, name: str) -> list[int]:
    return [way[name] for way in reservation["status"]["directions"] if way.get(name) is not None]


def _measured(reservation: Resource) -> list[int]:
    return _of_directions(reservation, "measured_bps")


def _bars(reservation: Resource) -> str:
    status = reservation["status"]
    measured = min(_measured(reservation), default=0)
    return bar(status["asked_bps"], status["floor_bps"], status["granted_bps"], measured)


KINDS: Final[tuple[Kind, ...]] = (
    Kind(
        "segment",
        "segments",
        {
            "SUBNETS": _status("subnets", joined),
            "LABEL": _status("label"),
            "SERVERS": _status("servers", lambda names: number(len(names or ()))),
            "PLATFORMS": _status("platforms", joined),
        },
    ),
    Kind(
        "platform",
        "platforms",
        {
            "DPID": lambda platform: f"{platform['status']['dpid']:#x}",
            "CONVERGED": _status("converged", yes_no),
            "RULES": _rules,
            "SERVERS": _servers_of_platform,
            "ADMIN": _use,
        },
        has_admin=True,
    ),
    Kind(
        "server",
        "servers",
        {
            "SEGMENT": _status("segment"),
            "PLATFORM": _status("platform"),
            "PORT": _status("port"),
            "MAC": _status("mac"),
            "ADDRESSES": _status("addresses", joined),
        },
    ),
    Kind(
        "uplink",
        "uplinks",
        {
            "SEGMENT": _status("segment"),
            "PLATFORM": _status("platform"),
            "PORT": _status("port"),
            "RATE": _status("rate_bps", rate),
            "SERVERS": _status("servers", lambda names: number(len(names or ()))),
        },
    ),
    Kind(
        "link",
        "links",
        {"RATE": _status("rate_bps", rate), "PROTECTED": _status("protected", yes_no), "ADMIN": _use},
        has_admin=True,
    ),
    Kind(
        "reservation",
        "reservations",
        {
            "FROM": _spec("from"),
            "TO": _spec("to"),
            "ASKED": _status("asked_bps", rate),
            "FLOOR": _status("floor_bps", rate),
            "GRANTED": _status("granted_bps", rate),
            "MEASURED": lambda reservation: joined(map(about, _measured(reservation))),
            "POLICED": lambda reservation: joined(map(about, _of_directions(reservation, "policed_bps"))),
            "": _bars,
        },
    ),
    Kind("function", "functions"),
    Kind("chain", "chains", {"FROM": _spec("from"), "THROUGH": _spec("through", joined)}),
    Kind("route", "routes"),
    Kind("policy", "policies"),
)
"""In an order in which they can be made: each refers to earlier ones alone."""
OTHERS: Final = ("document", "fabric")
"""What there is one of, and `get` shows as well."""


def find_kind(word: str, among: tuple[Kind, ...] = KINDS) -> Kind:
    """A kind by its plural or its singular; raises `Misused`."""
    by_word = {known: kind for kind in among for known in (kind.name, kind.plural)}
    kind = by_word.get(word.lower())
    if kind is None:
        hint = did_you_mean(word.lower(), by_word) or f": expected one of {listed(kind.plural for kind in among)}"
        raise Misused(f"there is no kind {quoted(word)} here{hint}")
    return kind


WITH_ADMIN: Final = tuple(kind for kind in KINDS if kind.has_admin)
