"""`backplane plan`: what a change would do, before it is made."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from apps.cli.apply import carry_out, make_plan
from apps.cli.changed import is_confirmed
from apps.cli.failures import Exit
from apps.cli.files import read_file
from apps.cli.options import AsJson, FileOption, Wait
from apps.cli.plans import show_plan
from apps.cli.session import session_of
from apps.cli.waiting import read_wait

Apply = Annotated[bool, typer.Option("--apply", help="Carry this plan out, if nothing speaks against it.")]


def plan(
    context: typer.Context, file: FileOption, apply: Apply = False, wait: Wait = None, as_json: AsJson = False
) -> None:
    """Show what a document or resources would change, before they do.

    Tells resources, rules by switch, what may be lost, and what speaks against it. Exit status 1: it is refused.
    """
    session, given, waited = session_of(context, as_json), read_file(file), read_wait(wait)
    found = make_plan(session, given)
    answer: dict[str, Any] = dict(found)
    if not session.as_json:
        show_plan(session.screen, found, given.source)
    if apply and found["accepted"]:
        answer["applied"] = carry_out(session, given, str(found["id"]), waited)
    if session.as_json:
        session.screen.json(answer)
    raise typer.Exit(Exit.OK if found["accepted"] and is_confirmed(answer.get("applied"), waited) else Exit.FINDING)
