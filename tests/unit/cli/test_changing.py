"""What `backplane` changes: plan, apply, delete, drain, reload."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.cli.conftest import EXAMPLE, Shell

LINK = "chassis1.east1--chassis2.west1"
RESOURCES = """
- kind: server
  name: lab1
  spec: {platform: chassis1, port: 9, segment: lab, ip: 10.9.0.11}
- kind: segment
  name: lab
  spec: {subnet: 10.9.0.0/24}
"""
"""The server stands before the segment that it refers to."""


def changed(tmp_path: Path, *pairs: tuple[str, str]) -> str:
    """The example with something else in it, as a file."""
    text = EXAMPLE.read_text()
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    file = tmp_path / "new.yaml"
    file.write_text(text)
    return str(file)


def test_a_plan_tells_resources_rules_and_losses_and_changes_nothing(seen: Shell, tmp_path: Path) -> None:
    new = changed(tmp_path, ("10.1.0.13", "10.1.0.99"), ("      db4:", "      db5:"))
    before = seen("get", "fabric", "--json").json["status"]["revision"]
    said = seen("plan", "-f", new)
    assert said.code == 0
    assert {"  + servers/db5", "  ~ servers/web3", "  - servers/db4"} <= set(said.lines)
    assert next(line.split()[1] for line in said.lines if line.startswith("  chassis1")).startswith("+")
    assert "  server db4: it is removed" in said.lines
    assert said.lines[-1].startswith("Nothing speaks against it")
    assert seen("get", "fabric", "--json").json["status"]["revision"] == before


def test_a_document_with_mistakes_is_refused_with_their_lines(seen: Shell, tmp_path: Path) -> None:
    new = changed(tmp_path, ("web1: {port: 1, segment: web,", "web1: {port: 1, segment: wep,"))
    said = seen("plan", "-f", new)
    assert (said.code, said.out) == (4, "")
    where = f"{new}:19: platforms.chassis1.servers.web1.segment"
    assert said.err.splitlines() == [
        f"backplane: {new} has 1 problem; nothing was changed",
        f"  {where}: there is no segment 'wep'; did you mean 'web'?",
    ]


def test_yaml_that_cannot_be_read_is_refused_with_its_line(seen: Shell) -> None:
    said = seen("apply", "-f", "-", "--dry-run", typed="fabric: [\n")
    assert said.code == 4
    assert "standard input:" in said.err
    assert "not readable as YAML" in said.err


def test_a_document_is_applied_where_the_api_owns_it(free: Shell, tmp_path: Path) -> None:
    new = changed(tmp_path, ("      db4:", "      db5:"))
    said = free("apply", "-f", new, "--wait", "5s")
    assert said.code == 0
    assert "every connected switch has confirmed it" in said.out
    assert free("get", "server", "db5").code == 0
    assert free("get", "server", "db4").code == 4


def test_a_plan_is_carried_out_as_it_was_shown(free: Shell, tmp_path: Path) -> None:
    new = changed(tmp_path, ("      db4:", "      db5:"))
    said = free("plan", "-f", new, "--apply", "--json")
    assert said.code == 0
    assert said.json["resources"]["added"] == ["servers/db5"]
    assert said.json["applied"]["revision"] == said.json["revision"] + 1
    assert free("get", "server", "db5").code == 0


def test_what_the_file_owns_is_not_changed_and_the_file_is_named(seen: Shell, tmp_path: Path) -> None:
    new = changed(tmp_path, ("      db4:", "      db5:"))
    for words in (("apply", "-f", new), ("plan", "-f", new, "--apply"), ("delete", "server", "web1")):
        said = seen(*words)
        assert said.code == 4, words
        assert str(seen.file) in said.err
        assert "`backplane reload`" in said.err


def test_resources_are_made_in_the_order_that_they_need(owned: Shell, tmp_path: Path) -> None:
    file = tmp_path / "resources.yaml"
    file.write_text(RESOURCES)
    plan = owned("apply", "-f", str(file), "--dry-run")
    assert {"  + segments/lab", "  + servers/lab1"} <= set(plan.lines)
    assert owned("get", "segment", "lab").code == 4
    said = owned("apply", "-f", str(file))
    assert (said.code, [line.partition(" is ")[0] for line in said.lines]) == (0, ["segment lab", "server lab1"])
    assert owned("get", "server", "lab1", "--json").json["origin"] == "api"
    refused = owned("delete", "segment", "lab")
    assert (refused.code, "servers/lab1: segment: there is no segment 'lab'" in refused.err) == (4, True)
    assert owned("delete", "segment", "lab", "--dry-run").code == 1
    assert owned("delete", "server", "lab1").code == 0
    assert owned("delete", "segment", "lab").code == 0


def test_what_get_shows_as_yaml_can_be_applied_again(free: Shell) -> None:
    shown = free("get", "server", "web1", "-o", "yaml").out
    said = free("apply", "-f", "-", typed=shown.replace("port: 1\n", "port: 7\n", 1))
    assert said.code == 0, said.err
    assert free("get", "server", "web1", "--json").json["spec"]["port"] == 7


def test_a_refusal_in_the_middle_tells_what_stands(free: Shell) -> None:
    wrong = RESOURCES.replace("port: 9", "port: nine")
    said = free("apply", "-f", "-", typed=wrong)
    assert said.code == 4
    assert "port: expected" in said.err
    assert said.err.splitlines()[-1] == "1 resource before it stand: lab"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("- {kind: server, name: x}", "standard input: [0]: spec is missing"),
        ("- {kind: server, name: x, spce: {}}", "unknown key spce; did you mean 'spec'?"),
        ("- 7", "expected a resource (kind, name, spec), found the number 7"),
        ("{kind: sever, name: x, spec: {}}", "did you mean 'server'?"),
        ("", "standard input is empty"),
    ],
)
def test_resources_that_make_no_sense_are_refused_before_anything_is_asked(seen: Shell, text: str, told: str) -> None:
    said = seen("apply", "-f", "-", typed=text)
    assert said.code == 2
    assert told in said.err


def test_a_link_is_drained_and_put_to_use_again(owned: Shell) -> None:
    drained = owned("drain", "link", LINK, "--wait", "5s")
    assert drained.code == 0
    assert "is set to drain" in drained.lines[0]
    assert drained.lines[1].startswith(("still in use by", "nothing goes over it"))
    row = next(line for line in owned("get", "links").lines if line.startswith(LINK))
    assert row.split()[1] == "drained"
    assert owned("undrain", "link", LINK).code == 0
    assert owned("get", "link", LINK, "--json").json["status"]["state"] == "up"
    assert owned("admin", "platform", "chassis1", "drain", "--json").json["state"] == "drain"


def test_an_edited_file_is_read_again(owned: Shell) -> None:
    text = owned.file.read_text()
    owned.file.write_text(text.replace("      db4:", "      db5:"))
    assert owned("reload").code == 0
    assert owned("get", "server", "db5").code == 0
    owned.file.write_text("fabric: 7\n")
    refused = owned("reload")
    assert refused.code == 4
    assert str(owned.file) in refused.err
