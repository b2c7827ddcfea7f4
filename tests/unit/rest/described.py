"""That an answer is as the API's own description says, judged by a validator that knows none of our models."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from apps.rest.http import Router
from apps.rest.openapi.document import describe
from apps.rest.routes import steps_of

_HERE = "urn:description"


@dataclass(frozen=True)
class Description:
    """An API's description."""

    document: Any

    @cached_property
    def _registry(self) -> Any:
        return Registry().with_resource(_HERE, Resource.from_contents(self.document, DRAFT202012))

    def fits(self, schema: Any, value: Any) -> bool:
        """Whether a value is as a schema says."""
        return self.problem_of(schema, value) is None

    def problem_of(self, schema: Any, value: Any) -> str | None:
        """What is wrong with a value."""
        here = json.loads(json.dumps(schema).replace('"#/', f'"{_HERE}#/'))
        validator = Draft202012Validator(here, registry=self._registry, format_checker=FormatChecker())
        error = next(validator.iter_errors(value), None)
        return None if error is None else f"{error.json_path}: {error.message}"

    def check(self, method: str, path: str, status: int, media: str, body: bytes) -> None:
        """Fails where the answer is not one of those described; what is described nowhere is not judged."""
        operation = self._operation(method, path)
        if operation is None:
            return
        answer = operation["responses"].get(str(status))
        assert answer is not None, f"{method} {path}: {status} is not described"
        content = answer.get("content", {})
        assert not body or media in content, f"{method} {path}: {status} with {media} is not described"
        if media.endswith("json"):
            problem = self.problem_of(content[media]["schema"], json.loads(body))
            assert problem is None, f"{method} {path}: {status} is not as described: {problem}"

    def _operation(self, method: str, path: str) -> Any:
        steps = steps_of(path)
        for template, verbs in self.document["paths"].items():
            parts = template.split("/")
            pairs = list(zip(parts, steps, strict=False))
            if len(parts) == len(steps) and all(part == step or (part[:1] == "{" and step) for part, step in pairs):
                return verbs.get(method.lower())
        return None


_KNOWN: dict[tuple[tuple[str, str], ...], Description] = {}


def described(router: Router) -> Description:
    """The description of a router's routes, made once for all that have the same."""
    routes = tuple((route.method, route.path) for route in router.routes)
    if routes not in _KNOWN:
        _KNOWN[routes] = Description(describe(router.routes, with_tokens=False))
    return _KNOWN[routes]
