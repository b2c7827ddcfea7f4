"""`backplane trace`: follow a packet, hop by hop, and say why it arrives or not."""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Any

import typer

from apps.cli.completion import complete_platforms, complete_servers
from apps.cli.failures import Exit
from apps.cli.journeys import show_trace
from apps.cli.options import AsJson
from apps.cli.session import session_of


class Protocol(str, Enum):
    """What a packet in words can be."""

    ARP = "arp"
    ICMP = "icmp"
    ND = "nd"
    TCP = "tcp"
    UDP = "udp"


class Check(str, Enum):
    """Whom to ask as well."""

    OVS = "ovs"


From = Annotated[
    str | None, typer.Option("--from", metavar="SERVER", help="Who sends.", autocompletion=complete_servers)
]
To = Annotated[
    str | None,
    typer.Option(metavar="SERVER|IP|MAC", help="To whom.", autocompletion=complete_servers),
]
Proto = Annotated[Protocol | None, typer.Option("--protocol", "-p", help="If not given: icmp.")]
Version = Annotated[int | None, typer.Option(help="IP version, 4 or 6.")]
SrcPort = Annotated[int | None, typer.Option(help="Of TCP or UDP.")]
DstPort = Annotated[int | None, typer.Option(help="Of TCP or UDP.")]
Flags = Annotated[str | None, typer.Option(metavar="FLAG,…", help="Of TCP, such as syn,ack.")]
Dscp = Annotated[int | None, typer.Option(help="0 to 63.")]
Vlan = Annotated[int | None, typer.Option(help="The tag that it carries; 0: none.")]
SrcMac = Annotated[str | None, typer.Option(metavar="MAC", help="A forged sender.")]
SrcIp = Annotated[str | None, typer.Option(metavar="IP", help="A forged sender.")]
Hex = Annotated[str | None, typer.Option("--hex", metavar="HEX", help="Instead of words: the frame's bytes.")]
Platform = Annotated[
    str | None,
    typer.Option(help="With --hex, where it comes in.", autocompletion=complete_platforms),
]
Port = Annotated[int | None, typer.Option(help="With --hex, where it comes in.")]
Down = Annotated[list[str] | None, typer.Option(metavar="LINK", help="Take this link to be down.")]
Storm = Annotated[bool, typer.Option("--storm", help="Take its port to be over its limit of flooding.")]
CheckWith = Annotated[Check | None, typer.Option(help="Compare with what the bridges of the controller's machine do.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Also what each rule asks, and the registers.")]


def trace(
    context: typer.Context,
    source: From = None,
    to: To = None,
    protocol: Proto = None,
    version: Version = None,
    src_port: SrcPort = None,
    dst_port: DstPort = None,
    flags: Flags = None,
    dscp: Dscp = None,
    vlan: Vlan = None,
    src_mac: SrcMac = None,
    src_ip: SrcIp = None,
    hex_: Hex = None,
    platform: Platform = None,
    port: Port = None,
    down: Down = None,
    storm: Storm = False,
    check: CheckWith = None,
    verbose: Verbose = False,
    as_json: AsJson = False,
) -> None:
    """Follow a packet hop by hop, and say why it arrives or not.

    Tells each platform, table and rule on its way, whose rule it is, and where that stands in the document.

    Exit status 1: it is not delivered, or the bridges do something else than they should.
    """
    question = {
        "from": source,
        "to": to,
        "protocol": protocol.value if protocol else None,
        "version": version,
        "src_port": src_port,
        "dst_port": dst_port,
        "flags": flags.lower().split(",") if flags else None,
        "dscp": dscp,
        "vlan": vlan,
        "src_mac": src_mac,
        "src_ip": src_ip,
        "hex": hex_,
        "platform": platform,
        "port": port,
        "down": down or None,
        "storm": storm or None,
    }
    session = session_of(context, as_json)
    body = {key: value for key, value in question.items() if value is not None}
    found = session.client.post("/trace", body, {"check": check.value} if check else None)
    if session.as_json:
        session.screen.json(found)
    else:
        show_trace(session.screen, found, verbose)
    raise typer.Exit(Exit.OK if _is_well(found) else Exit.FINDING)


def _is_well(found: dict[str, Any]) -> bool:
    compared = (found.get("check") or {}).get("result")
    return bool(found["verdict"] == "delivered" and compared != "differs")
