"""`backplane apply`: ask for what a file says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import typer

from apps.cli.changed import finish, show_changed
from apps.cli.client import path_of
from apps.cli.failures import Exit, Misused, Refused
from apps.cli.files import Asked, Given, merge, read_file
from apps.cli.options import AsJson, DryRun, FileOption, Wait
from apps.cli.plans import show_plan
from apps.cli.session import Session, session_of
from apps.cli.waiting import Wait as Waited
from apps.cli.waiting import read_wait
from apps.cli.wording import counted


def apply(
    context: typer.Context, file: FileOption, dry_run: DryRun = False, wait: Wait = None, as_json: AsJson = False
) -> None:
    """Ask for what a file says: a document replaces all that the API owns; resources are made or replaced one by one.

    A resource is `{kind: server, name: web1, spec: {…}}`, as `get -o yaml` shows it; a file may hold a list of them.
    """
    session, given, waited = session_of(context, as_json), read_file(file), read_wait(wait)
    if dry_run:
        _show_dry_run(session, given)
    elif given.resources:
        finish(session, [_put(session, asked, waited) for asked in _numbered(session, given, waited)], waited)
    else:
        changed = session.client.put("/document", given.text, waited.query, waited.seconds)
        if not session.as_json:
            show_changed(session.screen, f"{given.source} applied", changed)
        finish(session, [changed], waited)


def make_plan(session: Session, given: Given) -> Mapping[str, Any]:
    """What a file would change."""
    dry = {"dry_run": "true"}
    if not given.resources:
        found: Mapping[str, Any] = session.client.put("/document", given.text, dry)
        return found
    if len(given.resources) == 1:
        (asked,) = given.resources
        found = session.client.put(path_of(asked.kind.plural, asked.name), asked.spec, dry)
        return found
    document = merge(session.client.get("/document", {"format": "json"}), given.resources)
    found = session.client.put("/document", document, dry)
    return found


def carry_out(session: Session, given: Given, plan: str, waited: Waited) -> Mapping[str, Any]:
    """Carry out exactly a plan that was made; the API refuses if the fabric has moved on."""
    changed: Mapping[str, Any] = session.client.put("/document", None, {"plan": plan, **waited.query}, waited.seconds)
    if not session.as_json:
        show_changed(session.screen, f"{given.source} applied as planned", changed)
    return changed
