"""What the command line makes of a gateway that is away, comes back, or does not know the token."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from deployments import gateway_client
from deployments.gateway_client import follow_job
from spine.errors import AuthenticationError

ENDED = {"job_id": "job_1", "status": "SUCCESS"}
EVENTS = [
    {"seq": 1, "type": "log", "message": "before", "status": "PROGRESS"},
    {"seq": 2, "type": "log", "message": "meanwhile", "status": "PROGRESS"},
    {"seq": 3, "type": "state", "message": "", "status": "SUCCESS"},
]


def a_client(answer: Callable[[httpx.Request], httpx.Response]) -> httpx.Client:
    hooks: Any = {"response": [gateway_client._raise_problem]}  # pyright: ignore[reportPrivateUsage]
    return httpx.Client(base_url="http://gateway.test", transport=httpx.MockTransport(answer), event_hooks=hooks)


class Restarting:
    """A gateway that tells one event, is away for so many calls, and then has the rest."""

    def __init__(self, away: int) -> None:
        self.away, self.asked = away, list[int]()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if self.asked and self.away:
            self.away -= 1
            raise httpx.ConnectError("refused", request=request)
        if request.url.path.endswith("/events"):
            since = int(request.url.params["since"])
            self.asked.append(since)
            told = EVENTS[:1] if since == 0 else EVENTS[since:]
            return httpx.Response(200, json={"items": told})
        return httpx.Response(200, json=ENDED)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    def at_once(seconds: float) -> None:
        return

    monkeypatch.setattr(gateway_client.time, "sleep", at_once)


def test_a_gateway_that_restarts_is_waited_for_and_nothing_is_missed(capsys: pytest.CaptureFixture[str]) -> None:
    gateway = Restarting(away=2)
    with a_client(gateway) as client:
        assert [event["seq"] for event in follow_job(client, "job_1")] == [1, 2, 3]
    assert gateway.asked == [0, 1]
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines() == ["The gateway does not answer, trying again …", "The gateway answers again."]


def test_a_gateway_that_never_answered_is_not_waited_for_long() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    with a_client(refuse) as client, pytest.raises(httpx.ConnectError):
        next(follow_job(client, "job_1", patience=1e9, first=0.01))


def test_a_token_of_another_stack_is_said_to_be_one() -> None:
    client = a_client(lambda _: httpx.Response(401, json={"detail": "Send a token."}))
    with client, pytest.raises(AuthenticationError, match="does not know this token"):
        client.get("/api/jobs")
