"""What `millrace jobs` asks the gateway for."""

from __future__ import annotations

import httpx
import pytest

from deployments.cli import review_commands
from tests.unit.deployments.command_line import run_command


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

    run_command(monkeypatch, review_commands, answer, "jobs", *words)
    assert heard == [asked]
