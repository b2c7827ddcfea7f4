"""The one shape that every resource has: name, origin, spec, status."""

from __future__ import annotations

from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict

from controller.model.alarms import Alarm
from controller.model.desired import Origin
from controller.model.spec import Spec


class View(BaseModel):
    """Base of all that is shown: immutable, and no field that the model does not name."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Status(View):
    """What is so now; each kind narrows `state` to its closed list."""

    state: str
    alarms: tuple[Alarm, ...] = ()
    """Those that are about this resource."""
    reasons: tuple[str, ...] = ()
    """Why what the API made is `inactive`: it does not go with the document's file."""


SpecT = TypeVar("SpecT", bound=Spec)
StatusT = TypeVar("StatusT", bound=Status)


class Resource(View, Generic[SpecT, StatusT]):
    """One resource; the spec of a learned one is what would declare it as it is seen."""

    name: str
    origin: Origin
    """`file`: the document says so; `api`: somebody said so over the API; `learned`: it was found."""
    spec: SpecT
    status: StatusT


ItemT = TypeVar("ItemT", bound=View)


class Listing(View, Generic[ItemT]):
    """Several of a kind, by name."""

    items: tuple[ItemT, ...]
