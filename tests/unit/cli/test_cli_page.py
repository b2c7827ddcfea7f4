"""docs/cli.md is true: its commands can be typed, its options, commands and exit statuses are those there are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from apps.cli.app import app
from apps.cli.bars import bar
from apps.cli.failures import Exit
from controller.model.units import parse_rate
from tests.pages import blocks, rows, starting, text
from tests.unit.cli.conftest import EXAMPLE, Shell

PAGE = text("docs/cli.md")


def test_every_command_can_be_typed(owned: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "new.yaml").write_text(EXAMPLE.read_text())
    for block in blocks(PAGE, "yaml"):
        (tmp_path / ("rates.yaml" if "kind: reservation" in block else "lab.yaml")).write_text(block)
    given = [words[1:] for words in (*starting("backplane"), *starting(".venv/bin/backplane"))]
    assert len(given) > 15
    for words in given:
        asked = [*words, "--help"] if {"--follow", "--install-completion"} & {*words} else words
        said = owned(*asked)
        assert said.code != Exit.USAGE, (words, said.err)


def test_every_command_is_told() -> None:
    named = {name for cells in rows(PAGE) for name in re.findall(r"`([a-z]+)[ `]", cells[0])}
    assert {command.callback.__name__ for command in app.registered_commands if command.callback} <= named


def test_options_of_the_page_exist(seen: Shell) -> None:
    told = set(re.findall(r"`(--[a-z-]+)", PAGE))
    commands = [command.callback.__name__ for command in app.registered_commands if command.callback]
    known = "".join(seen(*words, "--help").out for words in ([], *([name] for name in commands)))
    assert {"--api", "--wait", "--dry-run"} <= told
    assert [option for option in sorted(told) if option not in known] == []


def test_exit_statuses_stand_in_the_page() -> None:
    told = {int(cells[0]) for cells in rows(PAGE) if cells[0].isdigit()}
    assert told == set(Exit)


def test_what_the_page_shows_is_what_one_gets(seen: Shell) -> None:
    shown = {block.partition("\n")[0]: block for block in blocks(PAGE, "text")}
    status = next(block for first, block in shown.items() if first.startswith("Fabric"))
    assert [line.split()[:1] for line in seen("status").lines] == [line.split()[:1] for line in status.splitlines()]
    dropped = next(block for first, block in shown.items() if first.startswith("DROPPED"))
    assert seen("trace", "--from", "web1", "--to", "db3").out.endswith(dropped)


def test_the_bars_of_the_page_are_those_of_its_rates() -> None:
    (table,) = [block for block in blocks(PAGE, "text") if block.startswith("NAME")]
    heading, *rows_ = [re.split(r"\s{2,}", line) for line in table.splitlines()]
    assert len(rows_) > 2
    for cells in rows_:
        row = dict(zip([*heading[:8], "BAR"], [*cells[:8], cells[-2]], strict=False))
        asked, floor, granted, measured = (parse_rate(row[key]) for key in ("ASKED", "FLOOR", "GRANTED", "MEASURED"))
        assert row["BAR"] == bar(asked, floor, granted, measured)
