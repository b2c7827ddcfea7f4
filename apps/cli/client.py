"""The API over HTTP: values in, values out, and every failure as one of `failures`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlsplit

from apps.cli.failures import Refused, Unreachable
from controller.model.wording import quoted

if TYPE_CHECKING:
    import requests

BASE: Final = "/api/v1"
YAML: Final = "application/yaml"
_LOOPBACK: Final = ("127.", "::1", "localhost")
_ADVICE: Final = "is the controller running (ryu-manager apps.backplane)? `backplane doctor` looks for the cause"
_REFUSED_ADVICE: Final = {
    "unauthorised": "give a token that may do this: --token-file, or BACKPLANE_TOKEN_FILE",
    "file_owns": "`backplane plan -f` shows what the edited file would do, `backplane reload` has it read again",
}

_PLANNING_S: Final = 60.0
"""What a change, or the plan of one, may take beside: a large fabric is planned before the answer."""

Query = Mapping[str, Any]


@dataclass(frozen=True)
class Client:
    """A controller's API at `url` (``http://127.0.0.1:8080``); `timeout_s` is for one answer.

    `ca` is whom to trust, `cert` who we are (with its key), for https; both are files (PEM).
    """

    url: str
    token: str | None = field(default=None, repr=False)
    ca: str | None = None
    cert: str | None = None
    timeout_s: float = 10.0

    @property
    def is_local(self) -> bool:
        """Whether the controller is on this machine."""
        return (urlsplit(self.url).hostname or "").startswith(_LOOPBACK)

    def get(self, path: str, query: Query | None = None) -> Any:
        """The JSON at a path under the API's base, or at the root (``/readyz``)."""
        return self._json("GET", path, query)

    def get_text(self, path: str, media: str) -> str:
        """The text at a path, in another media type."""
        with self._answer("GET", path, headers={"Accept": media}) as answer:
            answer.encoding = "utf-8"
            return str(answer.text)

    def put(self, path: str, body: Any = None, query: Query | None = None, wait_s: float = 0.0) -> Any:
        """PUT a value as JSON, a text as YAML, or nothing."""
        return self._json("PUT", path, query, body, wait_s)

    def post(self, path: str, body: Any = None, query: Query | None = None, wait_s: float = 0.0) -> Any:
        """POST a value as JSON, or nothing."""
        return self._json("POST", path, query, body, wait_s)

    def delete(self, path: str, query: Query | None = None, wait_s: float = 0.0) -> Any:
        """DELETE what is at a path."""
        return self._json("DELETE", path, query, wait_s=wait_s)

    @contextmanager
    def stream(self, path: str, query: Query, headers: Mapping[str, str], silent_s: float) -> Iterator[Iterator[bytes]]:
        """An answer without an end, piece by piece; silence longer than `silent_s` ends it (`Unreachable`)."""
        with self._answer("GET", path, query, headers=headers, timeout_s=silent_s, stream=True) as answer:
            yield self._pieces(answer)

    def _pieces(self, answer: requests.Response) -> Iterator[bytes]:
        size = None if getattr(answer.raw, "chunked", False) else 1
        with self._translated():
            yield from answer.iter_content(size)

    def _json(self, method: str, path: str, query: Query | None, body: Any = None, wait_s: float = 0.0) -> Any:
        headers, data = _encoded(body)
        timeout_s = self.timeout_s + wait_s + (0.0 if method == "GET" else _PLANNING_S)
        with self._answer(method, path, query, data, headers, timeout_s) as answer:
            return self._read(answer)

    @contextmanager
    def _answer(
        self,
        method: str,
        path: str,
        query: Query | None = None,
        data: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float | None = None,
        stream: bool = False,
    ) -> Iterator[requests.Response]:
        with self._translated():
            answer = self._session.request(
                method,
                self._address(path),
                params=query,
                data=data,
                headers=headers,
                timeout=(min(self.timeout_s, 5.0), timeout_s or self.timeout_s),
                allow_redirects=False,
                stream=stream,
            )
        with answer:
            self._check(answer)
            yield answer

    def _address(self, path: str) -> str:
        return f"{self.url}{path if path in ROOTED else BASE + path}"

    @cached_property
    def _session(self) -> requests.Session:
        import requests

        session = requests.Session()
        session.trust_env = not self.is_local  # no proxy leads to this machine
        session.auth = self._sign  # given as a function, it goes before what ~/.netrc says
        if self.ca:
            session.verify = self.ca
        if self.cert:
            session.cert = self.cert
        return session

    def _sign(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self.token:
            request.headers["Authorization"] = f"Bearer {self.token}"
        return request

    def _check(self, answer: requests.Response) -> None:
        if answer.status_code < 300:
            return
        body = self._read(answer)
        if not isinstance(body, dict) or "status" not in body:
            raise self._stranger(answer)
        if body.get("reason") == "unknown_path":
            body = {**body, "detail": f"the controller does not have {urlsplit(answer.url).path} (yet)"}
        reason = "unauthorised" if answer.status_code in (401, 403) else str(body.get("reason"))
        raise Refused(answer.status_code, body, _REFUSED_ADVICE.get(reason, ""))

    def _read(self, answer: requests.Response) -> Any:
        try:
            return json.loads(answer.content) if answer.content else None
        except ValueError:
            raise self._stranger(answer) from None

    def _stranger(self, answer: requests.Response) -> Unreachable:
        kind = answer.headers.get("Content-Type", "nothing that tells what it is")
        what = f"what answers at {self.url} is not Backplane's API: {answer.status_code} with {kind}"
        return Unreachable(what, "does --api (BACKPLANE_API) name the right address?")

    @contextmanager
    def _translated(self) -> Iterator[None]:
        import requests

        try:
            yield
        except requests.exceptions.SSLError as error:
            advice = "name the certificates to trust: --ca FILE"
            raise Unreachable(f"{self.url} has no certificate that is trusted here: {_cause(error)}", advice) from None
        except requests.exceptions.Timeout:
            raise Unreachable(f"the API at {self.url} did not answer in time", "--timeout gives it more") from None
        except (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema):
            raise Unreachable(f"{quoted(self.url)} is no address of an API", "expected http://HOST:PORT") from None
        except (requests.exceptions.RequestException, OSError) as error:
            raise Unreachable(f"the API at {self.url} cannot be reached: {_cause(error)}", _ADVICE) from None


ROOTED: Final = ("/healthz", "/readyz", "/metrics", "/openapi.json")
"""What is not under the API's base."""


def path_of(*steps: str) -> str:
    """Names as a path: ``/servers/web1``."""
    return "".join(f"/{quote(step, safe='')}" for step in steps)


def _encoded(body: Any) -> tuple[dict[str, str], bytes | None]:
    if body is None:
        return {}, None
    if isinstance(body, str):
        return {"Content-Type": YAML}, body.encode()
    return {"Content-Type": "application/json"}, json.dumps(body).encode()


def _cause(error: BaseException) -> str:
    """The innermost words: what the system said, not through how many layers it came."""
    while inner := getattr(error, "reason", None) or error.__cause__ or error.__context__:
        if not isinstance(inner, BaseException):
            break
        error = inner
    text = getattr(error, "strerror", None) or getattr(error, "verify_message", None) or str(error)
    return str(text).rpartition(": ")[2]
