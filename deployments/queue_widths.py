"""How many jobs of a queue one lane runs at once, where the operator wants another number than the declared one."""

from __future__ import annotations

from collections.abc import Mapping

from spine.errors import NotConfiguredError

WIDEST = 1_000
_NAME = "MILLRACE_QUEUE_WIDTHS"


def with_widths(queues: Mapping[str, int], given: str) -> dict[str, int]:
    """The queues with what `given` (`cards=20,batches=4`) says about them; it may speak of queues of other lanes.

    `NotConfiguredError` when it cannot be read.
    """
    wanted = dict(_width(part) for part in given.split(",") if part.strip())
    return {queue: wanted.get(queue, width) for queue, width in queues.items()}


def _width(part: str) -> tuple[str, int]:
    queue, _, width = part.strip().partition("=")
    if not queue or not width.isdecimal() or not 1 <= int(width) <= WIDEST:
        told = f"{_NAME} is a list such as cards=20,batches=4 (1 to {WIDEST}); {part.strip()!r} cannot be read."
        raise NotConfiguredError(told, what=_NAME)
    return queue, int(width)
