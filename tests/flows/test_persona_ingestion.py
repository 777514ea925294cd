"""An ingestion as the flow runs it: its jobs, what the persona says, and what is in the collections. Real Chroma."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from unittest.mock import AsyncMock
from uuid import uuid4

import pytest

from flows.persona_ingestion import persona_ingestion
from spine.adapters.chroma_vectors import ChromaVectors
from spine.adapters.fts_keywords import FtsKeywords
from spine.contracts.ingestion import CollectionResult
from spine.contracts.jobs import Job, JobStatus, Usage
from spine.contracts.personas import CollectionName
from spine.documents import JOBS, PERSONAS
from spine.errors import ConflictError, InvalidInputError
from spine.jobs import describe, from_document
from spine.passages_port import PassageStores
from spine.personas import Accepted
from spine.services import using
from spine.settings import Settings
from spine.testing.chroma_server import chroma_server
from tasks.job_run import TimeLimits
from tasks.persona_ingestion import collection_run
from tests.conftest import until
from tests.flows.persona_world import GatedEmbedder, PersonaWorld, open_persona_world

RAVEN = "Once upon a midnight dreary, while I pondered, weak and weary,\nOver many a quaint and curious volume"
QUOTES = [f"Quotation number {number} says that the sea has {number * 7} waves." for number in range(12)]


@pytest.fixture(scope="session")
def chroma_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with chroma_server(tmp_path_factory.mktemp("chroma")) as url:
        yield url


@pytest.fixture
async def world(chroma_url: str, tmp_path: Path) -> AsyncIterator[PersonaWorld]:
    vectors, keywords = ChromaVectors(chroma_url), FtsKeywords(tmp_path / "keywords.sqlite3")
    stores = PassageStores(GatedEmbedder(), vectors, keywords)
    settings = Settings(personas=tmp_path / "personas")  # pyright: ignore[reportCallIssue]
    yield await open_persona_world(f"poet-{uuid4().hex[:12]}", settings, stores)
    await vectors.close()
    await keywords.close()


def prose(seed: int, paragraphs: int = 40) -> str:
    chance = random.Random(seed)
    words = [f"word{number}" for number in range(seed * 1000, seed * 1000 + 600)]
    return "\n\n".join(" ".join(chance.choices(words, k=60)).capitalize() + "." for _ in range(paragraphs))


def fill(world: PersonaWorld) -> None:
    world.put("profile.md", "# Poe\n\nEdgar Allan Poe was born in Boston in 1809.")
    world.put("works/raven.txt", RAVEN)
    world.put("works/novel.txt", prose(1))
    world.put("quotes/said.jsonl", "\n".join(json.dumps({"quote": text, "author": "Poe"}) for text in QUOTES))


def result_of(job: Job) -> CollectionResult:
    assert job.result is not None
    return CollectionResult.model_validate(job.result)


async def test_works_quotes_and_profile_become_collections_each_by_a_job_of_its_own(world: PersonaWorld) -> None:
    fill(world)
    accepted = await world.accept()
    assert {view.status for view in (await world.desk.get(world.persona_id)).collections.values()} == {"pending"}
    ended = await world.run(accepted.job)
    assert (ended.status, ended.progress) == (JobStatus.SUCCESS, 100), ended.error
    persona = await world.desk.get(world.persona_id)
    assert (persona.status, persona.job_id, persona.embedding_model) == ("active", ended.job_id, "hashed-words-64")
    for collection, view in persona.collections.items():
        job = await world.job_of(collection)
        assert (job.parent_job_id, job.status) == (ended.job_id, JobStatus.SUCCESS)
        assert accepted.jobs[collection].job_id == job.job_id
        assert (view.status, view.progress, view.error) == ("completed", 100, None)
        assert view.started and view.finished and view.started <= view.finished
        assert view.total_vectors == len(await world.stored(collection)) > 0
    assert ended.result is not None
    assert ended.result["total_vectors"] == persona.total_vectors == world.embedder.embedded


async def test_the_profile_is_first_and_works_and_quotes_go_together(world: PersonaWorld) -> None:
    fill(world)
    seen: list[set[str]] = []

    async def both_are_under_way() -> bool:
        views = (await world.desk.get(world.persona_id)).collections
        seen.append({name for name, view in views.items() if view.status == "processing"})
        return {"works", "quotes"} in seen

    async def look() -> None:
        if seen:  # the profile's is behind us; fails unless the other one begins while this one is embedded
            await until(both_are_under_way)
        else:
            await both_are_under_way()

    world.embedder.gate = look
    await world.ingest()
    assert seen[0] == {"profile"}
    assert {"profile"} not in seen[1:] and {"works", "quotes"} in seen


async def test_the_counts_reconcile_file_by_file(world: PersonaWorld) -> None:
    fill(world)
    world.put("works/raven-again.txt", RAVEN)
    world.put("works/novel-again.txt", prose(1).replace("Word1001 ", "Another ", 1))
    await world.ingest()
    result = result_of(await world.job_of("works"))
    assert {count.file for count in result.sources} == {
        f"works/{name}.txt" for name in ("raven", "raven-again", "novel", "novel-again")
    }
    for count in result.sources:
        assert count.stored == count.chunks - count.exact_duplicates - count.near_duplicates
    stored = sum(count.stored for count in result.sources)
    assert stored == result.stored == result.embedded == result.total_vectors == len(await world.stored("works"))
    assert result.exact_duplicates > 0 and {one.kind for one in result.duplicates} <= {"exact", "near"}


async def test_a_second_run_embeds_nothing(world: PersonaWorld) -> None:
    fill(world)
    await world.ingest()
    before, embedded = await world.stored("works"), world.embedder.embedded
    _, again = await world.ingest()
    assert again.status is JobStatus.SUCCESS
    assert world.embedder.embedded == embedded
    assert await world.stored("works") == before
    result = result_of(await world.job_of("works"))
    assert (result.embedded, result.refreshed, result.removed) == (0, 0, 0) and result.kept == len(before)


async def test_an_edit_embeds_only_the_chunks_that_it_changed(world: PersonaWorld) -> None:
    fill(world)
    await world.ingest()
    before, embedded = await world.stored("works"), world.embedder.embedded
    parts = prose(1).split("\n\n")
    parts[20] = "A paragraph that was not here before, and says something else altogether."
    world.put("works/novel.txt", "\n\n".join(parts))
    await world.ingest()
    after, result = await world.stored("works"), result_of(await world.job_of("works"))
    assert 0 < world.embedder.embedded - embedded == len(after.keys() - before.keys()) <= 3
    assert result.removed == len(before.keys() - after.keys()) <= 4
    assert result.refreshed > 0, "what stands behind the edit has moved, and is not embedded for that"
    assert "something else altogether" in " ".join(after.values())


async def test_what_no_source_gives_any_more_goes(world: PersonaWorld) -> None:
    fill(world)
    await world.ingest()
    (world.folder / "works/novel.txt").unlink()
    (world.folder / "quotes/said.jsonl").unlink()
    persona, ended = await world.ingest()
    assert ended.status is JobStatus.SUCCESS and persona.status == "active"
    assert [*(await world.stored("works")).values()] == [RAVEN]
    assert await world.stored("quotes") == {} and persona.collections["quotes"].total_vectors == 0


async def test_a_bad_file_and_a_bad_line_are_reported_and_stop_nothing(world: PersonaWorld) -> None:
    fill(world)
    world.put("works/broken.pdf", b"%PDF-1.7 this is no document")
    world.put("works/picture.png", b"\x89PNG")
    world.put(
        "quotes/more.jsonl", '{"quote": "A good line stands before it."}\n{"quote": \n{"quote": "And one after."}'
    )
    persona, ended = await world.ingest()
    assert ended.status is JobStatus.SUCCESS and persona.status == "active"
    assert {place.file for place in persona.collections["works"].left_out} == {"works/broken.pdf", "works/picture.png"}
    [line] = persona.collections["quotes"].left_out
    assert (line.file, line.line) == ("quotes/more.jsonl", 2) and line.reason
    assert {"A good line stands before it.", "And one after."} <= set((await world.stored("quotes")).values())
    assert ended.result is not None and ended.result["left_out_total"] == 3
    told = [event.message for event in await world.services.progress.read((await world.job_of("works")).job_id)]
    assert any("works/broken.pdf" in message for message in told)


async def test_a_collection_of_which_nothing_can_be_read_fails_and_keeps_what_it_holds(world: PersonaWorld) -> None:
    fill(world)
    await world.ingest()
    before = await world.stored("works")
    for name in ("raven.txt", "novel.txt"):
        (world.folder / "works" / name).unlink()
    world.put("works/broken.pdf", b"%PDF-1.7 this is no document")
    persona, ended = await world.ingest()
    assert ended.status is JobStatus.FAILURE and ended.error is not None
    assert "works" in ended.error.message and "broken.pdf" in ended.error.message
    assert (persona.status, persona.collections["works"].status) == ("failed", "failed")
    assert persona.collections["quotes"].status == persona.collections["profile"].status == "completed"
    assert await world.stored("works") == before


async def test_a_persona_without_a_folder_fails_with_what_to_do(world: PersonaWorld) -> None:
    persona, ended = await world.ingest()
    assert ended.status is JobStatus.FAILURE and persona.status == "failed"
    assert ended.error is not None and "put the sources there first" in ended.error.message


async def test_one_collection_can_be_ingested_alone(world: PersonaWorld) -> None:
    fill(world)
    persona, ended = await world.ingest("quotes")
    assert ended.status is JobStatus.SUCCESS and persona.status == "active"
    assert persona.collections["works"].status == "pending" and persona.collections["works"].job_id is None
    assert len(await world.stored("quotes")) == len(QUOTES) and await world.stored("works") == {}


async def test_a_failed_collection_is_put_back_to_work_alone_and_mends_the_persona(world: PersonaWorld) -> None:
    fill(world)
    world.put("quotes/said.jsonl", "{}")
    await world.ingest()
    failed = await world.job_of("quotes")
    world.put("quotes/said.jsonl", json.dumps({"quote": QUOTES[0]}))
    redriven = await world.services.ledger.redrive(failed.job_id)
    assert (await world.run(redriven)).status is JobStatus.SUCCESS
    persona = await world.desk.get(world.persona_id)
    assert (persona.status, persona.collections["quotes"].total_vectors) == ("active", 1)


async def test_progress_never_falls_and_ends_at_a_hundred(world: PersonaWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collection_run, "_TELL_EVERY", 0.0)
    monkeypatch.setattr("tasks.persona_ingestion.updating.BATCH", 4)
    fill(world)
    _, ended = await world.ingest()
    for job in (ended, await world.job_of("works"), await world.job_of("quotes")):
        percents = await world.percents(job)
        assert percents == sorted(percents) and percents[-1] == 100
    assert len({*await world.percents(await world.job_of("works"))}) > 4


async def test_what_a_persona_shows_of_a_job_does_not_fall_when_the_job_reads_again(
    world: PersonaWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collection_run, "_TELL_EVERY", 0.0)
    job = (await world.accept("works")).jobs["works"]
    told = CollectionResult(persona_id=world.persona_id, collection="works", total_vectors=0)
    shown: list[float] = []
    for shares in ((0.5, 0.1), (0.2, 0.8)):  # a task that is tried again, twice
        percent = await world.desk.collection_began(job, "a model")
        run = AsyncMock(job=job, limits=TimeLimits(60, 60))
        attempt = collection_run.CollectionRun(run, world.desk, world.stores, percent)
        for share in shares:
            await attempt.tell(share, told)
            shown.append((await world.desk.get(world.persona_id)).collections["works"].progress)
    assert shown == [49, 49, 49, 78.4]


# -- two at once -----------------------------------------------------------------------------------------------------


async def test_a_second_ingestion_is_refused_and_told_which_job_runs(world: PersonaWorld) -> None:
    fill(world)
    first = await world.accept()
    with pytest.raises(ConflictError, match=first.job.job_id) as refused:
        await world.accept("works")
    assert refused.value.details["job_id"] == first.job.job_id
    assert await world.services.documents.count(JOBS, {}) == 4, "what is refused leaves nothing behind"
    assert (await world.run(first.job)).status is JobStatus.SUCCESS
    assert (await world.accept()).job.job_id != first.job.job_id


async def test_of_many_that_come_at_once_one_is_taken(world: PersonaWorld) -> None:
    fill(world)
    outcomes = await asyncio.gather(*(world.accept() for _ in range(8)), return_exceptions=True)
    taken = [one for one in outcomes if not isinstance(one, BaseException)]
    assert len(taken) == 1 and all(isinstance(one, ConflictError) for one in outcomes if one not in taken)
    live = await world.services.documents.find(JOBS, {"status": "PENDING"})
    assert {job["_id"] for job in live} == {taken[0].job.job_id, *(job.job_id for job in taken[0].jobs.values())}


async def test_the_same_key_gives_the_same_ingestion_and_no_other(world: PersonaWorld) -> None:
    fill(world)
    first = await world.accept(key="monday")
    again = await world.accept(key="monday")
    assert again.job.job_id == first.job.job_id
    assert {job.job_id for job in again.jobs.values()} == {job.job_id for job in first.jobs.values()}
    with pytest.raises(ConflictError, match="Idempotency-Key"):
        await world.accept("works", key="monday")


async def test_a_call_from_python_is_refused_while_another_one_ingests(world: PersonaWorld) -> None:
    fill(world)
    gate = world.embedder.gate = Gate(0)
    with using(world.services):
        first = asyncio.ensure_future(persona_ingestion(persona_id=world.persona_id))
        await asyncio.wait_for(gate.reached.wait(), 30)
        with pytest.raises(ConflictError):
            await persona_ingestion(persona_id=world.persona_id)
        gate.open.set()
        await first
    persona = await world.desk.get(world.persona_id)
    assert persona.status == "active" and persona.total_vectors == world.embedder.embedded


async def killed_ingestion(world: PersonaWorld) -> Accepted:
    killed = await world.accept()
    await world.services.ledger.begin(killed.job.job_id, "lane:killed")
    long_ago = {"lease_until": "2020-01-01T00:00:00.000Z"}
    await world.services.documents.update(JOBS, {"_id": killed.job.job_id}, set=long_ago)
    return killed


async def test_a_call_from_python_beside_lanes_leaves_them_what_they_will_go_on_with(world: PersonaWorld) -> None:
    fill(world)
    killed = await killed_ingestion(world)
    with using(replace(world.services, starter=AsyncMock())), pytest.raises(ConflictError) as refused:
        await persona_ingestion(persona_id=world.persona_id)
    assert refused.value.details["job_id"] == killed.job.job_id
    assert (await world.services.ledger.get(killed.job.job_id)).status is JobStatus.STARTED


async def test_an_ingestion_whose_process_is_gone_stands_in_nobodys_way_without_a_stack(world: PersonaWorld) -> None:
    fill(world)
    killed = await killed_ingestion(world)
    for child in killed.jobs.values():
        await world.services.ledger.cancel(child.job_id)
    with using(world.services):
        result = await persona_ingestion(persona_id=world.persona_id)
    assert result.total_vectors == world.embedder.embedded
    lost = await world.services.ledger.get(killed.job.job_id)
    assert lost.error is not None and lost.error.error_class == "ProcessLostError"


# -- interrupted -----------------------------------------------------------------------------------------------------


class Gate:
    """Lets so many batches through, then holds the next one until it is opened."""

    def __init__(self, batches: int) -> None:
        self.left = batches
        self.reached = asyncio.Event()
        self.open = asyncio.Event()

    async def __call__(self) -> None:
        self.left -= 1
        if self.left < 0:
            self.reached.set()
            await self.open.wait()


async def held_at(world: PersonaWorld, monkeypatch: pytest.MonkeyPatch, batches: int) -> tuple[Job, asyncio.Task[Job]]:
    """An ingestion of works, stopped in the middle."""
    monkeypatch.setattr("tasks.persona_ingestion.updating.BATCH", 4)
    fill(world)
    gate = world.embedder.gate = Gate(batches)
    accepted = await world.accept("works")
    running = asyncio.create_task(world.run(accepted.job))
    await asyncio.wait_for(gate.reached.wait(), 30)
    return accepted.job, running


async def test_a_cancelled_ingestion_ends_its_collections_keeps_what_is_stored_and_can_be_asked_for_again(
    world: PersonaWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, running = await held_at(world, monkeypatch, 3)
    await world.services.ledger.cancel(job.job_id)
    assert (await asyncio.wait_for(running, 10)).status is JobStatus.REVOKED
    assert (await world.job_of("works")).status is JobStatus.REVOKED
    persona = await world.desk.get(world.persona_id)
    assert (persona.status, persona.collections["works"].status) == ("failed", "failed")
    kept, embedded = len(await world.stored("works")), world.embedder.embedded
    assert kept >= 4
    world.embedder.gate = None
    persona, ended = await world.ingest("works")
    assert ended.status is JobStatus.SUCCESS
    assert world.embedder.embedded - embedded == persona.total_vectors - kept


async def test_a_process_that_is_asked_to_stop_gives_its_jobs_back_and_another_goes_on(
    world: PersonaWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, running = await held_at(world, monkeypatch, 3)
    await world.handler.stop()
    assert (await running).status is JobStatus.RETRY
    assert (await world.job_of("works")).status is JobStatus.RETRY
    kept, embedded = len(await world.stored("works")), world.embedder.embedded
    world.embedder.gate = None
    assert (await world.run(job)).status is JobStatus.SUCCESS
    persona = await world.desk.get(world.persona_id)
    assert world.embedder.embedded - embedded == persona.total_vectors - kept


async def test_the_hard_limit_ends_a_collection_cleanly_and_another_run_goes_on(
    world: PersonaWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collection_run, "LIMITS", TimeLimits(soft=0.0, hard=2.0))
    _, running = await held_at(world, monkeypatch, 3)
    ended = await asyncio.wait_for(running, 30)
    assert ended.status is JobStatus.FAILURE
    works = await world.job_of("works")
    assert works.error is not None and (works.error.error_class, works.error.retryable) == ("TimeLimitError", True)
    told = [event.message for event in await world.services.progress.read(works.job_id)]
    assert any(message.startswith("checkpoint: ") for message in told)
    monkeypatch.setattr(collection_run, "LIMITS", TimeLimits(soft=60, hard=60))
    kept, embedded = len(await world.stored("works")), world.embedder.embedded
    world.embedder.gate = None
    redriven = await world.services.ledger.redrive(ended.job_id)
    assert (await world.run(redriven)).status is JobStatus.SUCCESS
    persona = await world.desk.get(world.persona_id)
    assert persona.status == "active" and world.embedder.embedded - embedded == persona.total_vectors - kept


async def test_a_collection_that_another_process_has_is_waited_for(world: PersonaWorld) -> None:
    """As after a crash: the queue gave the collection's job to one lane and its ingestion to another."""
    fill(world)
    accepted = await world.accept("works")
    gate = world.embedder.gate = Gate(0)
    with using(world.services):
        elsewhere = asyncio.create_task(world.handler(accepted.jobs["works"].job_id))
        await asyncio.wait_for(gate.reached.wait(), 30)
        parent = asyncio.create_task(world.run(accepted.job))
        await until(lambda: _is(world, accepted.job, JobStatus.PROGRESS), within=30)
        gate.open.set()
        await elsewhere
    assert (await parent).status is JobStatus.SUCCESS
    assert (await world.job_of("works")).attempts == 1


