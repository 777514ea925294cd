"""Access tokens for people and programs: making them, listing them, ending them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from gateway.dependencies import AdminOnly, Context
from gateway.listing import Cursor, Limit, Listing, listing
from spine.access_tokens import AccessToken, AccessTokens, RoleName, token_from

router = APIRouter(prefix="/api/tokens", tags=["operations"], dependencies=[AdminOnly])


class NewToken(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)] = Field(
        description="who or what will use it", examples=["editorial team"]
    )
    role: RoleName = Field(default="viewer", description="viewer looks, editor works, admin configures")
    days: int | None = Field(default=90, ge=1, le=3650, description="until it ends; null: never")


class MadeToken(AccessToken):
    """`token` is shown this once; only a digest is kept."""

    token: str = Field(description="send it as `Authorization: Bearer …`, or log in with it")


@router.get("", summary="List access tokens, newest first")
async def list_tokens(context: Context, limit: Limit = 50, cursor: Cursor = None) -> Listing[AccessToken]:
    return listing(await AccessTokens(context.documents).page(limit=limit, cursor=cursor), token_from)


@router.post("", status_code=201, summary="Make an access token")
async def make_token(new: NewToken, context: Context) -> MadeToken:
    token, secret = await AccessTokens(context.documents).create(new.name, new.role, new.days)
    return MadeToken(**token.model_dump(), token=secret.get_secret_value())


@router.post("/{token_id}/revoke", summary="End an access token now")
async def revoke_token(token_id: str, context: Context) -> AccessToken:
    """Its sessions and links end with it."""
    return await AccessTokens(context.documents).revoke(token_id)
