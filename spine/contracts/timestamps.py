"""One way to write a moment: UTC, milliseconds, so that text order is time order in every store."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer


def utc_now() -> datetime:
    return datetime.now(UTC)


_latest = datetime.min.replace(tzinfo=UTC)
"""Of this process, and gone with it."""


def stamp() -> datetime:
    """Now, but after every earlier stamp of this process: what comes later sorts later, whatever the clock does."""
    global _latest
    _latest = max(utc_now(), _latest + timedelta(milliseconds=1))
    return _latest


def iso(moment: datetime) -> str:
    """`2026-01-31T12:00:00.000Z`; a naive moment is taken as UTC."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{aware.microsecond // 1000:03d}Z"


def _aware(value: object) -> object:
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) and value.tzinfo is None else value


Timestamp = Annotated[datetime, BeforeValidator(_aware), PlainSerializer(iso, return_type=str, when_used="json")]
