"""What a process is out of for a while: memory, threads, files, room. Nobody's mistake, and worth another try."""

from __future__ import annotations

import errno
from typing import Final

from spine.error_texts import said

_PASSING: Final = frozenset(
    {errno.EMFILE, errno.ENFILE, errno.ENOSPC, errno.EDQUOT, errno.ENOMEM, errno.EAGAIN, errno.EROFS}
)


def is_scarcity(error: BaseException) -> bool:
    """Whether the error, or what it was raised from, says so; then the work may do better later or elsewhere."""
    if isinstance(error, OSError) and error.errno in _PASSING:
        return True
    # CPython has no class of its own for a thread that the system refused.
    refused = isinstance(error, RuntimeError) and "can't start new thread" in said(error)
    cause = error.__cause__
    return refused or isinstance(error, MemoryError) or (cause is not None and is_scarcity(cause))
