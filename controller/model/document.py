"""The fabric document: YAML text to a valid `Document` and back.

Text is read (`document_yaml`), its parts become specs (`document_reader`), and what must hold between them is
checked (`checks`). All problems are reported at once, each with its place.
"""

from __future__ import annotations

from controller.model.checks import check
from controller.model.document_json import JsonText
from controller.model.document_reader import Reader
from controller.model.document_tree import document_tree
from controller.model.document_yaml import Text, to_text
from controller.model.draft import Draft, specs
from controller.model.problems import DocumentError, Problem, to_problems
from controller.model.spec import Document, Undeclared

__all__ = ["DocumentError", "Problem", "build_document", "document_tree", "dump_document", "parse_document"]


def parse_document(text: str, source: str) -> Document:
    """The document that a YAML (or JSON) text holds; `source` names it in messages.

    Raises `DocumentError` with all its problems, or with the first one where the text is no YAML.
    """
    return build_document(Text(text, source), source)


def build_document(read: Text | JsonText, source: str) -> Document:
    """The document that plain values make, which were read already; raises `DocumentError` with all its problems."""
    reader = Reader()
    draft = reader.read(read.value)
    problems = to_problems([*read.found, *reader.found, *check(draft)], read.lines)
    if problems:
        raise DocumentError(source, problems)
    return _document(draft)


def dump_document(document: Document) -> str:
    """A document as YAML text; parsing it gives the same document."""
    return to_text(document_tree(document))


def _document(draft: Draft) -> Document:
    fabric = {entry.name: spec for entry, spec in specs(draft.undeclared)}.get("", Undeclared())
    return Document(
        **draft.settings,
        undeclared=fabric,
        segments={entry.name: spec for entry, spec in specs(draft.segments)},
        platforms={entry.name: spec for entry, spec in specs(draft.platforms)},
        servers={entry.name: spec for entry, spec in specs(draft.servers)},
        uplinks={entry.name: spec for entry, spec in specs(draft.uplinks)},
        links={entry.name: spec for entry, spec in specs(draft.links)},
        reservations={entry.name: spec for entry, spec in specs(draft.reservations)},
    )
