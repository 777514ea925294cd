"""The effect ledger: an outside call is made once, however often it is asked for and whoever dies on the way."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta

import pytest

from spine.documents import EFFECTS
from spine.effects import EffectLedger, Outcome
from spine.errors import (
    AuthenticationError,
    ExternalServiceError,
    InvalidInputError,
    MillraceError,
    RateLimitError,
    TimeLimitError,
)
from spine.ports import Documents

KEY = "effect:v1:sub_1:post"
LEASE = timedelta(seconds=0.3)


@pytest.fixture
def effects(documents: Documents) -> EffectLedger:
    return EffectLedger(documents, job_id="job_1", lease=LEASE, poll_seconds=0.01)


class Outside:
    """A service that makes things: `kill` ends the caller before or after it did, `error` is what it answers."""

    def __init__(self) -> None:
        self.made: list[int] = []
        self.looked = 0
        self.kill = ""
        self.error: MillraceError | None = None
        self.seconds = 0.0

    async def make(self) -> Outcome:
        if self.kill == "before":
            raise Killed
        if self.error is not None:
            raise self.error
        await asyncio.sleep(self.seconds)
        self.made.append(len(self.made) + 1)
        if self.kill == "after":
            raise Killed
        return {"id": self.made[-1]}

    async def find(self) -> Outcome | None:
        self.looked += 1
        return {"id": self.made[0]} if self.made else None


class Killed(BaseException):
    pass


@pytest.fixture
def outside() -> Outside:
    return Outside()


async def once(effects: EffectLedger, outside: Outside) -> Outcome:
    return await effects.once(KEY, make=outside.make, find=outside.find)


async def die(effects: EffectLedger, outside: Outside, when: str) -> None:
    outside.kill = when
    with pytest.raises(Killed):
        await once(effects, outside)
    outside.kill = ""


async def test_what_was_made_once_is_remembered(effects: EffectLedger, outside: Outside) -> None:
    assert await effects.outcome(KEY) is None
    assert [await once(effects, outside) for _ in range(3)] == [{"id": 1}] * 3
    assert await effects.outcome(KEY) == {"id": 1}
    assert (outside.made, outside.looked) == ([1], 0)


async def test_the_key_is_stored_before_the_call(effects: EffectLedger, documents: Documents) -> None:
    stored = []

    async def make() -> Outcome:
        stored.append(await documents.get(EFFECTS, KEY))
        return {"id": 1}

    await effects.once(KEY, make=make, find=Outside().find)
    assert [(record["key"], record["state"], record["job_id"]) for record in stored if record] == [
        (KEY, "begun", "job_1")
    ]


async def test_what_a_killed_call_made_is_found_at_once_and_not_made_again(
    effects: EffectLedger, outside: Outside
) -> None:
    await die(effects, outside, "after")
    began = time.monotonic()
    assert await once(effects, outside) == {"id": 1}
    assert time.monotonic() - began < LEASE.total_seconds()
    assert outside.made == [1]


async def test_where_a_killed_call_made_nothing_it_is_made_after_the_lease(
    effects: EffectLedger, outside: Outside
) -> None:
    began = time.monotonic()
    await die(effects, outside, "before")
    assert await once(effects, outside) == {"id": 1}
    assert time.monotonic() - began >= LEASE.total_seconds()
    assert outside.looked == 2  # at once, and again when the lease has run out


async def test_what_a_killed_call_finishes_late_is_found_before_it_is_made_again(
    effects: EffectLedger, outside: Outside
) -> None:
    await die(effects, outside, "before")
    repeated = asyncio.create_task(once(effects, outside))
    await asyncio.sleep(LEASE.total_seconds() / 2)
    outside.made.append(1)
    assert await repeated == {"id": 1}
    assert outside.made == [1]


# what the service answers → whether the next call may follow at once, because nothing was done
ANSWERS = [
    pytest.param(AuthenticationError("wrong password"), True, id="a wrong password"),
    pytest.param(InvalidInputError("no"), True, id="a refusal"),
    pytest.param(RateLimitError("later", retry_after=1.0), True, id="too many calls"),
    pytest.param(ExternalServiceError("gone"), False, id="a broken connection"),
    pytest.param(TimeLimitError("slow"), False, id="no answer in time"),
]


@pytest.mark.parametrize(("error", "at_once"), ANSWERS)
async def test_after_an_answer_the_next_call_follows_as_soon_as_it_may(
    effects: EffectLedger, outside: Outside, error: MillraceError, at_once: bool
) -> None:
    began, outside.error = time.monotonic(), error
    with pytest.raises(type(error)):
        await once(effects, outside)
    outside.error = None
    assert await once(effects, outside) == {"id": 1}
    assert (time.monotonic() - began < LEASE.total_seconds() / 2) is at_once
    assert outside.looked > 0


async def test_of_many_callers_one_makes_and_all_get_its_outcome(documents: Documents, outside: Outside) -> None:
    outside.seconds = 0.05
    ledgers = [EffectLedger(documents, lease=LEASE, poll_seconds=0.01) for _ in range(10)]
    assert await asyncio.gather(*(once(effects, outside) for effects in ledgers)) == [{"id": 1}] * 10
    assert outside.made == [1]


async def test_a_call_that_takes_longer_than_the_lease_keeps_it(effects: EffectLedger, outside: Outside) -> None:
    outside.seconds = 3 * LEASE.total_seconds()
    assert await asyncio.gather(once(effects, outside), once(effects, outside)) == [{"id": 1}] * 2
    assert outside.made == [1]


async def test_what_was_forgotten_is_made_anew(effects: EffectLedger, outside: Outside) -> None:
    outcome = await once(effects, outside)
    await effects.forget(KEY, outcome)
    assert await once(effects, outside) == {"id": 2}


async def test_forgetting_an_old_outcome_leaves_the_new_one(effects: EffectLedger, outside: Outside) -> None:
    old = await once(effects, outside)
    await effects.forget(KEY, old)
    new = await once(effects, outside)
    await effects.forget(KEY, old)
    assert await effects.outcome(KEY) == new


async def test_of_two_outcomes_the_first_counts(effects: EffectLedger, outside: Outside) -> None:
    """A waiting caller found what the holder made before the holder could say so."""
    outside.made.append(7)

    async def make() -> Outcome:
        assert await once(effects, outside) == {"id": 7}
        return {"id": 8}

    assert await effects.once(KEY, make=make, find=outside.find) == {"id": 7}
