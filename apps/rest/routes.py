"""What a route declares: what it takes and answers, who may ask. Requests are checked by it, documents made of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

from webob import Request, Response

from apps.rest.media import JSON, YAML
from apps.rest.problems import Reason

Scope: TypeAlias = Literal["read", "write", "open"]
"""Who may ask: those who may read, who may change, or anybody (probes)."""
_EVERYWHERE: Final = (
    Reason.NOT_READABLE,
    Reason.NO_LENGTH,
    Reason.TOO_LARGE,
    Reason.NOT_ACCEPTABLE,
    Reason.OTHER_ORIGIN,
    Reason.TOO_FAST,
    Reason.INTERNAL,
)
_SCOPED: Final[dict[Scope, tuple[Reason, ...]]] = {
    "open": (),
    "read": (Reason.UNAUTHENTICATED,),
    "write": (Reason.UNAUTHENTICATED, Reason.OUT_OF_SCOPE),
}


@dataclass(frozen=True, slots=True)
class Query:
    """A query parameter; `choices` is the closed list of its values, `pattern` how they look, where there is such."""

    name: str
    about: str
    choices: tuple[str, ...] = ()
    required: bool = False
    repeated: bool = False
    pattern: str | None = None


@dataclass(frozen=True, slots=True)
class Body:
    """What a request brings: a model (of pydantic), in one of several media types."""

    model: Any
    about: str
    media: tuple[str, ...] = (JSON, YAML)
    required: bool = True


@dataclass(frozen=True, slots=True)
class Answer:
    """What comes back with one status: a model (of pydantic; None: no body), and when."""

    model: Any
    about: str


@dataclass(frozen=True, slots=True)
class Call:
    """A request that its route takes: names from the path, checked query values, the media type to answer in."""

    request: Request
    names: Mapping[str, str]
    query: Mapping[str, tuple[str, ...]]
    media: str

    def first(self, name: str) -> str | None:
        """The value of a query parameter that is not repeated."""
        return next(iter(self.query.get(name, ())), None)

    def says(self, name: str) -> bool:
        """Whether a query parameter is ``true``."""
        return self.first(name) == "true"


Handler: TypeAlias = Callable[[Call], Response]


@dataclass(frozen=True, slots=True)
class Route:
    """A method on a path (``/api/v1/servers/{name}``), what it is about and what it takes."""

    method: str
    path: str
    about: str
    handler: Handler
    queries: tuple[Query, ...] = ()
    media: tuple[str, ...] = (JSON,)
    body: Body | None = None
    answers: Mapping[int, Answer] = field(default_factory=dict)
    reasons: tuple[Reason, ...] = ()
    """Why it may refuse, apart from what every route refuses (`all_reasons`)."""
    scope: Scope = "read"
    steps: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", steps_of(self.path))

    @property
    def all_reasons(self) -> tuple[Reason, ...]:
        """Every reason that a problem of this route can have."""
        body = (Reason.WRONG_MEDIA, Reason.TOO_SLOW) if self.body else ()
        named = (Reason.UNKNOWN_PATH,) if "{" in self.path else ()  # a name with a slash in it is none
        return tuple(dict.fromkeys((*self.reasons, *body, *named, *_SCOPED[self.scope], *_EVERYWHERE)))

    def match(self, steps: Sequence[str]) -> dict[str, str] | None:
        """The names in a path of this shape; None where it has another."""
        if len(steps) != len(self.steps):
            return None
        names = {}
        for own, given in zip(self.steps, steps, strict=True):
            if own.startswith("{") and given:
                names[own[1:-1]] = given
            elif own != given:
                return None
        return names


def steps_of(path: str) -> tuple[str, ...]:
    """A path in parts."""
    return tuple(path.split("/"))
