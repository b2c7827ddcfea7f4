"""Links that fail without losing their carrier, and BFD that is wrong: on real switches, with real packets."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from commands import vsctl
from lab import Lab
from sides import wait_fast
from stream import Flow, Stream, StreamResult

from tests.waiting import wait_until

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
LINK = "chassis1.east--chassis2.west"
FLOWS = [
    Flow("web1", "web3"),
    Flow("web3", "web1"),
    Flow("web2", "web4", version=6),
    Flow("db1", "db3", flooded=True),
    Flow("db3", "db7", flooded=True),
]
IN_TIME_S = 15.0
MOMENT_LOST = 500
"""More than a silent failure costs, and far fewer than are sent while the link is out: of 1,000 a second."""


@pytest.fixture(scope="module")
def ring() -> Iterator[Lab]:
    text = (EXAMPLES / "ring.yaml").read_text().replace("fabric: ring", "fabric: ring\nstorm: 10000\nhold: 1 s")
    with Lab(text) as lab:
        bfd_is(lab, "up")
        yield lab


def ends(lab: Lab, link: str = "") -> list[Any]:
    found = [item for item in lab.api("/links")["items"] if link in item["name"]]
    return [end for item in found for end in item["status"]["ends"]]


def bfd_is(lab: Lab, state: str, link: str = "") -> None:
    wait_until(lambda: {end["bfd"] for end in ends(lab, link)} == {state}, IN_TIME_S, f"BFD is not {state}")


def state_is(lab: Lab, state: str) -> None:
    wait_until(lambda: lab.api(f"/links/{LINK}")["status"]["state"] == state, IN_TIME_S, f"{LINK} is not {state}")


def mend(lab: Lab) -> None:
    lab.mend_link(LINK)
    state_is(lab, "up")
    wait_until(lambda: not lab.api(f"/links/{LINK}")["status"]["waits"], IN_TIME_S, f"{LINK} still waits")
    lab.wait_converged()


def trunks(lab: Lab) -> list[str]:
    cables = (cable for name, cable in lab.wiring.cables.items() if "--" in name)
    return [interface.name for cable in cables for interface in (cable.intf1, cable.intf2)]


@pytest.mark.parametrize("how", ["silent", "one-way"])
def test_a_link_that_fails_silently_is_gone_round_and_taken_again_without_loss(ring: Lab, how: Any) -> None:
    wait_fast(ring, [LINK])
    with Stream(ring, FLOWS) as stream:
        ring.fail_link(LINK, how)
        state_is(ring, "down")
        ring.wait_converged()
        rerouted = time.monotonic()
        mend(ring)
    result = stream.result
    worst = max(flow.lost for flow in result.flows)
    assert 0 < worst < MOMENT_LOST, str(result)
    after: StreamResult = result.between(rerouted, float("inf"))
    assert after.clean, str(after)


def test_bfd_that_is_wrong_about_every_link_costs_nothing(ring: Lab) -> None:
    """As when a switch is held up for a moment: no trunk counts as live any more, and all of them work."""
    with Stream(ring, FLOWS) as stream:
        for word, state in (("false", "down"), ("normal", "up")):
            for interface in trunks(ring):
                subprocess.run(["ovs-appctl", "bfd/set-forwarding", interface, word], check=True, capture_output=True)
            bfd_is(ring, state)
            ring.wait_converged()
    assert stream.result.clean, str(stream.result)


def test_bfd_is_as_the_document_says(ring: Lab) -> None:
    text = ring.file.read_text() if ring.file else ""
    with Stream(ring, FLOWS) as stream:
        for extra, wanted in (("bfd: off\n", ""), ("bfd: 50 ms\n", "50"), ("", "20")):
            ring.rewrite(extra + text)
            wait_until(lambda: intervals(ring) == {wanted}, IN_TIME_S, f"BFD's interval is not '{wanted}'")  # noqa: B023
            bfd_is(ring, "up" if wanted else "off")
    assert stream.result.clean, str(stream.result)
    assert not ring.api("/fabric")["status"]["alarms"]


def intervals(lab: Lab) -> set[str]:
    return {vsctl("--if-exists", "get", "Interface", name, "bfd:min_tx").strip().strip('"') for name in trunks(lab)}


def test_a_bridge_that_is_let_go_has_its_settings_back() -> None:
    text = (EXAMPLES / "two-chassis.yaml").read_text()
    with Lab(text) as lab:
        bfd_is(lab, "up")
        bridge = lab.switch("chassis2").bridge
        vsctl("set-fail-mode", bridge, "standalone")
        wait_until(lambda: vsctl("get-fail-mode", bridge).strip() == "secure", IN_TIME_S, "it was not set again")
        lab.rewrite(text.partition("  chassis2:")[0])
        wait_until(lambda: vsctl("get-fail-mode", bridge).strip() == "standalone", IN_TIME_S, "it was not put back")
        wait_until(lambda: intervals(lab) == {""}, IN_TIME_S, "BFD was not taken off")
        names = [name for name in trunks(lab) if name.startswith(bridge)]
        wait_until(lambda: not any(map(is_marked, names)), IN_TIME_S, "our marks were not taken off")


def is_marked(interface: str) -> bool:
    return vsctl("get", "Interface", interface, "external_ids").strip() != "{}"
