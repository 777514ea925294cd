"""Answers conversations: takes the oldest message of each session that waits, fairly, one at a time per session."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime

from deployments.live_lane.fair_slots import FairSlots, Slot
from spine.account_limits import AccountLimits, SharedLimits
from spine.contracts.conversations import AccountPolicy
from spine.contracts.jobs import Job
from spine.contracts.timestamps import utc_now
from spine.errors import ConflictError, MillraceError
from spine.live_queues import LLM
from spine.mailbox import SessionMailbox, Step
from spine.ports import Documents
from spine.services import Services

_logger = logging.getLogger("millrace.live")

RunJob = Callable[[str], Awaitable[None]]

AFTER_A_FAULT = 1.0
"""Seconds until a session is looked at again whose look failed, or whose job could not be begun."""

POLICY_SECONDS = 5.0
"""For how long an account's policy is believed."""


class LiveSessions:
    """Knows in memory which sessions have messages waiting, and runs them by `run_job` as slots become free.

    The stored jobs are the truth: a session that this object forgets, because the process dies, is found again by the
    next process, by the sweeper, or by its next message. Use it as a context manager in one event loop.

    Limits of an account that all lanes count together are asked of `shared`; without it, or while it does not answer,
    each lane keeps them by itself.
    """

    def __init__(
        self, services: Services, run_job: RunJob, *, width: int = LLM.width, shared: SharedLimits | None = None
    ) -> None:
        self._services = services
        self._run_job = run_job
        self._mailbox = SessionMailbox(services.documents)
        self._slots = FairSlots(width)
        self._shared = shared
        self._parked: dict[str, asyncio.TimerHandle] = {}
        self._policies: dict[str, tuple[float, AccountLimits]] = {}
        self._serving: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def waiting(self) -> int:
        """Sessions that wait for a slot."""
        return self._slots.waiting

    async def notify(self, job_id: str) -> None:
        """A job waits in a mailbox. Told of the same one twice, it still runs once."""
        self.offer(await self._services.ledger.get(job_id))

    def offer(self, job: Job) -> None:
        """The same for a job that the caller holds already."""
        if not job.status.is_final:
            self._offer(job.subject_id, account_of(job))

    @property
    def say_alive(self) -> Callable[[Documents], Awaitable[None]]:
        """Renews the lease on everything that is held here, for a thread that renews leases."""
        return self._mailbox.say_alive

    async def __aenter__(self) -> LiveSessions:
        await self._mailbox.say_alive()
        await self._mailbox.forget_the_dead()
        for job in await self._mailbox.waiting():
            self.offer(job)
        self._tasks = [
            asyncio.create_task(self._say_alive_forever(), name="sessions: lease"),
            asyncio.create_task(self._grant_forever(), name="sessions: slots"),
        ]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Begin nothing more and give the sessions back; what still runs is the business of who runs the jobs."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for timer in self._parked.values():
            timer.cancel()
        if self._serving:
            await asyncio.wait(self._serving)
        with suppress(MillraceError):
            await self._mailbox.withdraw()

    def pause(self) -> None:
        """Begin no further message."""
        for task in self._tasks:
            task.cancel()

    # -- slots ---------------------------------------------------------------------------------------------

    def _offer(self, session_id: str, account: str) -> None:
        if (timer := self._parked.pop(session_id, None)) is not None:
            timer.cancel()
        self._slots.offer(session_id, account, self._limits(account), time.monotonic())
        self._changed.set()

    def _park(self, slot: Slot, seconds: float) -> None:
        """Look at the session again after this time, or when it is offered before."""
        if (timer := self._parked.pop(slot.session_id, None)) is not None:
            timer.cancel()
        loop = asyncio.get_running_loop()
        self._parked[slot.session_id] = loop.call_later(seconds, self._offer, slot.session_id, slot.account)

    async def _grant_forever(self) -> None:
        while True:
            self._changed.clear()
            now = time.monotonic()
            while self._mailbox.is_alive and (slot := self._slots.next(now)) is not None:
                serving = asyncio.create_task(self._serve(slot), name=f"session {slot.session_id}")
                self._serving.add(serving)
                serving.add_done_callback(self._serving.discard)
            at = self._slots.next_at(now)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), None if at is None else max(0.001, at - now))

    async def _say_alive_forever(self) -> None:
        while True:
            await asyncio.sleep(self._mailbox.lease.total_seconds() / 4)
            with suppress(MillraceError):
                await self._mailbox.say_alive()
                self._changed.set()
            if self._shared is not None:
                with suppress(MillraceError):
                    await self._shared.renew()

    # -- one message ---------------------------------------------------------------------------------------

    async def _serve(self, slot: Slot) -> None:
        """Run the session's oldest message, and look whether there are more."""
        if wait := await self._refused_for(slot):
            self._slots.refuse(slot, time.monotonic() + wait)
            self._changed.set()
            return
        try:
            pause = await self._run_oldest(slot.session_id)
        except MillraceError as error:
            _logger.warning("session %s is looked at again soon: %s", slot.session_id, error)
            pause = AFTER_A_FAULT
        except Exception:
            _logger.exception("session %s is looked at again soon", slot.session_id)
            pause = AFTER_A_FAULT
        finally:
            await self._release(slot)
        again = self._slots.done(slot)
        self._changed.set()
        if pause == 0.0 or (again and pause is None):
            self._offer(slot.session_id, slot.account)
        elif pause is not None:
            self._park(slot, pause)

    async def _refused_for(self, slot: Slot) -> float:
        """Seconds for which the account has to wait, all lanes together; 0 when the message may begin."""
        limits = self._limits(slot.account)
        if self._shared is None or not limits.is_shared:
            return 0.0
        try:
            return await self._shared.admit(slot.account, slot.session_id, limits)
        except MillraceError as error:
            _logger.warning("the limits of %s are kept by this lane alone: %s", slot.account, error)
            return 0.0

    async def _release(self, slot: Slot) -> None:
        if self._shared is not None:
            with suppress(MillraceError):  # what is not released runs out
                await self._shared.release(slot.account, slot.session_id)

    async def _run_oldest(self, session_id: str) -> float | None:
        """Seconds until the session is to be looked at again; None when nothing waits in it."""
        if (asked_again := await self._mailbox.take(session_id)) is not None:
            return max(_until(asked_again), 0.05)
        try:
            began = await self._run_if_due(await self._mailbox.look(session_id))
        finally:
            await self._mailbox.give_back(session_id)
        # Only now: whoever was refused the session before it was given back relies on this look.
        step = await self._mailbox.look(session_id)
        if step.job is None:
            return None
        if step.at is not None:
            return _until(step.at)
        return AFTER_A_FAULT if step.job.job_id == began and step.job.run_after is None else 0.0

    async def _run_if_due(self, step: Step) -> str | None:
        """Run the job of the step; its id, None when there was none to run."""
        if step.job is None or step.at is not None:
            return None
        if step.job.cancel_requested:
            with suppress(ConflictError):
                await self._services.ledger.cancel(step.job.job_id)
            return None
        await self._run_job(step.job.job_id)
        return step.job.job_id

    def _limits(self, account: str) -> AccountLimits:
        known = self._policies.get(account)
        now = time.monotonic()
        if known is None or now - known[0] > POLICY_SECONDS:
            known = self._policies[account] = (now, limits_of(self._policy(account)))
        return known[1]

    def _policy(self, account: str) -> AccountPolicy:
        platform, _, name = account.partition(":")
        try:
            return self._services.account_policy(platform, name)
        except MillraceError as error:
            _logger.warning("account %s is served with the usual limits: %s", account, error)
            return AccountPolicy()


def account_of(job: Job) -> str:
    """`telegram:shop`: whose limits count for the job. Jobs of no known account share one."""
    message = job.params.get("message")
    told: dict[str, object] = message if isinstance(message, dict) else {}  # pyright: ignore[reportAssignmentType]
    return f"{told.get('platform', 'api')}:{told.get('account', 'default')}"


def limits_of(policy: AccountPolicy) -> AccountLimits:
    return AccountLimits(policy.concurrency, policy.rate_per_minute)


def _until(moment: datetime) -> float:
    return max(0.0, (moment - utc_now()).total_seconds())
