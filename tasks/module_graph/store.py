"""Where a job's way through its graph is written down, one atomic change at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from spine.contracts.graphs import GraphRun, ModuleState, ModuleStatus
from spine.documents import GRAPH_JOBS
from spine.errors import ConflictError, NotFoundError, RetryableError
from spine.graphs import run_from
from spine.ports import Documents

_TRIES: Final = 5


class RunStore:
    """Writes the record of one run for one attempt. Once a later attempt has begun, nothing is written any more."""

    def __init__(self, documents: Documents, run: GraphRun) -> None:
        self._documents = documents
        self._where = {"_id": run.run_id, "attempt": run.attempt}

    async def put(
        self, modules: Mapping[str, ModuleState], back: Mapping[str, int] | None = None, **fields: Any
    ) -> None:
        """Store the states of these modules, how often ways back were taken, and other fields, all or nothing.

        Raises `ConflictError` when another attempt has taken over.
        """
        values: dict[str, Any] = {f"modules.{name}": state.model_dump(mode="json") for name, state in modules.items()}
        values |= {f"back.{way}": count for way, count in (back or {}).items()}
        if await self._patiently(values | fields) is None:
            raise ConflictError("Another process goes on with this graph job.")

    async def _patiently(self, values: Mapping[str, Any]) -> Any:
        """A store that is away for some seconds must not throw away what a module made."""
        for attempt in range(_TRIES):
            try:
                return await self._documents.update(GRAPH_JOBS, self._where, set=values)
            except RetryableError:
                if attempt == _TRIES - 1:
                    raise
            await asyncio.sleep(0.2 * 2**attempt)
        raise AssertionError("the loop returns or raises")


async def take_over(documents: Documents, run_id: str) -> GraphRun:
    """The run, from now on written by the caller alone: what ended stays, what was under way or failed runs again."""
    document = await documents.update(GRAPH_JOBS, {"_id": run_id}, inc={"attempt": 1})
    if document is None:
        raise NotFoundError(f"There is no graph job {run_id}.")
    run = run_from(document)
    again = {name: _again(state) for name, state in run.modules.items() if not state.settled}
    return run.model_copy(update={"modules": {**run.modules, **again}})


def _again(state: ModuleState) -> ModuleState:
    return state.model_copy(update={"status": ModuleStatus.WAITING, "error": None, "started": None, "finished": None})
