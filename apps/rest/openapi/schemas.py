"""The models of all routes as JSON Schema, those that are taken apart from those that are shown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final, Literal, TypeAlias

from pydantic import TypeAdapter

from apps.rest.problems import Reason
from apps.rest.routes import Body, Route
from controller.model.schemas import ENDS, MODE

Plain: TypeAlias = dict[str, Any]
Mode: TypeAlias = Literal["validation", "serialization"]
REFERENCE: Final = "#/components/schemas/"
NULL: Final[Plain] = {"type": "null"}
_NAMES: Final[dict[Mode, str]] = {"validation": "{model}-Input", "serialization": "{model}"}
_SHORT: Final[dict[str, Plain]] = {"LinkSpec": ENDS.read, "Undeclared": MODE.read}
"""What may stand for a whole mapping: a link's ends, how ports learn."""
_RESOURCE: Final = re.compile(r"(Changed)?Resource_(\w+?)Spec_+\w+?Status_")
PROBLEM: Final[Plain] = {
    "title": "Problem",
    "type": "object",
    "description": "Why a request was not carried out (RFC 9457).",
    "required": ["type", "title", "status", "reason", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string", "description": "the status in words"},
        "status": {"type": "integer"},
        "reason": {"type": "string", "enum": sorted(reason.word for reason in Reason)},
        "detail": {"type": "string", "description": "one sentence for people"},
        "problems": {
            "type": "array",
            "description": "all that is wrong with what was sent",
            "items": {
                "type": "object",
                "required": ["place", "message"],
                "properties": {
                    "place": {"type": "string"},
                    "message": {"type": "string"},
                    "line": {"type": ["integer", "null"]},
                },
            },
        },
    },
}


class Schemas:
    """The schema of each model that routes name, and the components that these refer to."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self.components: Plain = {"Problem": PROBLEM}
        self._found: dict[tuple[Any, Mode], Plain] = {}
        routes = list(routes)
        self._add("validation", [route.body.model for route in routes if route.body])
        self._add("serialization", [answer.model for route in routes for answer in route.answers.values()])

    def body(self, body: Body) -> Plain:
        """What a route takes."""
        found = self._found[body.model, "validation"]
        name = found.get("$ref", "").removeprefix(REFERENCE)
        empty = name in self.components and not self.components[name].get("required")
        return {"anyOf": [found, NULL]} if empty else found

    def answer(self, model: Any) -> Plain:
        """What a route shows."""
        return self._found[model, "serialization"]

    def _add(self, mode: Mode, models: Iterable[Any]) -> None:
        adapters: list[TypeAdapter[Any]] = [TypeAdapter(model) for model in _unique(models)]
        inputs = [(index, mode, adapter) for index, adapter in enumerate(adapters)]
        template = REFERENCE + _NAMES[mode]
        found, definitions = TypeAdapter.json_schemas(inputs, ref_template=template)
        for (index, _), schema in found.items():
            self._found[list(_unique(models))[index], mode] = _with_plain_names(schema)
        for name, schema in definitions.get("$defs", {}).items():
            taken = _as_taken(name, schema) if mode == "validation" else schema
            self.components[_plain_name(_NAMES[mode].format(model=name))] = _with_plain_names(taken)


def _unique(models: Iterable[Any]) -> Iterator[Any]:
    return iter(dict.fromkeys(model for model in models if model is not None))


def _plain_name(name: str) -> str:
    """``Resource_ServerSpec_ServerStatus_`` is a ``Server`` to everybody else."""
    resource = _RESOURCE.sub(r"\1\2", name)
    return re.sub(r"^Listing_(\w+)_$", r"\1Listing", resource)


def _with_plain_names(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(key, inner) for key, inner in value.items()}
    return [_with_plain_names(each) for each in value] if isinstance(value, list) else value


def _plain(key: str, value: Any) -> Any:
    """References have other names here, and no client knows Python's None."""
    if key == "$ref":
        return REFERENCE + _plain_name(value.removeprefix(REFERENCE))
    if key == "description" and isinstance(value, str):
        return value.replace("``", "`").replace("None:", "null:")
    return _with_plain_names(value)


def _as_taken(name: str, schema: Plain) -> Plain:
    """What need not be given may be null; some mappings have a short form."""
    required = schema.get("required", ())
    fields = {
        field: value if field in required else _or_null(value) for field, value in schema.get("properties", {}).items()
    }
    whole = {**schema, "properties": fields}
    return {"anyOf": [whole, _SHORT[name]]} if name in _SHORT else whole


def _or_null(schema: Plain) -> Plain:
    if NULL in schema.get("anyOf", ()):
        return schema
    outer: Plain = {key: schema[key] for key in ("description", "default", "title") if key in schema}
    inner = {key: value for key, value in schema.items() if key not in outer}
    return {**outer, "anyOf": [*inner.get("anyOf", [inner]), NULL]}
