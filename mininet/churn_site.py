"""Where a fabric is changed and where it is watched: streams between the ends of one link, changes elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edits import with_link, with_trunk
from stream import Flow

from controller.model.spec import Document, link_name

if TYPE_CHECKING:
    from lab import Lab

_STORM = 10_000
"""A flooded stream of 1,000/s is not to meet the storm control."""
_EXTRA = "extra"


@dataclass(frozen=True)
class Site:
    """`near`: the platforms that are watched; `far`: the others; `spare`: a link that ends at none that is watched."""

    near: tuple[str, str]
    far: tuple[str, ...]
    spare: str | None

    @classmethod
    def of(cls, document: Document) -> Site:
        """The ends of the first link are watched; raises `ValueError` for a document without a link."""
        if not document.links:
            raise ValueError("the document has no link: nothing to watch")
        near = _ends_of(document, next(iter(document.links)))
        apart = (name for name in document.links if not set(_ends_of(document, name)) & set(near))
        return cls(near, tuple(sorted(document.platforms.keys() - set(near))), next(apart, None))

    def extra_ends(self, document: Document) -> tuple[str, str] | None:
        """The trunks of a second link beside the spare one."""
        if self.spare is None:
            return None
        one, other = _ends_of(document, self.spare)
        return f"{one}.{_EXTRA}", f"{other}.{_EXTRA}"

    def prepared(self, document: Document) -> Document:
        """The document with room for floods, trunks for the second link, and links that fail by their carrier alone.

        On a busy machine BFD takes links to have failed; that is another experiment's matter.
        """
        document = document.model_copy(update={"storm": _STORM, "bfd": 0})
        for end in self.extra_ends(document) or ():
            document = with_trunk(document, end.split(".")[0], _EXTRA)
        return document

    def plug(self, lab: Lab) -> None:
        """Plug in the second link's cable: from now on the document alone decides what it is."""
        if ends := self.extra_ends(lab.document):
            lab.add_link(with_link(lab.document, *ends).links[link_name(*ends)])

    def flows(self, document: Document) -> list[Flow]:
        """Streams between the watched platforms: IPv4, IPv6 where both have it, flooded."""
        found: list[Flow] = []
        for segment in document.segments:
            here, there = (_members(document, segment, platform) for platform in self.near)
            if here and there:
                six = all(any(ip.version == 6 for ip in document.servers[name].ip) for name in (here[-1], there[-1]))
                found += [Flow(here[0], there[0]), Flow(there[-1], here[-1], 6 if six else 4)]
                found += [Flow(there[0], here[-1], flooded=True)]
        return found[:6]


def _ends_of(document: Document, link: str) -> tuple[str, str]:
    one, other = (end.split(".")[0] for end in document.links[link].ends)
    return one, other


def _members(document: Document, segment: str, platform: str) -> list[str]:
    servers = document.servers.items()
    return [name for name, spec in servers if (spec.segment, spec.platform) == (segment, platform) and spec.ip]
