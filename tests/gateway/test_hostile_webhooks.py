"""Whatever is posted to the webhooks: no answer is a failure of ours, and no job is stored that nobody could run."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spine.contracts.conversations import InboundMessage, TaskName, WebhookEvent
from spine.documents import JOBS
from spine.jobs import from_document
from spine.live_queues import LIMITS
from tests.gateway.gateway_desk import Desk, open_desk
from tests.gateway.webhook_desk import KnownAccounts, jobs_of, post, saved_payloads

ODD: tuple[Any, ...] = (
    None, True, 0, -1, 2**63 - 1, 2**70, 1.5, 1e308, float("nan"), "", " ", "\x00", "\ud800", "x" * 5000, "{{x}}",
    "…😀", [], {}, [[]], [None], {"id": None}, {"id": {"id": 1}}, {"text": ["x"]}, "9" * 400, [1] * 200,
)  # fmt: skip
NAMES = ("message", "text", "chat", "from", "id", "subscriber", "event", "data", "\x00", "a.b", "$set", "_id", "")


async def test_every_saved_payload_is_acknowledged(shared_data: Path) -> None:
    desk = await open_desk(accounts=KnownAccounts())
    payloads = saved_payloads(shared_data)
    assert len(payloads) > 50
    async with desk.client(token=None) as caller:
        for number, (kind, payload) in enumerate(payloads, 1):
            assert (await post(caller, kind, payload, number)).status_code == 200
    assert len(await jobs_of(desk)) > 20


def mutated(payload: Any, chance: random.Random) -> Any:
    """The payload with some of its places changed, dropped, renamed or nested."""
    if chance.random() < 0.05:
        return chance.choice(ODD)
    if isinstance(payload, list):
        return [mutated(value, chance) for value in payload]
    if not isinstance(payload, dict):
        return payload
    kept = {name: mutated(value, chance) for name, value in payload.items() if chance.random() > 0.03}
    if chance.random() < 0.1:
        kept[chance.choice([*NAMES, *payload])] = chance.choice([*ODD, *payload.values()])
    if chance.random() < 0.02:
        kept[chance.choice(NAMES)] = payload
    return kept


def check_every_mutation(folder: Path, examples: int) -> None:
    payloads = saved_payloads(folder)
    with asyncio.Runner() as runner:
        desk: Desk = runner.run(open_desk(accounts=KnownAccounts()))
        caller = desk.client(token=None)
        delivered = 0

        async def deliver(kind: str, payload: Any) -> None:
            nonlocal delivered
            delivered += 1
            answer = await post(caller, kind, payload, delivered)
            assert answer.status_code in (200, 413, 422), (answer.status_code, answer.text)
            if answer.status_code == 200 and (job_id := answer.headers.get("x-job-id")):
                await check_that_it_can_run(desk, job_id)

        @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(st.sampled_from(payloads), st.randoms(use_true_random=False))
        def every(saved: tuple[str, Any], chance: random.Random) -> None:
            kind, payload = saved
            runner.run(deliver(kind, mutated(payload, chance)))

        every()
        runner.run(caller.aclose())
        assert delivered >= examples


async def check_that_it_can_run(desk: Desk, job_id: str) -> None:
    document = await desk.documents.get(JOBS, job_id)
    assert document is not None
    job = from_document(document)
    assert job.queue == LIMITS[TaskName(job.params["task"])].name
    if "message" in job.params:
        assert InboundMessage.model_validate(job.params["message"]).text
    else:
        WebhookEvent.model_validate(job.params["event"])


def test_mutated_payloads_never_make_the_gateway_fail(shared_data: Path) -> None:
    check_every_mutation(shared_data, examples=500)


@pytest.mark.chaos
@pytest.mark.timeout(600)
def test_five_thousand_mutated_payloads_never_make_the_gateway_fail(shared_data: Path) -> None:
    check_every_mutation(shared_data, examples=5_000)
