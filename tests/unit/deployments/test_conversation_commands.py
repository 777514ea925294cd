"""`millrace say`, `forget`, `queues` and `purge`, against a gateway that answers as told."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from deployments.cli import conversation_commands
from spine.errors import InvalidInputError, NotFoundError
from tests.unit.deployments.command_line import Answer, run_command


def run(monkeypatch: pytest.MonkeyPatch, answer: Answer, *words: str) -> Any:
    return run_command(monkeypatch, conversation_commands, answer, *words)


def answering(job: dict[str, Any]) -> Answer:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/api/messages":
            said = json.loads(request.content)
            assert said["user_message"] == "Hello" and said["fire_and_forget"] is False
            return httpx.Response(202, json={"queued": True, "job_id": "j1", "task_id": "j1", "trace_id": "t"})
        if request.url.path.endswith("/events"):
            return httpx.Response(200, json={"items": []})
        return httpx.Response(200, json=job)

    return answer


def test_say_waits_for_the_reply_and_prints_it(monkeypatch: pytest.MonkeyPatch) -> None:
    job = {"job_id": "j1", "status": "SUCCESS", "result": {"text": "Nevermore."}}
    done = run(monkeypatch, answering(job), "say", "Hello", "--persona", "poe")
    assert (done.exit_code, done.stdout) == (0, "Nevermore.\n")


def test_say_tells_why_there_is_no_reply(monkeypatch: pytest.MonkeyPatch) -> None:
    job = {"job_id": "j1", "status": "DEAD", "error": {"message": "No model answered."}}
    done = run(monkeypatch, answering(job), "say", "Hello")
    assert done.exit_code == 1 and "No model answered." in done.stderr


def test_say_prints_a_reply_that_was_made_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    reply = {"queued": False, "job_id": "j", "task_id": "j", "trace_id": "t", "response": "Nevermore."}
    done = run(monkeypatch, lambda request: httpx.Response(200, json=reply), "say", "Hello")
    assert (done.exit_code, done.stdout) == (0, "Nevermore.\n")


def test_queues_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    figures = {
        "queue": "llm",
        "depth": 3,
        "oldest_age": 1.5,
        "in_flight": 2,
        "rate_per_minute": 60,
        "lanes": ["live"],
        "width": 200,
    }
    shown = run(monkeypatch, lambda request: httpx.Response(200, json={"items": [figures]}), "queues")
    assert shown.exit_code == 0 and "2/200" in shown.stdout and "live" in shown.stdout
    machine = run(monkeypatch, lambda request: httpx.Response(200, json={"items": [figures]}), "queues", "--json")
    assert json.loads(machine.stdout) == [figures]


def test_a_purge_happens_only_when_it_is_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            return httpx.Response(200, json={"items": [{"queue": "llm"}]})
        asked.append(request.url.path)
        return httpx.Response(200, json={"queue": "llm", "revoked": 4})

    refused = run(monkeypatch, answer, "purge", "llm")
    assert isinstance(refused.exception, InvalidInputError) and "--yes" in refused.exception.message and asked == []
    done = run(monkeypatch, answer, "purge", "llm", "--yes")
    assert done.exit_code == 0 and asked == ["/api/queues/llm/purge"] and "4 jobs" in done.stdout


def test_a_person_is_forgotten_only_when_it_is_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, bytes]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append((request.method, request.url.raw_path))
        return httpx.Response(200, json={"turns": 4, "followups": 1, "orders": 0, "orders_kept": 1, "jobs": 2})

    refused = run(monkeypatch, answer, "forget", "web:a/b?c")
    assert isinstance(refused.exception, InvalidInputError) and "--yes" in refused.exception.message and asked == []
    done = run(monkeypatch, answer, "forget", "web:a/b?c", "--yes")
    assert done.exit_code == 0 and asked == [("DELETE", b"/api/conversations/web%3Aa%2Fb%3Fc")]
    assert "4 turns" in done.stdout and "1 orders that a CRM has stay" in done.stdout


@pytest.mark.parametrize("words", [["purge", "nosuch"], ["purge", "nosuch", "--yes"]], ids=" ".join)
def test_a_queue_that_there_is_not_is_named_with_the_command_that_lists_them(
    monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            return httpx.Response(200, json={"items": [{"queue": "llm"}]})
        raise NotFoundError("There is no queue 'nosuch'; `GET /api/queues` lists them.")

    refused = run(monkeypatch, answer, *words)
    assert isinstance(refused.exception, NotFoundError)
    assert "'nosuch'" in refused.exception.message and "`millrace queues`" in refused.exception.message
