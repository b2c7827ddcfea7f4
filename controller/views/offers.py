"""The best that can be had where a reservation cannot have what it needs, and what stands in the way."""

from __future__ import annotations

from controller.rates.network import Offer, Way
from controller.views.resource import View


class WayView(View):
    """A direction of a link (`from_platform`: the one that it leaves), or a rate at one of the ends."""

    name: str
    """A link, or whose rate it is: ``port chassis1:1``, ``server web1``."""
    way: str
    """Of a link: the platform that it leaves; of a port: in or out; of a server: fabric, uplink or down."""


class OfferView(View):
    """What a reservation could have now."""

    rate_bps: int
    """Layer-2 bit/s, without FCS and labels; 0: nothing."""
    limited_by: tuple[WayView, ...]
    """What it is that holds no more."""
    held_by: tuple[str, ...]
    """The reservations that hold it, the largest first."""
    message: str


def view_offer(offer: Offer) -> OfferView:
    """An offer."""
    return OfferView(
        rate_bps=offer.rate_bps,
        limited_by=view_ways(offer.limits),
        held_by=offer.holders,
        message=offer.message,
    )


def view_ways(ways: tuple[Way, ...]) -> tuple[WayView, ...]:
    """Ways, each by what it is part of."""
    return tuple(WayView(name=name, way=way) for name, way in ways)
