"""Signed, dated claims: what sessions and tickets are made of."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr


@dataclass(frozen=True, slots=True)
class Claim:
    """What was signed. `nonce` is unique per claim; `expires` is in seconds since the epoch."""

    purpose: str
    nonce: str
    expires: float
    data: dict[str, Any]


class Signer:
    """Signs with a key made of the session key and the admin token: changing either ends every session.

    Holds no state. A claim counts until it expires; that it counts once is the `TicketStore`'s business.
    """

    def __init__(self, session_key: SecretStr, admin_token: SecretStr, now: Callable[[], float] = time.time) -> None:
        token = admin_token.get_secret_value().encode()
        self._key = hmac.digest(session_key.get_secret_value().encode(), b"millrace:v1:" + token, "sha256")
        self._now = now

    @property
    def stack_mark(self) -> str:
        """Six characters that tell two stacks on one host apart (cookies do not know ports)."""
        return hashlib.sha256(b"mark:" + self._key).hexdigest()[:6]

    def sign(self, purpose: str, seconds: float, data: dict[str, Any]) -> str:
        """A URL-safe text that `read` accepts for that many seconds, for that purpose only."""
        body = {"p": purpose, "n": secrets.token_urlsafe(12), "x": self._now() + seconds, "d": data}
        payload = _encode(json.dumps(body, separators=(",", ":")).encode())
        return f"{payload}.{_encode(self._signature(payload))}"

    def read(self, purpose: str, text: str) -> Claim | None:
        """The claim, None when it is forged, expired, made for another purpose or no claim at all."""
        payload, _, signature = text.partition(".")
        given = _decode(signature)
        if given is None or not hmac.compare_digest(given, self._signature(payload)):
            return None
        body: dict[str, Any] = json.loads(_decode(payload) or b"{}")
        if body.get("p") != purpose or body.get("x", 0) <= self._now():
            return None
        return Claim(purpose=purpose, nonce=body["n"], expires=body["x"], data=body["d"])

    def _signature(self, payload: str) -> bytes:
        return hmac.digest(self._key, payload.encode(errors="replace"), "sha256")


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes | None:
    try:
        return base64.b64decode(text.encode() + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
