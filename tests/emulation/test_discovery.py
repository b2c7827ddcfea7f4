"""What is wired is found, compared with what was declared, and nobody comes in who should not: on real switches."""

from __future__ import annotations

import select
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any

import pytest
from commands import vsctl
from lab import Lab

from controller.model.spec import LinkSpec
from tests.waiting import wait_until

DOCUMENT = """
fabric: found
segments: {lan: {subnet: 10.8.0.0/24}}
platforms:
  one:
    dpid: 0xa8
    servers:
      s1: {port: 1, segment: lan, ip: 10.8.0.1, mac: "02:00:00:00:a8:01"}
    trunks: {east: {port: 20}, spare: {port: 21}}
  two:
    dpid: 0xb8
    servers:
      s2: {port: 1, segment: lan, ip: 10.8.0.2, mac: "02:00:00:00:b8:01"}
    trunks: {west: {port: 20}, spare: {port: 21}}
links: [[one.east, two.west]]
"""
LINK = "one.east--two.west"
FOUND_WITHIN_S = 3.0
"""The figure is 1 s; a busy machine gets more."""


@pytest.fixture(scope="module")
def fabric() -> Iterator[Lab]:
    with Lab(DOCUMENT) as lab:
        yield lab


def state(lab: Lab, link: str = LINK) -> str:
    return str(lab.api(f"/links/{link}")["status"]["state"])


def wait_state(lab: Lab, wanted: str, link: str = LINK) -> float:
    started = time.monotonic()
    wait_until(lambda: state(lab, link) == wanted, 10, f"{link} is not {wanted}")
    return time.monotonic() - started


def alarms(lab: Lab, kind: str) -> dict[str, str]:
    standing = lab.api("/fabric")["status"]["alarms"]
    return {alarm["subject"]: alarm["message"] for alarm in standing if alarm["kind"] == kind}


def reaches(lab: Lab, patience_s: int = 1) -> bool:
    return "1 received" in str(lab.host("s1").cmd(f"ping -c1 -W{patience_s} {lab.host('s2').IP()}"))


# Links


def test_a_link_goes_down_with_its_cable_and_is_found_again(fabric: Lab) -> None:
    assert state(fabric) == "up"
    assert reaches(fabric)
    fabric.set_link(LINK, up=False)
    down_s = wait_state(fabric, "down")
    assert not reaches(fabric)
    fabric.set_link(LINK, up=True)
    up_s = wait_state(fabric, "up")
    print(f"down after {down_s:.2f} s, up after {up_s:.2f} s")
    wait_until(lambda: reaches(fabric), 5, "nothing passes")
    assert max(down_s, up_s) < FOUND_WITHIN_S


def test_a_new_cable_is_found_in_time(fabric: Lab) -> None:
    fabric.remove_link(LINK)
    wait_state(fabric, "down")
    started = time.monotonic()
    fabric.add_link(LinkSpec(ends=("one.east", "two.west")))
    wait_state(fabric, "up")
    took_s = time.monotonic() - started
    print(f"found after {took_s:.2f} s")
    assert took_s < FOUND_WITHIN_S


# Wrong cables


def miswire(lab: Lab) -> str:
    lab.remove_link(LINK)
    wrong = lab.add_link(LinkSpec(ends=("one.east", "two.spare")))
    wait_state(lab, "miswired")
    return wrong


def test_a_wrong_cable_carries_nothing_and_is_named_until_it_is_mended(fabric: Lab) -> None:
    wrong = miswire(fabric)
    message = alarms(fabric, "miswired")[LINK]
    assert "one.east is wired to two.spare" in message
    assert "expected one.east to two.west" in message
    assert not reaches(fabric)
    fabric.remove_link(wrong)
    fabric.add_link(LinkSpec(ends=("one.east", "two.west")))
    wait_state(fabric, "up")
    wait_until(lambda: not alarms(fabric, "miswired"), 5, "the alarm stays")
    wait_until(lambda: reaches(fabric), 5, "nothing passes")


def test_a_wrong_cable_is_right_when_the_document_says_so(fabric: Lab) -> None:
    wrong = miswire(fabric)
    fabric.rewrite(DOCUMENT.replace("[one.east, two.west]", "[one.east, two.spare]"))
    wait_until(lambda: not alarms(fabric, "miswired"), 5, "the alarm stays")
    wait_state(fabric, "up", wrong)
    wait_until(lambda: reaches(fabric), 5, "nothing passes")
    fabric.remove_link(wrong)
    fabric.rewrite(DOCUMENT)
    fabric.add_link(LinkSpec(ends=("one.east", "two.west")))
    wait_state(fabric, "up")
    wait_until(lambda: reaches(fabric), 5, "nothing passes")


# Who is let in


@contextmanager
def bridge(lab: Lab, name: str, dpid: int, target: str) -> Iterator[str]:
    """One more bridge that wants to be controlled."""
    full = f"{lab.names.prefix}{name}"
    settings = ["datapath_type=netdev", "fail_mode=secure", "protocols=OpenFlow13", "controller=@c"]
    settings += [f"other_config:datapath-id={dpid:016x}"]
    controller = ["--id=@c", "create", "Controller", f'target="{target}"', "max_backoff=1000", "inactivity_probe=5000"]
    try:
        vsctl(*controller, "--", "add-br", full, "--", "set", "Bridge", full, *settings)
        yield full
    finally:
        vsctl("--if-exists", "del-br", full)


