"""When a silent conversation is due for a follow-up: bounds per account, quiet hours, time zones. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from spine.contracts.conversations import AccountPolicy, Platform, Session
from spine.time_zones import zone_named

_WINDOWS: dict[Platform, timedelta] = {"manychat": timedelta(hours=24)}
"""How long after the person's last message a platform takes one of ours."""
_MARGIN = timedelta(hours=1)
"""Before the end of that time; also the least silence before a follow-up that is brought forward."""
_MET_WITHIN = timedelta(minutes=20)
"""Due follow-ups are looked for every 15 minutes."""

Reason = Literal["open_question", "unconfirmed_order"]


def reason_of(session: Session) -> Reason | None:
    """What is open in the conversation; None when nothing waits for the person."""
    if session.pending_order_id is not None:
        return "unconfirmed_order"
    return "open_question" if session.open_question else None


def followup_due(session: Session, policy: AccountPolicy) -> datetime | None:
    """When the next follow-up is due (UTC); None when there is nothing to follow up, or enough were sent.

    The silence begins with the last thing that either side said, so a second follow-up waits as long as the first.
    Nothing is due in quiet hours: it is put off to their end. Where the platform lets us write for a while only
    (`writable_until`), the first one is brought forward into that time, and what does not fit into it is never due.
    """
    if reason_of(session) is None or session.followups_sent >= policy.followup_limit or session.last_reply_at is None:
        return None
    silent_since = max(filter(None, [session.last_user_at, session.last_reply_at]))
    due = after_quiet_hours(silent_since + timedelta(hours=policy.followup_after_hours), policy)
    until = writable_until(session)
    if until is None or due <= until - _MARGIN:
        return due
    return _brought_forward(silent_since, until, policy) if session.followups_sent == 0 else None


def writable_until(session: Session) -> datetime | None:
    """The end of the time in which the platform takes a message for this person; None: it always does."""
    window = _WINDOWS.get(session.platform)
    return session.last_user_at + window if window is not None and session.last_user_at is not None else None


def _brought_forward(silent_since: datetime, until: datetime, policy: AccountPolicy) -> datetime | None:
    """The latest hour before the end that the schedule can meet outside of quiet hours; None when there is none."""
    due = until - _MARGIN
    while due >= silent_since + _MARGIN:
        if not is_quiet(due, policy) and not is_quiet(due + _MET_WITHIN, policy):
            return due.astimezone(UTC)
        due -= timedelta(hours=1)
    return None


def is_quiet(moment: datetime, policy: AccountPolicy) -> bool:
    """Whether the account's clock shows a time from `quiet_from` to just before `quiet_until`; equal bounds: never."""
    begin, end = time.fromisoformat(policy.quiet_from), time.fromisoformat(policy.quiet_until)
    clock = moment.astimezone(zone_of(policy)).time()
    return begin <= clock < end if begin <= end else clock >= begin or clock < end


def after_quiet_hours(moment: datetime, policy: AccountPolicy) -> datetime:
    """The moment itself, or the end of the quiet hours that it falls into (UTC).

    An end that the clocks skip in spring is the moment of the change; of one that they show twice in autumn the first
    counts, unless the moment is past it.
    """
    if not is_quiet(moment, policy):
        return moment.astimezone(UTC)
    local = moment.astimezone(zone_of(policy))
    end = time.fromisoformat(policy.quiet_until)
    day = local.date() if local.time() < end else local.date() + timedelta(days=1)
    ends = [datetime.combine(day, end, zone_of(policy)).replace(fold=fold).astimezone(UTC) for fold in (0, 1)]
    # The two differ only where the clocks change near the end; the true end is then between them.
    coming, last = min(ends), max(ends)
    while coming < last and (coming < moment or is_quiet(coming, policy)):
        coming += timedelta(minutes=1)
    return coming


def zone_of(policy: AccountPolicy) -> ZoneInfo:
    return zone_named(policy.time_zone)
