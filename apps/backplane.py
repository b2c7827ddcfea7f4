"""What `ryu-manager apps.backplane` loads: switch events in, steps out. Every decision is in `controller`."""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Collection, Mapping
from typing import Any

from ryu.app.wsgi import WSGIApplication
from ryu.base.app_manager import RyuApp
from ryu.controller import ofp_event
from ryu.controller.handler import DEAD_DISPATCHER, MAIN_DISPATCHER, set_ev_cls
from ryu.lib import hub
from ryu.ofproto import ofproto_v1_3

from apps.auditing import Auditing
from apps.changes import Changes
from apps.discovery import Discovery
from apps.metrics import Metrics
from apps.openflow import decode, raw_replies, secure
from apps.openflow.switch import Switch
from apps.ovsdb import Bridges, Target
from apps.packets import heard_from
from apps.reloading import Hangups, Reload
from apps.rest.guard.settings import ApiSettings, BadSettings, Guard
from apps.rest.server import attach, listen_on_loopback
from apps.settings import CONF
from apps.state import CannotStart, State
from apps.views import FabricViews
from controller.control import Control, Refused
from controller.model.topology import Port
from controller.queues import Mechanism, PortQueues
from controller.rules.rules import Counted, Installed, RuleKey
from controller.rules.tables import Reason

LOG = logging.getLogger("backplane")
_LAST_PORT = 0xFEFF
_TICK_S = 0.05
_COUNT_EVERY_S = 10.0
_MEASURE_EVERY_S = 2.0
_RIVAL_ANSWERS_S = 2.0
_ALIVE_S = 15.0
"""A connection on which nothing is answered for so long is closed, seconds: the switch may have died without a word."""

# A full collection of a large fabric's objects holds everything up for a third of a second. What becomes garbage is
# freed by its reference count, young cycles by the collections that remain.
gc.set_threshold(5_000, 10, 1_000)
HANGUPS = Hangups()
listen_on_loopback()
raw_replies.install()
secure.install()


