"""Sending JSON under the URL guard, for the few outside APIs that are asked by POST."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx

from spine.errors import ExternalServiceError
from spine.http_status import status_error


async def post_for_json(
    client: httpx.AsyncClient, url: str, body: Mapping[str, Any], headers: Mapping[str, str]
) -> Any:
    """The JSON of the answer. Raises `BlockedUrlError`, `RateLimitError` or `ExternalServiceError`."""
    service = urlsplit(url).hostname or url
    try:
        answer = await client.post(url, json=dict(body), headers=dict(headers))
        error = status_error(answer.status_code, answer.headers, service=service)
        if error is not None:
            raise error
        return answer.json()
    except httpx.HTTPError as error:
        raise ExternalServiceError(
            f"{service} could not be reached: {error or type(error).__name__}.", service=service
        ) from error
    except (ValueError, RecursionError) as error:
        raise ExternalServiceError(f"{service} did not answer with JSON.", service=service) from error
