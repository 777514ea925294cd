"""Slots: one per session, fair between accounts, inside every limit, and nobody waits for ever."""

from __future__ import annotations

from collections import Counter, defaultdict

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from deployments.live_lane.fair_slots import AccountLimits, FairSlots, Slot

FREE = AccountLimits()


def granted(slots: FairSlots, now: float = 0.0) -> list[str]:
    found: list[str] = []
    while (slot := slots.next(now)) is not None:
        found.append(slot.session_id)
    return found


def test_a_session_gets_one_slot_however_often_it_is_offered() -> None:
    slots = FairSlots(10)
    for _ in range(3):
        slots.offer("s1", "bot", FREE, 0.0)
    assert granted(slots) == ["s1"]
    slots.offer("s1", "bot", FREE, 0.0)
    assert granted(slots) == []


@pytest.mark.parametrize("offered", [False, True], ids=["nothing new", "offered while it ran"])
def test_the_end_of_a_message_says_whether_more_came_meanwhile(offered: bool) -> None:
    slots = FairSlots(1)
    slots.offer("s1", "bot", FREE, 0.0)
    slot = slots.next(0.0)
    assert slot is not None
    if offered:
        slots.offer("s1", "bot", FREE, 0.0)
    assert slots.done(slot) is offered


def test_accounts_take_turns_whatever_the_length_of_their_lines() -> None:
    slots = FairSlots(6)
    for number in range(100):
        slots.offer(f"busy-{number}", "busy", FREE, 0.0)
    slots.offer("quiet-1", "quiet", FREE, 0.0)
    slots.offer("calm-1", "calm", FREE, 0.0)
    assert granted(slots) == ["busy-0", "quiet-1", "calm-1", "busy-1", "busy-2", "busy-3"]


def test_an_account_at_its_concurrency_leaves_the_rest_to_others() -> None:
    slots = FairSlots(10)
    for number in range(5):
        slots.offer(f"a{number}", "narrow", AccountLimits(concurrency=2), 0.0)
        slots.offer(f"b{number}", "wide", FREE, 0.0)
    assert granted(slots) == ["a0", "b0", "a1", "b1", "b2", "b3", "b4"]
    slots.done(Slot("a0", "narrow"))
    assert granted(slots) == ["a2"]


# messages a minute → begun at once, and seconds until the next
RATES = [
    pytest.param(60, 6, 1.0, id="one a second, six at once"),
    pytest.param(10, 1, 6.0, id="one every six seconds"),
    pytest.param(1, 1, 60.0, id="one a minute"),
]


@pytest.mark.parametrize(("rate", "at_once", "pause"), RATES)
def test_a_rate_lets_a_few_begin_and_then_spaces_them(rate: int, at_once: int, pause: float) -> None:
    slots = FairSlots(100)
    for number in range(20):
        slots.offer(f"s{number}", "bot", AccountLimits(rate_per_minute=rate), 0.0)
    assert len(granted(slots)) == at_once
    assert slots.next_at(0.0) == pytest.approx(pause)
    assert granted(slots, pause * 0.9) == []
    assert len(granted(slots, pause)) == 1


def test_a_full_lane_waits_for_the_end_of_a_message_not_for_a_rate() -> None:
    slots = FairSlots(1)
    for session in ("s1", "s2"):
        slots.offer(session, "bot", AccountLimits(rate_per_minute=60), 0.0)
    assert granted(slots) == ["s1"]
    assert slots.next_at(0.0) is None


ACCOUNTS = {
    "wide": FREE,
    "narrow": AccountLimits(concurrency=1),
    "rated": AccountLimits(rate_per_minute=30),
    "both": AccountLimits(concurrency=2, rate_per_minute=120),
}
WIDTH = 4


class Sessions(RuleBasedStateMachine):
    """Messages arrive, begin and end in any order; the model counts what the slots may not break."""

    def __init__(self) -> None:
        super().__init__()
        self.slots = FairSlots(WIDTH)
        self.now = 0.0
        self.mail: dict[str, list[int]] = defaultdict(list)
        self.answered: dict[str, list[int]] = defaultdict(list)
        self.running: list[Slot] = []
        self.begun: dict[str, list[float]] = defaultdict(list)
        self.sent = 0

    @rule(account=st.sampled_from(sorted(ACCOUNTS)), session=st.integers(0, 3))
    def arrive(self, account: str, session: int) -> None:
        self.sent += 1
        self.mail[f"{account}-{session}"].append(self.sent)
        self.offer(f"{account}-{session}", account)

    @rule()
    def begin(self) -> None:
        if (slot := self.slots.next(self.now)) is not None:
            self.running.append(slot)
            self.begun[slot.account].append(self.now)

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        slot = self.running.pop(data.draw(st.integers(0, len(self.running) - 1)))
        if self.mail[slot.session_id]:
            self.answered[slot.session_id].append(self.mail[slot.session_id].pop(0))
        again = self.slots.done(slot)
        if self.mail[slot.session_id] or again:
            self.offer(slot.session_id, slot.account)

    @rule(seconds=st.sampled_from([0.1, 1.0, 7.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    def offer(self, session: str, account: str) -> None:
        self.slots.offer(session, account, ACCOUNTS[account], self.now)

    @invariant()
    def every_limit_is_kept(self) -> None:
        assert len(self.running) <= WIDTH
        assert len({slot.session_id for slot in self.running}) == len(self.running)
        for account, number in Counter(slot.account for slot in self.running).items():
            assert number <= ACCOUNTS[account].concurrency
        for account, moments in self.begun.items():
            rate = ACCOUNTS[account].rate_per_minute
            if rate:
                lately = [moment for moment in moments if self.now - moment < 60.0]
                assert len(lately) <= rate + max(1, rate / 10)

    @invariant()
    def each_session_is_answered_in_the_order_of_arrival(self) -> None:
        for numbers in self.answered.values():
            assert numbers == sorted(numbers)

    def teardown(self) -> None:
        """Whatever happened, everything is answered once messages end and time passes: nobody starves."""
        for _ in range(20 * (self.sent + WIDTH)):
            while (slot := self.slots.next(self.now)) is not None:
                self.running.append(slot)
            for slot in self.running:
                if self.mail[slot.session_id]:
                    self.answered[slot.session_id].append(self.mail[slot.session_id].pop(0))
                if self.slots.done(slot) or self.mail[slot.session_id]:
                    self.offer(slot.session_id, slot.account)
            self.running = []
            self.now = max(self.now, self.slots.next_at(self.now) or self.now)
        assert not any(self.mail.values())
        assert (self.slots.running, self.slots.waiting) == (0, 0)


TestSessions = Sessions.TestCase
TestSessions.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
