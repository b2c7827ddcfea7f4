"""Rates as the command shows them: bars, the table of reservations, what a plan would give, refusals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from apps.cli.bars import WIDTH, bar
from apps.cli.kinds import find_kind
from apps.cli.wording import about
from tests.unit.cli.conftest import Shell

ASKED: dict[str, dict[str, Any]] = {
    "backup": {"from": "db1", "to": "db3", "rate": "800 Mbit/s", "floor": "300 Mbit/s", "both": True},
    "mirror": {"from": "web1", "to": "web3", "rate": "900 Mbit/s", "match": {"tcp_dst": 873}},
}


def asked(tmp_path: Path, **specs: dict[str, Any]) -> str:
    """Reservations as a file."""
    file = tmp_path / "rates.yaml"
    resources = [{"kind": "reservation", "name": name, "spec": spec} for name, spec in specs.items()]
    file.write_text(yaml.safe_dump(resources))
    return str(file)


# Bars


@pytest.mark.parametrize(
    ("rates", "shown"),
    [
        ((100, 100, 100, 0), "▒" * 20),
        ((100, 100, 100, 100), "█" * 20),
        ((100, 100, 100, 50), "█" * 10 + "▒" * 10),
        ((100, 25, 50, 30), "█████|▒▒▒▒··········"),
        ((100, 25, 50, 0), "▒▒▒▒▒|▒▒▒▒··········"),
        ((100, 50, 0, 0), "··········|·········"),
        ((100, 100, 0, 0), "·" * 20),
        ((100, 99, 100, 250), "█" * 19 + "|"),
        ((1, 1, 1, 0), "▒" * 20),
    ],
)
def test_a_bar_tells_what_is_used_granted_and_asked_for_and_where_the_floor_is(
    rates: tuple[int, int, int, int], shown: str
) -> None:
    assert bar(*rates) == shown
    assert len(shown) == WIDTH


@pytest.mark.parametrize(
    ("rate_bps", "said"),
    [
        (0, "0 bit/s"),
        (999, "999 bit/s"),
        (1000, "1 kbit/s"),
        (511_987_213, "512 Mbit/s"),
        (999_999_999, "1000 Mbit/s"),
        (1_234_567, "1.23 Mbit/s"),
        (None, "-"),
    ],
)
def test_what_was_measured_is_told_to_three_digits(rate_bps: int | None, said: str) -> None:
    assert about(rate_bps) == said


def test_with_both_directions_the_bar_is_that_of_the_one_that_gets_less() -> None:
    ways = [{"measured_bps": 90, "policed_bps": 5}, {"measured_bps": 50, "policed_bps": None}]
    status = {"asked_bps": 100, "floor_bps": 100, "granted_bps": 100, "directions": ways}
    columns = find_kind("reservation").columns
    shown = {title: show({"spec": {}, "status": status}) for title, show in columns.items()}
    assert (shown["MEASURED"], shown["POLICED"]) == ("90 bit/s, 50 bit/s", "5 bit/s")
    assert shown[""] == "█" * 10 + "▒" * 10


# On a fabric


def test_reservations_are_a_table_with_bars(free: Shell, tmp_path: Path) -> None:
    assert free("get", "reservations").out == "no reservations\n"
    assert free("apply", "-f", asked(tmp_path, **ASKED)).code == 0
    heading, *rows = free("get", "reservations").lines
    assert heading.split() == ["NAME", "STATE", "FROM", "TO", "ASKED", "FLOOR", "GRANTED", "ORIGIN"]
    assert "backup  granted  db1   db3   800 Mbit/s  300 Mbit/s  800 Mbit/s  ▒▒▒▒▒▒▒|▒▒▒▒▒▒▒▒▒▒▒▒  api" in rows
    assert "reserved   2 granted" in free("status").out


def test_one_reservation_tells_both_its_ways_with_units(free: Shell, tmp_path: Path) -> None:
    free("apply", "-f", asked(tmp_path, **ASKED))
    said = free("get", "reservation", "backup")
    assert said.lines[0] == "reservation backup  granted  (api)"
    assert "  floor      300 Mbit/s" in said.lines
    assert sum("chassis1.east1--chassis2.west1" in line and "db" in line for line in said.lines) == 2


def test_a_list_can_be_narrowed_to_a_server(free: Shell, tmp_path: Path) -> None:
    free("apply", "-f", asked(tmp_path, **ASKED))
    for words in (("--server", "db3"), ("--state", "granted", "--server", "db1")):
        assert [item["name"] for item in free("get", "reservations", "--json", *words).json["items"]] == ["backup"]
    assert free("get", "reservations", "--state", "violated").out == "no reservations that fit\n"


def test_what_finds_no_room_ends_with_4_and_says_what_could_be_had(free: Shell, tmp_path: Path) -> None:
    free("apply", "-f", asked(tmp_path, **ASKED))
    more = asked(tmp_path, more={"from": "web1", "to": "web4", "rate": "500 Mbit/s"})
    for words in (("apply", "-f", more), ("apply", "-f", more, "--dry-run"), ("plan", "-f", more)):
        said = free(*words)
        assert (said.code, said.out) == (4, ""), words
        assert said.err.startswith("backplane: reservation 'more' cannot be granted: 200 Mbit/s is left from chassis1")
    assert free("get", "reservation", "more").code == 4


def test_a_plan_tells_who_would_have_more_or_less(free: Shell, tmp_path: Path) -> None:
    free("apply", "-f", asked(tmp_path, backup=ASKED["backup"], mirror=ASKED["mirror"]))
    urgent = {"from": "web1", "to": "web4", "rate": "500 Mbit/s", "priority": 1}
    said = free("plan", "-f", asked(tmp_path, urgent=urgent))
    assert said.code == 0
    table = said.lines[said.lines.index("Reservations") + 1 :]
    assert [" ".join(line.split()) for line in table[:3]] == [
        "NAME HAS WOULD HAVE STATE",
        "backup 800 Mbit/s 500 Mbit/s reduced",
        "urgent 0 bit/s 500 Mbit/s granted",
    ]
    assert free("get", "reservation", "backup", "--json").json["status"]["state"] == "granted"