class Backplane(RyuApp):  # type: ignore[misc]
    """The Ryu application."""

    OFP_VERSIONS = [ofproto_v1_3.OFP_VERSION]
    _CONTEXTS = {"wsgi": WSGIApplication}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        try:
            self.guard = Guard(ApiSettings.of(CONF))
            self.state = State(CONF.backplane.state_dir, CONF.backplane.document)
        except (CannotStart, BadSettings) as problem:
            print(problem, file=sys.stderr)
            raise SystemExit(1) from problem
        self.control = Control(self.state.fabric, time.time)
        self.control.alarms.keep("document", self.state.problem)
        self.switches: dict[str, Switch] = {}
        self.datapaths: dict[int, Switch] = {}
        self.discovery = Discovery(self.control, self.state.key, self.state.counter, self._packets_out)
        tampered, left = self.control.auditing.setting_changed, self.control.bridge_left
        self.bridges = Bridges(self.control.alarms, self._bridge_seen, tampered, left)
        self._version = -1
        self._wake = hub.Event()
        self.auditing = Auditing(self.control, self.switches, self._wake.set)
        changes = Changes(self.control, self.state, self._asked_otherwise)
        reload = Reload(changes, self.control.alarms)
        views = FabricViews(self.control, reload.now, self.state, changes)
        self.metrics = Metrics(self.control)
        attach(kwargs["wsgi"], views, self.metrics, self.guard)
        HANGUPS.serve(reload.quietly)
        for ending in (signal.SIGTERM, signal.SIGINT):
            signal.signal(ending, lambda *_: hub.spawn(self._stop))

    def start(self) -> Any:
        """Start the event loop and the pump that carries changes to the switches."""
        started = super().start()
        self.threads.extend(
            map(hub.spawn, (self._pump, self._count, self._measure, self.auditing.run, self.metrics.watch_loop))
        )
        return started

    # Switches

    @set_ev_cls(ofp_event.EventOFPStateChange, [MAIN_DISPATCHER, DEAD_DISPATCHER])
    def state_changed(self, event: Any) -> None:
        """A switch has said hello, or is gone."""
        if event.state == MAIN_DISPATCHER:
            self._hello(event.datapath)
        else:
            self._bye(event.datapath)

    def _hello(self, datapath: Any) -> None:
        ports = [_port(port) for port in datapath.ports.values()]
        local = next((port.name for port in ports if port.number > _LAST_PORT), f"dp{datapath.id:x}")
        usable = [port for port in ports if port.number <= _LAST_PORT]
        answer = self.control.switch_connected(datapath.id, local, usable)
        if isinstance(answer, Refused):
            LOG.warning("refused: %s", answer.reason)
            self._check_rival(answer)
            datapath.close()
            return
        switch = Switch(datapath, answer, self._rules_read, self._step_confirmed)
        self.switches[answer] = self.datapaths[id(datapath)] = switch
        switch.read_rules()
        for port in usable:
            self.discovery.port(answer, port)

    def _bye(self, datapath: Any) -> None:
        switch = self.datapaths.pop(id(datapath), None)
        if switch is None:
            return
        switch.close()
        self.switches.pop(switch.platform, None)
        self.control.switch_gone(switch.platform)
        self.bridges.forget(switch.platform)
        self.discovery.switch_gone(switch.platform)
        self._wake.set()

    def _check_rival(self, refused: Refused) -> None:
        """The connection that is in the way may be dead: then its switch gets in at its next try."""
        rival = self.switches.get(refused.rival or "")
        if rival is not None:
            rival.close_unless_alive(_RIVAL_ANSWERS_S)

    def _rules_read(self, switch: Switch, installed: Installed) -> None:
        self.control.switch_read(switch.platform, installed, time.monotonic())
        self._wake.set()

    def _step_confirmed(self, switch: Switch, refused: Mapping[RuleKey, str]) -> None:
        now = time.monotonic()
        self.metrics.step_confirmed(switch.platform, self.control.reconciler.waiting_s(switch.platform, now))
        self.control.step_confirmed(switch.platform, refused, now)
        self._wake.set()

    def _packets_out(self, platform: str, frames: list[tuple[int, bytes]], sent: Callable[[], None]) -> None:
        switch = self.switches.get(platform)
        if switch is not None:
            switch.packets_out(frames, sent)

    # Replies

    def _switch_of(self, event: Any) -> Switch | None:
        return self.datapaths.get(id(event.msg.datapath))

    @set_ev_cls(ofp_event.EventOFPBarrierReply, MAIN_DISPATCHER)
    def barrier_reply(self, event: Any) -> None:
        """A switch has processed all that came before."""
        switch = self._switch_of(event)
        if switch:
            switch.barrier_reply(event.msg.xid)

    @set_ev_cls(ofp_event.EventOFPErrorMsg, MAIN_DISPATCHER)
    def error(self, event: Any) -> None:
        """A switch has refused something."""
        switch = self._switch_of(event)
        text = switch.error(bytes(event.msg.buf)) if switch else None
        if text and switch:
            LOG.warning("%s: %s", switch.platform, text)

    @set_ev_cls(ofp_event.EventOFPFlowStatsReply, MAIN_DISPATCHER)
    def flow_stats(self, event: Any) -> None:
        """A part of a switch's flow entries."""
        switch = self._switch_of(event)
        if switch:
            switch.flow_stats(bytes(event.msg.buf), event.msg.xid)

    @set_ev_cls(ofp_event.EventOFPGroupDescStatsReply, MAIN_DISPATCHER)
    def group_desc(self, event: Any) -> None:
        """A part of a switch's groups."""
        switch = self._switch_of(event)
        if switch:
            switch.group_desc(bytes(event.msg.buf), event.msg.xid)

    @set_ev_cls(ofp_event.EventOFPMeterConfigStatsReply, MAIN_DISPATCHER)
    def meter_config(self, event: Any) -> None:
        """A part of a switch's meters."""
        switch = self._switch_of(event)
        if switch:
            switch.meter_config(bytes(event.msg.buf), event.msg.xid)

    @set_ev_cls(ofp_event.EventOFPMeterStatsReply, MAIN_DISPATCHER)
    def meter_stats(self, event: Any) -> None:
        """A part of a switch's counters of meters."""
        switch = self._switch_of(event)
        if switch:
            switch.meter_stats(bytes(event.msg.buf), event.msg.xid)

    @set_ev_cls(ofp_event.EventOFPPortStatsReply, MAIN_DISPATCHER)
    def port_stats(self, event: Any) -> None:
        """A part of a switch's counters of ports."""
        switch = self._switch_of(event)
        if switch:
            switch.port_stats(bytes(event.msg.buf))

    # Ports and packets

    @set_ev_cls(ofp_event.EventOFPPortStatus, MAIN_DISPATCHER)
    def port_status(self, event: Any) -> None:
        """A port came, changed or went."""
        switch, port = self._switch_of(event), _port(event.msg.desc)
        if switch is None or port.number > _LAST_PORT:
            return
        if event.msg.reason == ofproto_v1_3.OFPPR_DELETE:
            self.control.port_gone(switch.platform, port.number)
            self.discovery.port_gone(switch.platform, port.number)
        else:
            self.control.port_changed(switch.platform, port)
            self.discovery.port(switch.platform, port)
        self._wake.set()

    @set_ev_cls(ofp_event.EventOFPPacketIn, MAIN_DISPATCHER)
    def packet_in(self, event: Any) -> None:
        """A probe, or a copy of what a server sent."""
        switch = self._switch_of(event)
        if switch is None:
            return
        packet = decode.packet_in(bytes(event.msg.buf))
        heard = heard_from(switch.platform, packet)
        self.metrics.packet_in(switch.platform, heard.reason if heard else None)
        if heard is None:
            return
        if heard.reason is Reason.DISCOVERY:
            self.discovery.heard(heard.end, packet.data)
        else:
            self.control.packet_heard(heard, time.monotonic())
        self._wake.set()

    # Changes

    def _asked_otherwise(self) -> None:
        """What is asked for is another: what ports are for may have changed with it."""
        for switch in self.switches.values():
            self.discovery.platform_changed(switch.platform)
        self._wake.set()

    def _stop(self) -> None:
        """End in order: Ryu's greenlets would swallow an exception from a signal's handler."""
        self.state.close()
        self.guard.close()
        logging.shutdown()
        os._exit(0)

    def _pump(self) -> None:
        while True:
            try:
                self._turn()
            except Exception:
                LOG.exception("a change could not be carried out")
                self.control.alarms.raise_("internal", "pump", "a change could not be carried out: see the log")
            self._wake.wait(_TICK_S)
            self._wake.clear()

    def _turn(self) -> None:
        now = time.monotonic()
        self.control.tick(now)
        self.control.alarms.keep("state", self.state.trouble)
        self.control.alarms.keep("api", self.guard.trouble)
        self.discovery.tick(now)
        for platform in self.control.let_go():
            self.bridges.let_go(platform)
        for platform in (*self.control.dismissed(), *self.control.overdue(now)):
            self.switches[platform].datapath.close()
        steps = self.control.next_step(now)
        for platform in self.control.take_doubted():
            self.switches[platform].close_unless_alive(_RIVAL_ANSWERS_S)
        if self._version != self.control.fabric.version:
            self._version = self.control.fabric.version
            self._keep()
        for platform, batch in steps.items():
            self.switches[platform].send(batch)

    def _keep(self) -> None:
        """The state changed: write it down, and see to the bridges' own settings."""
        self.state.keep(self.control.fabric)
        for platform, dpid in self.control.connected.items():
            if platform in self.control.fabric.platforms:
                self.bridges.prepare(platform, Target(dpid, *self.control.bridge(platform)))

    def _bridge_seen(self, platform: str, heard: Collection[int] | None, kept: Mapping[PortQueues, Mechanism]) -> None:
        self.control.bridge_seen(platform, heard, kept, time.monotonic())
        self._wake.set()

    def _count(self) -> None:
        """Read the counters that tell who speaks, one switch after the other."""
        while True:
            for platform in list(self.switches):
                hub.sleep(_COUNT_EVERY_S / max(len(self.switches), 1))
                switch = self.switches.get(platform)
                if switch is not None:
                    switch.read_counters(self._counted)
                    switch.close_unless_alive(_ALIVE_S)
            if not self.switches:
                hub.sleep(_COUNT_EVERY_S)

    def _measure(self) -> None:
        """Read what reservations get."""
        while True:
            hub.sleep(_MEASURE_EVERY_S)
            for platform in self.control.measuring.platforms() & self.switches.keys():
                self.switches[platform].read_rates(self._measured)

    def _measured(self, switch: Switch, counted: Counted) -> None:
        self.control.measuring.counted(switch.platform, counted, time.monotonic())

    def _counted(self, switch: Switch, counted: Counted) -> None:
        self.control.counted(switch.platform, counted, time.monotonic())


def _port(port: Any) -> Port:
    down = port.config & ofproto_v1_3.OFPPC_PORT_DOWN or port.state & ofproto_v1_3.OFPPS_LINK_DOWN
    mac = int(port.hw_addr.replace(":", ""), 16)
    live = bool(port.state & ofproto_v1_3.OFPPS_LIVE)
    return Port(port.port_no, port.name.decode(), mac, up=not down, live=live)
