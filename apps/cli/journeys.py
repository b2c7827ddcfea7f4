"""A trace for people: the packet's way from platform to platform, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from apps.cli.screen import BAD, DIM, GOOD, HEAD, WARN, Screen, style_of
from apps.cli.wording import joined

View = Mapping[str, Any]
_SHORT: Final = ("STEP", "DOES", "BECAUSE OF")
_DETAILED: Final = ("STEP", "ASKS FOR", "DOES", "BECAUSE OF", "PLACE")


def show_trace(screen: Screen, trace: View, verbose: bool = False) -> None:
    """The whole way, then the verdict."""
    packet = trace["packet"]
    screen.line(("Packet  ", HEAD), packet["text"])
    for note in trace["notes"]:
        screen.line((f"  {note}", WARN))
    for visit in trace["visits"]:
        _show_visit(screen, visit, verbose)
    _show_check(screen, trace["check"])
    _show_verdict(screen, trace)


def _show_visit(screen: Screen, visit: View, verbose: bool) -> None:
    over = f", over {visit['link']}" if visit["link"] else ""
    screen.line((f"\n{visit['platform']}", HEAD), f"  in by port {_port(visit)}{over}")
    if visit["steps"]:
        columns, show = (_DETAILED, _step_in_detail) if verbose else (_SHORT, _step)
        screen.table(columns, map(show, visit["steps"]), 2)
    if verbose:
        _show_registers(screen, visit)
    for note in visit["notes"]:
        screen.line((f"  {note}", WARN))
    for out in visit["outputs"]:
        _show_output(screen, out)
    for why in visit["to_controller"]:
        screen.line((f"  → a copy to the controller: {why}", DIM))


def _step(step: View) -> tuple[str, ...]:
    owner = step["owner"]
    where = (f"line {owner['line']}" if owner.get("line") else owner.get("place")) if owner else None
    because = f"{owner_text(owner)} ({where})" if where else owner_text(owner)
    return (_where(step), step["actions"] or "drop", because)


def _step_in_detail(step: View) -> tuple[str, ...]:
    owner = step["owner"]
    return (_where(step), step["match"] or "-", step["actions"] or "drop", owner_text(owner), place_text(owner))


def _where(step: View) -> str:
    return str(step["where"]).removeprefix("table ")


def owner_text(owner: View | None) -> str:
    """Whose rule it is."""
    return f"{owner['kind']} {owner['name']}" if owner else "-"


def place_text(owner: View | None) -> str:
    """Where its owner stands in the document."""
    if not owner or not owner.get("place"):
        return "-"
    line = owner.get("line")
    return f"{owner['place']}, line {line}" if line else str(owner["place"])


def _show_registers(screen: Screen, visit: View) -> None:
    last = visit["steps"][-1]["registers"] if visit["steps"] else {}
    if last:
        screen.line((f"  noted: {', '.join(f'{name} {value}' for name, value in last.items())}", DIM))


def _show_output(screen: Screen, out: View) -> None:
    over = f", {out['link']}" if out["link"] else ""
    changed = (f"  {joined(out['changed'])}", DIM) if out["changed"] else ""
    style = GOOD if out["up"] else BAD
    screen.line(("  → ", style), f"out of port {_port(out)}{over}{'' if out['up'] else ', which is down'}", changed)


def _port(view: View) -> str:
    return f"{view['port']} ({view['port_name']})" if view.get("port_name") else str(view["port"])


def _show_check(screen: Screen, check: View | None) -> None:
    if check is None:
        return
    screen.line(("\nThe bridges themselves  ", HEAD), (check["result"].replace("_", " "), style_of(check["result"])))
    for hop in check["hops"]:
        if hop["result"] != "agree":
            screen.line(f"  {hop['platform']} port {hop['port']}: {hop['result'].replace('_', ' ')}: {hop['detail']}")
        if hop["result"] == "differs":
            screen.line(f"    expected {joined(hop['expected'])}, found {joined(hop['found'])}")


def _show_verdict(screen: Screen, trace: View) -> None:
    verdict = trace["verdict"]
    reason = f" ({trace['reason']})" if trace["reason"] else ""
    screen.line(
        (f"\n{verdict.replace('_', ' ').upper()}", style_of(verdict)),
        f"{reason}  {trace['message']}",
    )
    if trace["remedy"]:
        screen.line(f"To let it pass: {trace['remedy']}")
    for loop in trace["loops"]:
        screen.line(f"  again and again by {loop}")
    if not trace["confirmed"]:
        screen.line(("Not all switches on the way have confirmed these rules yet.", WARN))
