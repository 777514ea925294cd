"""A job that kills its process again and again takes no other job along."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from deployments import job_handler
from deployments.job_handler import JobHandler
from deployments.suspects import ALONE_SECONDS, Trial, is_suspect
from spine.contracts.jobs import Job, JobError, JobStatus
from spine.documents import JOBS, ensure_indexes
from spine.services import Services
from spine.settings import Settings
from spine.testing.memory_documents import MemoryDocuments
from spine.testing.memory_pages import MemoryPages
from spine.testing.memory_progress import MemoryProgressLog
from spine.testing.scripted_models import ScriptedModels

LOST = JobError(error_class="ProcessLostError", message="gone", retryable=True, error_code="process_lost")
AWAY = JobError(error_class="ConnectError", message="away", retryable=True, error_code="unexpected")


def job(name: str = "a", attempts: int = 3, error: JobError | None = LOST) -> Job:
    return Job(
        job_id=name, pipeline="module_graph", subject_id=name, idempotency_key=name, attempts=attempts, error=error
    )


@pytest.mark.parametrize(
    ("attempts", "error", "expected"),
    [
        pytest.param(1, None, False, id="a first attempt"),
        pytest.param(2, LOST, False, id="lost once: that may happen to anybody"),
        pytest.param(3, LOST, True, id="lost again"),
        pytest.param(5, LOST, True, id="and again"),
        pytest.param(3, AWAY, False, id="tried again for another reason"),
    ],
)
def test_who_is_suspected(attempts: int, error: JobError | None, expected: bool) -> None:
    assert is_suspect(job(attempts=attempts, error=error)) is expected


def test_one_suspect_is_on_trial_at_a_time_and_others_are_not_kept_waiting() -> None:
    trial = Trial()
    assert trial.admits(job("a"), now=0.0)
    assert not trial.admits(job("b"), now=1.0)
    assert trial.admits(job("c", attempts=1, error=None), now=1.0)
    trial.ended("a")
    assert trial.admits(job("b"), now=2.0)


def test_a_suspect_that_has_run_for_a_while_is_trusted() -> None:
    trial = Trial()
    assert trial.admits(job("a"), now=0.0)
    assert not trial.admits(job("b"), now=ALONE_SECONDS - 1)
    assert trial.admits(job("b"), now=ALONE_SECONDS + 1)


async def test_a_suspect_that_has_to_wait_loses_no_attempt_by_it(monkeypatch: pytest.MonkeyPatch) -> None:
    documents = MemoryDocuments()
    await ensure_indexes(documents)
    services = Services(
        Settings(), documents, MemoryProgressLog(), ScriptedModels(), MemoryPages(), None, worker="lane:1"
    )
    goes_on, ran = asyncio.Event(), list[str]()

    async def run(one: Job) -> Any:
        ran.append(one.subject_id)
        await goes_on.wait()

    monkeypatch.setattr(job_handler, "runner_for", lambda pipeline: run)
    made = [(await services.ledger.create("module_graph", name))[0] for name in ("first", "second")]
    lost_twice = {"attempts": 2, "status": "RETRY", "error": LOST.model_dump()}
    for one in made:
        await documents.update(JOBS, {"_id": one.job_id}, set=lost_twice)
    handler = JobHandler(services)
    first = asyncio.create_task(handler(made[0].job_id))
    while not ran:
        await asyncio.sleep(0)
    await handler(made[1].job_id)
    waiting = await services.ledger.get(made[1].job_id)
    assert ran == ["first"]
    assert (waiting.status, waiting.attempts) == (JobStatus.RETRY, 2) and waiting.run_after is not None
    goes_on.set()
    await first
    await handler(made[1].job_id)
    assert ran == ["first", "second"]
