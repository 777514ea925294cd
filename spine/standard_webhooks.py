"""Signed webhooks as Standard Webhooks describes them (https://www.standardwebhooks.com)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import Final

from pydantic import SecretStr

ID_HEADER: Final = "webhook-id"
TIMESTAMP_HEADER: Final = "webhook-timestamp"
SIGNATURE_HEADER: Final = "webhook-signature"
_SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - the form of a secret, none


def sign(secret: SecretStr, message_id: str, timestamp: int, body: bytes) -> str:
    """`v1,<base64>`: the signature of the message with this id, moment (Unix seconds) and body.

    A secret that begins with `whsec_` is base64 after that, as the standard has it; any other is taken as it is.
    """
    signed = b".".join([message_id.encode(), str(timestamp).encode(), body])
    code = hmac.new(_key(secret), signed, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(code).decode()}"


def _key(secret: SecretStr) -> bytes:
    text = secret.get_secret_value()
    if not text.startswith(_SECRET_PREFIX):
        return text.encode()
    try:
        return base64.b64decode(text.removeprefix(_SECRET_PREFIX), validate=True)
    except binascii.Error:
        return text.encode()
