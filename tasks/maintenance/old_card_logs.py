"""Logs and prompts of attempts at cards that ended long ago; the cards' working directories are left alone."""

from __future__ import annotations

import re
import stat
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tasks.maintenance.leftovers import Leftover

_OF_AN_ATTEMPT = re.compile(r"job_.+\.(?:log\.gz|prompt\.md)")


def old_card_logs(cards: Path, older_than: timedelta, now: datetime) -> list[Leftover]:
    """Files of attempts directly in the cards' folders, last written before `now - older_than`."""
    limit = (now - older_than).timestamp()
    found: list[Leftover] = []
    for path in sorted(cards.glob("*/job_*")):
        status = path.lstat()
        if stat.S_ISREG(status.st_mode) and _OF_AN_ATTEMPT.fullmatch(path.name) and status.st_mtime < limit:
            day = datetime.fromtimestamp(status.st_mtime, UTC).date().isoformat()
            found.append(Leftover(name=str(path), why=f"last written {day}", bytes=status.st_size))
    return found


def remove_card_logs(cards: Path, found: Sequence[Leftover]) -> int:
    """Delete them; says how many were still there. What is no attempt's file in a card's folder is left alone."""
    removed = 0
    for leftover in found:
        path = Path(leftover.name)
        if path.parent.parent == cards and _OF_AN_ATTEMPT.fullmatch(path.name) and path.is_file():
            path.unlink(missing_ok=True)
            removed += 1
    return removed
