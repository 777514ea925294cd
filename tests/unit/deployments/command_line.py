"""Commands of `millrace` run here, against a gateway that answers as told."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from deployments import gateway_client
from deployments.cli.application import new_application

Answer = Callable[[httpx.Request], httpx.Response]


def run_command(monkeypatch: pytest.MonkeyPatch, commands: ModuleType, answer: Answer, *words: str) -> Any:
    """The result of `millrace` with these words, which are one of the `commands`."""

    @contextmanager
    def gateway() -> Generator[httpx.Client]:
        with httpx.Client(transport=httpx.MockTransport(answer), base_url="http://gateway.test") as client:
            yield client

    monkeypatch.setattr(gateway_client, "gateway", gateway)
    app = new_application()
    commands.register(app)
    return CliRunner().invoke(app, words)
