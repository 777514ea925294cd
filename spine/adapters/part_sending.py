"""Sending a text that needs several messages, so that a half sent one is never begun anew."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from spine.errors import ExternalServiceError, InvalidInputError, MillraceError, RateLimitError, RetryableError
from spine.messaging_port import Receipt

_logger = logging.getLogger("millrace.messaging")
_TRIES = 3
_LONGEST_WAIT = 15.0

SendPart = Callable[[str], Awaitable[str]]
"""Sends one part and gives the platform's id of it."""


async def send_parts(parts: Sequence[str], send: SendPart, service: str) -> Receipt:
    """Send the parts in order. The first may fail as a whole message does; after it, an error means that the rest is
    missing, and comes as `delivered=None`: trying again from the start would repeat what was read already."""
    if not parts:
        raise InvalidInputError("An empty text cannot be sent.")
    ids = [await send(parts[0])]
    for part in parts[1:]:
        try:
            ids.append(await _with_patience(send, part))
        except MillraceError as error:
            raise ExternalServiceError(
                f"{service} took {len(ids)} of the {len(parts)} parts of this message: {error.message}",
                service=service,
                delivered=None,
            ) from error
    return Receipt(tuple(ids))


async def _with_patience(send: SendPart, part: str) -> str:
    for attempt in range(1, _TRIES):
        try:
            return await send(part)
        except RetryableError as error:
            wait = _wait(error, attempt)
            if wait is None:
                raise
            _logger.info("a later part of a message waits %.1f s: %s", wait, error)
            await asyncio.sleep(wait)
    return await send(part)


def _wait(error: RetryableError, attempt: int) -> float | None:
    """Seconds until the part is tried again; None when it may have arrived, or the wait would be too long."""
    if isinstance(error, RateLimitError):
        wait = error.retry_after if error.retry_after is not None else float(attempt)
        return wait if wait <= _LONGEST_WAIT else None
    if isinstance(error, ExternalServiceError) and error.delivered is False:
        return 0.5 * attempt
    return None
