"""What the Prefect server says about saved language-model credentials, asked without their keys."""

from __future__ import annotations

import httpx

from spine.contracts.pipelines import Credential
from spine.errors import ExternalServiceError

_SLUG = "language-model-credentials"
"""`blocks.language_model.LanguageModelCredentials`; importing it would bring all of Prefect along."""


async def saved_credentials(client: httpx.AsyncClient) -> dict[str, Credential]:
    """Every saved credential by its name; `ExternalServiceError` when the server does not answer."""
    try:
        answer = await client.get(f"/block_types/slug/{_SLUG}/block_documents", params={"include_secrets": False})
        if answer.status_code == 404:
            return {}
        answer.raise_for_status()
    except httpx.HTTPError as error:
        raise ExternalServiceError("The Prefect server does not answer.", service="prefect") from error
    return {
        block["name"]: Credential(name=block["name"], provider=block["data"].get("provider"))
        for block in answer.json()
        if block.get("name")
    }
