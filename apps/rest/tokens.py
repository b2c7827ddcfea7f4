"""Tokens that let a client in: made by ``python -m apps.rest.tokens NAME --scope write``, kept as salted hashes.

A token is ``NAME.SECRET``; a line of the file is ``NAME SCOPE scrypt:N:R:P:SALT:HASH`` (RFC 7914, base64). The name in
the token tells which line to compare with, so that a wrong token costs one hash at most.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, get_args

from controller.model.wording import quoted

TokenScope: TypeAlias = Literal["read", "write"]
"""What a client may do: read alone, or change things as well."""
SCOPES: Final[tuple[str, ...]] = get_args(TokenScope)
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_HASHED: Final = re.compile(r"scrypt:(\d{1,7}):(\d{1,2}):(\d{1,2}):([A-Za-z0-9+/=]+):([A-Za-z0-9+/=]+)")
_COST: Final = (2**14, 8, 1)
_MAX_MEMORY: Final = 64 * 1024 * 1024
_SECRET_BYTES: Final = 32
_FORM: Final = "NAME read|write scrypt:N:R:P:SALT:HASH, as `python -m apps.rest.tokens` prints it"


class BadTokens(Exception):
    """A file of tokens cannot be used; the text says why."""


@dataclass(frozen=True, slots=True)
class Token:
    """What is kept of a token: whose it is, what it allows, and the hash of its secret."""

    name: str
    scope: TokenScope
    cost: tuple[int, int, int]
    salt: bytes
    hashed: bytes

    def fits(self, secret: str) -> bool:
        """Whether this is the secret; takes some 50 ms, wherever the two differ."""
        return hmac.compare_digest(_hash(secret, self.salt, self.cost), self.hashed)

    @property
    def line(self) -> str:
        """As it stands in the file."""
        numbers = ":".join(map(str, self.cost))
        return f"{self.name} {self.scope} scrypt:{numbers}:{_text(self.salt)}:{_text(self.hashed)}"


def make_token(name: str, scope: TokenScope) -> tuple[str, str]:
    """A new token and its line for the file; raises `ValueError` where the name cannot be one."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"{quoted(name)} is not a name: expected 1 to 63 of a-z, 0-9, _ and -, not _ or - first")
    secret, salt = secrets.token_urlsafe(_SECRET_BYTES), secrets.token_bytes(16)
    return f"{name}.{secret}", Token(name, scope, _COST, salt, _hash(secret, salt, _COST)).line


def read_tokens(text: str, source: str) -> dict[str, Token]:
    """The tokens of a file, by name; empty lines and those that begin with # are left out. Raises `BadTokens`."""
    found: dict[str, Token] = {}
    for number, line in _lines(text):
        token = _token(line)
        if token is None:
            raise BadTokens(f"{source}, line {number}: expected {_FORM}")
        if token.name in found:
            raise BadTokens(f"{source}, line {number}: {token.name} has a line already: expected one")
        found[token.name] = token
    if not found:
        raise BadTokens(f"{source} has no token: expected at least one line, {_FORM}")
    return found


def _lines(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.startswith("#"):
            yield number, line


def _token(line: str) -> Token | None:
    words = line.split()
    hashed = _HASHED.fullmatch(words[-1]) if len(words) == 3 else None
    if hashed is None or not _NAME.fullmatch(words[0]) or words[1] not in SCOPES:
        return None
    cost = (int(hashed[1]), int(hashed[2]), int(hashed[3]))
    scope: TokenScope = "write" if words[1] == "write" else "read"
    try:
        return Token(words[0], scope, cost, _bytes(hashed[4]), _bytes(hashed[5])) if _is_cost(cost) else None
    except ValueError:
        return None


def _is_cost(cost: tuple[int, int, int]) -> bool:
    """Whether scrypt takes these numbers, within the memory that it may have."""
    n, r, p = cost
    return n > 1 and n & (n - 1) == 0 and r > 0 and 0 < p <= 16 and 128 * r * (n + p + 2) < _MAX_MEMORY


def _hash(secret: str, salt: bytes, cost: tuple[int, int, int]) -> bytes:
    n, r, p = cost
    return hashlib.scrypt(secret.encode(), salt=salt, n=n, r=r, p=p, maxmem=_MAX_MEMORY, dklen=32)


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a new token, which is for the client, and its line, which is for the file."""
    parser = argparse.ArgumentParser(prog="python -m apps.rest.tokens", description="Make a token for the API.")
    parser.add_argument("name", help="whose it is: what the audit log says")
    parser.add_argument("--scope", choices=SCOPES, required=True, help="read alone, or change things as well")
    given = parser.parse_args(arguments)
    try:
        token, line = make_token(given.name, given.scope)
    except ValueError as problem:
        parser.error(str(problem))
    print(f"token, for the client (it is not shown again):\n{token}\n\nline, for the file of api_tokens:\n{line}")


if __name__ == "__main__":
    main()
