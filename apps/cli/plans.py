"""A plan for people: what would change, what it may cost, and what speaks against it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from apps.cli.screen import BAD, DIM, GOOD, HEAD, WARN, Screen
from apps.cli.wording import counted, number, rate

Plan = Mapping[str, Any]
_RULES: Final = ("flows", "groups", "meters")
_FATES: Final = (("added", "+", GOOD), ("changed", "~", WARN), ("removed", "-", BAD))
_MOST_NAMED: Final = 8


def show_plan(screen: Screen, plan: Plan, source: str) -> None:
    """The whole plan."""
    screen.line(("Plan ", HEAD), f"{plan['id']} of {source}, at revision {plan['revision']}")
    _show_resources(screen, plan["resources"])
    _show_rules(screen, plan["switches"])
    _show_touched(screen, plan)
    _show_rates(screen, plan["rates"])
    _show_losses(screen, plan["losses"])
    _show_misfits(screen, "It would not fit", plan["refusals"], BAD)
    _show_misfits(screen, "Made over the API, and out of use then", plan["inactive"], WARN)
    _show_faults(screen, plan["faults"])
    _show_verdict(screen, plan)


def _show_resources(screen: Screen, resources: Mapping[str, Sequence[str]]) -> None:
    if not any(resources.values()):
        screen.line("\nNo resource changes.")
        return
    screen.line(("\nResources", HEAD))
    for fate, sign, style in _FATES:
        for name in resources[fate]:
            screen.line((f"  {sign} {name}", style))


def _show_rules(screen: Screen, switches: Mapping[str, Mapping[str, Mapping[str, int]]]) -> None:
    if not switches:
        screen.line("\nNo switch changes.")
        return
    screen.line(("\nRules", HEAD), ("  added + changed ~ deleted -", DIM))
    columns = ("PLATFORM", *(kind.upper() for kind in _RULES))
    screen.table(columns, ((name, *(_delta(rules[kind]) for kind in _RULES)) for name, rules in switches.items()), 2)


def _delta(counts: Mapping[str, int]) -> str:
    signs = (("added", "+"), ("changed", "~"), ("deleted", "-"))
    return " ".join(f"{sign}{number(counts[fate])}" for fate, sign in signs if counts[fate]) or "·"


def _show_touched(screen: Screen, plan: Plan) -> None:
    for title, names in (("Servers", plan["servers"]), ("Paths", plan["paths"])):
        if names:
            screen.line((f"\n{title} touched  ", HEAD), _named([name.replace(">", " → ") for name in names]))


def _show_rates(screen: Screen, rates: Sequence[Mapping[str, Any]]) -> None:
    if not rates:
        return
    screen.line(("\nReservations", HEAD))
    columns = ("NAME", "HAS", "WOULD HAVE", "STATE", "BECAUSE")
    cells = [
        (
            str(change["reservation"]),
            rate(change["was_bps"]),
            rate(change["granted_bps"]),
            str(change["state"]),
            str(change["offer"]["message"]) if change["offer"] else "",
        )
        for change in rates
    ]
    shown = len(columns) if any(row[-1] for row in cells) else len(columns) - 1
    screen.table(columns[:shown], (row[:shown] for row in cells), 2)


def _named(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {more:,} more" if more > 0 else "")


def _show_losses(screen: Screen, losses: Iterable[Mapping[str, str]]) -> None:
    lines = [f"  {loss['who']}: {loss['why']}" for loss in losses]
    if lines:
        screen.line(("\nPackets may be lost", f"bold {WARN}"))
        for line in lines:
            screen.line(line)


def _show_misfits(screen: Screen, title: str, misfits: Iterable[Mapping[str, str]], style: str) -> None:
    lines = [misfit_line(misfit) for misfit in misfits]
    if lines:
        screen.line((f"\n{title}", style))
        for line in lines:
            screen.line(f"  {line}")


def misfit_line(misfit: Mapping[str, Any]) -> str:
    """What of a resource would not fit."""
    return ": ".join(str(part) for part in (misfit["resource"], misfit["place"], misfit["message"]) if part)


def _show_faults(screen: Screen, faults: Iterable[Mapping[str, Any]]) -> None:
    for fault in faults:
        screen.line((f"\n{fault['kind']}: ", BAD), fault["message"])
        for line in fault_lines(fault):
            screen.line(f"  {line}")


def fault_lines(fault: Mapping[str, Any]) -> list[str]:
    """The packet that would come to harm, and its way."""
    failed = [f"while {fault['failed']} is down"] if fault.get("failed") else []
    return [f"packet {fault['packet']}", *failed, *fault["steps"]]


def _show_verdict(screen: Screen, plan: Plan) -> None:
    followed = f"{counted(plan['followed_packets'], 'packet')} followed through the new rules"
    if plan["accepted"]:
        screen.line(("\nNothing speaks against it", GOOD), f": {followed}.")
    else:
        screen.line(("\nRefused", BAD), ": nothing will be changed.")
