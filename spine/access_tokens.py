"""Access tokens that an administrator hands out: who they are for, what they allow, until when.

Stored in `tokens` under their id, for good, so that a list shows the ended ones too. Of the secret only a digest is
kept: it has 256 bits from the system's generator, which no guessing of digests comes near.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import timedelta
from typing import Final, Literal

from pydantic import BaseModel, Field, SecretStr

from spine.contracts.timestamps import Timestamp, iso, utc_now
from spine.documents import TOKENS, Page, page_of
from spine.errors import NotFoundError
from spine.idempotency import new_id
from spine.ports import Document, Documents

RoleName = Literal["viewer", "editor", "admin"]
_MARK: Final = "mlr"
_SECRET_BYTES: Final = 32


class AccessToken(BaseModel):
    """What is known of a token; its secret is shown once, when it is made."""

    token_id: str
    name: str = Field(description="who or what uses it")
    role: RoleName
    created: Timestamp = Field(default_factory=utc_now)
    expires: Timestamp | None = Field(default=None, description="null: never")
    revoked: Timestamp | None = None

    @property
    def is_valid(self) -> bool:
        return self.revoked is None and (self.expires is None or self.expires > utc_now())


class AccessTokens:
    """Makes, finds and ends tokens. Holds no state: a token that was revoked is refused by the next request."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    async def create(self, name: str, role: RoleName, days: int | None = None) -> tuple[AccessToken, SecretStr]:
        """A new token and the text that its holder sends; `days` until it ends, None for never."""
        expires = utc_now() + timedelta(days=days) if days is not None else None
        token = AccessToken(token_id=new_id("token"), name=name, role=role, expires=expires)
        secret = secrets.token_urlsafe(_SECRET_BYTES)
        await self._documents.insert(TOKENS, {**_to_document(token), "digest": _digest(secret)})
        return token, SecretStr(f"{_MARK}.{token.token_id}.{secret}")

    async def by_secret(self, text: str) -> AccessToken | None:
        """The valid token that this text is; None for any other text."""
        mark, _, rest = text.partition(".")
        token_id, _, secret = rest.partition(".")
        if mark != _MARK or not secret or len(text) > 200:
            return None
        document = await self._documents.get(TOKENS, token_id)
        if document is None or not hmac.compare_digest(document["digest"], _digest(secret)):
            return None
        token = token_from(document)
        return token if token.is_valid else None

    async def is_valid(self, token_id: str) -> bool:
        document = await self._documents.get(TOKENS, token_id)
        return document is not None and token_from(document).is_valid

    async def revoke(self, token_id: str) -> AccessToken:
        """End the token now; one that has ended stays as it was. `NotFoundError` for an unknown id."""
        where = {"_id": token_id, "revoked": None}
        await self._documents.update(TOKENS, where, set={"revoked": iso(utc_now())})
        document = await self._documents.get(TOKENS, token_id)
        if document is None:
            raise NotFoundError(f"There is no token {token_id}.")
        return token_from(document)

    async def page(self, *, limit: int, cursor: str | None) -> Page:
        """Newest first; the items are documents of `token_from`."""
        return await page_of(self._documents, TOKENS, None, sort=[("created", -1)], limit=limit, cursor=cursor)


def is_access_token(text: str) -> bool:
    """Whether the text has the form of a token that was made here, valid or not."""
    return text.startswith(f"{_MARK}.token_")


def token_from(document: Document) -> AccessToken:
    fields = {name: value for name, value in document.items() if name not in ("_id", "digest")}
    return AccessToken(token_id=document["_id"], **fields)


def _to_document(token: AccessToken) -> Document:
    fields = token.model_dump(mode="json")
    return {"_id": fields.pop("token_id"), **fields}


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()
