"""OpenFlow over TLS, set up as docs/operate.md says: switches with a certificate come in, others are turned away."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pages import blocks, text
from tests.properties.ovs_oracle import Oracle, running_oracle
from tests.unit.rest.guard.conftest import Launched, launched, wait_listening
from tests.waiting import wait_until

PAGE = "docs/operate.md"
IN_TIME_S = 30.0


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    (script,) = [block for block in blocks(text(PAGE), "bash") if "openssl req -x509" in block]
    for place in (folder, folder / "others"):
        place.mkdir(exist_ok=True)
        subprocess.run(["bash", "-e"], input=script, cwd=place, text=True, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def controller(certificates: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launched]:
    folder = tmp_path_factory.mktemp("controller")
    (settings,) = [block for block in blocks(text(PAGE), "ini") if "ctl_cert" in block]
    (folder / "backplane.conf").write_text(settings.replace("/etc/backplane", str(certificates)))
    with launched(folder, "--config-file", str(folder / "backplane.conf")) as started:
        wait_listening(started)
        yield started


@pytest.fixture(scope="module")
def switches() -> Iterator[Oracle]:
    with running_oracle() as oracle:
        yield oracle


def set_tls(switches: Oracle, folder: Path, ca: Path) -> None:
    switches.vsctl("set-ssl", str(folder / "chassis1.key"), str(folder / "chassis1.pem"), str(ca / "ca.pem"))


def connect(switches: Oracle, controller: Launched, name: str) -> None:
    switches.bridge(name, (1, 2))
    switches.vsctl("set-controller", name, f"ssl:127.0.0.1:{controller.openflow_port}")
    switches.vsctl("set", "controller", name, "max_backoff=1000")


def connected(controller: Launched) -> set[str]:
    items = controller.get("/api/v1/platforms?state=connected").json()["items"]
    return {item["name"] for item in items}


def test_switches_with_a_certificate_connect_and_come_back(
    certificates: Path, controller: Launched, switches: Oracle
) -> None:
    set_tls(switches, certificates, certificates)
    for name in ("tlsa", "tlsb"):
        connect(switches, controller, name)
    wait_until(lambda: connected(controller) >= {"tlsa", "tlsb"}, IN_TIME_S, "not both are connected")
    switches.vsctl("del-controller", "tlsa")
    wait_until(lambda: "tlsa" not in connected(controller), IN_TIME_S, "it is not gone")
    switches.vsctl("set-controller", "tlsa", f"ssl:127.0.0.1:{controller.openflow_port}")
    wait_until(lambda: "tlsa" in connected(controller), IN_TIME_S, "it is not back")
    wait_until(lambda: controller.get("/api/v1/fabric").json()["status"]["converged"], IN_TIME_S, "no rules")


def test_a_switch_of_another_authority_is_turned_away(
    certificates: Path, controller: Launched, switches: Oracle
) -> None:
    set_tls(switches, certificates / "others", certificates)
    connect(switches, controller, "tlsc")
    wait_until(lambda: "no TLS with" in controller.log.read_text(), IN_TIME_S, "nobody was turned away")
    assert "tlsc" not in connected(controller)


def test_a_switch_without_tls_is_turned_away(controller: Launched, switches: Oracle) -> None:
    before = controller.log.read_text().count("no TLS with")
    switches.bridge("tlsd", (1,))
    switches.vsctl("set-controller", "tlsd", f"tcp:127.0.0.1:{controller.openflow_port}")
    wait_until(lambda: controller.log.read_text().count("no TLS with") > before, IN_TIME_S, "nobody was turned away")
    assert "tlsd" not in connected(controller)
