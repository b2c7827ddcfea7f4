"""The file of tokens: read again when it changes, refused where everybody may read it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from apps.rest.tokens import BadTokens, Token, read_tokens

_EVERYBODY: Final = 0o007


class TokenFile:
    """The tokens that hold. Raises `BadTokens` at first; a file that turns bad later changes nothing but `problem`."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.problem: str | None = None
        self.tokens: Mapping[str, Token] = {}
        self._seen = self._stamp()
        self.tokens = self._read()

    def refresh(self) -> bool:
        """Read the file again if it is another; whether the tokens are."""
        seen = self._stamp()
        if seen == self._seen:
            return False
        self._seen = seen
        try:
            self.tokens, self.problem = self._read(), None
        except BadTokens as problem:
            self.problem = f"{problem}; the tokens that were read before hold"
            return False
        return True

    def _stamp(self) -> object:
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino

    def _read(self) -> Mapping[str, Token]:
        try:
            with self.path.open(encoding="utf-8") as file:
                mode = os.fstat(file.fileno()).st_mode & 0o777
                text = file.read()
        except (OSError, UnicodeDecodeError) as problem:
            raise BadTokens(f"{self.path}: the tokens cannot be read: {problem}") from problem
        if mode & _EVERYBODY:
            raise BadTokens(f"{self.path} is open to everybody (mode {mode:04o}): expected 0600 or 0640")
        return read_tokens(text, str(self.path))
