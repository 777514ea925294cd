"""What the command line makes of a gateway that is away, comes back, or does not know the token."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from deployments import gateway_client
from deployments.gateway_client import follow_job
from deployments.stack.environment import load_environment, save_environment
from deployments.stack.home import Home
from spine.errors import AuthenticationError, InvalidInputError
from spine.evaluated_shell import marked
from spine.settings import settings

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


@pytest.fixture
def two_stacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """A shell that has evaluated the environment of `first`, beside a stack `second`."""
    for name, port in (("first", "1111"), ("second", "2222")):
        home = Home(tmp_path / name)
        home.prepare()
        told = {"MILLRACE_HOME": str(home.root), "MILLRACE_PORT": port, "MILLRACE_TOKEN": f"token-of-{name}"}
        save_environment(home, told)
    for name, value in marked(load_environment(Home(tmp_path / "first"))).items():
        monkeypatch.setenv(name, value)
    yield monkeypatch


@pytest.mark.parametrize(
    ("variables", "port", "token"),
    [
        pytest.param({}, 1111, "token-of-first", id="the evaluated stack"),
        pytest.param({"MILLRACE_HOME": "second"}, 2222, "token-of-second", id="the home that is named, not that one"),
        pytest.param({"MILLRACE_TOKEN": ""}, 1111, "token-of-first", id="an empty token is none"),
        pytest.param({"MILLRACE_TOKEN": "mine"}, 1111, "mine", id="a token that a person set"),
        pytest.param(
            {"MILLRACE_HOME": "second", "MILLRACE_TOKEN": "mine", "MILLRACE_PORT": "3"}, 3, "mine", id="all of them set"
        ),
    ],
)
def test_a_command_speaks_to_the_stack_that_is_named(
    two_stacks: pytest.MonkeyPatch, tmp_path: Path, variables: dict[str, str], port: int, token: str
) -> None:
    for name, value in variables.items():
        two_stacks.setenv(name, str(tmp_path / value) if name == "MILLRACE_HOME" else value)
    settings.cache_clear()
    with gateway_client.gateway() as client:
        assert client.base_url.port == port
        assert client.headers["Authorization"] == f"Bearer {token}"


def test_a_token_that_no_header_can_hold_is_named(two_stacks: pytest.MonkeyPatch) -> None:
    two_stacks.setenv("MILLRACE_TOKEN", "ää")
    settings.cache_clear()
    with pytest.raises(InvalidInputError, match="MILLRACE_TOKEN"), gateway_client.gateway():
        pass


@pytest.mark.parametrize("given", ["job_\n", "job_\x00", "job_\udcff"], ids=ascii)
def test_what_no_request_can_hold_is_refused_in_one_line(two_stacks: pytest.MonkeyPatch, given: str) -> None:
    with pytest.raises(InvalidInputError) as refused, gateway_client.gateway() as client:
        client.get(f"/api/jobs/{given}")
    assert len(refused.value.message.splitlines()) == 1


def test_words_that_are_not_utf_8_are_refused_in_one_line(two_stacks: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidInputError, match="UTF-8"), gateway_client.gateway() as client:
        client.post("/api/messages", json={"user_message": "a\udcff"})


def test_a_token_of_another_stack_is_said_to_be_one() -> None:
    client = a_client(lambda _: httpx.Response(401, json={"detail": "Send a token."}))
    with client, pytest.raises(AuthenticationError, match="does not know this token"):
        client.get("/api/jobs")
