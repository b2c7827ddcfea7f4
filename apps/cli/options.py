"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from apps.cli.completion import complete_kinds, complete_names, complete_servers

AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="JSON, for programs.")]
KindArg: TypeAlias = Annotated[
    str, typer.Argument(metavar="KIND", help="Such as servers, or server.", autocompletion=complete_kinds)
]
NameArg: TypeAlias = Annotated[
    str, typer.Argument(metavar="NAME", help="The name of one.", autocompletion=complete_names)
]
ServerArg: TypeAlias = Annotated[str, typer.Argument(help="The name of a server.", autocompletion=complete_servers)]
FileOption: TypeAlias = Annotated[
    Path,
    typer.Option("--file", "-f", help="A document, or one or several resources; - is standard input.", allow_dash=True),
]
DryRun: TypeAlias = Annotated[bool, typer.Option("--dry-run", help="Only tell what it would do, as `plan` does.")]
Wait: TypeAlias = Annotated[
    str | None,
    typer.Option("--wait", metavar="DURATION", help="Wait until the switches have confirmed it: 10s, at most 60s."),
]
