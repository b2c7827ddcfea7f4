"""Without a document: Mininet's own topologies under the controller, as somebody would try it out first."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from typing import Any

import pytest
from mininet.topo import SingleSwitchTopo, Topo
from mininet.topolib import TorusTopo, TreeTopo

from tests.emulation.adopted import (
    Criers,
    Ears,
    adopting,
    busiest_second,
    mininet,
    start_bridges,
    trunk_interfaces,
)
from tests.waiting import wait_until

BEYOND_PER_S = 5
QUIET_S = 3.0

# Mininet's command as it is, but that a failure of it does not end all controllers and bridges of this machine.
MN = """
import runpy, sys
import mininet.clean
mininet.clean.cleanup = lambda: sys.exit(1)
runpy.run_path("/usr/bin/mn", run_name="__main__")
"""


def passed(seconds: float, since: float) -> bool:
    return time.monotonic() - since >= seconds


def test_mn_pings_all_on_one_switch() -> None:
    with adopting() as controller:
        remote = f"remote,ip=127.0.0.1,port={controller.openflow_port}"
        options = ["--topo", "single,8", "--switch", "ovs,datapath=user", "--controller", remote, "--test", "pingall"]
        wait_until(lambda: controller.get("/healthz"), 10, "the controller's API does not answer")
        done = run_group([sys.executable, "-c", MN, *options], 60)
        assert "0% dropped (56/56 received)" in done, done + controller.last_words()


def run_group(command: list[str], limit_s: float) -> str:
    """Run a command with all that it starts; what it printed."""
    started = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    try:
        return started.communicate(timeout=limit_s)[0]
    except subprocess.TimeoutExpired:
        os.killpg(started.pid, signal.SIGKILL)
        return started.communicate()[0] + "\n(ended by the test)"


@pytest.mark.parametrize(
    ("topo", "platforms", "links"),
    [(SingleSwitchTopo(8), 1, 0), (TreeTopo(depth=2, fanout=3), 4, 3)],
    ids=["single,8", "tree,2,3"],
)
def test_all_reach_all(topo: Topo, platforms: int, links: int) -> None:
    with adopting() as controller, mininet(topo, controller) as net:
        start_bridges(net)
        controller.wait_found(platforms, links)
        assert net.pingAll(timeout="2") == 0


def test_a_torus_is_quiet_from_the_start_and_all_reach_all(record_property: Any) -> None:
    """Bridges first. Nobody sends anything: what is on a cable is the fabric's own."""
    topo = TorusTopo(3, 3)
    with adopting(start=False) as controller, mininet(topo, controller, quiet=True) as net:
        cables = trunk_interfaces(net)
        with Ears([end for cable in cables for end in cable]) as ears:
            start_bridges(net)
            started = time.monotonic()
            controller.start()
            controller.wait_found(9, 18)
            found_s = time.monotonic() - started
            settled = time.monotonic()
            wait_until(lambda: passed(QUIET_S, settled), 10, "no time passes")
        beyond = [caught for caught in ears.caught if not caught.ours]
        record_property("found_s", found_s)
        print(f"found after {found_s:.2f} s; beyond: {len(beyond)} in all, busiest {busiest_second(beyond, cables)}")
        assert any(caught.ours for caught in ears.caught)
        assert busiest_second(beyond, cables)[0] <= BEYOND_PER_S, Counter(caught.eth_types for caught in beyond)
        assert net.pingAll(timeout="2") == 0


@pytest.mark.parametrize("late", [(), ("s2x2",)], ids=["controller first", "one bridge late"])
def test_no_broadcast_comes_twice_while_a_torus_comes_up(late: tuple[str, ...]) -> None:
    """Every host broadcasts all the time; hosts have IPv6 as they have it under `mn`.

    Until BFD has heard the other end of a link, switches go round that by its bypass: with a second label.
    """
    with adopting() as controller, mininet(TorusTopo(3, 3), controller) as net:
        assert set(late) <= {switch.name for switch in net.switches}
        wait_until(lambda: controller.get("/healthz"), 10, "the controller's API does not answer")
        cables = trunk_interfaces(net)
        with Ears([end for cable in cables for end in cable]) as ears, Criers(net.hosts) as criers:
            start_bridges(net, but=late)
            for name in late:
                controller.wait_found(8, 14)
                net[name].start(net.controllers)
            controller.wait_found(9, 18)
            settled = time.monotonic()
            wait_until(lambda: passed(1.5, settled), 10, "no time passes")
            until = time.monotonic() - 0.3
        heard = ((caught, criers.cry_in(caught.frame)) for caught in ears.caught)
        over = Counter((caught.interface, caught.labels, cry) for caught, cry in heard if cry)
        beyond = [caught for caught in ears.caught if not (caught.ours or criers.cry_in(caught.frame))]
        print(f"start-up chatter: {len(beyond)}, busiest {busiest_second(beyond, cables)}")
        assert not [frame for frame, times in criers.heard.items() if times > 1], "heard twice"
        assert not [frame for frame, times in over.items() if times > 1], "over a cable twice"
        assert criers.heard
        assert over
        lost = criers.all_heard_since(settled, until)
        assert not lost, lost[:10]
