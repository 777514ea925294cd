"""A stage that asks or computes much keeps its result in one piece too, so that a rerun reads it with one lookup.

It lies beside the results of the stage's tasks, in the same storage and for as long. Where it is missing, the tasks are
called, and each of them finds what it has.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from prefect.results import ResultStore, get_result_store

from tasks.book_review.artifacts import restore_stage
from tasks.book_review.review import Stage

R = TypeVar("R")

_logger = logging.getLogger("millrace.stages")
_LEARNED = {"provider", "model", "fallback_reason", "attempts"}
"""What the record of a stage says of its answers; what they cost stands with the run that asked."""


async def whole(stage: Stage, key: str, work: Callable[[], Awaitable[R]], is_whole: Callable[[R], bool]) -> R:
    """What the stage came to under this key before, else what `work` gives.

    `key` covers all that the keys of the stage's tasks cover. A result that is not whole is not kept: a retry asks
    again for what is missing.
    """
    store = await get_result_store().aupdate_for_task(restore_stage)
    if (kept := await _read(store, key)) is not None:
        stage.artifacts.restored(stage.id)
        stage.record = stage.record.model_copy(update={**kept["record"], "cached": True})
        return kept["result"]
    result = await work()
    if is_whole(result):
        await _keep(store, key, {"record": stage.record.model_dump(include=_LEARNED), "result": result})
    return result


async def _read(store: ResultStore, key: str) -> dict[str, Any] | None:
    # What a storage answers where nothing lies, or while it is away, differs with its kind; the tasks do without.
    try:
        return (await store.aread(key)).result
    except Exception:
        return None


async def _keep(store: ResultStore, key: str, kept: dict[str, Any]) -> None:
    """A storage that does not take it must not end the review: the next rerun asks the tasks."""
    try:
        await store.awrite(kept, key)
    except Exception as error:
        _logger.warning("a finished stage was not kept in one piece: %s", type(error).__name__)
