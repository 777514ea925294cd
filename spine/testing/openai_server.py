"""A loopback server that speaks the OpenAI wire format, with scripted answers and faults on demand.

    with OpenAiServer([failure(429, retry_after=1), text('{"title": "Emma"}')]) as server:
        os.environ["OPENAI_BASE_URL"] = server.base_url
        …
        assert server.calls[0].prompt == "…"

Every POST is answered by the script, whatever its path, so other providers' SDKs can be pointed here too (give
them recorded bodies with `Answer(body=…)`); GET …/models lists the models. In a process of its own:
`python -m spine.testing.openai_server --port 0` prints its base URL as the first line. It listens on loopback only
and ends with its `with` block or process.
"""

from __future__ import annotations

import argparse
import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

from spine.testing.loopback_server import ConnectionHandler, LoopbackServer
from spine.testing.schema_example import example_of

_LONGEST_HANG = 600.0


@dataclass(frozen=True, slots=True)
class Call:
    """A request as it came; header names in lower case."""

    path: str
    headers: Mapping[str, str]
    body: dict[str, Any]

    @property
    def model(self) -> str:
        return str(self.body.get("model", ""))

    @property
    def system(self) -> str:
        return "\n".join(self._said_by("system"))

    @property
    def prompt(self) -> str:
        """What the user said last."""
        said = self._said_by("user")
        return said[-1] if said else ""

    @property
    def tool(self) -> dict[str, Any] | None:
        """The first tool on offer: `{name, description, parameters}`."""
        tools = self.body.get("tools") or []
        return tools[0].get("function") if tools else None

    @property
    def schema(self) -> dict[str, Any] | None:
        """The JSON Schema the answer should fit: of the tool, else of the response format."""
        if self.tool:
            return self.tool.get("parameters")
        return (self.body.get("response_format") or {}).get("json_schema", {}).get("schema")

    def _said_by(self, role: str) -> list[str]:
        messages: list[dict[str, Any]] = self.body.get("messages") or []
        return [_plain(message.get("content")) for message in messages if message.get("role") == role]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server does with one call. `body` (JSON, or text or bytes as they are) stands in for the usual one."""

    text: str | None = None
    tool_arguments: Mapping[str, Any] | str | None = None
    tool_name: str = "final_result"
    finish_reason: str | None = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: Any = None
    content_type: str = "application/json"
    usage: tuple[int, int] | None = (100, 20)  # input and output tokens
    delay: float = 0.0  # seconds
    hangs: bool = False
    keep_bytes: int | None = None  # send only the first of them, then close


Script = Callable[[Call], Answer | str] | Sequence[Answer | str]
"""A function of the call, or answers in order, of which the last one repeats. A string is `text`."""


def text(content: str, **more: Any) -> Answer:
    """A completion with this content."""
    return Answer(text=content, **more)


def tool(arguments: Mapping[str, Any] | str, name: str = "final_result", **more: Any) -> Answer:
    """A completion that calls a tool."""
    return Answer(tool_arguments=arguments, tool_name=name, **more)


def failure(
    status: int,
    message: str = "scripted failure",
    *,
    code: str | None = None,
    kind: str | None = None,
    retry_after: float | str | None = None,
) -> Answer:
    """An error as OpenAI words it."""
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    error = {"message": message, "type": kind, "param": None, "code": code}
    return Answer(status=status, headers=headers, body={"error": error})


def hang() -> Answer:
    """No answer until the server closes."""
    return Answer(hangs=True)


def truncated(content: str = '{"title": "half an ans', keep_bytes: int = 60) -> Answer:
    """The response breaks off in the middle of its JSON, and so does the connection."""
    return Answer(text=content, keep_bytes=keep_bytes)


def example(call: Call) -> Answer:
    """Something valid for whatever schema the call brings; without one, a sentence."""
    schema = call.schema
    if schema is None:
        return text(f"An answer to {len(call.prompt.split())} words.")
    made = example_of(schema)
    return tool(made, call.tool["name"]) if call.tool else text(json.dumps(made))


class OpenAiServer(LoopbackServer):
    """Answers by its script, which may be replaced at any time. `calls` keeps every request in order of arrival."""

    def __init__(self, script: Script = example, *, port: int = 0, models: Sequence[str] = ("gpt-4",)) -> None:
        super().__init__(_Connection, port=port)
        self.script = script
        self.models = list(models)
        self.calls: list[Call] = []
        self._lock = threading.Lock()

    @property
    def base_url(self) -> str:
        """For OpenAI's clients, which want the version in it."""
        return f"{self.url}/v1"

    @property
    def count(self) -> int:
        return len(self.calls)

    def answer_to(self, call: Call) -> Answer:
        """Record the call and take the script's next answer."""
        with self._lock:
            self.calls.append(call)
            place = len(self.calls) - 1
        scripted = self.script(call) if callable(self.script) else self.script[min(place, len(self.script) - 1)]
        return text(scripted) if isinstance(scripted, str) else scripted

    def pause(self, answer: Answer) -> bool:
        """Wait as the answer says; False when there is nothing to send afterwards."""
        if answer.hangs:
            self.closing.wait(_LONGEST_HANG)
            return False
        return not self.closing.wait(answer.delay) if answer.delay else True


