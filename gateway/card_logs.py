"""What the agent of a card wrote: the live events of a day, and the complete compressed logs after that."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Literal

from pydantic import BaseModel, Field

from spine.contracts.cards import CardRun
from spine.contracts.timestamps import Timestamp
from spine.ports import ProgressLog
from spine.terminal_text import plain_text

_PAGE = 1_000


@dataclass(frozen=True, slots=True)
class ArchivedLine:
    """One line of a compressed log."""

    at: datetime
    stream: str
    text: str


ReadArchive = Callable[[str], Iterable[ArchivedLine]]
"""The lines of a log file in their order; `FileNotFoundError` when it was removed."""


class LogEntry(BaseModel):
    """One line, without colours."""

    timestamp: Timestamp
    level: str
    message: str
    task_id: str = Field(description="the job that wrote it")
    seq: int
    stream: str | None = Field(description="stdout or stderr; null for what Millrace itself says")


class LogPage(BaseModel):
    """Lines in their order."""

    items: list[LogEntry]
    total: int = Field(description="the number of the last line here")
    next: int | None = Field(default=None, description="give it as `since` to go on; null when these were the last")
    source: Literal["live", "archive"] = Field(description="numbers count within one source")


async def live_page(progress: ProgressLog, job_id: str, since: int | None, limit: int) -> LogPage | None:
    """Lines after number `since`, or without it the latest ones; None when no event of the job is kept."""
    kept: deque[LogEntry] = deque(maxlen=limit if since is None else None)
    seen = since or 0
    if not await progress.read(job_id, 0, 1):
        return None
    while (since is None or len(kept) <= limit) and (events := await progress.read(job_id, seen, _PAGE)):
        seen = events[-1].seq
        kept.extend(
            LogEntry(
                timestamp=event.timestamp,
                level=event.level,
                message=plain_text(event.message),
                task_id=job_id,
                seq=event.seq,
                stream=event.stream,
            )
            for event in events
            if event.type == "log"
        )
    return _page([*kept], since, limit, "live")


async def archived_page(run: CardRun, read: ReadArchive, since: int | None, limit: int) -> LogPage:
    """The same from the compressed logs of every attempt, one after the other; lines count from 1."""
    return await asyncio.to_thread(_archived_page, run, read, since, limit)


def _archived_page(run: CardRun, read: ReadArchive, since: int | None, limit: int) -> LogPage:
    lines = enumerate(_lines(run.logs, read), start=1)
    some = deque(lines, limit) if since is None else islice(lines, since, since + limit + 1)
    entries = [
        LogEntry(
            timestamp=line.at,
            level="info",
            message=plain_text(line.text),
            task_id=run.job_id,
            seq=number,
            stream=line.stream,
        )
        for number, line in some
    ]
    return _page(entries, since, limit, "archive")


def _lines(logs: Sequence[str], read: ReadArchive) -> Iterator[ArchivedLine]:
    for log in logs:
        try:
            yield from read(log)
        except FileNotFoundError:
            continue


def _page(entries: list[LogEntry], since: int | None, limit: int, source: Literal["live", "archive"]) -> LogPage:
    items = entries[:limit]
    last = items[-1].seq if items else since or 0
    return LogPage(items=items, total=last, next=last if len(entries) > limit else None, source=source)
