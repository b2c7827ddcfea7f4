"""What a person should know of: raised as alarms, cleared when it is over."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from controller.learning import Heard
from controller.model.addresses import mac_from_int
from controller.model.alarms import Alarms
from controller.model.fabric import Fabric
from controller.model.links import LinkState, is_wired
from controller.model.topology import End, Link
from controller.routing import Routing
from controller.rules.reconciler import Reconciler
from controller.rules.rules import describe
from controller.rules.tables import Reason

QUIET_S: Final = 60.0
"""What happened is over when for so long nothing of the kind came again, seconds."""
_SAID: Final = {
    Reason.MAC: "as {mac}, which is not a MAC of that port",
    Reason.ADDRESS: "with an address that is not its own, as {mac}",
    Reason.TAGGED: "a frame with more tags than it may have, as {mac}",
}


class Surveillance:
    """Turns what is seen of links, servers and rules into alarms."""

    def __init__(self, fabric: Fabric, alarms: Alarms) -> None:
        self._fabric, self._alarms = fabric, alarms
        self._passing: dict[tuple[str, str], float | None] = {}
        """Alarms that end by themselves, and when each was last renewed; None: since the last tick."""

    def packet(self, heard: Heard) -> None:
        """A copy of what the guard dropped."""
        if heard.reason not in _SAID or self._is_due(heard):
            return
        subject = f"{heard.end[0]}:{heard.end[1]}"
        uplink = self._fabric.declared.uplink_at(heard.end)
        servers = ", ".join(server.name for server in self._fabric.directory.at(heard.end)) or "no server"
        who = f"uplink {uplink}" if uplink is not None else servers
        what = _SAID[heard.reason].format(mac=mac_from_int(heard.fields.get("eth_src", 0)))
        message = f"{heard.end[0]} port {heard.end[1]} ({who}) sent {what}: dropped"
        self.happened("violation", subject, message)

    def _is_due(self, heard: Heard) -> bool:
        """Whether its MAC is the port's own: it came in before the switch had the rules of its sender."""
        sender = (heard.fields.get("eth_src"), heard.vlan)
        servers = self._fabric.directory.at(heard.end)
        return heard.reason is Reason.MAC and any((server.mac, server.vlan) == sender for server in servers)

    def happened(self, kind: str, subject: str, message: str) -> None:
        """Raise an alarm of what happens and does not last: it is over when nothing of the kind came for a while."""
        self._alarms.raise_(kind, subject, message)
        self._passing[kind, subject] = None

    def tick(self, now: float) -> None:
        """Clear what is over."""
        for alarm, last in tuple(self._passing.items()):
            if last is None:
                self._passing[alarm] = now
            elif now - last > QUIET_S:
                del self._passing[alarm]
                self._alarms.clear(*alarm)

    def inactive(self) -> None:
        """What the API made and does not fit beside the document's file."""
        texts = {
            f"{section}/{name}": f"{section}/{name} of the API is inactive: {'; '.join(p.message for p in problems)}"
            for (section, name), problems in self._fabric.composed.inactive.items()
        }
        self._alarms.keep("inactive", texts)

    def links(self, routing: Routing) -> None:
        """Compare what is wired with what was declared."""
        faulty = ((routing.known[name], routing.states[name]) for name in sorted(routing.faulty))
        wrong = [link for link, state in faulty if state is LinkState.MISWIRED]
        texts = {link.name: self._miswired(link) for link in wrong if link.declared}
        self._alarms.keep("miswired", texts | self._undeclared_wires(routing))
        self._alarms.keep("link_down", dict(self._lost(routing)))

    def refusals(self, reconciler: Reconciler) -> None:
        """Rules that switches refused: name whose they are."""
        texts = {}
        for platform, key, reason in reconciler.rest():
            wanted = reconciler.switches[platform].wanted.get(key)
            whose = f" of {wanted.owner.kind} {wanted.owner.name}" if wanted else ""
            texts[f"{platform} {describe(key)}"] = f"{platform} refused {describe(key)}{whose}: {reason}"
        self._alarms.keep("refused_rule", texts)

    def _lost(self, routing: Routing) -> Iterator[tuple[str, str]]:
        """Declared links that were seen to be down or half dead, unless somebody wants them so."""
        for name in sorted(routing.faulty):
            link, state = routing.known[name], routing.states[name]
            if state in (LinkState.DOWN, LinkState.HALF) and link.declared and routing.admin(link) != "down":
                why = self._why_lost(link, state)
                if why:
                    yield name, f"{name} is down: {why}"

    def _why_lost(self, link: Link, state: LinkState) -> str | None:
        wiring = self._fabric.wiring
        dead = [self._say(end) for end in link.ends if end in wiring.ports and not wiring.is_up(end)]
        if dead:
            return f"no carrier at {' and '.join(dead)}"
        unheard = [self._say(end) for end in link.ends if end in wiring.ports and not wiring.works(end)]
        if unheard:
            return f"BFD does not hear the other end at {' and '.join(unheard)}"
        one_way = state is LinkState.HALF and is_wired(wiring, link)
        return "probes arrive in one direction only" if one_way else None

    def _miswired(self, link: Link) -> str:
        found = [(end, peer) for end in link.ends if (peer := self._fabric.wiring.peer(end)) not in (None, *link.ends)]
        wires = "; ".join(f"{self._say(end)} is wired to {self._say(peer)}" for end, peer in found if peer)
        expected = " to ".join(self._say(end) for end in link.ends)
        return f"{wires}: expected {expected}; the link carries nothing"

    def _undeclared_wires(self, routing: Routing) -> dict[str, str]:
        """Declared trunks that are wired to each other without a link of the document."""
        trunks, found = self._fabric.declared.trunks, {}
        for one, other in routing.strange_wires():
            if one in trunks or other in trunks:
                wire = f"{self._say(one)} is wired to {self._say(other)}"
                found[wire] = f"{wire}: no such link is in the document; it carries nothing"
        return found

    def _say(self, end: End) -> str:
        return self._fabric.declared.trunks.get(end) or f"{end[0]} port {self._fabric.port_name(end)}"
