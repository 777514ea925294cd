"""What the Prefect server has saved, asked over plain HTTP: credentials without their keys, accounts with theirs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import httpx

from blocks.saved_blocks import FILTER, SavedValues, read_saved
from spine.contracts.pipelines import Credential
from spine.errors import ExternalServiceError

_SLUG = "language-model-credentials"
"""`blocks.language_model.LanguageModelCredentials`; importing it would bring all of Prefect along."""


async def saved_credentials(client: httpx.AsyncClient) -> dict[str, Credential]:
    """Every saved credential by its name; `ExternalServiceError` when the server does not answer."""
    values = await saved_values(client, [_SLUG], include_secrets=False)
    return {name: Credential(name=name, provider=data.get("provider")) for name, data in values[_SLUG].items()}


async def saved_values(client: httpx.AsyncClient, slugs: Iterable[str], *, include_secrets: bool = True) -> SavedValues:
    """The values of every saved block of the types by name; `ExternalServiceError` when the server does not answer."""

    async def ask(body: dict[str, Any]) -> list[dict[str, Any]]:
        try:
            return (await client.post(FILTER, json=body)).raise_for_status().json()
        except (httpx.HTTPError, ValueError):
            # No link to the error: the text of an answer that cannot be read may hold what was saved.
            raise ExternalServiceError("The Prefect server does not answer.", service="prefect") from None

    return await read_saved(ask, slugs, include_secrets=include_secrets)
