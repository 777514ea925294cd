"""The versions of the document store: forward, back, once, by one process at a time."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from spine.documents import INDEXES, MIGRATIONS
from spine.errors import ConflictError, InvalidInputError, NotConfiguredError
from spine.migration_steps import STEPS, store_name
from spine.migrations import Change, Step, migrate, version_of
from spine.ports import Documents
from spine.testing.memory_documents import MemoryDocuments


class Log:
    """Steps that write down that they were taken; `fails` names one that breaks, `pause` slows all down."""

    def __init__(self, count: int = 3, pause: float = 0.0) -> None:
        self.taken: list[str] = []
        self.fails = ""
        self.pause = pause
        self.steps = [
            Step(number, f"step {number}", self._change(f"+{number}"), self._change(f"-{number}"))
            for number in range(1, count + 1)
        ]

    def _change(self, word: str) -> Change:
        async def change(documents: Documents) -> None:
            await asyncio.sleep(self.pause)
            if self.fails == word:
                raise OSError("the disk is full")
            self.taken.append(word)

        return change


# from which version → to which → the steps on the way
WAYS = [
    pytest.param(0, None, ["+1", "+2", "+3"], id="a new store goes to the newest version"),
    pytest.param(3, None, [], id="a store that is there stays there"),
    pytest.param(1, 2, ["+2"], id="one step"),
    pytest.param(3, 1, ["-3", "-2"], id="back, in reverse order"),
    pytest.param(2, 0, ["-2", "-1"], id="back to the beginning"),
]


@pytest.mark.parametrize(("version", "to", "taken"), WAYS)
async def test_a_store_is_brought_to_a_version(version: int, to: int | None, taken: list[str]) -> None:
    documents, log = MemoryDocuments(), Log()
    await migrate(documents, log.steps, version)
    log.taken.clear()

    moved = await migrate(documents, log.steps, to)

    assert log.taken == taken
    assert [f"{'+' if step.direction == 'forward' else '-'}{step.number}" for step in moved] == taken
    assert await version_of(documents) == (3 if to is None else to)
    assert await migrate(documents, log.steps, to) == []


@pytest.mark.parametrize("to", [-1, 4])
async def test_a_version_that_there_is_not_is_refused(to: int) -> None:
    with pytest.raises(InvalidInputError, match="knows 0 to 3"):
        await migrate(MemoryDocuments(), Log().steps, to)


async def test_a_store_of_a_newer_millrace_is_left_alone_and_the_way_back_is_told() -> None:
    documents = MemoryDocuments()
    await migrate(documents, Log(3).steps)
    older = Log(2)
    with pytest.raises(NotConfiguredError, match="millrace migrate --to 2"):
        await migrate(documents, older.steps)
    assert (older.taken, await version_of(documents)) == ([], 3)


async def test_a_step_that_was_interrupted_is_begun_anew_and_the_ones_before_it_are_not() -> None:
    documents, log = MemoryDocuments(), Log()
    log.fails = "+2"
    with pytest.raises(OSError, match="full"):
        await migrate(documents, log.steps)
    assert await version_of(documents) == 1
    log.fails = ""

    await migrate(documents, log.steps)

    assert log.taken == ["+1", "+2", "+3"]


async def test_ten_processes_that_start_at_once_take_each_step_once() -> None:
    documents, log = MemoryDocuments(), Log(pause=0.01)
    await asyncio.gather(*(migrate(documents, log.steps) for _ in range(10)))
    assert log.taken == ["+1", "+2", "+3"]


async def test_the_lock_of_a_process_that_died_ends_by_itself() -> None:
    documents, log = MemoryDocuments(), Log(pause=30)
    dying = asyncio.create_task(migrate(documents, log.steps, lease=timedelta(seconds=0.3)))
    await asyncio.sleep(0.05)
    lock = await documents.get(MIGRATIONS, "lock")
    dying.cancel()
    await asyncio.gather(dying, return_exceptions=True)
    assert lock is not None
    await documents.upsert(MIGRATIONS, lock)  # as a killed process leaves it
    log.pause = 0

    await migrate(documents, log.steps)

    assert log.taken == ["+1", "+2", "+3"]


async def test_a_process_that_is_alive_keeps_its_lock_and_others_say_why_they_gave_up() -> None:
    documents, slow = MemoryDocuments(), Log(1, pause=0.6)
    working = asyncio.create_task(migrate(documents, slow.steps, lease=timedelta(seconds=0.2)))
    await asyncio.sleep(0.05)
    with pytest.raises(ConflictError, match="Another process"):
        await migrate(documents, slow.steps, patience=0.3)
    await working
    assert slow.taken == ["+1"]


def test_the_steps_are_numbered_without_a_gap() -> None:
    assert [step.number for step in STEPS] == list(range(1, len(STEPS) + 1))


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
async def test_each_step_may_be_repeated_and_its_way_back_leaves_nothing_of_it(step: Step) -> None:
    documents = MemoryDocuments()
    await migrate(documents, STEPS, step.number - 1)
    before = [await documents.find(collection) for collection in INDEXES]
    for change in (step.forward, step.forward, step.back, step.back):
        await change(documents)
    assert [await documents.find(collection) for collection in INDEXES] == before


async def test_a_store_keeps_its_name_whatever_is_repeated_and_loses_it_on_the_way_back() -> None:
    documents = MemoryDocuments()
    assert await store_name(documents) is None
    await migrate(documents, STEPS)
    name = await store_name(documents)
    await STEPS[0].forward(documents)
    assert name and await store_name(documents) == name
    await migrate(documents, STEPS, 0)
    assert await store_name(documents) is None
