"""Webhooks of senders that cannot sign: they repeat a secret in the header `X-Millrace-Secret`.

That proves who sends as long as nobody listens, and nothing about body or time; whoever can sign should.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence

from spine.errors import AuthenticationError, NotConfiguredError
from spine.standard_webhooks import ID_HEADER, is_message_id, signing_key

SECRET_HEADER = "x-millrace-secret"  # noqa: S105 - the header's name

_SIGNING_PREFIX = "whsec_"


def is_secret(given: str | None, secrets: Sequence[str]) -> bool:
    """Whether the header's text is one of the secrets. All are compared, so that the time tells nothing."""
    heard = (given or "").encode(errors="replace")
    return bool(sum(hmac.compare_digest(heard, secret.encode()) for secret in secrets if secret))


def recognised(secrets: Sequence[str], headers: Mapping[str, str], body: bytes) -> str:
    """What identifies the message: its `webhook-id` where the sender gives one, else the digest of its body.

    Raises `AuthenticationError` for another secret, or for an id that is none.
    """
    if not is_secret(headers.get(SECRET_HEADER), secrets):
        raise AuthenticationError("The secret of this request is none of the source.")
    given = headers.get(ID_HEADER)
    if given is None:
        return f"sha256:{hashlib.sha256(body).hexdigest()}"
    if not is_message_id(given):
        raise AuthenticationError(f"{ID_HEADER} must have 1 to 200 printable characters.")
    return given


def check_secret(secret: str) -> None:
    """`NotConfiguredError` for a text that can neither sign nor stand in a header. The message never repeats it."""
    if secret.strip().startswith(_SIGNING_PREFIX):
        signing_key(secret)
    elif not is_message_id(secret):
        raise NotConfiguredError(
            "A secret is base64 text such as whsec_… for signatures, or 1 to 200 printable characters for the header.",
            what="webhook secret",
        )


def signing(secrets: Sequence[str]) -> list[str]:
    """Those that signatures can be made with."""
    return [secret for secret in secrets if _signs(secret)]


def _signs(secret: str) -> bool:
    try:
        return bool(signing_key(secret))
    except NotConfiguredError:
        return False
