"""The commands and the options that all of them share."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Final

import typer

from apps.cli.apply import apply
from apps.cli.doctor import doctor
from apps.cli.edits import admin, delete, drain, reload, undrain
from apps.cli.events import events
from apps.cli.get import get
from apps.cli.paths import paths
from apps.cli.plan import plan
from apps.cli.session import Session
from apps.cli.status import status
from apps.cli.trace import trace

app = typer.Typer(
    name="backplane",
    help="Look at a fabric, plan its changes and make them, over the controller's API.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
_COMMANDS: Final = (
    *(get, status, paths, trace, events, doctor),
    *(plan, apply, delete, drain, undrain, admin, reload),
)
for _command in _COMMANDS:
    app.command()(_command)


def _show_version(asked: bool) -> None:
    if asked:
        print(f"backplane {version('backplane')}")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    api: Annotated[
        str, typer.Option(envvar="BACKPLANE_API", metavar="URL", help="Where the API is.")
    ] = "http://127.0.0.1:8080",
    token_file: Annotated[
        Path | None,
        typer.Option(envvar="BACKPLANE_TOKEN_FILE", metavar="FILE", help="A file that holds the token for the API."),
    ] = None,
    ca: Annotated[
        Path | None, typer.Option(envvar="BACKPLANE_CA", metavar="FILE", help="Certificates to trust, for https.")
    ] = None,
    cert: Annotated[
        Path | None,
        typer.Option(envvar="BACKPLANE_CERT", metavar="FILE", help="Our own certificate with its key, for https."),
    ] = None,
    timeout: Annotated[float, typer.Option(min=0.1, metavar="SECONDS", help="How long an answer may take.")] = 10.0,
    as_json: Annotated[bool, typer.Option("--json", help="JSON, for programs; may stand after the command.")] = False,
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Say which version this is.")
    ] = False,
) -> None:
    """What goes before the command."""
    context.obj = Session(api, token_file, ca, cert, timeout, as_json)
