"""`backplane apply`: ask for what a file says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import typer

from apps.cli.changed import finish, show_changed
from apps.cli.client import path_of
from apps.cli.failures import Exit, Refused
from apps.cli.files import Asked, Given, merge, read_file
from apps.cli.options import AsJson, DryRun, FileOption, Wait
from apps.cli.plans import show_plan
from apps.cli.session import Session, session_of
from apps.cli.waiting import Wait as Waited
from apps.cli.waiting import read_wait
from apps.cli.wording import counted
from controller.model.wording import listed


def apply(
    context: typer.Context, file: FileOption, dry_run: DryRun = False, wait: Wait = None, as_json: AsJson = False
) -> None:
    """Ask for what a document or resources say.

    A document replaces all that the API owns; resources are made or replaced one by one. A resource is
    `{kind: server, name: web1, spec: {…}}`, as `get -o yaml` shows it; a file may hold a list of them.
    """
    session, given, waited = session_of(context, as_json), read_file(file), read_wait(wait)
    if dry_run:
        _show_dry_run(session, given)
    elif given.resources:
        finish(session, _put_each(session, given.resources, waited), waited)
    else:
        with named(given):
            changed = session.client.put("/document", given.text, waited.query, waited.seconds)
        show_changed(session, f"{given.source} is applied", changed)
        finish(session, changed, waited)


def _show_dry_run(session: Session, given: Given) -> None:
    plan = make_plan(session, given)
    if session.as_json:
        session.screen.json(plan)
    else:
        show_plan(session.screen, plan, given.source)
    raise typer.Exit(Exit.OK if plan["accepted"] else Exit.FINDING)


def _put_each(session: Session, resources: Sequence[Asked], waited: Waited) -> dict[str, Any]:
    """Make or replace resources, waiting for the switches after the last; the answer is that of the last."""
    items: list[Any] = []
    for asked in resources:
        patience = waited if asked is resources[-1] else Waited()
        try:
            items.append(_put(session, asked, patience))
        except Refused as refused:
            if items:
                refused.advice = f"{counted(len(items), 'resource')} before it stand: {listed(map(_said, items))}"
            raise
    last = items[-1]
    return {"items": items, **{key: last[key] for key in ("revision", "converged", "pending")}}


def _said(item: Mapping[str, Any]) -> str:
    return str(item["name"])


def _put(session: Session, asked: Asked, waited: Waited) -> Any:
    path = path_of(asked.kind.plural, asked.name)
    changed = session.client.put(path, asked.spec, waited.query, waited.seconds)
    show_changed(session, f"{asked.kind.name} {asked.name} is asked for", changed)
    return changed


def make_plan(session: Session, given: Given) -> Mapping[str, Any]:
    """What a file would change."""
    path, body = _plannable(session, given)
    with named(given):
        plan: Mapping[str, Any] = session.client.put(path, body, {"dry_run": "true"})
    return plan


@contextmanager
def named(given: Given) -> Iterator[None]:
    """Refusals of a document name its file; resources are sent as JSON, whose lines say nothing."""
    try:
        yield
    except Refused as refused:
        refused.source = "" if given.resources else given.source
        raise


def _plannable(session: Session, given: Given) -> tuple[str, Any]:
    """Several resources are planned together: as the document that they would make."""
    if not given.resources:
        return "/document", given.text
    if len(given.resources) == 1:
        (asked,) = given.resources
        return path_of(asked.kind.plural, asked.name), asked.spec
    return "/document", merge(session.client.get("/document", {"format": "json"}), given.resources)


def carry_out(session: Session, given: Given, plan: str, waited: Waited) -> Mapping[str, Any]:
    """Carry out exactly a plan that was made; the API refuses if the fabric has moved on."""
    try:
        changed = session.client.put("/document", None, {"plan": plan, **waited.query}, waited.seconds)
    except Refused as refused:
        if given.resources and refused.reason == "file_owns":
            refused.advice = "`backplane apply -f` makes the resources one by one, beside the file"
        raise
    show_changed(session, f"{given.source} is applied as planned", changed)
    done: Mapping[str, Any] = changed
    return done
