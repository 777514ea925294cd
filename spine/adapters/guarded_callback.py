"""Posting a signed body to a receiver under the URL guard."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

import httpx

from spine.errors import ExternalServiceError
from spine.http_status import REDIRECTS, status_error
from spine.sink_port import PostCallback


def posting_callbacks(client: httpx.AsyncClient) -> PostCallback:
    """`client` is a guarded one; the receiver's answer is not read beyond its status."""

    async def post(url: str, body: bytes, headers: Mapping[str, str]) -> None:
        service = urlsplit(url).hostname or url
        try:
            async with client.stream(
                "POST", url, content=body, headers=dict(headers), follow_redirects=False
            ) as answer:
                status, heard = answer.status_code, answer.headers
        except httpx.HTTPError as error:
            raise ExternalServiceError(
                f"{service} could not be reached: {error or type(error).__name__}.", service=service
            ) from error
        if status in REDIRECTS:
            raise ExternalServiceError(f"{service} redirects; save the final address.", service=service, status=status)
        if refused := status_error(status, heard, service=service):
            raise refused

    return post
