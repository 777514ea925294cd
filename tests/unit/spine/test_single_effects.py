"""What can be neither found nor repeated is done at most once, and said to be in doubt when nobody knows."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from spine.adapters.sqlite_documents import open_sqlite_documents
from spine.contracts.timestamps import iso, utc_now
from spine.documents import EFFECTS, ensure_indexes
from spine.effects import EffectLedger, Outcome, ambiguous_effects, count_ambiguous
from spine.errors import (
    AuthenticationError,
    DatabaseError,
    ExternalServiceError,
    InvalidInputError,
    RateLimitError,
    TimeLimitError,
)
from spine.ports import Documents

KEY = "effect:v1:job_1:reply"
LEASE = timedelta(seconds=0.3)


@pytest.fixture
def effects(documents: Documents) -> EffectLedger:
    return EffectLedger(documents, job_id="job_1", lease=LEASE, poll_seconds=0.01)


class Chat:
    """A platform that takes messages: `error` is what it answers with, `seconds` how long it takes."""

    def __init__(self) -> None:
        self.sent = 0
        self.at_once = self.most_at_once = 0
        self.error: Exception | None = None
        self.seconds = 0.0

    async def send(self) -> Outcome:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(self.seconds)
        self.at_once -= 1
        if self.error is not None:
            raise self.error
        self.sent += 1
        return {"message_id": self.sent}


@pytest.fixture
def chat() -> Chat:
    return Chat()


async def test_what_was_sent_is_remembered(effects: EffectLedger, chat: Chat, documents: Documents) -> None:
    assert [await effects.at_most_once(KEY, chat.send) for _ in range(3)] == [{"message_id": 1}] * 3
    assert chat.sent == 1
    assert await effects.outcome(KEY) == {"message_id": 1}
    assert await count_ambiguous(documents) == 0


async def test_the_key_is_stored_before_the_call(effects: EffectLedger, documents: Documents) -> None:
    seen: list[str] = []

    async def send() -> Outcome:
        record = await documents.get(EFFECTS, KEY)
        assert record is not None
        seen.append(record["state"])
        return {"message_id": 1}

    await effects.at_most_once(KEY, send)
    assert seen == ["begun"]


# what the platform answers → whether the next caller may send, and what the first one is told
ANSWERS = [
    pytest.param(AuthenticationError("bad token"), True, True, id="a refused token"),
    pytest.param(InvalidInputError("no such chat"), True, True, id="a refusal"),
    pytest.param(RateLimitError("later", retry_after=1.0), True, True, id="too many messages"),
    pytest.param(ExternalServiceError("down", delivered=False), True, True, id="no connection"),
    pytest.param(ExternalServiceError("cut", delivered=None), False, False, id="cut off while waiting"),
    pytest.param(TimeLimitError("slow"), False, False, id="no answer in time"),
    pytest.param(DatabaseError("full"), False, False, id="another fault of ours"),
    pytest.param(KeyError("surprise"), False, True, id="an unforeseen error"),
]


@pytest.mark.parametrize(("error", "may_follow", "comes_through"), ANSWERS)
async def test_the_next_caller_sends_only_when_surely_nothing_was_sent(
    effects: EffectLedger,
    chat: Chat,
    documents: Documents,
    error: Exception,
    may_follow: bool,
    comes_through: bool,
) -> None:
    chat.error = error
    if comes_through:
        with pytest.raises(type(error)):
            await effects.at_most_once(KEY, chat.send)
    else:
        assert await effects.at_most_once(KEY, chat.send) is None
    chat.error = None
    assert await effects.at_most_once(KEY, chat.send) == ({"message_id": 1} if may_follow else None)
    assert await count_ambiguous(documents) == (0 if may_follow else 1)


async def test_an_ambiguous_effect_is_listed_with_its_job_and_its_reason(
    effects: EffectLedger, chat: Chat, documents: Documents
) -> None:
    chat.error = ExternalServiceError("the connection broke while waiting", delivered=None)
    await effects.at_most_once(KEY, chat.send)
    (listed,) = await ambiguous_effects(documents)
    assert (listed["key"], listed["job_id"]) == (KEY, "job_1")
    assert listed["reason"] == "the connection broke while waiting"


async def test_of_many_callers_one_sends_and_all_get_its_outcome(documents: Documents, chat: Chat) -> None:
    chat.seconds = 0.05
    ledgers = [EffectLedger(documents, lease=LEASE, poll_seconds=0.01) for _ in range(10)]
    outcomes = await asyncio.gather(*(effects.at_most_once(KEY, chat.send) for effects in ledgers))
    assert outcomes == [{"message_id": 1}] * 10
    assert chat.sent == 1


async def test_a_send_that_takes_longer_than_the_lease_is_not_taken_for_dead(
    effects: EffectLedger, chat: Chat, documents: Documents
) -> None:
    chat.seconds = 3 * LEASE.total_seconds()
    both = await asyncio.gather(effects.at_most_once(KEY, chat.send), effects.at_most_once(KEY, chat.send))
    assert both == [{"message_id": 1}] * 2
    assert chat.sent == 1


async def test_sends_in_turn_never_overlap_while_others_do(effects: EffectLedger, chat: Chat) -> None:
    chat.seconds = 0.01
    await asyncio.gather(*(effects.at_most_once(f"{KEY}:{n}", chat.send, in_turn="bot") for n in range(5)))
    assert chat.most_at_once == 1
    await asyncio.gather(*(effects.at_most_once(f"{KEY}:other:{n}", chat.send) for n in range(5)))
    assert chat.most_at_once > 1


async def test_waiting_for_a_holder_elsewhere_keeps_nobodys_turn(documents: Documents, chat: Chat) -> None:
    here = EffectLedger(documents, lease=timedelta(seconds=30), poll_seconds=0.01)
    for_long = iso(utc_now() + timedelta(seconds=30))
    await documents.insert(
        EFFECTS, {"_id": KEY, "key": KEY, "state": "begun", "holder": "dead", "lease_until": for_long}
    )
    waiting = asyncio.create_task(here.at_most_once(KEY, chat.send, in_turn="bot"))
    await asyncio.sleep(0.05)
    assert await asyncio.wait_for(here.at_most_once(f"{KEY}:2", chat.send, in_turn="bot"), 1) == {"message_id": 1}
    waiting.cancel()
    await asyncio.wait([waiting])


async def test_a_lease_that_a_clock_wrote_which_was_put_back_since_holds_nobody_up(
    effects: EffectLedger, documents: Documents, chat: Chat
) -> None:
    in_an_hour = iso(utc_now() + timedelta(hours=1))
    dead = {"_id": KEY, "key": KEY, "state": "begun", "single": True, "begun": iso(utc_now()), "holder": "dead"}
    await documents.insert(EFFECTS, {**dead, "lease_until": in_an_hour})
    assert await asyncio.wait_for(effects.at_most_once(KEY, chat.send), 1) is None
    assert (chat.sent, await count_ambiguous(documents)) == (0, 1)


async def test_a_send_whose_caller_is_cancelled_ends_and_is_remembered(effects: EffectLedger, chat: Chat) -> None:
    chat.seconds = 0.1
    sending = asyncio.create_task(effects.at_most_once(KEY, chat.send))
    await asyncio.sleep(0.05)
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    assert await effects.outcome(KEY) == {"message_id": 1}


async def test_a_send_that_does_not_end_after_a_cancel_is_ambiguous(
    effects: EffectLedger, chat: Chat, documents: Documents, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spine.effects._TO_ITS_END", 0.02)
    chat.seconds = 30
    sending = asyncio.create_task(effects.at_most_once(KEY, chat.send))
    await asyncio.sleep(0.05)
    sending.cancel()
    await asyncio.wait([sending])
    assert await count_ambiguous(documents) == 1
    assert await effects.at_most_once(KEY, chat.send) is None


async def test_whoever_was_taken_for_dead_and_comes_back_clears_the_doubt(
    effects: EffectLedger, documents: Documents
) -> None:
    async def send() -> Outcome:
        await documents.update(EFFECTS, {"_id": KEY}, set={"state": "ambiguous", "reason": "silent"})
        return {"message_id": 9}

    assert await effects.at_most_once(KEY, send) == {"message_id": 9}
    assert await effects.at_most_once(KEY, send) == {"message_id": 9}
    assert await count_ambiguous(documents) == 0


_SENDER = """
import asyncio, sys
from datetime import timedelta
from pathlib import Path
from spine.adapters.sqlite_documents import open_sqlite_documents
from spine.effects import EffectLedger

