"""`backplane get`: what there is, as a table, as JSON or as YAML."""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Any, Final

import typer

from apps.cli.client import YAML, path_of
from apps.cli.completion import complete_names, complete_platforms, complete_segments, complete_servers
from apps.cli.details import show_fields, show_resource
from apps.cli.failures import Misused
from apps.cli.kinds import Kind, find_kind
from apps.cli.options import AsJson, KindArg
from apps.cli.screen import Screen
from apps.cli.session import Session, session_of
from controller.model.document_yaml import to_text


class Form(str, Enum):
    """How an answer is written."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"


_FILTERS: Final = ("segment", "platform", "server", "state")
Name = Annotated[str | None, typer.Argument(help="One of them.", autocompletion=complete_names)]
Output = Annotated[Form, typer.Option("--output", "-o", help="How to show it.")]
Segment = Annotated[
    list[str] | None, typer.Option(help="Only those of this segment.", autocompletion=complete_segments)
]
Platform = Annotated[
    list[str] | None, typer.Option(help="Only those of this platform.", autocompletion=complete_platforms)
]
Server = Annotated[
    list[str] | None,
    typer.Option(help="Only reservations of this server or uplink.", autocompletion=complete_servers),
]
State = Annotated[list[str] | None, typer.Option(help="Only those in this state.")]


def get(
    context: typer.Context,
    kind: KindArg,
    name: Name = None,
    segment: Segment = None,
    platform: Platform = None,
    server: Server = None,
    state: State = None,
    output: Output = Form.TABLE,
    as_json: AsJson = False,
) -> None:
    """Show what there is of a KIND, or one of it; also fabric and document.

    A filter may be given several times: any of its values fits.
    """
    session = session_of(context, as_json or output is Form.JSON)
    form = Form.JSON if session.as_json else output
    filters = {key: value for key, value in zip(_FILTERS, (segment, platform, server, state), strict=True) if value}
    if kind in _SINGLE:
        _require_alone(kind, name, filters)
        _SINGLE[kind](session, form)
    elif name is None:
        _show_list(session, find_kind(kind), filters, form)
    else:
        _require_alone(f"{kind} {name}", None, filters)
        _show_one(session, find_kind(kind), name, form)


def _require_alone(what: str, name: str | None, filters: dict[str, Any]) -> None:
    if name is not None:
        raise Misused(f"there is one {what}: expected no name")
    if filters:
        raise Misused(f"{what} is one: --{next(iter(filters))} goes with a list")


def _show_list(session: Session, kind: Kind, filters: dict[str, list[str]], form: Form) -> None:
    found = session.client.get(path_of(kind.plural), filters)
    if form is not Form.TABLE:
        items = [with_kind(kind, item) for item in found["items"]]
        _write(session.screen, form, found if form is Form.JSON else items)
    elif not found["items"]:
        session.screen.line(f"no {kind.plural}{' that fit' if filters else ''}")
    else:
        show_list(session.screen, kind, found["items"])


def show_list(screen: Screen, kind: Kind, items: list[dict[str, Any]]) -> None:
    """Resources of one kind, one in a line; a column in which none has anything is left out."""
    cells = {"NAME": [str(item["name"]) for item in items], "STATE": [str(item["status"]["state"]) for item in items]}
    cells |= {title: [show(item) for item in items] for title, show in kind.columns.items()}
    cells |= {
        "ALARMS": [str(len(item["status"].get("alarms", ())) or "-") for item in items],
        "ORIGIN": [str(item["origin"]) for item in items],
    }
    shown = {title: column for title, column in cells.items() if any(text != "-" for text in column)}
    screen.table(tuple(shown), zip(*shown.values(), strict=True))


def _show_one(session: Session, kind: Kind, name: str, form: Form) -> None:
    found = session.client.get(path_of(kind.plural, name))
    if form is Form.TABLE:
        show_resource(session.screen, kind.name, found)
    else:
        _write(session.screen, form, found if form is Form.JSON else with_kind(kind, found))


def with_kind(kind: Kind, resource: dict[str, Any]) -> dict[str, Any]:
    """A resource that says its kind, as `apply` takes it."""
    return {"kind": kind.name, **{key: resource[key] for key in ("name", "origin", "spec", "status")}}


def _show_document(session: Session, form: Form) -> None:
    if form is Form.JSON:
        session.screen.json(session.client.get("/document", {"format": "json"}))
    else:
        session.screen.text(session.client.get_text("/document", YAML))


def _show_fabric(session: Session, form: Form) -> None:
    found = session.client.get("/fabric")
    if form is Form.TABLE:
        show_fields(session.screen, found)
    else:
        _write(session.screen, form, found)


def _write(screen: Screen, form: Form, value: Any) -> None:
    if form is Form.JSON:
        screen.json(value)
    else:
        screen.text(to_text(value))


_SINGLE: Final = {"document": _show_document, "fabric": _show_fabric}
