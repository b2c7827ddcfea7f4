"""What a change answers: the revision that it made, and who has yet to follow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import typer

from apps.cli.failures import Exit
from apps.cli.screen import GOOD, WARN
from apps.cli.session import Session
from apps.cli.waiting import Wait

Changed = Mapping[str, Any]
_OPEN: Final = ("missing", "misconfigured", "excess", "refused")


def show_changed(session: Session, what: str, changed: Changed) -> None:
    """One line about a change that was made; nothing where the answer goes out as JSON."""
    if session.as_json:
        return
    if changed["converged"]:
        confirmed = ("every connected switch has confirmed it", GOOD)
    else:
        confirmed = (f"the switches have yet to confirm it{_pending(changed)}", WARN)
    session.screen.line(f"{what}: revision {changed['revision']}, ", confirmed)


def finish(session: Session, answer: Changed, waited: Wait) -> None:
    """End a command that changed something: exit status 1 where it waited in vain."""
    if session.as_json:
        session.screen.json(answer)
    raise typer.Exit(Exit.OK if is_confirmed(answer, waited) else Exit.FINDING)


def is_confirmed(changed: Changed | None, waited: Wait) -> bool:
    """Whether the switches have confirmed what they were waited for."""
    return changed is None or not waited.seconds or bool(changed["converged"])


def _pending(changed: Changed) -> str:
    names = [f"{item['platform']}{_rules(item['rules'])}" for item in changed["pending"]]
    return f": {', '.join(names)}" if names else ""


def _rules(rules: Mapping[str, int]) -> str:
    told = ", ".join(f"{rules[key]:,} {key}" for key in _OPEN if rules.get(key))
    return f" ({told})" if told else ""
