"""The life of a job: every change is conditional, so that whoever comes second steps back."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from spine.contracts.jobs import Job, JobError, JobStatus, Usage
from spine.contracts.timestamps import iso, utc_now
from spine.documents import JOBS, ensure_indexes
from spine.due_jobs import NOT_STARTED_AFTER, SweepTurns
from spine.errors import ConflictError, NotFoundError
from spine.jobs import JobLedger
from spine.testing.memory_documents import MemoryDocuments

BROKEN = JobError(error_class="ExternalServiceError", message="away", retryable=True)


@pytest.fixture
async def documents() -> MemoryDocuments:
    store = MemoryDocuments()
    await ensure_indexes(store)
    return store


@pytest.fixture
def ledger(documents: MemoryDocuments) -> JobLedger:
    return JobLedger(documents)


async def _made(ledger: JobLedger, **fields: object) -> Job:
    job, _ = await ledger.create("book_review", "sub_1", **fields)  # type: ignore[arg-type]
    return job


async def _begun(ledger: JobLedger, **fields: object) -> Job:
    job = await ledger.begin((await _made(ledger, **fields)).job_id, "lane:1")
    assert job is not None
    return job


async def test_a_known_idempotency_key_gives_the_job_it_made_even_when_many_ask_at_once(ledger: JobLedger) -> None:
    made = await asyncio.gather(*(ledger.create("p", "s", idempotency_key="k") for _ in range(50)))
    assert len({job.job_id for job, _ in made}) == 1
    assert sum(new for _, new in made) == 1


async def test_the_key_keeps_deduplicating_after_the_job_has_ended(ledger: JobLedger) -> None:
    job = await _begun(ledger, idempotency_key="k")
    await ledger.succeed(job, {"x": 1}, Usage())
    again, new = await ledger.create("p", "s", idempotency_key="k")
    assert (again.job_id, new, again.result) == (job.job_id, False, {"x": 1})


async def test_of_many_processes_that_are_handed_a_job_one_begins_it(ledger: JobLedger) -> None:
    job = await _made(ledger)
    begun = await asyncio.gather(*(ledger.begin(job.job_id, f"lane:{n}") for n in range(20)))
    assert len([one for one in begun if one]) == 1


async def test_an_attempt_that_was_taken_over_can_no_longer_change_the_job(
    ledger: JobLedger, documents: MemoryDocuments
) -> None:
    old = await _begun(ledger)
    await documents.update(JOBS, {"_id": old.job_id}, set={"lease_until": iso(utc_now() - timedelta(seconds=1))})
    await ledger.sweep()
    new = await ledger.begin(old.job_id, "lane:2")
    assert new is not None and new.attempts == 2
    assert await ledger.heartbeat(old) is None
    assert await ledger.succeed(old, {}, Usage()) is None
    assert await ledger.succeed(new, {}, Usage()) is not None


async def test_a_job_whose_lease_ran_out_is_due_for_its_next_attempt(
    ledger: JobLedger, documents: MemoryDocuments
) -> None:
    job = await _begun(ledger)
    assert (await ledger.sweep()).restart == []
    await documents.update(JOBS, {"_id": job.job_id}, set={"lease_until": iso(utc_now() - timedelta(seconds=1))})
    swept = await ledger.sweep()
    assert [one.job_id for one in swept.restart] == [job.job_id]
    assert swept.restart[0].status is JobStatus.RETRY
    assert swept.restart[0].error is not None and swept.restart[0].error.error_code == "process_lost"


async def test_a_job_that_lost_its_process_too_often_goes_to_the_dead_letter_list(
    ledger: JobLedger, documents: MemoryDocuments
) -> None:
    job = await _begun(ledger, max_attempts=1)
    await documents.update(JOBS, {"_id": job.job_id}, set={"lease_until": iso(utc_now() - timedelta(seconds=1))})
    swept = await ledger.sweep()
    assert [(one.job_id, one.status) for one in swept.dead] == [(job.job_id, JobStatus.DEAD)]
    assert await ledger.begin(job.job_id, "lane:2") is None


async def test_a_job_that_was_acked_and_never_started_is_handed_over_again(
    ledger: JobLedger, documents: MemoryDocuments
) -> None:
    job = await _made(ledger)
    assert (await ledger.sweep()).restart == []
    await documents.update(JOBS, {"_id": job.job_id}, set={"created": iso(utc_now() - 2 * NOT_STARTED_AFTER)})
    assert [one.job_id for one in (await ledger.sweep()).restart] == [job.job_id]


async def test_a_retry_waits_for_its_moment(ledger: JobLedger, documents: MemoryDocuments) -> None:
    job = await _begun(ledger)
    waiting = await ledger.retry_later(job, BROKEN, delay_seconds=60)
    assert waiting is not None and waiting.status is JobStatus.RETRY
    assert (await ledger.sweep()).restart == []
    await documents.update(JOBS, {"_id": job.job_id}, set={"run_after": iso(utc_now() - timedelta(seconds=1))})
    assert [one.job_id for one in (await ledger.sweep()).restart] == [job.job_id]


async def test_no_job_waits_behind_others_that_do_not_begin(ledger: JobLedger, documents: MemoryDocuments) -> None:
    made = [await _made(ledger) for _ in range(7)]
    retried = [await _begun(ledger) for _ in range(7)]
    for job in retried:
        await ledger.retry_later(job, BROKEN, delay_seconds=60)
    for number, job in enumerate([*made, *retried]):  # the last to be retried is due, the others are not
        changes = {"run_after": None} if job is retried[-1] else {}
        created = iso(utc_now() - 2 * NOT_STARTED_AFTER + timedelta(milliseconds=number))
        await documents.update(JOBS, {"_id": job.job_id}, set={"created": created, **changes})
    turns = SweepTurns()
    found = [[job.job_id for job in (await ledger.sweep(limit=3, turns=turns)).restart] for _ in range(8)]
    assert {job.job_id for job in (*made, retried[-1])} == {one for round in found[:4] for one in round}
    assert {made[0].job_id, made[-1].job_id} <= {one for round in found[4:] for one in round}


async def test_an_attempt_that_does_not_count_leaves_as_many_as_there_were(ledger: JobLedger) -> None:
    job = await _begun(ledger, max_attempts=1)
    waiting = await ledger.retry_later(job, BROKEN, delay_seconds=0, counted=False)
    assert waiting is not None and (waiting.status, waiting.attempts) == (JobStatus.RETRY, 0)
    again = await ledger.begin(job.job_id, "lane:2")
    assert again is not None
    dead = await ledger.retry_later(again, BROKEN, delay_seconds=0)
    assert dead is not None and dead.status is JobStatus.DEAD


async def test_giving_an_attempt_back_costs_no_attempt(ledger: JobLedger) -> None:
    released = await ledger.release(await _begun(ledger))
    assert released is not None and (released.status, released.attempts) == (JobStatus.RETRY, 0)


async def test_a_waiting_job_is_revoked_at_once_and_never_begins(ledger: JobLedger) -> None:
    job = await _made(ledger)
    assert (await ledger.cancel(job.job_id)).status is JobStatus.REVOKED
    assert await ledger.begin(job.job_id, "lane:1") is None


async def test_a_running_job_is_asked_to_stop_and_hears_it_with_its_heartbeat(ledger: JobLedger) -> None:
    job = await _begun(ledger)
    assert (await ledger.cancel(job.job_id)).status is JobStatus.STARTED
    heard = await ledger.heartbeat(job)
    assert heard is not None and heard.cancel_requested


async def test_a_cancelled_job_that_then_loses_its_process_is_revoked_not_restarted(
    ledger: JobLedger, documents: MemoryDocuments
) -> None:
    job = await _begun(ledger)
    await ledger.cancel(job.job_id)
    await documents.update(JOBS, {"_id": job.job_id}, set={"lease_until": iso(utc_now() - timedelta(seconds=1))})
    assert (await ledger.sweep()).restart == []
    assert (await ledger.get(job.job_id)).status is JobStatus.REVOKED


@pytest.mark.parametrize(
    ("ends", "cancel_is", "redrive_is"),
    [
        pytest.param("succeed", "refused", "refused", id="a success stays"),
        pytest.param("fail", "refused", "allowed", id="a failure can be re-driven"),
        pytest.param("revoke", "refused", "refused", id="a revoked job stays revoked"),
    ],
)
async def test_what_may_be_done_to_a_job_that_has_ended(
    ledger: JobLedger, ends: str, cancel_is: str, redrive_is: str
) -> None:
    job = await _begun(ledger)
    arguments = {"succeed": ({}, Usage()), "fail": (BROKEN, Usage()), "revoke": ()}[ends]
    await getattr(ledger, ends)(job, *arguments)
    assert await _outcome(ledger.cancel(job.job_id)) == cancel_is
    assert await _outcome(ledger.redrive(job.job_id)) == redrive_is


@pytest.mark.parametrize("breaks", ["fails and is redriven", "is retried"])
async def test_a_job_that_succeeded_has_no_error_whatever_an_earlier_attempt_met(
    ledger: JobLedger, breaks: str
) -> None:
    job = await _begun(ledger)
    if breaks == "is retried":
        await ledger.retry_later(job, BROKEN, 0)
    else:
        await ledger.fail(job, BROKEN, Usage())
        await ledger.redrive(job.job_id)
    waiting = await ledger.get(job.job_id)
    assert waiting.error == BROKEN  # why it has not ended yet
    again = await ledger.begin(job.job_id, "lane:1")
    assert again is not None
    ended = await ledger.succeed(again, {"x": 1}, Usage())
    assert ended is not None and (ended.status, ended.error, ended.result) == (JobStatus.SUCCESS, None, {"x": 1})
    assert (await ledger.get(job.job_id)).error is None


async def test_a_redriven_job_has_its_full_set_of_attempts_again(ledger: JobLedger) -> None:
    job = await _begun(ledger)
    await ledger.fail(job, BROKEN, Usage())
    await ledger.redrive(job.job_id)
    again = await ledger.begin(job.job_id, "lane:2")
    assert again is not None and again.attempts == 1


async def test_an_unknown_job_is_named_in_the_error(ledger: JobLedger) -> None:
    with pytest.raises(NotFoundError, match="job_nowhere"):
        await ledger.get("job_nowhere")


async def _outcome(change: object) -> str:
    try:
        await change  # type: ignore[misc]
    except ConflictError:
        return "refused"
    return "allowed"
