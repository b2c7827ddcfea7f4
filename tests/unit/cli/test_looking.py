"""What `backplane` shows of a fabric: get, status, paths, trace, events."""

from __future__ import annotations

import json

import pytest
import yaml

from tests.unit.cli.conftest import Shell

LINK = "chassis1.east1--chassis2.west1"


def test_servers_are_a_table_with_their_places_and_addresses(seen: Shell) -> None:
    said = seen("get", "servers")
    assert said.code == 0
    heading, *rows = [line.split() for line in said.lines]
    assert heading == ["NAME", "STATE", "SEGMENT", "PLATFORM", "PORT", "MAC", "ADDRESSES", "ORIGIN"]
    assert len(rows) == 8
    web1 = next(row for row in rows if row[0] == "web1")
    assert web1[1:6] == ["present", "web", "chassis1", "1", "02:00:00:00:01:01"]


@pytest.mark.parametrize("word", ["segment", "segments", "platform", "platforms", "server", "links", "link"])
def test_a_kind_is_known_by_its_plural_and_its_singular(seen: Shell, word: str) -> None:
    said = seen("get", word)
    assert said.code == 0
    assert said.lines[0].startswith("NAME")
    assert len(said.lines) > 2


def test_a_pipe_gets_whole_lines_without_colours_or_blanks_at_their_ends(seen: Shell) -> None:
    said = seen("get", "link", LINK)
    assert "\x1b" not in said.out
    assert f"{LINK}, chassis1.east2--chassis2.west2" in said.out
    assert [line for line in said.lines if line != line.rstrip()] == []


def test_filters_narrow_a_list_and_several_values_fit_any(seen: Shell) -> None:
    def names(*words: str) -> list[str]:
        return [item["name"] for item in seen("get", "servers", "--json", *words).json["items"]]

    assert names("--segment", "web", "--platform", "chassis1") == ["web1", "web2"]
    assert len(names("--state", "present", "--state", "silent")) == 8
    assert seen("get", "servers", "--state", "silent").out == "no servers that fit\n"


def test_json_stands_before_or_after_the_command(seen: Shell) -> None:
    before, after = seen("--json", "get", "server", "web1"), seen("get", "server", "web1", "--json")
    assert before.json == after.json
    assert after.json["spec"]["port"] == 1
    assert seen("get", "server", "web1", "-o", "json").json == after.json


def test_yaml_is_what_apply_takes(seen: Shell) -> None:
    (resource,) = [item for item in yaml.safe_load(seen("get", "servers", "-o", "yaml").out) if item["name"] == "web1"]
    assert (resource["kind"], resource["spec"]["platform"]) == ("server", "chassis1")
    assert yaml.safe_load(seen("get", "server", "web1", "-o", "yaml").out) == resource


def test_one_resource_tells_what_was_asked_and_what_is_so(seen: Shell) -> None:
    said = seen("get", "platform", "chassis1")
    assert said.lines[0] == "platform chassis1  connected  (file)"
    assert "    rate  1 Gbit/s" in said.out or "rate  1 Gbit/s" in said.out
    assert f"{LINK}" in said.out


def test_the_document_comes_as_it_is_written(seen: Shell) -> None:
    assert yaml.safe_load(seen("get", "document").out)["fabric"] == "two-chassis"
    assert seen("get", "document", "--json").json["fabric"] == "two-chassis"
    assert seen("get", "fabric").lines[0] == "name    two-chassis"


def test_an_unknown_name_is_refused_with_the_one_that_was_meant(seen: Shell) -> None:
    said = seen("get", "server", "wep1")
    assert (said.code, said.out) == (4, "")
    assert said.err == "backplane: there is no server 'wep1'; did you mean 'web1'?\n"


def test_refusals_for_programs_are_the_api_s_own(seen: Shell) -> None:
    said = seen("get", "server", "wep1", "--json")
    problem = json.loads(said.err)
    assert (problem["status"], problem["reason"], problem["exit"]) == (404, "unknown_name", 4)


def test_a_kind_that_the_controller_lacks_is_said_so(seen: Shell) -> None:
    said = seen("get", "routes")
    assert said.code == 4
    assert "does not have /api/v1/routes" in said.err


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("get", "servrs"), "did you mean 'servers'"),
        (("get", "fabric", "lab"), "expected no name"),
        (("get", "server", "web1", "--state", "present"), "goes with a list"),
        (("drain", "server", "web1"), "expected one of platforms, links"),
        (("apply", "-f", "/nowhere.yaml"), "/nowhere.yaml cannot be read: No such file"),
        (("delete", "server", "web9", "--wait", "soon"), "--wait: expected a duration"),
        (("--api", "ftp://x", "status"), "expected http://HOST:PORT"),
        (("--ca", "/nowhere", "status"), "/nowhere, which is no file"),
        (("--token-file", "/nowhere", "status"), "cannot be read from /nowhere"),
        (("gett",), "Did you mean"),
        (("get",), "Missing argument"),
    ],
)
def test_what_makes_no_sense_ends_with_2_and_a_hint(seen: Shell, words: tuple[str, ...], hint: str) -> None:
    said = seen(*words)
    assert (said.code, said.out) == (2, "")
    assert hint in said.err


def test_status_of_a_healthy_fabric_is_0(seen: Shell) -> None:
    said = seen("status")
    assert said.code == 0
    assert said.lines[0].startswith("Fabric two-chassis")
    assert "  converged  yes" in said.out
    assert "  platforms  2 connected" in said.out
    assert "  alarms     none" in said.out


def test_paths_tell_each_hop_and_the_way_round_it(seen: Shell) -> None:
    said = seen("paths", "web1", "web3")
    assert said.code == 0
    assert "Path 2  1 link: chassis1 → chassis2" in said.out
    hop = next(line.split() for line in said.lines if LINK in line)
    assert hop == ["chassis1:21", "chassis2:21", LINK, "chassis1.east2--chassis2.west2"]
    assert "one platform" in seen("paths", "web1", "web2").out
    assert seen("paths", "web1", "db1").code == 4


def test_a_trace_that_arrives_tells_whose_rules_led_there(seen: Shell) -> None:
    said = seen("trace", "--from", "web1", "--to", "web3", "--protocol", "tcp", "--dst-port", "443")
    assert said.code == 0
    assert "tcp 49152 > 443" in said.lines[0]
    assert "server web3 (line 29)" in said.out
    assert said.lines[-1].startswith("DELIVERED  it arrives at web3")
    assert "platforms.chassis2.servers.web3, line 29" in seen("trace", "--from", "web1", "--to", "web3", "-v").out


def test_a_trace_that_is_dropped_tells_why_and_what_would_help(seen: Shell) -> None:
    said = seen("trace", "--from", "web1", "--to", "db3")
    assert said.code == 1
    assert "DROPPED (other_segment)" in said.out
    assert "platforms.chassis2.servers.db3, line 31" in said.out
    assert "To let it pass: declare both in one segment" in said.out


def test_a_trace_takes_flags_forged_senders_and_failed_links(seen: Shell) -> None:
    words = ("trace", "--from", "web1", "--to", "web3", "-p", "tcp", "--flags", "syn,ack", "--down", LINK)
    assert seen(*words).code == 0
    forged = seen("trace", "--from", "web1", "--to", "web3", "--src-mac", "02:00:00:00:99:99", "--json")
    assert (forged.code, forged.json["reason"]) == (1, "forged_mac")
    assert seen("trace", "--from", "web1").err.splitlines()[1] == "  to: missing: a packet in words needs it"
