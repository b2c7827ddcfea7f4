"""The kinds of value that specs are made of: each reads what people write, and says what it expected.

Every reader raises `ValueError` with one clause in our own words; pydantic's are never shown.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, BeforeValidator, PlainSerializer

from controller.model import addresses, protocols, schemas, units
from controller.model.schemas import Schema, whole
from controller.model.wording import describe, quoted

MAX_PORT = 0xFEFF
"""The highest port number of Open vSwitch (OFPP_MAX of OpenFlow 1.0)."""
MAX_DPID = 2**64 - 1
MAX_VLAN = 4094
MAX_STORM = 10_000_000
MAX_COST = 65_535
MAX_PRIORITY = 7
MAX_L4_PORT = 65_535
MAX_DSCP = 63

_NAME = re.compile(schemas.NAME_PATTERN)
_DPID = re.compile(schemas.DPID_PATTERN)
_OVSDB = re.compile(schemas.OVSDB_PATTERN)


def parse_name(value: Any) -> str:
    """A name of anything in the document."""
    if not isinstance(value, str):
        quotes = " (put it in quotes)" if isinstance(value, (int, float)) else ""
        raise ValueError(f"expected a name, found {describe(value)}{quotes}")
    if not _NAME.fullmatch(value):
        raise ValueError(
            f"{quoted(value)} is not a name: expected 1 to 63 of a-z, 0-9, _ and -, the first a letter or digit"
        )
    return value


def parse_dpid(value: Any) -> int:
    """A datapath id: a number, or hexadecimal text as Open vSwitch prints it (16 digits) or with 0x."""
    number = int(value.replace(":", ""), 16) if isinstance(value, str) and _DPID.fullmatch(value) else value
    if isinstance(number, str):
        raise ValueError(f"expected a dpid as a number, as 0x… or as 16 hexadecimal digits, found {describe(value)}")
    return whole_number("a dpid", 1, MAX_DPID)(number)


def parse_mode(value: Any) -> str:
    """What becomes of what nobody named."""
    if value not in ("closed", "learn"):
        raise ValueError(f"expected closed or learn, found {describe(value)}")
    return str(value)


def parse_preempt(value: Any) -> str:
    """What a reservation may do to one of a lower priority."""
    if value not in ("none", "floor", "out"):
        raise ValueError(f"expected none, floor or out, found {describe(value)}")
    return str(value)


def parse_truth(value: Any) -> bool:
    """Whether something is so; neither text nor a number says it."""
    if not isinstance(value, bool):
        raise ValueError(f"expected true or false, found {describe(value)}")
    return value


def parse_ovsdb(value: Any) -> str:
    """Where an OVSDB listens."""
    if not isinstance(value, str) or not _OVSDB.fullmatch(value):
        raise ValueError(f"expected tcp:HOST:PORT or unix:/PATH, found {describe(value)}")
    return value


def parse_ends(value: Any) -> tuple[str, str]:
    """The two ends of a link, sorted."""
    if not isinstance(value, (list, tuple)) or len(value) != 2:
        found = f"a list of {len(value)}" if isinstance(value, (list, tuple)) else describe(value)
        raise ValueError(f"expected the two ends of a link such as [chassis1.east, chassis2.west], found {found}")
    first, second = sorted(map(_parse_end, value))
    return first, second


def _parse_end(value: Any) -> str:
    parts = value.split(".") if isinstance(value, str) else ()
    if len(parts) != 2 or not all(map(_NAME.fullmatch, parts)):
        raise ValueError(f"expected an end as PLATFORM.TRUNK, found {describe(value)}")
    return str(value)


def whole_number(what: str, low: int, high: int, unit: str = "") -> Callable[[Any], int]:
    """A reader of whole numbers in a range; neither text nor true is a number."""

    def read(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ValueError(f"expected {what} from {low} to {high}{unit}, found {describe(value)}")
        return value

    return read


def _sorted_names(names: tuple[str, ...]) -> tuple[str, ...]:
    """Each once: their order means nothing."""
    return tuple(sorted(set(names)))


def one_or_more(value: Any) -> Any:
    """One value or a list of them."""
    return value if isinstance(value, (list, tuple)) else [value]


Name: TypeAlias = Annotated[str, BeforeValidator(parse_name), schemas.NAME]
Dpid: TypeAlias = Annotated[
    int, BeforeValidator(parse_dpid), schemas.number_or_text(1, MAX_DPID, schemas.DPID_PATTERN, "0x1")
]
PortNumber: TypeAlias = Annotated[
    int, BeforeValidator(whole_number("a port number", 1, MAX_PORT)), Schema(whole(1, MAX_PORT))
]
Vlan: TypeAlias = Annotated[int, BeforeValidator(whole_number("a VLAN", 1, MAX_VLAN)), Schema(whole(1, MAX_VLAN))]
Storm: TypeAlias = Annotated[
    int, BeforeValidator(whole_number("a limit", 1, MAX_STORM, " packets/s")), Schema(whole(1, MAX_STORM))
]
Cost: TypeAlias = Annotated[int, BeforeValidator(whole_number("a cost", 1, MAX_COST)), Schema(whole(1, MAX_COST))]
Priority: TypeAlias = Annotated[
    int, BeforeValidator(whole_number("a priority", 0, MAX_PRIORITY)), Schema(whole(0, MAX_PRIORITY))
]
L4Port: TypeAlias = Annotated[
    int, BeforeValidator(whole_number("a port", 0, MAX_L4_PORT)), Schema(whole(0, MAX_L4_PORT))
]
Dscp: TypeAlias = Annotated[int, BeforeValidator(whole_number("a DSCP", 0, MAX_DSCP)), Schema(whole(0, MAX_DSCP))]
Protocol: TypeAlias = Annotated[
    int,
    BeforeValidator(protocols.parse_protocol),
    PlainSerializer(protocols.format_protocol),
    schemas.PROTOCOL,
]
"""A number here, its name wherever it is shown."""
Truth: TypeAlias = Annotated[bool, BeforeValidator(parse_truth), schemas.TRUTH]
Rate: TypeAlias = Annotated[int, BeforeValidator(units.parse_rate), schemas.RATE]
KbitRate: TypeAlias = Annotated[int, BeforeValidator(units.parse_kbit_rate), schemas.RATE]
Size: TypeAlias = Annotated[int, BeforeValidator(units.parse_size), schemas.SIZE]
Share: TypeAlias = Annotated[int, BeforeValidator(units.parse_share), schemas.SHARE]
Duration: TypeAlias = Annotated[int, BeforeValidator(units.parse_duration), schemas.DURATION]
Interval: TypeAlias = Annotated[int, BeforeValidator(units.parse_interval), schemas.INTERVAL]
Mode: TypeAlias = Annotated[Literal["closed", "learn"], BeforeValidator(parse_mode), schemas.MODE]
Preempt: TypeAlias = Annotated[Literal["none", "floor", "out"], BeforeValidator(parse_preempt), schemas.PREEMPT]
Ovsdb: TypeAlias = Annotated[str, BeforeValidator(parse_ovsdb), schemas.OVSDB]
Ends: TypeAlias = Annotated[tuple[str, str], BeforeValidator(parse_ends), schemas.ENDS]
Mac: TypeAlias = Annotated[str, BeforeValidator(addresses.parse_mac), schemas.MAC]
Names: TypeAlias = Annotated[
    tuple[Annotated[str, BeforeValidator(parse_name)], ...],
    BeforeValidator(one_or_more),
    AfterValidator(_sorted_names),
    schemas.NAMES,
]
_Host: TypeAlias = Annotated[addresses.Address, BeforeValidator(addresses.parse_address)]
_Net: TypeAlias = Annotated[addresses.Subnet, BeforeValidator(addresses.parse_subnet)]
Addresses: TypeAlias = Annotated[tuple[_Host, ...], BeforeValidator(one_or_more), schemas.ADDRESSES]
Subnets: TypeAlias = Annotated[tuple[_Net, ...], BeforeValidator(one_or_more), schemas.SUBNETS]
