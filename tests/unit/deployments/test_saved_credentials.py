"""What the gateway knows of saved credentials."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from deployments.gateway_process import providers_of_credentials


def _away(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectTimeout("", request=request)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(_away, id="it is away"),
        pytest.param(lambda _: httpx.Response(503), id="it is starting"),
        pytest.param(lambda _: httpx.Response(200, text="<html>"), id="something else answers"),
    ],
)
async def test_saved_credentials_are_unseen_while_the_prefect_server_does_not_answer(
    answer: Callable[[httpx.Request], httpx.Response],
) -> None:
    async with httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="http://prefect.test") as prefect:
        assert await providers_of_credentials(prefect) is None


async def test_without_a_prefect_server_there_are_none_to_be_seen() -> None:
    assert await providers_of_credentials(None) is None


async def test_a_saved_credential_is_known_by_its_name_and_provider() -> None:
    def saved(_: httpx.Request) -> httpx.Response:
        block = {"name": "paid", "data": {"provider": "openai"}, "block_type": {"slug": "language-model-credentials"}}
        return httpx.Response(200, json=[block])

    async with httpx.AsyncClient(transport=httpx.MockTransport(saved), base_url="http://prefect.test") as prefect:
        assert await providers_of_credentials(prefect) == {"paid": "openai"}
