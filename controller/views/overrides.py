"""Overrides: how a link or a platform is to be used, whoever asked for it."""

from __future__ import annotations

from collections.abc import Collection

from controller.model.desired import Key
from controller.model.fabric import AdminState
from controller.views.changed import Changed
from controller.views.kinds import Kind
from controller.views.reading import Reading
from controller.views.resource import View


class Override(View):
    """`up`: as it can be; `drain`: only what has no other way; `down`: not at all."""

    state: AdminState


class ChangedOverride(Override, Changed):
    """An override that was changed."""


def view_override(reading: Reading, key: Key) -> Override:
    """A resource's own override."""
    return Override(state=reading.fabric.admin_of(key))


def with_override(state: AdminState, changed: Changed) -> ChangedOverride:
    """An override together with what became of the change."""
    return ChangedOverride(state=state, **dict(changed))


def override_names(reading: Reading, kind: Kind) -> Collection[str]:
    """What can be overridden: what there is, and what is overridden though it is not there now."""
    return {*kind.names(reading), *(name for section, name in reading.fabric.admin if section == kind.plural)}
