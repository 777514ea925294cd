"""Secrets that are easy to recognise in any form, servers that repeat them, and every place where one could turn up."""

from __future__ import annotations

import asyncio
import json
import secrets
from base64 import b64encode
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from prefect.client.orchestration import get_client
from prefect.logging.handlers import APILogHandler
from pydantic import SecretStr
from redis.asyncio import Redis
from websockets.asyncio.client import connect

from spine.adapters.system_resolver import SystemResolver
from spine.contracts.jobs import Job
from spine.documents import INDEXES
from spine.services import Services
from spine.submissions import ReviewDesk
from spine.testing.loopback_site import SiteAnswer, SiteRequest
from spine.testing.openai_server import Answer, Call, example, failure, text
from spine.url_guard import UrlGuard
from tests.conftest import until
from tests.gateway.gateway_desk import Desk, open_desk, serving

IN_THE_ENVIRONMENT = (
    "OPENAI_API_KEY",
    "GROQ_API_KEY",
    "MISTRAL_API_KEY",
    "ANTHROPIC_API_KEY",
    "TAVILY_API_KEY",
    "MILLRACE_TOKEN",
    "MILLRACE_SESSION_KEY",
    "TELEGRAM_BOT_TOKEN",
)
IN_BLOCKS = ("BLOCK_OPENAI", "BLOCK_GROQ", "BLOCK_WORDPRESS", "BLOCK_SEARCH")


class Canary(str):
    """A secret with characters that JSON, addresses and HTML write differently."""

    @classmethod
    def hatch(cls, name: str) -> Canary:
        """WordPress shows its passwords in groups, so that one has blanks."""
        halves = secrets.token_hex(6), secrets.token_hex(6)
        made = cls(" ".join(halves) if "WORDPRESS" in name else f'{halves[0]}/+"{halves[1]}')
        made.halves = halves
        return made

    halves: tuple[str, str]

    @property
    def traces(self) -> tuple[str, ...]:
        """What is left of it in every form: its halves, which no escape changes, and the core of its base64."""
        coded = (b64encode(f"{'x' * before}{self}".encode()).decode()[4:-4] for before in range(3))
        return (*self.halves, *coded)


CANARIES = {name: Canary.hatch(name) for name in (*IN_THE_ENVIRONMENT, *IN_BLOCKS)}


def found_in(places: dict[str, str]) -> list[tuple[str, str]]:
    """Place and name of every canary that is told there."""
    return [
        (place, name)
        for place, told in places.items()
        for name, canary in CANARIES.items()
        if any(trace in told for trace in canary.traces)
    ]


# -- servers that repeat what they were sent -----------------------------------------------------------------------


def key_of(call: Call) -> str:
    return str(call.headers.get("authorization") or call.headers.get("x-api-key"))


def echo_in_refusal(call: Call) -> Answer:
    """A server that says with which key it was asked."""
    return failure(401, f"Incorrect API key provided: {key_of(call)}", code="invalid_api_key")


def echo_in_failure(call: Call) -> Answer:
    """A server that shows its whole request, once as text and once as base64."""
    headers = json.dumps(dict(call.headers))
    return failure(500, f"internal error; the headers were {headers}, {b64encode(headers.encode()).decode()}")


def echo_in_nonsense(call: Call) -> Answer:
    return text(json.dumps({"colour": key_of(call), key_of(call): 1}))


def echo_in_answer(call: Call) -> Answer:
    """A valid answer that has the key in every one of its texts."""
    said = example(call)
    filled = {
        name: f"{key_of(call)} {value}" if isinstance(value, str) else value
        for name, value in dict(said.tool_arguments or {}).items()  # type: ignore[arg-type]
    }
    if "content" in filled:
        filler = "The tide pays back every hour. " * 120
        filled["content"] = f"## One\n\n{key_of(call)} {filler}\n\n## Two\n\nThe end of it."
    return Answer(tool_arguments=filled, tool_name=said.tool_name)


ECHOES = [echo_in_refusal, echo_in_failure, echo_in_nonsense, echo_in_answer]


