"""What may be asked of a trace: a packet in words, or its bytes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, ValidationError

from controller.model.addresses import mac_to_int
from controller.model.fields import MAX_PORT, whole_number
from controller.model.problems import Problem, place_text
from controller.model.wording import describe, did_you_mean, listed

PROTOCOLS: Final = ("arp", "icmp", "nd", "tcp", "udp")
FLAGS: Final = ("fin", "syn", "rst", "psh", "ack", "urg")
"""In the order of their bits, the lowest first (RFC 9293, 3.1)."""
MAX_FRAME_BYTES: Final = 9216
_SMALLEST_FRAME_BYTES: Final = 14


class BadQuestion(Exception):
    """A question that cannot be answered, with all that is wrong with it."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("; ".join(f"{problem.place}: {problem.message}" for problem in problems))
        self.problems = problems


class UnknownName(Exception):
    """A name that nothing has; the text says which, and what was probably meant."""


def _one_of(what: str, known: tuple[str, ...]) -> Any:
    def read(value: Any) -> str:
        if value not in known:
            hint = did_you_mean(value, known) if isinstance(value, str) else ""
            raise ValueError(f"expected {what} of {listed(known)}, found {describe(value)}{hint}")
        return str(value)

    return read


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"expected a text, found {describe(value)}")
    return value


def _mac(value: Any) -> int:
    """Any MAC, a group's too: a forged packet may carry it."""
    if not isinstance(value, str):
        raise ValueError(f"expected a MAC address in quotes such as '02:00:00:00:01:01', found {describe(value)}")
    return mac_to_int(value)


def _frame(value: Any) -> bytes:
    try:
        data = bytes.fromhex(value) if isinstance(value, str) else b""
    except ValueError:
        data = b""
    if not _SMALLEST_FRAME_BYTES <= len(data) <= MAX_FRAME_BYTES:
        limits = f"{_SMALLEST_FRAME_BYTES} to {MAX_FRAME_BYTES}"
        raise ValueError(f"expected a frame of {limits} bytes in hexadecimal, found {describe(value)}")
    return data


def _number(what: str, low: int, high: int) -> Any:
    return BeforeValidator(whole_number(what, low, high))


def _list(what: str) -> Any:
    def read(value: Any) -> Any:
        if not isinstance(value, (list, tuple)):
            raise ValueError(f"expected a list of {what}, found {describe(value)}")
        return value

    return BeforeValidator(read)


Text: TypeAlias = Annotated[str, BeforeValidator(_text)]
Protocol: TypeAlias = Annotated[
    Literal["arp", "icmp", "nd", "tcp", "udp"], BeforeValidator(_one_of("a protocol", PROTOCOLS))
]
Flag: TypeAlias = Annotated[
    Literal["fin", "syn", "rst", "psh", "ack", "urg"], BeforeValidator(_one_of("a TCP flag", FLAGS))
]
L4Port: TypeAlias = Annotated[int, _number("a port", 0, 65535)]
AnyMac: TypeAlias = Annotated[int, BeforeValidator(_mac), Field(json_schema_extra={"type": "string"})]
Bytes: TypeAlias = Annotated[bytes, BeforeValidator(_frame), Field(json_schema_extra={"format": "hex"})]


class TraceQuestion(BaseModel):
    """Either `from`, `to` and what the packet is; or its bytes (`hex`) and where it comes in."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, use_attribute_docstrings=True)

    source: Text | None = Field(None, alias="from")
    """The server that sends."""
    to: Text | None = None
    """A server, an IP address or a MAC."""
    protocol: Protocol = "icmp"
    version: Annotated[int, _number("an IP version", 4, 6)] | None = None
    """4 or 6; None: the first that both ends have."""
    src_port: L4Port = 49152
    dst_port: L4Port = 80
    flags: Annotated[tuple[Flag, ...], _list("TCP flags")] = ("syn",)
    dscp: Annotated[int, _number("a DSCP", 0, 63)] = 0
    vlan: Annotated[int, _number("a VLAN", 0, 4094)] | None = None
    """The tag that it carries; 0: none; None: the server's own."""
    src_mac: AnyMac | None = None
    """Instead of the server's own, to see what the guard says."""
    src_ip: Text | None = None
    hex: Bytes | None = None
    platform: Text | None = None
    port: Annotated[int, _number("a port number", 1, MAX_PORT)] | None = None
    down: Annotated[tuple[Text, ...], _list("names of links")] = ()
    """Links that are taken to be down."""
    storm: StrictBool = False
    """Whether the sender's port is taken to be over its limit of flooding."""


_IN_WORDS: Final = ("to", "protocol", "version", "src_port", "dst_port", "flags", "dscp", "vlan", "src_mac", "src_ip")


def read_question(body: Any) -> TraceQuestion:
    """The question in a body that was JSON; raises `BadQuestion`."""
    if not isinstance(body, Mapping):
        raise BadQuestion((Problem("", f"expected a mapping, found {describe(body)}"),))
    try:
        question = TraceQuestion.model_validate(body)
    except ValidationError as error:
        raise BadQuestion(tuple(_problem(detail) for detail in error.errors(include_url=False))) from None
    problems = tuple(Problem(place, message) for place, message in _contradictions(question))
    if problems:
        raise BadQuestion(problems)
    return question


def _contradictions(question: TraceQuestion) -> list[tuple[str, str]]:
    """What must hold between fields."""
    given = {name for name in question.model_fields_set if getattr(question, name) is not None}
    found: list[tuple[str, str]] = []
    if question.version == 5:
        found.append(("version", "expected 4 or 6, found the number 5"))
    if question.hex is None:
        found += [(name, "missing: a packet in words needs it") for name in _missing(question)]
        found += [(name, "goes with hex alone") for name in ("platform", "port") if name in given]
        return found
    found += [(name, "does not go with hex: the bytes say it") for name in _IN_WORDS if name in given]
    at = {"platform", "port"} & given
    if ("source" in given) == bool(at):
        found.append(("from", "expected from, or platform and port: where the frame comes in"))
    elif len(at) == 1:
        missing = ({"platform", "port"} - at).pop()
        found.append((missing, "missing: platform and port go together"))
    return found


def _missing(question: TraceQuestion) -> list[str]:
    return [name for name, value in (("from", question.source), ("to", question.to)) if value is None]


_NAMES: Final = tuple(field.alias or name for name, field in TraceQuestion.model_fields.items())


def _problem(detail: Any) -> Problem:
    steps = detail["loc"]
    if detail["type"] == "extra_forbidden":
        hint = did_you_mean(str(steps[-1]), _NAMES) or f"; expected one of {listed(_NAMES)}"
        return Problem(place_text(steps), f"unknown key{hint}")
    if "error" in detail.get("ctx", {}):
        return Problem(place_text(steps), str(detail["ctx"]["error"]))
    return Problem(place_text(steps), f"expected true or false, found {describe(detail['input'])}")
