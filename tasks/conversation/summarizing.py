"""The memory of a session: older turns replaced by a summary, and kept for reading.

What a summary covers is one number, `summary_until`, that moves in one conditional update. Turns after it are shown to
the model as they are, turns up to it are archived; a message that comes meanwhile is simply after it.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import accumulate, takewhile

from spine.contracts.conversations import AccountPolicy, Session, TaskName, Turn
from spine.contracts.jobs import Job
from spine.contracts.timestamps import utc_now
from spine.conversations import session_from
from spine.documents import CONVERSATIONS
from spine.errors import MillraceError
from spine.services import Services
from tasks.book_review.writing.text_units import cut_at_sentence
from tasks.conversation.asking import asking_for
from tasks.conversation.history import TRANSCRIPT_CHARACTERS, shown_summary, shown_transcript
from tasks.conversation.starting import start_task
from tasks.conversation.template import SUMMARY
from tasks.conversation.transcript import Transcript, merged

_logger = logging.getLogger("millrace.conversation")

_KEPT = 6
"""Newest turns that stay as they are when a session became long: a reply rests on them word for word."""

_GIST = 160  # characters of a turn in a summary without a model
_LONGEST_SUMMARY = 6_000  # characters
_BATCH = 500


def is_long(session: Session, policy: AccountPolicy) -> bool:
    return (
        session.open_turns > policy.summarize_after_turns or session.open_tokens > policy.summarize_after_tokens
    ) and session.open_turns > _KEPT


def is_idle(session: Session, policy: AccountPolicy, now: datetime) -> bool:
    """Nobody has written for the account's time, and something is not in the summary yet."""
    return session.open_turns > 0 and now - last_activity(session) >= timedelta(hours=policy.summarize_after_idle_hours)


def last_activity(session: Session) -> datetime:
    return max(filter(None, [session.last_user_at, session.last_reply_at, session.created]))


def turns_to_cover(session: Session, turns: Sequence[Turn], policy: AccountPolicy, now: datetime) -> list[Turn]:
    """Which of the open turns the next summary takes in: all of an idle session, the older ones of a long one."""
    if is_idle(session, policy, now):
        return list(turns)
    return list(turns[:-_KEPT]) if is_long(session, policy) else []


def shown_at_once(turns: Sequence[Turn], characters: int) -> list[Turn]:
    """The oldest of the turns, as many as a model is shown whole; at least one. The next summary takes in the rest."""
    shown = len(list(takewhile(lambda size: size <= characters, accumulate(len(merged([one])) + 1 for one in turns))))
    return list(turns[: max(1, shown)])


def extractive_summary(former: str, turns: Sequence[Turn]) -> str:
    """A summary without a model: what each side said in its first words; what no longer fits leaves at the front."""
    gists = [f"{'Customer' if turn.role == 'user' else 'We'}: {_gist(turn.text)}" for turn in turns]
    lines = [*filter(None, former.splitlines()), *gists]
    while len(lines) > 1 and sum(len(line) + 1 for line in lines) > _LONGEST_SUMMARY:
        lines.pop(0)
    return "\n".join(lines)[-_LONGEST_SUMMARY:]


async def summarize(services: Services, job: Job, session_id: str) -> dict[str, int]:
    """Bring the session's summary up to date: `{covered, archived, open_turns}`, the numbers of turns.

    A session that needs none (another job was first) is left as it is. One with more than a model is shown at once is
    summarised in several steps, each of which takes in the summary before; what is cut off between them goes on there.
    """
    transcript = Transcript(services.documents, session_id)
    session = await transcript.settle()
    policy = services.account_policy(session.platform, session.account)
    count = 0
    while covered := shown_at_once(
        turns_to_cover(session, await transcript.open_turns(session), policy, utc_now()), TRANSCRIPT_CHARACTERS
    ):
        text = await _summary(services, job, session, policy, covered)
        if not await transcript.replace_by_summary(session, text, covered[-1].seq):
            break
        count += len(covered)
        session = await transcript.settle()
    archived = await transcript.archive()
    session = await transcript.settle()
    return {"covered": count, "archived": archived, "open_turns": session.open_turns}


async def start_summary(services: Services, session: Session, parent: Job | None = None) -> bool:
    """Start a summary of the session as it is now; whether it is a new one: the same state is summarised once."""
    _, new = await start_task(
        services,
        TaskName.SUMMARIZE_SESSION,
        session.session_id,
        {},
        idempotency_key=f"summary:{session.session_id}:{session.turns}",
        parent_job_id=parent.job_id if parent else None,
        trace_id=parent.trace_id if parent else "",
    )
    return new


async def start_due_summaries(services: Services, now: datetime) -> dict[str, int]:
    """Start a summary for every session that is long or idle: `{looked_at, due, started}`."""
    counts = {"looked_at": 0, "due": 0, "started": 0}
    last = ""
    while True:
        where = {"open_turns": {"$gt": 0}, "_id": {"$gt": last}}
        found = await services.documents.find(CONVERSATIONS, where, sort=[("_id", 1)], limit=_BATCH)
        for session in map(session_from, found):
            counts["looked_at"] += 1
            try:
                policy = services.account_policy(session.platform, session.account)
            except MillraceError as error:  # of this account; the others' conversations go on
                _logger.warning("no summary of %s: %s", session.session_id, error)
                continue
            if is_long(session, policy) or is_idle(session, policy, now):
                counts["due"] += 1
                counts["started"] += await start_summary(services, session)
        if len(found) < _BATCH:
            return counts
        last = found[-1]["_id"]


async def _summary(
    services: Services, job: Job, session: Session, policy: AccountPolicy, covered: Sequence[Turn]
) -> str:
    values = {
        "summary": shown_summary(session.summary) or "(none yet)",
        "transcript": shown_transcript(covered),
        "language": session.language,
    }
    async with asking_for(services, policy.pipeline_id, session.session_id, job.job_id) as asking:
        said = await asking.say(SUMMARY, values, lambda: extractive_summary(session.summary, covered))
    return said.text[:_LONGEST_SUMMARY]


def _gist(text: str) -> str:
    return cut_at_sentence(" ".join(text.split()), _GIST)
