"""The supervisor: starts the parts in the order of their needs, keeps them running, stops them in order."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Callable, Coroutine, Iterable
from functools import partial
from typing import Any

from deployments.stack import processes
from deployments.stack.home import Home
from deployments.stack.lane_scaler import LaneScaler, QueueDepth, no_depth
from deployments.stack.logs import rotate
from deployments.stack.parts import Plan, StopRank
from deployments.stack.runner import PartRunner, Surroundings
from deployments.stack.state import PartState, StackState, new_state, save_state

log = logging.getLogger("millrace.stack")

_ROUND_SECONDS = 2.0
_STOP_ORDER = (StopRank.LANES, StopRank.FACES, StopRank.ORCHESTRATION, StopRank.STORES)


class Supervisor:
    """Runs one plan in one home, from `run` until a signal, `request_stop` or a part that cannot be started.

    Everything it knows is in the home's state file as well; the file is rewritten at every change.
    """

    def __init__(
        self,
        home: Home,
        plan: Plan,
        *,
        queue_depth: QueueDepth = no_depth,
        on_change: Callable[[StackState], None] | None = None,
    ) -> None:
        self._home = home
        self._plan = plan
        self._announce = on_change
        self._stop = asyncio.Event()
        self._lives: set[asyncio.Task[Any]] = set()
        self._chores: set[asyncio.Task[Any]] = set()
        self.state = new_state()
        self.state.ports = dict(plan.ports)
        around = Surroundings(home, plan.environment, self.state.stack_id, self._changed, self._are_ill)
        self._runners = [PartRunner(part, around) for part in plan.parts]
        self._lanes = LaneScaler(plan.lanes, around, queue_depth, self._begin_life)

    def request_stop(self) -> None:
        self._stop.set()

    async def run(self) -> int:
        """Supervise until asked to stop; the exit code: 0, or 1 when the stack could not be started.

        The caller holds the home (`Home.supervised`). Nothing that was started outlives the call.
        """
        processes.adopt_orphans()
        self._listen()
        self._changed()
        log.info("supervisor %d starts %d parts", self.state.supervisor_pid, len(self._runners))
        try:
            await self._supervise()
        finally:
            await self._shut_down()
        return 1 if self.state.error else 0

    def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, self.request_stop)

    # -- starting ------------------------------------------------------------------------------------------------

    async def _supervise(self) -> None:
        for runner in self._runners:
            self._begin_chore(self._start_when_needs_are_met(runner))
        self._begin_chore(self._report_when_up())
        self._begin_chore(self._housekeeping())
        await self._stop.wait()

    def _are_ill(self, names: tuple[str, ...]) -> bool:
        states = (runner.state.state for runner in self._runners if runner.part.name in names)
        return any(state not in ("healthy", "done") for state in states)

    def _begin_life(self, work: Coroutine[Any, Any, None]) -> None:
        self._begin(work, self._lives)

    def _begin_chore(self, work: Coroutine[Any, Any, None]) -> None:
        self._begin(work, self._chores)

    def _begin(self, work: Coroutine[Any, Any, None], group: set[asyncio.Task[Any]]) -> None:
        task = asyncio.create_task(work)
        group.add(task)
        task.add_done_callback(group.discard)
        task.add_done_callback(self._look_for_a_fault)

    def _look_for_a_fault(self, task: asyncio.Task[Any]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("the supervisor itself failed", exc_info=error)
            self._fail("supervisor", f"the supervisor itself failed: {error}")

    async def _start_when_needs_are_met(self, runner: PartRunner) -> None:
        part = runner.part
        if part.early_needs is None:
            await self._needs_met(part.needs)
            self._begin_life(runner.run())
        else:
            await self._needs_met(part.early_needs)
            self._begin_life(runner.run(partial(self._needs_met, part.needs)))

    async def _needs_met(self, needs: tuple[str, ...]) -> None:
        await asyncio.gather(*(other.settled.wait() for other in self._runners if other.part.name in needs))

    async def _report_when_up(self) -> None:
        first = asyncio.create_task(self._first_to_give_up())
        up = asyncio.create_task(self._all_settled())
        try:
            await asyncio.wait({first, up}, return_when=asyncio.FIRST_COMPLETED)
            if first.done():
                failed = first.result()
                self._fail(failed.name, f"{failed.name} could not be started: {failed.last_error}")
                return
            self.state.state = "running"
            self._changed()
            log.info("all parts are healthy")
            for runner in (*self._runners, *self._lanes.runners):
                runner.step_back()
        finally:
            first.cancel()
            up.cancel()

    async def _all_settled(self) -> None:
        await asyncio.gather(
            self._lanes.start_first(self._needs_met), *(runner.settled.wait() for runner in self._runners)
        )

    async def _first_to_give_up(self) -> PartState:
        while True:
            for runner in (*self._runners, *self._lanes.runners):
                if runner.gave_up.is_set():
                    return runner.state
            await asyncio.sleep(0.1)

    def _fail(self, part: str, error: str) -> None:
        if not self._stop.is_set():
            self.state.error, self.state.failed_part = error, part
            log.error("%s; the stack is shut down", error)
            self._stop.set()

    # -- going on ------------------------------------------------------------------------------------------------

    async def _housekeeping(self) -> None:
        while True:
            await asyncio.sleep(_ROUND_SECONDS)
            if self.state.state == "running":
                await self._lanes.adjust()
                self._note_queues()
            await asyncio.to_thread(self._tidy)

    def _note_queues(self) -> None:
        if self._lanes.depths != self.state.queues:
            self.state.queues = dict(self._lanes.depths)
            self._changed()

    def _tidy(self) -> None:
        processes.reap_orphans(self._own_pids())
        for path in self._home.logs.glob("*.log"):
            rotate(path)

    def _own_pids(self) -> list[int]:
        return [runner.pid for runner in (*self._runners, *self._lanes.runners) if runner.pid]

    def _changed(self) -> None:
        self.state.parts = [runner.state for runner in (*self._runners, *self._lanes.runners)]
        try:
            save_state(self._home, self.state)
        except OSError as error:  # a full disk hides the state, it does not end the stack
            log.error("the state cannot be written: %s", error)
        if self._announce:
            self._tell(self._announce)

    def _tell(self, announce: Callable[[StackState], None]) -> None:
        try:
            announce(self.state)
        except Exception as error:  # whoever read along has gone away, or his disk is full: no reason to end the stack
            self._announce = None
            log.warning("changes are no longer announced: %s", error or type(error).__name__)

    # -- stopping ------------------------------------------------------------------------------------------------

    async def _shut_down(self) -> None:
        self.state.state = "stopping"
        self._changed()
        await _cancel(self._chores)  # nothing is started from here on
        for rank in _STOP_ORDER:
            await asyncio.gather(*(runner.stop() for runner in self._of(rank)))
        await _cancel(self._lives)
        await asyncio.to_thread(self._end_descendants)
        self.state.state = "failed" if self.state.error else "stopped"
        for part in self.state.parts:
            _mark_stopped(part)
        self._changed()
        log.info("the stack has stopped")

    def _of(self, rank: StopRank) -> Iterable[PartRunner]:
        return [runner for runner in (*self._runners, *self._lanes.runners) if runner.part.stop_rank is rank]

    def _end_descendants(self) -> None:
        ours = os.getsid(0)
        strangers = [pid for pid in processes.descendants(os.getpid()) if processes.session_of(pid) != ours]
        left = [process for pid in strangers if (process := processes.identify(pid))]
        for process in processes.end(left, grace=2.0):
            log.warning("a process that a part had left behind was killed: pid %d", process.pid)
        processes.reap_orphans(())


async def _cancel(tasks: set[asyncio.Task[Any]]) -> None:
    for task in tuple(tasks):
        task.cancel()
    await asyncio.gather(*tuple(tasks), return_exceptions=True)


def _mark_stopped(part: PartState) -> None:
    part.pid = part.started = None
    if part.state not in ("failed", "skipped"):
        part.state = "stopped"
