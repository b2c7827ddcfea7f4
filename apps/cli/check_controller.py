"""Is there a controller, may we ask it, and would it take the document?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from apps.cli.client import Client
from apps.cli.failures import Exit, Failed, Refused, Unreachable
from apps.cli.findings import Finding, fail, note, ok
from apps.cli.wording import counted

_START: Final = ".venv/bin/ryu-manager apps.backplane"
_ALL_MAY_READ: Final = 0o044


@dataclass(frozen=True)
class Controller:
    """What the API says; `problem`: why it says nothing."""

    client: Client
    fabric: Mapping[str, Any] | None = None
    problem: Failed | None = None
    not_ready: str = ""
    """Why switches cannot connect."""

    @property
    def is_local(self) -> bool:
        """Whether it is, or should be, on this machine."""
        return self.client.is_local

    @property
    def answers(self) -> bool:
        """Whether somebody speaks our API there."""
        return not isinstance(self.problem, Unreachable)


def find_controller(client: Client) -> Controller:
    """Ask it."""
    try:
        return Controller(client, client.get("/fabric"), not_ready=_not_ready(client))
    except Failed as problem:
        return Controller(client, problem=problem)


def _not_ready(client: Client) -> str:
    try:
        client.get("/readyz")
    except Refused as refused:
        return str(refused)
    return ""


def check_controller(controller: Controller, token_file: Path | None) -> Iterator[Finding]:
    """Reachable, authorised, ready, and content."""
    problem = controller.problem
    if token_file is not None and token_file.stat().st_mode & _ALL_MAY_READ:
        yield note("token", f"others may read {token_file}", f"chmod 600 {token_file}")
    if isinstance(problem, Unreachable):
        todo = f"start it: {_START}" if controller.is_local else "is it up, and is it told to listen there?"
        yield fail("API", str(problem), todo)
    elif problem is not None:
        todo = problem.advice or "see the controller's log"
        yield fail("API", f"{controller.client.url} answers, and refuses: {problem}", todo)
    elif controller.fabric is not None:
        yield ok("API", f"{controller.client.url} answers, revision {controller.fabric['status']['revision']}")
        yield from _check_fabric(controller, controller.fabric)


def _check_fabric(controller: Controller, fabric: Mapping[str, Any]) -> Iterator[Finding]:
    if controller.not_ready:
        yield fail("OpenFlow", controller.not_ready, "see the controller's log")
    else:
        yield ok("OpenFlow", "the controller listens for switches")
    status = fabric["status"]
    if status["absent"]:
        absent = ", ".join(status["absent"])
        yield fail("platforms", f"not connected: {absent}", "point their bridges here: ovs-vsctl set-controller")
    if status["alarms"]:
        yield fail("alarms", f"{counted(len(status['alarms']), 'alarm')} stand", "backplane status tells them")
    elif status["converged"]:
        yield ok("fabric", "every connected switch holds what it should")
    else:
        yield note("fabric", "not all switches hold what they should (yet)", "backplane status tells more")


def check_document(controller: Controller, document: Path) -> Iterator[Finding]:
    """Readable, and without a mistake as far as the controller can tell."""
    try:
        text = document.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8"
        yield fail("document", f"{document} cannot be read: {why}", "mend the path, or its permissions")
        return
    if controller.fabric is None:
        yield ok("document", f"{document} can be read (only the controller can tell whether it is right)")
        return
    yield _judged(controller.client, document, text)


def _judged(client: Client, document: Path, text: str) -> Finding:
    try:
        plan = client.put("/document", text, {"dry_run": "true"})
    except Failed as failed:
        if failed.code is Exit.UNAUTHORISED:
            return note("document", f"{document} can be read; this token may not ask whether it is right")
        return fail("document", f"{document}: {failed}", f"backplane plan -f {document} tells all")
    if not plan["accepted"]:
        return fail("document", f"{document} would be refused", f"backplane plan -f {document} tells why")
    return ok("document", f"{document} can be read, and would be accepted")
