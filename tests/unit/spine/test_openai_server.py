"""The loopback server that stands for a model provider."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import IncompleteRead
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from spine.testing.openai_server import Call, OpenAiServer, completion, failure, hang, text, tool, truncated

PROJECT_ROOT = Path(__file__).resolve().parents[3]


def ask(base_url: str, **body: Any) -> dict[str, Any]:
    """A chat completion, asked for without any SDK."""
    asked = json.dumps({"model": "m", "messages": [{"role": "user", "content": "Hello"}], **body}).encode()
    with urlopen(Request(f"{base_url}/chat/completions", data=asked), timeout=10) as answer:
        return json.load(answer)


def content(answer: dict[str, Any]) -> str:
    return answer["choices"][0]["message"]["content"]


def test_it_lists_its_models() -> None:
    with OpenAiServer(models=["a", "b"]) as server, urlopen(f"{server.base_url}/models") as answer:
        assert [model["id"] for model in json.load(answer)["data"]] == ["a", "b"]


def test_a_list_is_answered_in_order_and_its_last_answer_repeats() -> None:
    with OpenAiServer(["one", text("two")]) as server:
        assert [content(ask(server.base_url)) for _ in range(3)] == ["one", "two", "two"]


def test_a_function_answers_the_call_and_every_call_is_recorded() -> None:
    with OpenAiServer(lambda call: f"{call.model} heard {call.prompt}") as server:
        assert content(ask(server.base_url)) == "m heard Hello"
        assert (server.count, server.calls[0].path) == (1, "/v1/chat/completions")


def test_a_failure_has_its_status_and_retry_after() -> None:
    with OpenAiServer([failure(429, "slow down", retry_after=2)]) as server:
        with pytest.raises(HTTPError) as caught:
            ask(server.base_url)
        assert (caught.value.code, caught.value.headers["Retry-After"]) == (429, "2")
        assert json.load(caught.value)["error"]["message"] == "slow down"


def test_a_truncated_answer_ends_before_its_length() -> None:
    with OpenAiServer([truncated(keep_bytes=40)]) as server, pytest.raises(IncompleteRead):
        ask(server.base_url)


def test_closing_lets_go_of_a_call_that_hangs() -> None:
    with ThreadPoolExecutor(1) as pool, OpenAiServer([hang()]) as server:
        asking = pool.submit(ask, server.base_url)
        while not server.calls:
            time.sleep(0.01)
        server.close()
        with pytest.raises(OSError):
            asking.result(timeout=5)


SCHEMA = {
    "type": "object",
    "properties": {
        "n": {"$ref": "#/$defs/N"},
        "names": {"type": "array", "items": {"type": "string"}},
        "kind": {"enum": ["a", "b"]},
        "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
    },
    "$defs": {"N": {"type": "integer"}},
}
FITTING = {"n": 1, "names": ["example"], "kind": "a", "note": "example"}


def test_without_a_script_it_answers_whatever_schema_is_asked_for() -> None:
    with OpenAiServer() as server:
        by_format = {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}
        assert json.loads(content(ask(server.base_url, response_format=by_format))) == FITTING
        offered = [{"type": "function", "function": {"name": "final_result", "parameters": SCHEMA}}]
        (call,) = ask(server.base_url, tools=offered)["choices"][0]["message"]["tool_calls"]
        assert (call["function"]["name"], json.loads(call["function"]["arguments"])) == ("final_result", FITTING)
        assert content(ask(server.base_url)) == "An answer to 1 words."


def test_a_completion_has_the_fields_that_clients_read() -> None:
    made = completion(Call("/", {}, {"model": "m"}), tool({"a": 1}))
    assert made["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"] == '{"a": 1}'
    assert (made["choices"][0]["finish_reason"], made["usage"]["total_tokens"]) == ("tool_calls", 120)


def test_it_runs_as_a_process_of_its_own() -> None:
    command = [sys.executable, "-m", "spine.testing.openai_server", "--status", "500", "--fail-first", "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=PROJECT_ROOT) as process:
        try:
            assert process.stdout is not None
            base_url = process.stdout.readline().strip()
            assert re.fullmatch(r"http://127\.0\.0\.1:\d+/v1", base_url)
            with pytest.raises(HTTPError):
                ask(base_url)
            assert content(ask(base_url)) == "An answer to 1 words."
        finally:
            process.terminate()
