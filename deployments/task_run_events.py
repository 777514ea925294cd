"""What a lane tells Prefect's server of its task runs: how each ended, and that it runs where that takes a while.

A task run has three states, and each is an event that costs the lane 1 ms and the server 2 to 4 ms of processor time:
more, together, than a lane spends on asking a model. Few of them are ever seen. A task that is pending begins in the
same instant, and the end of a task carries all that its beginning said: its names, its inputs, when it began and how
long it took. So they are not made at all.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final
from uuid import UUID

from prefect import task_engine
from prefect.client.schemas.objects import State, TaskRun
from prefect.utilities.engine import emit_task_run_state_change_event

from spine.error_texts import writable

HOLD_SECONDS: Final = 5.0
"""A task run that is over by then is told as one that is over: most messages, and the calls of a review."""

_PENDING: Final = "Pending"
_RUNNING: Final = "Running"


def tell_only_what_matters() -> None:
    """For all task runs of this process that begin from now on. Prefect has no setting for it and no other place."""
    task_engine.emit_task_run_state_change_event = TaskRunNews().tell  # pyright: ignore[reportPrivateImportUsage]


class TaskRunNews:
    """Stands where Prefect's engine makes the event of a new state, and leaves out what a later one makes needless.

    What is held back lives here and in the event loop of the task, for `HOLD_SECONDS` at most: a process that ends
    takes the news that a task run had begun along, never the news of an end.
    """

    def __init__(self) -> None:
        self._begun: dict[UUID, asyncio.TimerHandle] = {}

    def tell(
        self, task_run: TaskRun, initial_state: State[Any] | None, validated_state: State[Any], follows: object = None
    ) -> None:
        """With the arguments of Prefect's own. Gives no event for the next one to name as its forerunner: the server
        would wait for one that is never sent, and they are sent in order anyway."""
        if (held := self._begun.pop(task_run.id, None)) is not None:
            held.cancel()
        if validated_state.name == _PENDING:
            return
        if validated_state.name == _RUNNING and (loop := _running_loop()) is not None:
            self._begun[task_run.id] = loop.call_later(
                HOLD_SECONDS, self._say_begun, task_run, initial_state, validated_state
            )
            return
        _tell(task_run, initial_state, validated_state)

    def _say_begun(self, task_run: TaskRun, initial_state: State[Any] | None, running: State[Any]) -> None:
        del self._begun[task_run.id]
        _tell(task_run, initial_state, running)


def _tell(task_run: TaskRun, before: State[Any] | None, now: State[Any]) -> None:
    """One text that PostgreSQL does not take costs the records of all task runs that are written with it."""
    task_run.name = writable(task_run.name)
    for state in (before, now):
        if state is not None and state.message:
            state.message = writable(state.message)
    emit_task_run_state_change_event(task_run, before, now)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    """A task in a thread has none; its begin is told at once."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
