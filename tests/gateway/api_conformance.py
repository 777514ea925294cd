"""The whole documented API called with requests that schemathesis makes, and what every answer must keep to."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from zlib import crc32

import httpx
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from gateway.problems import MEDIA_TYPE, Problem
from spine.contracts.timestamps import utc_now
from spine.documents import JOBS
from spine.standard_webhooks import signed_headers
from tests.gateway.furnishing import (
    SESSION,
    add_cards,
    add_conversation,
    add_graph_job,
    add_personas,
    declared,
    found_passages,
)
from tests.gateway.gateway_desk import BOOK_URL, Desk, open_desk
from tests.gateway.webhook_desk import MANYCHAT, NEW, TELEGRAM, KnownAccounts

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
ROLES = ("viewer", "editor", "admin")
_OURS = {"authorization", "content-length", "webhook-id", "webhook-timestamp", "webhook-signature"}
"""Headers that a made-up request does not get to choose."""


@dataclass
class Api:
    """A furnished gateway with its description, and a caller for each role (None: a stranger). Lives as long as its
    event loop."""

    runner: asyncio.Runner
    desk: Desk
    schema: Any
    callers: dict[str | None, httpx.AsyncClient]
    known: dict[str, list[str]]
    """Names of path parameters with values that lead somewhere."""
    seen: dict[str, set[int]] = field(default_factory=dict[str, set[int]])
    """The statuses that each operation gave."""

    def operations(self) -> dict[str, Any]:
        found = (each.ok() for each in self.schema.get_all_operations())
        return {operation.label: operation for operation in found}

    def check(self, operation: Any, *, examples: int) -> None:
        """That the answers to so many requests are as described, the requests being so or not."""

        @settings(
            max_examples=examples,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @seed(20)
        @given(data=st.data(), chance=st.randoms(use_true_random=False), role=st.sampled_from(ROLES))
        def each(data: st.DataObject, chance: random.Random, role: str) -> None:
            case = data.draw(operation.as_strategy(generation_mode=chance.choice(list(GenerationMode))))
            self._lead_somewhere(case, chance)
            answer = self.runner.run(self._send(case, role))
            self.seen.setdefault(operation.label, set()).add(answer.status_code)
            case.validate_response(answer, checks=CHECKS)
            check_refusal(answer)

        each()

    def send(self, operation: Any, role: str | None, **options: Any) -> httpx.Response:
        """The answer to a request at an address that exists, without a body unless `options` (of httpx) say so."""
        address = re.sub(r"\{(\w+)\}", lambda name: self.known.get(name[1], ["x"])[0], operation.path)
        method = operation.method.upper()
        return self.runner.run(self.callers[role].request(method, address, **options))

    def _lead_somewhere(self, case: Any, chance: random.Random) -> None:
        for name in case.path_parameters or {}:
            if name in self.known and chance.random() < 0.7:
                case.path_parameters[name] = chance.choice(self.known[name])

    async def _send(self, case: Any, role: str) -> httpx.Response:
        told = case.as_transport_kwargs(base_url="http://gateway.test")
        made = requests.Request(**{name: value for name, value in told.items() if name != "timeout"}).prepare()
        content = made.body.encode() if isinstance(made.body, str) else made.body
        headers = {name: value for name, value in made.headers.items() if name.lower() not in _OURS}
        headers |= _proof(case.path, content or b"")
        return await self.callers[role].request(str(made.method), str(made.url), headers=headers, content=content)


def _proof(path: str, body: bytes) -> dict[str, str]:
    """What makes a webhook one of ours."""
    if not path.startswith("/webhooks/"):
        return {}
    return {**TELEGRAM, **MANYCHAT, **signed_headers([NEW], f"msg_{crc32(body)}", utc_now(), body)}


def check_refusal(answer: httpx.Response) -> None:
    """Every answer that is no success is a problem document with our fields, and shows no internals."""
    if answer.status_code < 400:
        return
    assert answer.headers["content-type"] == MEDIA_TYPE, answer.headers
    told = Problem.model_validate_json(answer.content)
    assert told.status == answer.status_code
    assert told.type == f"urn:millrace:problem:{told.code}"
    assert told.title and told.detail and told.instance.startswith("/")
    assert "Traceback" not in answer.text and "site-packages" not in answer.text


@contextmanager
def open_api() -> Iterator[Api]:
    """A gateway that has something of everything."""
    with asyncio.Runner() as runner:
        desk, known = runner.run(_furnished())
        tokens = {role: runner.run(_token(desk, role)) for role in ROLES}
        callers: dict[str | None, httpx.AsyncClient] = {role: desk.client(token=tokens[role]) for role in ROLES}
        callers[None] = desk.client(token=None)
        try:
            yield Api(runner, desk, schemathesis.openapi.from_dict(desk.app.openapi()), callers, known)
        finally:
            for caller in callers.values():
                runner.run(caller.aclose())


async def _token(desk: Desk, role: str) -> str:
    async with desk.client() as admin:
        answer = await admin.post("/api/tokens", json={"name": role, "role": role})
    return str(answer.json()["token"])


async def _furnished() -> tuple[Desk, dict[str, list[str]]]:
    desk = await open_desk(search_passages=found_passages, graphs=declared(), accounts=KnownAccounts())
    for add in (add_personas, add_conversation, add_cards, add_graph_job):
        await add(desk)
    made = [await desk.submission() for _ in range(3)]
    await desk.article(made[0]["submission_id"])
    await desk.fail(made[1]["job_id"])
    async with desk.client() as admin:
        prompt = await admin.post("/prompts", json={"purpose": "article", "template": "one"})
        batch = await admin.post("/submissions/batch", json=[{"amazon_url": BOOK_URL}])
    return desk, {
        "submission_id": [one["submission_id"] for one in made],
        "job_id": [job["_id"] for job in await desk.documents.find(JOBS)],
        "batch_id": [batch.json()["batch_id"]],
        "prompt_id": [prompt.json()["prompt_id"]],
        "persona_id": ["eminescu", "poe", "woolf"],
        "session_id": [SESSION],
        "card_id": ["API-12", "API-13", "OPS-1"],
        "name": ["question"],
        "slug": ["book-review"],
        "queue": list(desk.context.queues),
        "bot": ["shop"],
        "account": ["page"],
        "source": ["shop"],
    }
