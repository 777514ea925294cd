"""What `millrace jobs` asks the gateway for."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import httpx
import pytest
from typer.testing import CliRunner

from deployments import gateway_client
from deployments.cli import review_commands
from deployments.cli.application import new_application


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        pytest.param([], {"limit": "20"}, id="the newest twenty"),
        pytest.param(["--limit", "0"], {"limit": "0"}, id="none, which the gateway refuses"),
        pytest.param(["--status", ""], {"limit": "20"}, id="an empty filter is none"),
    ],
)
def test_the_gateway_is_asked_for_what_was_given(
    monkeypatch: pytest.MonkeyPatch, words: list[str], asked: dict[str, str]
) -> None:
    heard: list[dict[str, str]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        heard.append(dict(request.url.params))
        return httpx.Response(200, json={"items": []})

    @contextmanager
    def gateway() -> Generator[httpx.Client]:
        with httpx.Client(transport=httpx.MockTransport(answer), base_url="http://gateway.test") as client:
            yield client

    monkeypatch.setattr(gateway_client, "gateway", gateway)
    app = new_application()
    review_commands.register(app)
    CliRunner().invoke(app, ["jobs", *words])
    assert heard == [asked]
