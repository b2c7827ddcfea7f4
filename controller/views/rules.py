"""How what a switch holds compares with what it should hold, in counts."""

from __future__ import annotations

from collections.abc import Iterable

from controller.rules.reconciler import SwitchRules, differs
from controller.views.resource import View


class RuleCounts(View):
    """Rules by outcome of the comparison (`controller.rules.reconciler`)."""

    missing: int = 0
    proper: int = 0
    excess: int = 0
    misconfigured: int = 0
    refused: int = 0
    """The switch would not take them; not counted as missing too."""
    foreign: int = 0
    """Rules of somebody else, left alone."""


def count_rules(switch: SwitchRules) -> RuleCounts:
    """Count one switch's rules; the cost is that of what differs."""
    missing = excess = misconfigured = 0
    for key in switch.pending - switch.refused.keys():
        if key not in switch.wanted:
            excess += key in switch.installed
        elif key not in switch.installed:
            missing += 1
        else:
            misconfigured += differs(switch, key)
    unwell = missing + misconfigured + len(switch.refused.keys() & switch.wanted.keys())
    return RuleCounts(
        missing=missing,
        proper=len(switch.wanted) - unwell,
        excess=excess,
        misconfigured=misconfigured,
        refused=len(switch.refused),
        foreign=len(switch.foreign),
    )


def add_rules(counts: Iterable[RuleCounts]) -> RuleCounts:
    """The sum over several switches."""
    each = tuple(counts)
    return RuleCounts(**{name: sum(getattr(one, name) for one in each) for name in RuleCounts.model_fields})
