"""`backplane doctor`: look at this machine and the controller, and say what to do."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Final

import typer

from apps.cli.check_controller import Controller, check_controller, check_document, find_controller
from apps.cli.check_machine import check_bridges, check_datapath, check_open_vswitch
from apps.cli.check_ports import check_ports
from apps.cli.failures import Exit
from apps.cli.findings import Finding
from apps.cli.options import AsJson
from apps.cli.screen import BAD, DIM, GOOD, HEAD, WARN, Screen
from apps.cli.session import Session, session_of
from apps.cli.vsctl import OpenVSwitch, find_open_vswitch
from apps.cli.wording import counted

_SIGNS: Final = {"ok": ("✓", GOOD), "note": ("·", WARN), "fail": ("✗", BAD)}

Document = Annotated[
    Path | None,
    typer.Option(envvar="OS_BACKPLANE__DOCUMENT", help="The document that the controller is, or will be, given."),
]
OpenFlowPort = Annotated[int, typer.Option(min=1, max=65535, help="Where the controller listens for switches.")]


def doctor(
    context: typer.Context, document: Document = None, openflow_port: OpenFlowPort = 6653, as_json: AsJson = False
) -> None:
    """Check this machine and the controller, and say what to do.

    Looks at Open vSwitch, its bridges, ports in use, the API and the document.
    Exit status 1: something does not work. As root it sees most.
    """
    session = session_of(context, as_json)
    findings = list(_findings(session, document, openflow_port))
    if session.as_json:
        session.screen.json([asdict(finding) for finding in findings])
    else:
        _show(session.screen, findings)
    failed = any(finding.result == "fail" for finding in findings)
    raise typer.Exit(Exit.FINDING if failed else Exit.OK)


def _findings(session: Session, document: Path | None, openflow_port: int) -> Iterator[Finding]:
    controller = find_controller(session.client)
    yield from check_controller(controller, session.token_file)
    if controller.is_local:
        yield from check_ports(controller, openflow_port)
    yield from _switch_findings(find_open_vswitch(), controller)
    if document is not None:
        yield from check_document(controller, document)


def _switch_findings(switch: OpenVSwitch, controller: Controller) -> Iterator[Finding]:
    yield from check_open_vswitch(switch, needed=controller.is_local)
    if switch.installed:
        yield from check_datapath(os.path.exists("/sys/module/openvswitch"))
    if switch.reachable:
        yield from check_bridges(switch, os.path.exists("/sys/module/openvswitch"))


def _show(screen: Screen, findings: Sequence[Finding]) -> None:
    for finding in findings:
        screen.line(_SIGNS[finding.result], (f" {finding.about}: ", HEAD), finding.found)
        if finding.todo:
            screen.line(("    → ", DIM), finding.todo)
    failed = sum(finding.result == "fail" for finding in findings)
    if failed:
        screen.line((f"\n{counted(failed, 'thing')} to mend.", BAD))
    else:
        screen.line(("\nNothing is in the way.", GOOD))
