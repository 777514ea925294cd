"""Takes known secrets out of text, in each of the forms in which programs print them."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator
from urllib.parse import quote

from pydantic import SecretStr

MASK = "***"
SHORTEST = 4
"""Shorter values are left alone: to replace every `a` would hide the text, not the secret."""


class Redactor:
    """Replaces secrets by `***`. Holds them in memory only, and shows none of them in its own text."""

    def __init__(self, secrets: Iterable[SecretStr]) -> None:
        forms = sorted({form for secret in secrets for form in forms_of(secret.get_secret_value())}, key=len)
        self._pattern = re.compile("|".join(re.escape(form) for form in reversed(forms))) if forms else None
        self.longest = len(forms[-1]) if forms else 0
        """Characters of the longest form: what must be known beyond a place where text is cut."""

    def __repr__(self) -> str:
        return "Redactor(***)"

    def __call__(self, text: str) -> str:
        return self._pattern.sub(MASK, text) if self._pattern else text

    def up_to(self, text: str, limit: int) -> str:
        """The first `limit` characters of `text`, redacted: a secret that the limit cuts is replaced as well."""
        if self._pattern is None:
            return text[:limit]
        return "".join(self._pieces(self._pattern, text, limit))

    @staticmethod
    def _pieces(pattern: re.Pattern[str], text: str, limit: int) -> Iterator[str]:
        position = 0
        for found in pattern.finditer(text):
            if found.start() >= limit:
                break
            yield text[position : found.start()]
            yield MASK
            position = found.end()
        yield text[position : max(position, limit)]


def forms_of(secret: str) -> Iterator[str]:
    """The secret as it stands, line by line, and as JSON, a URL and base64 write it."""
    if len(secret.strip()) < SHORTEST:
        return
    yield secret
    # Output is read by lines, so a key of several lines is only ever met in pieces.
    yield from (line for line in map(str.strip, secret.splitlines()) if len(line) >= 2 * SHORTEST)
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    yield quote(secret, safe="")
    yield base64.b64encode(secret.encode()).decode().rstrip("=")
