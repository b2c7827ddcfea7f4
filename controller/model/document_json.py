"""JSON text to plain values, with the same outcome as `controller.model.document_yaml`: a value, and what is odd."""

from __future__ import annotations

import json
from typing import Any, Final

from controller.model.document_yaml import MAX_DEPTH
from controller.model.problems import DocumentError, Found, Place, Problem
from controller.model.wording import quoted


class JsonText:
    """A document as plain values (`value`) and keys written twice (`found`); lines of JSON are told of syntax alone."""

    lines: Final[dict[Place, int]] = {}

    def __init__(self, text: str, source: str) -> None:
        """Read (RFC 8259); raises `DocumentError` where the text is no JSON, or nested too deeply."""
        self.found: list[Found] = []
        try:
            self.value = json.loads(text, object_pairs_hook=self._mapping, parse_constant=_refuse_constant)
        except json.JSONDecodeError as error:
            problem = Problem(f"column {error.colno}", f"not readable as JSON: {error.msg}", error.lineno)
            raise DocumentError(source, [problem]) from None
        except ValueError as error:
            raise DocumentError(source, [Problem("", f"not readable as JSON: {error}")]) from None
        except RecursionError:
            raise _too_deep(source) from None
        if _is_deeper(self.value, MAX_DEPTH):
            raise _too_deep(source)

    def _mapping(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        values = dict(reversed(pairs))
        if len(values) < len(pairs):
            names = [name for name, _ in pairs]
            self.found += [((name,), "written twice") for name in values if names.count(name) > 1]
        return {name: values[name] for name, _ in pairs}


def _refuse_constant(text: str) -> Any:
    raise ValueError(f"{quoted(text)} is no number")


def _is_deeper(value: Any, levels: int) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return levels < 0 or any(_is_deeper(each, levels - 1) for each in inner if isinstance(each, (dict, list)))


def _too_deep(source: str) -> DocumentError:
    return DocumentError(source, [Problem("", f"expected at most {MAX_DEPTH} levels, found more")])