def target_of(lab: Lab) -> str:
    assert lab.controller
    return lab.controller.target


def test_a_switch_that_nobody_declared_is_refused_and_named(fabric: Lab) -> None:
    with bridge(fabric, "u", 0xBAD, target_of(fabric)) as name:
        wait_until(lambda: alarms(fabric, "unknown_switch"), 5, "no alarm")
        message = alarms(fabric, "unknown_switch")["0xbad"]
        assert name in message
        assert "not in the document" in message
        shown = fabric.api("/platforms/0xbad")["status"]
        assert (shown["state"], shown["dpid"]) == ("refused", 0xBAD)
        assert not vsctl_flows(name)
        assert reaches(fabric)


def vsctl_flows(name: str) -> list[str]:
    dump = subprocess.run(
        ["ovs-ofctl", "-O", "OpenFlow13", "dump-flows", name], capture_output=True, text=True, check=True
    ).stdout
    return [line for line in dump.splitlines() if "cookie" in line]


def test_a_switch_of_the_document_is_let_in_when_it_says_so(fabric: Lab) -> None:
    with bridge(fabric, "v", 0xC8, target_of(fabric)):
        wait_until(lambda: alarms(fabric, "unknown_switch"), 5, "no alarm")
        fabric.rewrite(DOCUMENT.replace("links:", "  three: {dpid: 0xc8}\nlinks:"))
        wait_until(lambda: platform(fabric, "three") == "connected", 10, "not let in")
        assert "0xc8" not in alarms(fabric, "unknown_switch")
    fabric.rewrite(DOCUMENT)


def platform(lab: Lab, name: str) -> str:
    return next((found["status"]["state"] for found in items(lab.api("/platforms")) if found["name"] == name), "none")


def items(answer: Any) -> list[Any]:
    return list(answer["items"] if isinstance(answer, dict) else answer)


def test_a_second_bridge_with_a_live_dpid_is_refused_while_the_first_works_on(fabric: Lab) -> None:
    with bridge(fabric, "d", 0xA8, target_of(fabric)) as name:
        wait_until(lambda: alarms(fabric, "duplicate_dpid"), 5, "no alarm")
        message = alarms(fabric, "duplicate_dpid")["one"]
        assert "0xa8" in message
        assert name in message
        assert "already connected as one" in message
        assert platform(fabric, "one") == "connected"
        assert not vsctl_flows(name)
        assert reaches(fabric)
        revision = fabric.api("/fabric")["status"]["revision"]
        fabric.rewrite(DOCUMENT.replace("fabric: found", "fabric: found\nstorm: 500"))
        fabric.wait_converged(10, beyond=revision)  # the first takes changes as before
        assert not vsctl_flows(name)
    fabric.rewrite(DOCUMENT)


class Relay:
    """A TCP relay to the controller that can fall silent, as a cut cable would make it: nothing is closed."""

    def __init__(self, port: int) -> None:
        self._port, self._listener = port, socket.create_server(("127.0.0.1", 0))
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._silent: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def target(self) -> str:
        return f"tcp:127.0.0.1:{self._listener.getsockname()[1]}"

    def fall_silent(self) -> None:
        """The switch loses its connections; the controller does not hear of it."""
        for near, far in self._pairs:
            self._silent.append(far)
            with suppress(OSError):  # one that was refused is closed already
                near.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for pair in self._pairs:
            for end in pair:
                end.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", self._port))
                self._pairs.append((near, far))
                threading.Thread(target=self._carry, args=(near, far), daemon=True).start()

    def _carry(self, near: socket.socket, far: socket.socket) -> None:
        ways = {near: far, far: near}
        with suppress(OSError):
            while far not in self._silent:
                for ready in select.select([near, far], [], [], 0.1)[0]:
                    data = ready.recv(65536)
                    if not data:
                        raise OSError
                    ways[ready].sendall(data)
        near.close()
        if far not in self._silent:
            far.close()


def test_a_switch_whose_old_connection_is_dead_gets_back_in(fabric: Lab) -> None:
    assert fabric.controller
    text = DOCUMENT.replace("links:", "  three: {dpid: 0xc8}\nlinks:")
    with closing(Relay(fabric.controller.openflow_port)) as relay, bridge(fabric, "r", 0xC8, relay.target) as name:
        fabric.rewrite(text)
        wait_until(lambda: platform(fabric, "three") == "connected", 10, "not connected")
        wait_until(lambda: vsctl_flows(name), 5, "no rules")
        relay.fall_silent()
        started = time.monotonic()
        wait_until(lambda: "three" in alarms(fabric, "duplicate_dpid"), 10, "not seen twice")
        wait_until(lambda: "three" not in alarms(fabric, "duplicate_dpid"), 15, "the dead connection keeps it out")
        wait_until(lambda: platform(fabric, "three") == "connected", 10, "not connected again")
        print(f"back after {time.monotonic() - started:.2f} s")
        fabric.rewrite(DOCUMENT)
        wait_until(lambda: not vsctl_flows(name), 10, "what it held is not taken out: it is not really there")
