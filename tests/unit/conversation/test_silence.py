"""When a follow-up is due: bounds, quiet hours and the days on which clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spine.contracts.conversations import AccountPolicy, Session
from spine.errors import NotConfiguredError
from tasks.conversation.silence import after_quiet_hours, followup_due, is_quiet

CITY = ZoneInfo("Europe/Bucharest")


def policy(quiet_from: str = "21:00", quiet_until: str = "09:00", **more: Any) -> AccountPolicy:
    return AccountPolicy(time_zone="Europe/Bucharest", quiet_from=quiet_from, quiet_until=quiet_until, **more)


def local(text: str, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=CITY, fold=fold).astimezone(UTC)


QUIET: dict[str, tuple[str, AccountPolicy, str]] = {
    # moment on the account's clock, policy, when it may be sent
    "by day": ("2026-06-01T12:00", policy(), "2026-06-01T12:00"),
    "the last minute of the day": ("2026-06-01T20:59", policy(), "2026-06-01T20:59"),
    "the first quiet minute": ("2026-06-01T21:00", policy(), "2026-06-02T09:00"),
    "before midnight": ("2026-06-01T23:59", policy(), "2026-06-02T09:00"),
    "after midnight": ("2026-06-02T00:01", policy(), "2026-06-02T09:00"),
    "the end itself": ("2026-06-02T09:00", policy(), "2026-06-02T09:00"),
    "quiet at noon": ("2026-06-01T13:30", policy("12:00", "14:00"), "2026-06-01T14:00"),
    "never quiet": ("2026-06-01T03:00", policy("00:00", "00:00"), "2026-06-01T03:00"),
    "the night of the spring change is an hour shorter": ("2026-03-28T22:00", policy(), "2026-03-29T09:00"),
    "an end that the clocks skip is the change": (
        "2026-03-29T01:00",
        policy("21:00", "03:30"),
        "2026-03-29T04:00",
    ),
    "the night of the autumn change is an hour longer": ("2026-10-24T22:00", policy(), "2026-10-25T09:00"),
    "of an end shown twice the first counts": ("2026-10-25T02:00", policy("21:00", "03:30"), "2026-10-25T03:30"),
}


@pytest.mark.parametrize(("moment", "account", "expected"), QUIET.values(), ids=QUIET)
def test_nothing_is_sent_in_quiet_hours(moment: str, account: AccountPolicy, expected: str) -> None:
    assert after_quiet_hours(local(moment), account) == local(expected)


def test_in_autumn_an_end_that_is_over_on_the_first_round_counts_on_the_second() -> None:
    again = after_quiet_hours(local("2026-10-25T03:10", fold=1), policy("21:00", "03:30"))
    assert again == local("2026-10-25T03:30", fold=1)


@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC)),
    st.sampled_from(["Europe/Bucharest", "America/Sao_Paulo", "Asia/Kathmandu", "Australia/Lord_Howe", "UTC"]),
    st.times(),
    st.times(),
)
def test_it_is_never_put_off_into_quiet_hours_and_never_longer_than_they_last(
    moment: datetime, zone: str, begin: Any, end: Any
) -> None:
    account = AccountPolicy(time_zone=zone, quiet_from=f"{begin:%H:%M}", quiet_until=f"{end:%H:%M}")
    after = after_quiet_hours(moment, account)
    assert timedelta(0) <= after - moment <= timedelta(hours=25)
    assert not is_quiet(after, account)


NOON = local("2026-06-01T12:00")
DUE: dict[str, tuple[dict[str, Any], dict[str, Any], str | None]] = {
    # the session, the policy, when a follow-up is due
    "an open question": ({"open_question": True}, {}, "2026-06-02T12:00"),
    "an unconfirmed order": ({"pending_order_id": "ord_1"}, {}, "2026-06-02T12:00"),
    "nothing open": ({}, {}, None),
    "one was sent": ({"open_question": True, "followups_sent": 1}, {}, "2026-06-02T12:00"),
    "two were sent": ({"open_question": True, "followups_sent": 2}, {}, None),
    "an account that sends none": ({"open_question": True}, {"followup_limit": 0}, None),
    "an account that waits two days": ({"open_question": True}, {"followup_after_hours": 48}, "2026-06-03T12:00"),
    "due in the night": ({"open_question": True}, {"followup_after_hours": 10}, "2026-06-02T09:00"),
    "we never said anything": ({"open_question": True, "last_reply_at": None}, {}, None),
    "the person wrote last": (
        {"open_question": True, "last_user_at": NOON + timedelta(hours=1)},
        {},
        "2026-06-02T13:00",
    ),
}


@pytest.mark.parametrize(("fields", "bounds", "expected"), DUE.values(), ids=DUE)
def test_a_follow_up_is_due_when_something_open_has_been_silent_long_enough(
    fields: dict[str, Any], bounds: dict[str, Any], expected: str | None
) -> None:
    said = {"session_id": "ana", "platform": "telegram", "last_reply_at": NOON, **fields}
    due = followup_due(Session.model_validate(said), policy(**bounds))
    assert due == (local(expected) if expected else None)


NEVER = {"quiet_from": "00:00", "quiet_until": "00:00"}
WINDOW: dict[str, tuple[str, str, dict[str, Any], dict[str, Any], str | None]] = {
    # the person's last message, our last words, the session, the policy, when a follow-up is due
    "an hour before the window ends": ("01T12:00", "01T12:00", {}, {}, "02T11:00"),
    "we answered late": ("01T12:00", "01T18:00", {}, {}, "02T11:00"),
    "an account that waits less": ("01T12:00", "01T12:00", {}, {"followup_after_hours": 4}, "01T16:00"),
    "an account that waits longer": ("01T12:00", "01T12:00", {}, {"followup_after_hours": 48}, "02T11:00"),
    "put off to the morning, in the window": ("01T14:00", "01T14:00", {}, {"followup_after_hours": 8}, "02T09:00"),
    "the last hour is at night": ("01T23:30", "01T23:30", {}, {}, "02T20:30"),
    "so near to the night that nobody would look": ("01T22:40", "01T22:40", {}, {}, "02T19:40"),
    "quiet but for the hour in which they wrote": (
        "01T12:00",
        "01T12:00",
        {},
        {"quiet_from": "12:30", "quiet_until": "12:00"},
        None,
    ),
    "we answered as the window ended": ("01T12:00", "02T11:30", {}, NEVER, None),
    "a second one outside of it": ("01T12:00", "02T11:00", {"followups_sent": 1}, NEVER, None),
    "a second one inside of it": (
        "01T12:00",
        "01T16:00",
        {"followups_sent": 1},
        {"followup_after_hours": 4},
        "01T20:00",
    ),
}


@pytest.mark.parametrize(("theirs", "ours", "fields", "bounds", "expected"), WINDOW.values(), ids=WINDOW)
def test_a_platform_that_takes_messages_for_a_day_only_has_its_follow_up_within_it(
    theirs: str, ours: str, fields: dict[str, Any], bounds: dict[str, Any], expected: str | None
) -> None:
    said = {"last_user_at": local(f"2026-06-{theirs}"), "last_reply_at": local(f"2026-06-{ours}")}
    session = {"session_id": "ana", "platform": "manychat", "open_question": True, **said, **fields}
    due = followup_due(Session.model_validate(session), policy(**bounds))
    assert due == (local(f"2026-06-{expected}") if expected else None)


def test_a_time_zone_that_there_is_not_is_named() -> None:
    with pytest.raises(NotConfiguredError, match="Mars/Olympus"):
        is_quiet(NOON, AccountPolicy(time_zone="Mars/Olympus"))
