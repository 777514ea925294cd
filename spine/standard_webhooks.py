"""Signing and verifying webhooks by Standard Webhooks 1.0 (standardwebhooks.com), symmetric signatures (`v1`)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import datetime

from spine.errors import AuthenticationError, NotConfiguredError

ID_HEADER = "webhook-id"
TIMESTAMP_HEADER = "webhook-timestamp"
SIGNATURE_HEADER = "webhook-signature"

TOLERANCE_SECONDS = 300
"""How far the sender's clock may be from ours, and for how long a captured request can be sent again unnoticed by
the clock; the id is remembered for longer."""

_PREFIX = "whsec_"
_MOST_SIGNATURES = 20
_ID = re.compile(r"[\x21-\x7e]{1,200}")
_SECONDS = re.compile(r"[0-9]{1,12}")


def signing_key(secret: str) -> bytes:
    """The bytes behind a secret such as `whsec_MfKQ…` (base64, the prefix is optional); `NotConfiguredError` if none.

    The message never repeats the secret.
    """
    text = secret.strip().removeprefix(_PREFIX)
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not key:
        raise NotConfiguredError("A signing secret must be base64 text, such as whsec_…", what="webhook secret")
    return key


def signature(key: bytes, message_id: str, timestamp: int, body: bytes) -> str:
    """One entry of the signature header: `v1,<base64 of HMAC-SHA256>` over id, time and body."""
    signed = b".".join((message_id.encode(), str(timestamp).encode(), body))
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def signed_headers(secrets: Sequence[str], message_id: str, now: datetime, body: bytes) -> dict[str, str]:
    """The three headers of a request with this body; one signature per secret, for receivers that change theirs."""
    timestamp = int(now.timestamp())
    signatures = [signature(signing_key(secret), message_id, timestamp, body) for secret in secrets]
    return {ID_HEADER: message_id, TIMESTAMP_HEADER: str(timestamp), SIGNATURE_HEADER: " ".join(signatures)}


def verify(secrets: Sequence[str], headers: Mapping[str, str], body: bytes, now: datetime) -> str:
    """The message's id when one of the signatures fits one of the secrets; header names in lower case.

    Raises:
        AuthenticationError: a header is missing or malformed, the time is off by more than `TOLERANCE_SECONDS`, or
            no signature fits. `webhook-id` is signed, so it identifies the message however often it is sent.
        NotConfiguredError: a secret is not base64.
    """
    message_id, timestamp = _id_of(headers), _time_of(headers)
    if abs(now.timestamp() - timestamp) > TOLERANCE_SECONDS:
        raise AuthenticationError(f"{TIMESTAMP_HEADER} is more than {TOLERANCE_SECONDS} s away from the present.")
    expected = [signature(signing_key(secret), message_id, timestamp, body).encode() for secret in secrets]
    given = [entry.encode() for entry in headers.get(SIGNATURE_HEADER, "").split()[:_MOST_SIGNATURES]]
    # All pairs are compared, so that the time tells nothing of which one fits.
    if not sum(hmac.compare_digest(one, other) for one in expected for other in given):
        raise AuthenticationError(f"No {SIGNATURE_HEADER} fits this body.")
    return message_id


def is_message_id(text: str) -> bool:
    return bool(_ID.fullmatch(text))


def _id_of(headers: Mapping[str, str]) -> str:
    found = headers.get(ID_HEADER, "")
    if not is_message_id(found):
        raise AuthenticationError(f"{ID_HEADER} must be there, with 1 to 200 printable characters.")
    return found


def _time_of(headers: Mapping[str, str]) -> int:
    found = headers.get(TIMESTAMP_HEADER, "")
    if not _SECONDS.fullmatch(found):
        raise AuthenticationError(f"{TIMESTAMP_HEADER} must be there, in whole seconds since 1970.")
    return int(found)
