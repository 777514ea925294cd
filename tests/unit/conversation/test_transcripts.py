"""A transcript under concurrent writers and any sequence of summaries: nothing lost, nothing twice, no gap."""

from __future__ import annotations

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from spine.contracts.conversations import InboundMessage, Turn
from spine.contracts.timestamps import utc_now
from spine.documents import ensure_indexes
from spine.testing.memory_documents import MemoryDocuments
from tasks.conversation.history import shown_turns
from tasks.conversation.summarizing import extractive_summary
from tasks.conversation.transcript import Transcript, tokens_of


async def fresh() -> Transcript:
    documents = MemoryDocuments()
    await ensure_indexes(documents)
    transcript = Transcript(documents, "ana")
    await transcript.open(InboundMessage(session_id="ana", platform="api", text="hi"))
    return transcript


def said(name: str, text: str = "word", role: str = "user") -> Turn:
    return Turn.model_validate({"message_id": name, "session_id": "ana", "seq": 0, "role": role, "text": text})


async def test_writers_at_once_get_places_without_a_gap_and_the_same_turn_one_place() -> None:
    transcript = await fresh()
    names = [f"t{place % 20}" for place in range(60)]
    stored = await asyncio.gather(*(transcript.append(said(name), after=0) for name in names))
    assert {turn.message_id: turn.seq for turn in stored}.keys() == set(names)
    assert len({(turn.message_id, turn.seq) for turn in stored}) == 20
    session = await transcript.settle()
    assert [turn.seq for turn in await transcript.open_turns(session)] == list(range(1, 21))
    assert (session.turns, session.open_turns) == (20, 20)


steps = st.lists(st.one_of(st.text(min_size=1, max_size=40), st.floats(0, 1)), max_size=25)


@given(steps)
@settings(deadline=None, max_examples=60)
def test_summaries_lose_nothing_whenever_they_come(script: list[str | float]) -> None:
    """Text is a turn; a number is a summary of that share of the open turns."""

    async def run() -> None:
        transcript, spoken = await fresh(), list[str]()
        for step in script:
            session = await transcript.settle()
            turns = await transcript.open_turns(session)
            if isinstance(step, str):
                spoken.append(step)
                await transcript.append(said(f"t{len(spoken)}", step), after=session.turns)
            elif covered := turns[: round(step * len(turns))]:
                text = extractive_summary(session.summary, covered)
                assert await transcript.replace_by_summary(session, text, covered[-1].seq)
                assert not await transcript.replace_by_summary(session, "a late twin", covered[-1].seq)
                await transcript.archive()
        session = await transcript.settle()
        everything = [await transcript.turn(f"t{place}") for place in range(1, len(spoken) + 1)]
        assert [turn.text for turn in everything if turn] == spoken
        assert [turn.seq for turn in everything if turn] == list(range(1, len(spoken) + 1))
        assert [turn.archived for turn in everything if turn] == [
            seq <= session.summary_until for seq in range(1, len(spoken) + 1)
        ]
        assert session.open_turns == len(spoken) - session.summary_until
        assert session.open_tokens == sum(tokens_of(text) for text in spoken[session.summary_until :])

    asyncio.run(run())


async def test_what_a_message_says_of_the_person_replaces_only_what_it_says() -> None:
    transcript = await fresh()
    first = InboundMessage(session_id="ana", platform="api", text="hi", user_name="Ana", chat_id="1")
    await transcript.heard(first, "en", utc_now())
    session = await transcript.heard(InboundMessage(session_id="ana", platform="api", text="hi"), "ro", utc_now())
    assert (session.user_name, session.chat_id, session.language) == ("Ana", "1", "ro")


def test_a_model_is_shown_the_newest_turns_that_fit_and_always_the_last() -> None:
    turns = [said(f"t{place}", f"turn {place}").model_copy(update={"seq": place, "tokens": 10}) for place in range(9)]
    for budget, shown in ((35, ["turn 6\n\nturn 7\n\nturn 8"]), (1, ["turn 8"])):
        assert [turn.text for turn in shown_turns(turns, budget)] == shown


def test_no_turn_that_a_model_is_shown_is_empty() -> None:
    """Most providers refuse an empty turn, and with it each later request of the session."""
    (turn,) = shown_turns([said("t1", "\u200b\ufeff")])
    assert turn.text == "(a message without words)"


def test_a_summary_without_a_model_stays_within_its_length_and_keeps_the_newest() -> None:
    summary = ""
    for place in range(300):
        summary = extractive_summary(summary, [said("t", f"Point number {place} is this. And more of it.")])
    assert len(summary) <= 6_000
    assert summary.splitlines()[-1].startswith("Customer: Point number 299 is this.")
