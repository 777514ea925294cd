"""One part's life: start, wait until healthy, watch, restart, stop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from deployments.stack import processes
from deployments.stack.complaints import Complaint, complaint_of
from deployments.stack.ended_tasks import end_task
from deployments.stack.environment import settled
from deployments.stack.gate import Gate, NeedsMet
from deployments.stack.home import Home
from deployments.stack.launch import launch, signal_group
from deployments.stack.parts import Kind, Life, Part
from deployments.stack.restarts import Ending, Verdict, describe, judge
from deployments.stack.state import PartState
from spine.contracts.timestamps import iso, utc_now
from spine.errors import MillraceError

log = logging.getLogger("millrace.stack")

_STARTING_PROBE_EVERY = 0.1


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all parts of one stack share."""

    home: Home
    environment: Mapping[str, str]
    stack_id: str
    on_change: Callable[[], None]
    are_ill: Callable[[tuple[str, ...]], bool] = lambda names: False
    """Whether one of the parts of these names is not healthy."""


class PartRunner:
    """Keeps one part running until `stop`. Its `state` is changed in place; `settled` is set once it is healthy
    (or done), `gave_up` once it never will be. Belongs to one event loop."""

    def __init__(self, part: Part, around: Surroundings, queues: tuple[str, ...] = ()) -> None:
        self.part = part
        self.state = PartState(part.name, part.kind.value, port=part.port, note=part.note, queues=list(queues))
        self.settled = asyncio.Event()
        self.gave_up = asyncio.Event()
        self._around = around
        self._stopping = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._gate = Gate()
        self._stack_is_up = False
        self._process: asyncio.subprocess.Process | None = None
        self._healthy_since: float | None = None
        self._asked_to_end = False
        self._failures = 0
        self._was_ever_healthy = False

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process and self._process.returncode is None else None

    @property
    def is_stopping(self) -> bool:
        """Whether it is to end, or has ended, and will not start again."""
        return self._stopping.is_set()

    @property
    def has_ended(self) -> bool:
        return self._stopping.is_set() and self._idle.is_set()

    def step_back(self) -> None:
        """The stack is up: from now on the part takes the niceness that it has from there."""
        self._stack_is_up = True
        if self.part.niceness_once_up and self.pid:
            processes.step_back(self.pid, self.part.niceness_once_up)

    async def run(self, needs_met: NeedsMet | None = None) -> None:
        """Live until stopped, done or given up; where `needs_met` is given, held at the gate until it returns."""
        self._idle.clear()
        try:
            with self._gate.closed_until(needs_met):
                await (self._watch_external() if self.part.kind is Kind.EXTERNAL else self._live())
        finally:
            self._idle.set()

    async def _live(self) -> None:
        while not self._stopping.is_set():
            ending = await self._one_life()
            if self._stopping.is_set():
                break
            # In a stack that is up a start that fails is no mistake of its configuration.
            was_healthy = self._was_ever_healthy or self._stack_is_up
            verdict = judge(self.part.kind, ending, self._failures, was_ever_healthy=was_healthy)
            self._failures = verdict.failures
            self._note_ending(ending, verdict)
            if verdict.pause is None:
                return
            await self._sleep(verdict.pause)
        self._become("stopped")

    async def stop(self, grace: float | None = None) -> None:
        """End the part: its stop signal, then `grace` seconds (default the part's own), then SIGKILL for its group."""
        self._stopping.set()
        if self._process and self._process.returncode is None:
            self._become("stopping" if grace is None else "draining")
            await self._end(self._process, self.part.stop_seconds if grace is None else grace)
        await self._idle.wait()

    # -- one life ------------------------------------------------------------------------------------------------

    async def _one_life(self) -> Ending:
        self._healthy_since, self._asked_to_end = None, False
        self._become("starting" if self._gate.is_open else "waiting")
        try:
            if self.part.prepare:
                await asyncio.to_thread(self.part.prepare)
            process = await self._launch()
        except (OSError, MillraceError) as error:
            self.state.last_error = str(error)
            return Ending(code=127, healthy_seconds=None)
        watcher = asyncio.create_task(self._watch(process))
        try:
            if self._stopping.is_set():  # asked while it was being prepared
                await self._end(process, self.part.stop_seconds)
            code = await process.wait()
        finally:
            await end_task(watcher)
        self._clear_remains(process.pid)
        lived = None if self._healthy_since is None else time.monotonic() - self._healthy_since
        return Ending(code=code, healthy_seconds=lived, asked=self._asked_to_end)

    async def _launch(self) -> asyncio.subprocess.Process:
        around, held = self._around, not self._gate.is_open
        process = await launch(self.part, around.home, around.environment, around.stack_id, held=held)
        identity = processes.identify(process.pid)
        self._process = process
        self.state.pid, self.state.started = process.pid, identity.started if identity else None
        self._around.on_change()
        return process

    async def _watch(self, process: asyncio.subprocess.Process) -> None:
        if process.stdin is not None and not await self._let_through(process):
            return
        if self.part.kind is Kind.STEP:
            await self._end_when_late(process)
            return
        life = Life(process.pid)
        if await self._becomes_healthy(life):
            self._healthy()
            complaint = await self._first_complaint(life)
        else:
            complaint = f"not healthy within {self.part.start_seconds:g} s ({self.state.last_error})"
        if self._stopping.is_set():
            return
        log.warning("%s: %s; ending it", self.part.name, complaint)
        self.state.last_error = complaint
        self._asked_to_end = True
        if self.part.kind is Kind.LANE and self._healthy_since is not None:
            self._stopping.set()  # a draining lane may take long: another takes its place meanwhile
            self._become("draining")
        else:
            self._become("unhealthy")
        await self._end(process, self.part.retire_seconds)

    async def _let_through(self, process: asyncio.subprocess.Process) -> bool:
        try:
            await self._gate.let_through(process, lambda: settled(self._around.home))
        except MillraceError as error:
            self.state.last_error, self._asked_to_end = str(error), True
            await self._end(process, self.part.stop_seconds)
            return False
        self._become("starting")
        return True

    async def _end_when_late(self, process: asyncio.subprocess.Process) -> None:
        await asyncio.sleep(self.part.start_seconds)
        self.state.last_error = f"not done within {self.part.start_seconds:g} s"
        await self._end(process, self.part.retire_seconds)

    async def _becomes_healthy(self, life: Life) -> bool:
        deadline = time.monotonic() + self.part.start_seconds
        while (complaint := await complaint_of(self.part.probe, life)) is not None:
            self.state.last_error = complaint.text
            if not complaint.own or self._around.are_ill(self.part.needs):  # its time begins when it has what it needs
                deadline = time.monotonic() + self.part.start_seconds
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(_STARTING_PROBE_EVERY)
        return True

    async def _first_complaint(self, life: Life) -> str:
        """Returns when the part is not to go on: too many failed probes in a row, or too much memory."""
        failed = 0
        while True:
            await asyncio.sleep(self.part.probe_every)
            limit, used = self.part.memory_limit, processes.resident_bytes(life.pid)
            if limit is not None and used > limit:
                return f"{used // 2**20} MB of memory, more than its limit of {limit // 2**20} MB"
            complaint = await complaint_of(self.part.probe, life)
            if complaint is None or not complaint.own:
                failed = 0
            elif not self._around.are_ill(self.part.needs):  # another start would not help it before they are well
                failed += 1
            self._show(complaint)
            if complaint and failed >= self.part.probe_patience:
                return f"{failed} failed health checks in a row ({complaint.text})"

    async def _watch_external(self) -> None:
        life = Life(0)
        self._become("starting")
        if not await self._becomes_healthy(life):
            self._become("failed")
            self.gave_up.set()
            return
        self._healthy()
        while not self._stopping.is_set():
            self._show(await complaint_of(self.part.probe, life))
            await self._sleep(self.part.probe_every)
        self._become("stopped")

    # -- endings -------------------------------------------------------------------------------------------------

    async def _end(self, process: asyncio.subprocess.Process, grace: float) -> None:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(self.part.stop_signal)
            try:
                await asyncio.wait_for(asyncio.shield(process.wait()), grace)
            except TimeoutError:
                log.warning("%s: still there after %g s; killed", self.part.name, grace)
                signal_group(process.pid, processes.signal.SIGKILL)
                await process.wait()

    def _clear_remains(self, leader: int) -> None:
        """End what the process left behind: its group, and adopted processes that carry its mark."""
        if not self.part.orphans_end:
            return
        signal_group(leader, processes.signal.SIGKILL)
        me = os.getpid()
        for orphan in processes.marked(processes.PART_MARK, self.part.name):
            own = processes.environment_of(orphan.pid).get(processes.STACK_MARK) == self._around.stack_id
            if own and processes.parent_of(orphan.pid) == me:
                processes.send(orphan, processes.signal.SIGKILL)

    def _note_ending(self, ending: Ending, verdict: Verdict) -> None:
        if verdict.pause is None and not verdict.gave_up:
            self._become("done")
            self.settled.set()
            return
        if not ending.asked and ending.code != 127:
            self.state.last_error = f"ended with {describe(ending.code)}"
        if verdict.gave_up:
            log.error("%s: FAILED to start %d times: %s", self.part.name, verdict.failures, self.state.last_error)
            self._become("failed")
            self.gave_up.set()
            return
        self.state.restarts += 1
        if verdict.alarm:
            log.error(
                "%s: DIED (%s); restart %d in %g s",
                self.part.name, self.state.last_error, self.state.restarts, verdict.pause,
            )  # fmt: skip
        else:
            log.info("%s: recycled, restart %d", self.part.name, self.state.restarts)
        self._become("restarting")

    # -- state ---------------------------------------------------------------------------------------------------

    def _healthy(self) -> None:
        self._healthy_since = time.monotonic()
        self._was_ever_healthy = True
        if self._stack_is_up:
            self.step_back()
        self.state.last_error = None
        self._become("healthy")
        self.settled.set()

    def _show(self, complaint: Complaint | None) -> None:
        self.state.last_error = complaint.text if complaint else None  # a recovered part has none
        if self.state.state != (wanted := "unhealthy" if complaint else "healthy") and not self._stopping.is_set():
            tell = log.warning if complaint else log.info
            tell("%s: %s %s", self.part.name, wanted, self.state.last_error or "")
            self._become(wanted)

    def _become(self, state: str) -> None:
        if state in ("stopped", "done", "failed", "restarting"):
            self.state.pid = self.state.started = None
        self.state.state = state
        self.state.since = iso(utc_now())
        self._around.on_change()

    async def _sleep(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)
