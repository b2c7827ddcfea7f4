"""Which compiler serves which kind of owner."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from controller.compile.base import compile_base
from controller.compile.flooding import SegmentInput, TreeInput, compile_segment, compile_tree
from controller.compile.links import TrunkInput, compile_link
from controller.compile.paths import PathInput, compile_path
from controller.compile.ports import PortInput, compile_port
from controller.compile.reservations import ReservationInput, compile_reservation
from controller.compile.servers import ServerInput, compile_server
from controller.compile.shares import ShareInput, compile_share
from controller.rules.placed import Placed


@dataclass(frozen=True, slots=True)
class BaseInput:
    """What every switch holds."""

    platform: str


@dataclass(frozen=True, slots=True)
class LinkInput:
    """Both ends of a link."""

    ends: tuple[TrunkInput, TrunkInput]


Input: TypeAlias = (
    BaseInput
    | PortInput
    | ServerInput
    | LinkInput
    | PathInput
    | SegmentInput
    | TreeInput
    | ReservationInput
    | ShareInput
)


def compile_owner(wanted: Input) -> Iterable[Placed]:
    """The rules of one owner, from all that they depend on."""
    match wanted:
        case BaseInput():
            return compile_base(wanted.platform)
        case PortInput():
            return compile_port(wanted)
        case ServerInput():
            return compile_server(wanted)
        case LinkInput():
            return compile_link(wanted.ends)
        case PathInput():
            return compile_path(wanted)
        case SegmentInput():
            return compile_segment(wanted)
        case TreeInput():
            return compile_tree(wanted)
        case ReservationInput():
            return compile_reservation(wanted)
        case ShareInput():
            return compile_share(wanted)