def completion(call: Call, answer: Answer) -> dict[str, Any]:
    """The chat completion that carries the answer."""
    message: dict[str, Any] = {"role": "assistant", "content": answer.text}
    if answer.tool_arguments is not None:
        arguments = answer.tool_arguments
        written = arguments if isinstance(arguments, str) else json.dumps(arguments)
        called = {"name": answer.tool_name, "arguments": written}
        message["tool_calls"] = [{"id": "call_00001", "type": "function", "function": called}]
    finish = answer.finish_reason or ("stop" if answer.tool_arguments is None else "tool_calls")
    made: dict[str, Any] = {
        "id": "chatcmpl-scripted",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": call.model,
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
    }
    if answer.usage:
        asked, answered = answer.usage
        made["usage"] = {"prompt_tokens": asked, "completion_tokens": answered, "total_tokens": asked + answered}
    return made


class _Connection(ConnectionHandler[OpenAiServer]):
    def do_GET(self) -> None:
        if not self.path.rstrip("/").endswith("/models"):
            self._send(Answer(status=404), {"error": {"message": f"no page {self.path}"}})
            return
        models = self.served.models
        listed = [{"id": name, "object": "model", "created": 0, "owned_by": "scripted"} for name in models]
        self._send(Answer(), {"object": "list", "data": listed})

    def do_POST(self) -> None:
        call = Call(self.path, self.named(), json.loads(self.content() or b"{}"))
        answer = self.served.answer_to(call)
        if not self.served.pause(answer):
            self.close_connection = True
            return
        self._send(answer, completion(call, answer) if answer.body is None else answer.body)

    def _send(self, answer: Answer, body: object) -> None:
        payload = body if isinstance(body, bytes) else (body if isinstance(body, str) else json.dumps(body)).encode()
        self.send_response(answer.status)
        for name, value in {"Content-Type": answer.content_type, **answer.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.close_connection = self.close_connection or answer.keep_bytes is not None
        try:
            self.wfile.write(payload[: answer.keep_bytes])
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True  # the caller has given up


def _plain(content: object) -> str:
    """Message content is text or a list of parts."""
    if isinstance(content, list):
        parts = cast("list[dict[str, Any]]", content)
        return "".join(str(part.get("text", "")) for part in parts)
    return str(content or "")


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until the process is ended."""
    parser = argparse.ArgumentParser(prog="python -m spine.testing.openai_server", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0: a free one; the first line printed is the base URL")
    parser.add_argument("--text", help="answer every call with this content; default: an example of the call's schema")
    parser.add_argument("--delay", type=float, default=0.0, metavar="SECONDS", help="before each answer")
    parser.add_argument("--status", type=int, help="fail every call with this status")
    parser.add_argument("--retry-after", type=float, metavar="SECONDS", help="with --status")
    parser.add_argument("--fail-first", type=int, metavar="N", help="only the first N calls fail")
    options = parser.parse_args(arguments)
    server = OpenAiServer(port=options.port)
    server.script = _command_script(options, server)
    server.serve(server.base_url)


def _command_script(options: argparse.Namespace, server: OpenAiServer) -> Callable[[Call], Answer]:
    status: int | None = options.status

    def script(call: Call) -> Answer:
        if status is not None and (options.fail_first is None or server.count <= options.fail_first):
            return replace(failure(status, retry_after=options.retry_after), delay=options.delay)
        answer = example(call) if options.text is None else text(options.text)
        return replace(answer, delay=options.delay)

    return script


if __name__ == "__main__":
    main()