async def send():
    print("sending", flush=True)
    await asyncio.sleep(60)

async def main():
    documents = open_sqlite_documents(Path(sys.argv[1]))
    await EffectLedger(documents, job_id="job_1", lease=timedelta(seconds=0.3)).at_most_once(sys.argv[2], send)

asyncio.run(main())
"""


async def test_a_process_killed_between_record_and_answer_leaves_an_ambiguous_effect(
    tmp_path: Path, chat: Chat
) -> None:
    path = tmp_path / "documents.sqlite3"
    store = open_sqlite_documents(path)
    await ensure_indexes(store)
    sender = subprocess.Popen([sys.executable, "-c", _SENDER, str(path), KEY], stdout=subprocess.PIPE, text=True)
    assert sender.stdout is not None
    assert await asyncio.to_thread(sender.stdout.readline) == "sending\n"
    os.kill(sender.pid, signal.SIGKILL)
    sender.wait()
    sender.stdout.close()
    effects = EffectLedger(store, job_id="job_1", lease=LEASE, poll_seconds=0.01)
    assert await effects.at_most_once(KEY, chat.send) is None
    assert chat.sent == 0
    (listed,) = await ambiguous_effects(store)
    assert "stopped before it could say" in listed["reason"]
    await store.close()


async def test_an_effect_whose_maker_died_is_listed_even_when_nobody_asks_again(documents: Documents) -> None:
    past = "2026-01-01T00:00:00.000Z"
    await documents.insert(
        EFFECTS,
        {
            "_id": KEY,
            "key": KEY,
            "job_id": "job_1",
            "state": "begun",
            "single": True,
            "begun": past,
            "lease_until": past,
        },
    )
    assert [record["key"] for record in await ambiguous_effects(documents)] == [KEY]
