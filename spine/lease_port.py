"""The edge to whatever renews the leases of the jobs that a process runs."""

from __future__ import annotations

from collections.abc import Awaitable
from contextlib import AbstractContextManager
from typing import Protocol

from spine.contracts.jobs import Job


class LeaseKeeper(Protocol):
    """Keeps leased jobs leased for as long as their process lives."""

    def kept(self, job: Job) -> AbstractContextManager[Awaitable[Job | None]]:
        """Renew the job's lease inside the block.

        What it gives can be awaited for news: the job once its cancel is asked for, None once the attempt is no longer
        ours. Without news it never ends.
        """
        ...
