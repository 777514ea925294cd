"""`millrace token`, against a gateway that answers as told."""

from __future__ import annotations

import json

import httpx
import pytest

from deployments.cli import token_commands
from spine.errors import InvalidInputError
from tests.unit.deployments.command_line import run_command


@pytest.mark.parametrize(("words", "sent"), [([], 90), (["--days", "3"], 3), (["--days", "0"], None)], ids=str)
def test_a_token_ends_after_its_days_or_never(
    monkeypatch: pytest.MonkeyPatch, words: list[str], sent: int | None
) -> None:
    asked: list[int | None] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(json.loads(request.content)["days"])
        return httpx.Response(201, json={"token": "mr_1"})

    made = run_command(monkeypatch, token_commands, answer, "token", "create", "y", *words)
    assert (made.exit_code, made.stdout, asked) == (0, "mr_1\n", [sent])


def test_days_before_today_are_refused_with_what_is_meant_by_0(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        raise AssertionError("nothing is asked for")

    refused = run_command(monkeypatch, token_commands, answer, "token", "create", "y", "--days", "-3")
    assert isinstance(refused.exception, InvalidInputError) and "0 (no end) or more" in refused.exception.message