def claude_body(call: Call, arguments: dict[str, Any]) -> dict[str, Any]:
    """A message as Anthropic words it, with a tool call in it."""
    used = {"type": "tool_use", "id": "toolu_1", "name": "final_result", "input": arguments}
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": call.model,
        "content": [{"type": "text", "text": key_of(call)}, used],
        "stop_reason": "tool_use",
        "stop_sequence": None,
        "usage": {"input_tokens": 10, "output_tokens": 5},
    }


def refusing_site(request: SiteRequest) -> SiteAnswer:
    """A WordPress that refuses everybody and says with which password they came."""
    told = {"code": "rest_forbidden", "message": f"You came with {request.headers.get('authorization')}"}
    return SiteAnswer(json.dumps(told), status=401, content_type="application/json")


def repeating_search(request: SiteRequest) -> SiteAnswer:
    """A web search whose hits speak of the book, and of the key they were asked with."""
    key = request.headers.get("authorization")
    hit = {
        "title": f"The Tide Clock {key}",
        "url": f"https://pages.example/?{key}",
        "content": f"The Tide Clock by Ilse Marrow {key}",
        "score": 0.9,
    }
    return SiteAnswer(json.dumps({"answer": key, "results": [hit]}), content_type="application/json")


# -- everywhere that something is told -----------------------------------------------------------------------------


async def documents_of(services: Services) -> str:
    """Every document of every collection."""
    return json.dumps({name: await services.documents.find(name) for name in INDEXES}, default=str, ensure_ascii=False)


async def redis_of(redis: Redis) -> str:
    """Every key with its value: stage results, progress, queues."""
    readers = {
        b"string": redis.get,
        b"hash": redis.hgetall,
        b"stream": redis.xrange,
        b"set": redis.smembers,
        b"list": lambda key: redis.lrange(key, 0, -1),
        b"zset": lambda key: redis.zrange(key, 0, -1, withscores=True),
    }
    told = [(key, await readers[await redis.type(key)](key)) async for key in redis.scan_iter(count=1000)]
    assert told
    return repr(told).replace("\\\\", "\\")


async def prefect_of(jobs: Sequence[Job]) -> str:
    """Flow runs with parameters and states, task runs, artifacts, logs, events, and blocks as the API shows them.

    Logs and task runs reach the server in batches: those of the jobs are there when each one's last line and the end
    of a task of it are.
    """
    runs = {job.flow_run_id for job in jobs}
    await APILogHandler.aflush()
    async with get_client() as client:

        async def are_recorded() -> bool:
            lines, tasks = await _all_of(client, "logs"), await _all_of(client, "task_runs")
            logged = {line["flow_run_id"] for line in lines if line["message"].startswith("Finished in state")}
            mine = [task for task in tasks if task["flow_run_id"] in runs]
            return runs <= logged and runs == {task["flow_run_id"] for task in mine if task["end_time"]}

        await until(are_recorded, within=20)
        told = [await _all_of(client, kind) for kind in ("flow_runs", "task_runs", "artifacts", "logs")]
        events = await client._client.post("/events/filter", json={"limit": 50})
    assert all(told)
    return json.dumps([*told, events.json()], ensure_ascii=False) + await blocks_of()


async def blocks_of() -> str:
    """Saved blocks as Prefect's API and UI show them."""
    async with get_client() as client:
        return json.dumps(await _all_of(client, "block_documents"), ensure_ascii=False)


async def _all_of(client: Any, kind: str, page: int = 200) -> list[Any]:
    found: list[Any] = []
    while True:
        answer = await client._client.post(f"/{kind}/filter", json={"limit": page, "offset": len(found)})
        items = answer.raise_for_status().json()
        found += items
        if len(items) < page:
            return found


def files_below(folder: Path, *, but: Iterable[str] = ()) -> str:
    """The bytes of every file, as far as they can be read as text; `but` are names of files that hold secrets."""
    hidden = set(but)
    files = [path for path in folder.rglob("*") if path.is_file() and path.name not in hidden]
    assert files, folder
    return "\n".join(path.read_bytes().decode(errors="replace") for path in files)


