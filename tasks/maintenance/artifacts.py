"""What housekeeping shows in the Prefect UI: one table per chore, renewed by each run."""

from __future__ import annotations

import logging
from typing import Any

from prefect.artifacts import acreate_table_artifact

_logger = logging.getLogger("millrace.artifacts")


async def show_table(key: str, rows: list[dict[str, Any]], description: str) -> None:
    """Artifacts are for the eyes: a server that does not take one must not end the work."""
    try:
        await acreate_table_artifact(rows, key=key, description=description)
    except Exception as error:
        _logger.warning("the table %s was not stored: %s", key, type(error).__name__)
