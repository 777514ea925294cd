"""What a platform's payload comes to, and careful looks into payloads whose shape nobody guarantees."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from spine.contracts.conversations import MAX_TEXT, InboundMessage

_LARGEST = 2**63


@dataclass(frozen=True, slots=True)
class Heard:
    """A person's message. `answer` is what the platform is to do in answer to its request."""

    message: InboundMessage
    answer: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Ignored:
    """Nothing that is answered. `kind` is one of few words, fit for counting."""

    kind: str
    answer: dict[str, Any] | None = None


Reading = Heard | Ignored


def inner(payload: Any, *path: str) -> Any:
    """The value at the end of the path; None where the payload has no such place."""
    found = payload
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    return found


def text_at(payload: Any, *path: str) -> str:
    found = inner(payload, *path)
    return found if isinstance(found, str) else ""


def number_at(payload: Any, *path: str) -> int | None:
    found = inner(payload, *path)
    return found if isinstance(found, int) and not isinstance(found, bool) and abs(found) < _LARGEST else None


def identifier_at(payload: Any, *path: str, most: int = 100) -> str:
    """A platform's id, which may be a number or a text without spaces; empty when it is neither."""
    number = number_at(payload, *path)
    if number is not None:
        return str(number)
    found = text_at(payload, *path).strip()
    return found if 0 < len(found) <= most and found.isprintable() and not any(map(str.isspace, found)) else ""


def short_text_at(payload: Any, *path: str, most: int = 200) -> str:
    """One line of at most so many characters."""
    return " ".join(text_at(payload, *path).replace("\x00", "").split())[:most]


def moment_at(payload: Any, *path: str) -> datetime | None:
    """Seconds since 1970, or ISO text; None for anything else."""
    found = inner(payload, *path)
    try:
        if isinstance(found, int | float) and not isinstance(found, bool):
            return datetime.fromtimestamp(found, UTC)
        moment = datetime.fromisoformat(found) if isinstance(found, str) else None
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC) if moment else None
    except (ValueError, OverflowError, OSError):
        return None


def language_of(text: str) -> str:
    """`pt` of `pt-BR`, `uk` of `uk_UA`; und for what names no language by its code."""
    code = text.replace("_", "-").partition("-")[0].strip().lower()
    return code if 2 <= len(code) <= 3 and code.isascii() and code.isalpha() else "und"


def cut_text(text: str) -> tuple[str, bool]:
    """The text without NULs, at most `MAX_TEXT` characters of it, and whether it was longer."""
    clean = text.replace("\x00", "").strip()
    return clean[:MAX_TEXT], len(clean) > MAX_TEXT