async def gateway_of(services: Services, submission_id: str, jobs: Sequence[Job]) -> str:
    """Every answer of the API about these, its refusals, its pages, and every frame of the WebSocket."""
    desk: Desk = await open_desk(
        documents=services.documents,
        ledger=services.ledger,
        desk=ReviewDesk(services.documents, services.ledger),
        progress=services.progress,
        check_url=UrlGuard(SystemResolver()).check,
        admin_token=SecretStr(CANARIES["MILLRACE_TOKEN"]),
        session_key=SecretStr(CANARIES["MILLRACE_SESSION_KEY"]),
    )
    token, job_ids = CANARIES["MILLRACE_TOKEN"], [job.job_id for job in jobs]
    async with desk.client(token=token) as client:
        answers = [await client.get(path) for path in _paths(submission_id, job_ids)]
        assert [(str(one.url), one.status_code) for one in answers if one.status_code != 200] == []
        answers += [await client.request(*asked[:2], **asked[2]) for asked in _refused(submission_id)]
        assert not {answer.status_code for answer in answers[-len(_refused("")) :]} & {200, 500}
    async with desk.client(token=None) as stranger:
        answers.append(await stranger.get("/login", params={"token": token}))
        answers.append(await stranger.get("/api/jobs", headers={"Authorization": f"Bearer {token}x"}))
    told = [f"{answer.headers} {answer.text}" for answer in answers]
    return "\n".join([*told, *await _frames(desk, job_ids)])


def _paths(submission_id: str, job_ids: Sequence[str]) -> list[str]:
    paths = ["/submissions", "/api/jobs", "/pipelines", "/pipelines/book-review?resolve=true", "/prompts", "/health"]
    paths += ["/metrics", "/api/usage", "/openapi.json", "/docs", "/", "/reviews", "/jobs", "/usage", "/workers"]
    paths += ["/settings", "/configuration", "/configuration/pipelines/book-review"]
    paths += ["/configuration/prompts/book-review-article"]
    one = f"/submissions/{submission_id}"
    paths += [one, f"{one}/article", f"{one}/article/revisions", f"/review/{submission_id}"]
    paths += [f"/review/{submission_id}/{page}" for page in ("changes", "edit", "rerun")]
    for job_id in job_ids:
        paths += [f"/api/jobs/{job_id}", f"/api/jobs/{job_id}/events", f"/run/{job_id}"]
    return paths


def _refused(submission_id: str) -> list[tuple[str, str, dict[str, Any]]]:
    """Requests with a secret in the wrong place; what is said against them must not repeat it."""
    secret = CANARIES["OPENAI_API_KEY"]
    edits = {"provider": secret, "model_id": [secret], "temperature": secret, "max_tokens": secret}
    return [
        ("POST", "/submit", {"json": {"amazon_url": f"https://user:{secret.halves[0]}@shop.example/dp/1"}}),
        ("POST", "/submit", {"json": {"amazon_url": secret, "language": secret, "max_words": secret}}),
        ("POST", "/submit", {"content": f'{{"amazon_url": "{secret}', "headers": {"Content-Type": "application/json"}}),
        ("POST", f"/tasks/{submission_id}/retry_step", {"json": {"stage": "article_generation", "overrides": edits}}),
        ("POST", "/prompts", {"json": {"purpose": secret, "template": 1}}),
        ("GET", "/api/jobs", {"params": {"status": secret}}),
        ("PUT", "/pipelines/book-review", {"json": {"name": "x", "version": "1", "steps": secret}}),
    ]


async def _frames(desk: Desk, job_ids: Sequence[str]) -> list[str]:
    heard: list[str] = []
    headers = {"Authorization": f"Bearer {CANARIES['MILLRACE_TOKEN']}"}
    async with serving(desk.app) as host:
        for job_id in job_ids:
            async with connect(f"ws://{host}/ws/tasks?job={job_id}&since=0", additional_headers=headers) as socket:
                with suppress(TimeoutError):
                    async with asyncio.timeout(10):
                        while not heard or json.loads(heard[-1]).get("status") not in ("SUCCESS", "FAILURE"):
                            heard.append(str(await socket.recv()))
            heard.append("{}")
    assert any("SUCCESS" in frame for frame in heard)
    return heard
