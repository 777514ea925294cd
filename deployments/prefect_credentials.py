"""What the Prefect server has saved, asked over plain HTTP: credentials without their keys, accounts with theirs."""

from __future__ import annotations

from typing import Any

import httpx

from spine.contracts.pipelines import Credential
from spine.errors import ExternalServiceError

_SLUG = "language-model-credentials"
"""`blocks.language_model.LanguageModelCredentials`; importing it would bring all of Prefect along."""


async def saved_credentials(client: httpx.AsyncClient) -> dict[str, Credential]:
    """Every saved credential by its name; `ExternalServiceError` when the server does not answer."""
    values = await saved_values(client, _SLUG, include_secrets=False)
    return {name: Credential(name=name, provider=data.get("provider")) for name, data in values.items()}


async def saved_values(
    client: httpx.AsyncClient, slug: str, *, include_secrets: bool = True
) -> dict[str, dict[str, Any]]:
    """The values of every saved block of the type by name; empty when the type was never registered.

    `ExternalServiceError` when the server does not answer.
    """
    try:
        answer = await client.get(
            f"/block_types/slug/{slug}/block_documents", params={"include_secrets": include_secrets}
        )
        if answer.status_code == 404:
            return {}
        answer.raise_for_status()
    except httpx.HTTPError as error:
        raise ExternalServiceError("The Prefect server does not answer.", service="prefect") from error
    return {block["name"]: block["data"] for block in answer.json() if block.get("name")}