async def _is(world: PersonaWorld, job: Job, status: JobStatus) -> bool:
    return (await world.services.ledger.get(job.job_id)).status is status


@pytest.mark.parametrize("pipeline", ["persona_ingestion", "ingest_collection"])
async def test_a_job_that_was_given_up_leaves_no_persona_waiting(world: PersonaWorld, pipeline: str) -> None:
    from deployments.runners import tell_subject

    accepted = await world.accept("works")
    job = accepted.job if pipeline == "persona_ingestion" else accepted.jobs["works"]
    begun = await world.services.ledger.begin(job.job_id, "lane:lost")
    assert begun is not None
    dead = await world.services.ledger.fail(begun, describe(RuntimeError("lost")), Usage())
    assert dead is not None
    await tell_subject(world.services, dead)
    persona = await world.desk.get(world.persona_id)
    assert (persona.status, persona.collections["works"].status) == ("failed", "failed")
    live = [from_document(one) for one in await world.services.documents.find(JOBS, {"status": "PENDING"})]
    assert not [one for one in live if one.pipeline == "ingest_collection"]


async def test_a_job_whose_place_a_later_one_took_changes_nothing(world: PersonaWorld) -> None:
    fill(world)
    world.put("works/raven.txt", b"")
    (world.folder / "works/novel.txt").unlink()
    await world.ingest("works")
    old = await world.job_of("works")
    world.put("works/raven.txt", RAVEN)
    persona, _ = await world.ingest("works")
    redriven = await world.services.ledger.redrive(old.job_id)
    superseded = await world.run(redriven)
    assert superseded.error is not None and superseded.error.error_class == "ConflictError"
    assert await world.desk.get(world.persona_id) == persona


async def test_vectors_of_another_model_are_refused_with_what_to_do(world: PersonaWorld) -> None:
    fill(world)
    await world.ingest("works")
    world.embedder.name = "another-model"
    _, ended = await world.ingest("works")
    assert ended.status is JobStatus.FAILURE and ended.error is not None
    assert "configure that model again" in ended.error.message


REFUSED: list[tuple[str, str | None, list[CollectionName] | None]] = [
    ("../poet", None, None),
    ("poet", "../elsewhere", None),
    ("poet", "/etc", None),
]


@pytest.mark.parametrize(("persona_id", "source", "collections"), REFUSED)
async def test_a_call_that_cannot_be_meant_stores_nothing(
    world: PersonaWorld, persona_id: str, source: str | None, collections: list[CollectionName] | None
) -> None:
    with using(world.services), pytest.raises(InvalidInputError):
        await persona_ingestion(persona_id=persona_id, source=source, collections=collections)
    assert await world.services.documents.count(PERSONAS, {}) == 0 == await world.services.documents.count(JOBS, {})
