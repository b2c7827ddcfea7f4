"""What `-f` names: a whole document, sent as it is written, or resources to make one by one."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from apps.cli.failures import Misused
from apps.cli.kinds import KINDS, Kind, find_kind
from controller.model.wording import describe, did_you_mean, listed

_KEYS: Final = ("kind", "name", "spec")
_GIVEN: Final = ("origin", "status")
"""What `get -o yaml` says beside, and nobody asks for."""
_WITHIN: Final = ("servers", "uplinks")
"""Kinds that stand within their platform in a document."""


@dataclass(frozen=True)
class Asked:
    """One resource that a file asks for."""

    kind: Kind
    name: str
    spec: Mapping[str, Any]


@dataclass(frozen=True)
class Given:
    """A file: `resources` that it asks for, or, where there are none, the `text` of a document."""

    source: str
    text: str
    resources: tuple[Asked, ...] = ()


def read_file(path: Path) -> Given:
    """Read what ``-f`` names; raises `Misused` where it cannot be read, or asks for nothing that makes sense."""
    source = "standard input" if str(path) == "-" else str(path)
    text = _text(path, source)
    value = _value(text)
    if isinstance(value, list):
        return Given(source, text, _in_order(_asked(item, f"[{place}]", source) for place, item in enumerate(value)))
    if isinstance(value, dict) and {"kind", "spec"} & value.keys():
        return Given(source, text, (_asked(value, "", source),))
    return Given(source, text)


def _text(path: Path, source: str) -> str:
    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise Misused(f"{source} cannot be read: {getattr(error, 'strerror', None) or 'it is not UTF-8'}") from None
    if not text.strip():
        raise Misused(f"{source} is empty: expected a document, or resources")
    return text


def _value(text: str) -> Any:
    """The values in a text; nothing where it is no YAML: the controller says what is wrong, and in which line."""
    from controller.model.document_yaml import Text
    from controller.model.problems import DocumentError

    try:
        return Text(text, "").value
    except DocumentError:
        return None


def _asked(item: Any, place: str, source: str) -> Asked:
    where = f"{source}: {place}".removesuffix(": ")
    if not isinstance(item, dict):
        raise Misused(f"{where}: expected a resource (kind, name, spec), found {describe(item)}")
    unknown = next((key for key in item if key not in (*_KEYS, *_GIVEN)), None)
    if unknown is not None:
        raise Misused(f"{where}: unknown key {unknown}{did_you_mean(unknown, _KEYS)}: expected {listed(_KEYS)}")
    missing = next((key for key in _KEYS if key not in item), None)
    if missing is not None:
        raise Misused(f"{where}: {missing} is missing: a resource has {listed(_KEYS)}")
    if not isinstance(item["kind"], str) or not isinstance(item["name"], str):
        raise Misused(f"{where}: expected kind and name as text")
    return Asked(find_kind(item["kind"]), item["name"], item["spec"])


def _in_order(resources: Iterable[Asked]) -> tuple[Asked, ...]:
    """So that each comes after those that it may refer to."""
    return tuple(sorted(resources, key=lambda asked: KINDS.index(asked.kind)))


def merge(document: dict[str, Any], resources: Iterable[Asked]) -> dict[str, Any]:
    """A document with some resources made or replaced in it."""
    for asked in resources:
        _add(document, asked)
    return document


def _add(document: dict[str, Any], asked: Asked) -> None:
    section, spec = asked.kind.plural, dict(asked.spec)
    if section in _WITHIN:
        platforms = document.setdefault("platforms", {})
        for platform in platforms.values():
            platform.get(section, {}).pop(asked.name, None)
        home = platforms.setdefault(str(spec.pop("platform", "")), {})
        home.setdefault(section, {})[asked.name] = spec
    elif section == "links":
        others = [link for link in document.get("links", ()) if _link_name(link) != asked.name]
        document["links"] = [*others, spec]
    else:
        within = document.setdefault(section, {})
        kept = {key: within.get(asked.name, {}).get(key) for key in _WITHIN}
        within[asked.name] = spec | {key: value for key, value in kept.items() if value}


def _link_name(link: Any) -> str:
    ends = link["ends"] if isinstance(link, dict) else link
    return "--".join(sorted(map(str, ends)))
