"""docs/operate.md is true: its steps work as they stand, it has every setting and every alarm."""

from __future__ import annotations

import ast
import configparser
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from apps.settings import CONF
from tests.pages import TOP, blocks, rows, said, text
from tests.unit.rest.guard.conftest import launched, wait_listening, write_tokens

PAGE = "docs/operate.md"
UNIT = TOP / "examples/systemd/backplane.service"


def run(script: str, folder: Path) -> str:
    done = subprocess.run(["bash", "-e"], input=script, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, script + done.stderr
    return done.stdout


def step(word: str) -> str:
    """The one block of shell that has this word."""
    (found,) = [block for block in blocks(text(PAGE), "bash") if word in block]
    return found


# Alarms and settings


def strings(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value


def raised_in(source: str) -> Iterator[str]:
    """The kinds of alarm that a module raises: the first argument, or what the constant ALARM says."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and len(node.args) >= 2:
            owner = ast.unparse(node.func.value)
            if node.func.attr in ("raise_", "keep", "happened") and re.search("alarms$|surveillance$|^self$", owner):
                yield from strings(node.args[0])
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "ALARM" and node.value is not None:
            yield from strings(node.value)


def test_every_alarm_is_told_with_what_to_do_about_it() -> None:
    sources = [path for room in ("apps", "controller") for path in (TOP / room).rglob("*.py")]
    raised = {kind for path in sources for kind in raised_in(path.read_text(encoding="utf-8"))}
    told = [cells for cells in rows(text(PAGE).partition("## Alarms")[2]) if cells[0].startswith("`")]
    assert {"state", "miswired", "violation", "conflict", "bridge_settings", "api"} <= raised
    assert {cells[0].strip("`") for cells in told} == raised
    assert all(cells[1] and cells[2] for cells in told)


def test_every_setting_is_told() -> None:
    table = text(PAGE).partition("All settings of")[2].partition("## ")[0]
    told = {name for cells in rows(table) for name in re.findall(r"`(\w+)`", cells[0])}
    assert told == set(CONF.backplane)


def test_settings_in_the_page_exist() -> None:
    ryu_options = said("-c", "from ryu.cmd.manager import main; main(['--help'])")
    files = [*blocks(text(PAGE), "ini"), text("examples/systemd/backplane.conf")]
    assert len(files) > 3
    for file in files:
        parser = configparser.ConfigParser()
        parser.read_string(file)
        assert set(parser.defaults()) <= {option.replace("-", "_") for option in re.findall(r"--([\w-]+)", ryu_options)}
        own = set(parser["backplane"]) - set(parser.defaults()) if "backplane" in parser else set()
        assert own <= set(CONF.backplane)


def test_the_configuration_is_the_one_that_the_page_shows() -> None:
    (shown,) = [block for block in blocks(text(PAGE), "ini") if "audit_log" in block]
    given = configparser.ConfigParser(), configparser.ConfigParser()
    given[0].read_string(shown)
    given[1].read_string(text("examples/systemd/backplane.conf"))
    assert given[0] == given[1]


# The unit


def test_the_unit_is_one_that_systemd_takes(tmp_path: Path) -> None:
    tool = shutil.which("systemd-analyze")
    if tool is None:
        pytest.skip("systemd is not here")
    here = re.sub("(?m)^(User|Group)=.*$", r"\1=root", UNIT.read_text().replace("/opt/backplane", str(TOP)))
    (tmp_path / "backplane.service").write_text(here)
    command = [tool, "verify", str(tmp_path / "backplane.service")]
    verified = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (verified.returncode, verified.stderr) == (0, "")


def test_the_unit_and_the_page_name_the_same_places() -> None:
    unit = UNIT.read_text()
    assert "--config-file /etc/backplane/backplane.conf" in unit
    assert "StateDirectory=backplane\n" in unit
    install = step("systemctl daemon-reload")
    sources = re.findall(r"/opt/backplane/(examples/\S+)", install)
    assert len(sources) == 3
    assert all((TOP / source).is_file() for source in sources)


# TLS and tokens, as the page says


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    run(step("openssl req -x509"), folder)
    return folder


def test_keys_are_for_their_owner_alone(certificates: Path) -> None:
    keys = list(certificates.glob("*.key"))
    assert {key.name for key in keys} == {"ca.key", "controller.key", "chassis1.key", "chassis2.key"}
    assert {key.stat().st_mode & 0o777 for key in keys} == {0o600}


def test_the_api_is_set_up_as_the_page_says(certificates: Path, tmp_path: Path) -> None:
    _, tokens = write_tokens(certificates, alice="write")
    (settings,) = [block for block in blocks(text(PAGE), "ini") if "api_cert" in block]
    conf = tmp_path / "backplane.conf"
    conf.write_text(settings.replace("/etc/backplane", str(certificates)))
    with launched(tmp_path, "--config-file", str(conf)) as controller:
        wait_listening(controller)
        headers = {"Authorization": f"Bearer {tokens['alice']}"}
        ask: Any = {"verify": str(certificates / "ca.pem"), "timeout": 10}
        address = f"https://127.0.0.1:{controller.api_port}/api/v1/fabric"
        assert requests.get(address, headers=headers, **ask).status_code == 200
        assert requests.get(address, **ask).status_code == 401


# Backup


def test_a_backup_is_made_and_restored_as_the_page_says(tmp_path: Path) -> None:
    state, backup = tmp_path / "state", tmp_path / "backplane.db"

    def here(script: str) -> str:
        return script.replace("/var/lib/backplane", str(state)).replace("/var/backups/backplane.db", str(backup))

    with launched(tmp_path) as controller:
        wait_listening(controller)
        segments = f"http://127.0.0.1:{controller.api_port}/api/v1/segments"
        assert requests.put(f"{segments}/kept", json={}, timeout=10).status_code == 201
        run(here(step("source.backup(copy)")), tmp_path)
        assert requests.put(f"{segments}/later", json={}, timeout=10).status_code == 201
    assert backup.stat().st_mode & 0o777 == 0o600
    with sqlite3.connect(backup) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    run(here(step("state.db-wal")), tmp_path)
    with launched(tmp_path) as controller:
        wait_listening(controller)
        segments = f"http://127.0.0.1:{controller.api_port}/api/v1/segments"
        items = requests.get(segments, timeout=10).json()["items"]
    assert [item["name"] for item in items if item["origin"] == "api"] == ["kept"]
