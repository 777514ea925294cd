"""Jobs that may be what kills their process: they begin one at a time, so that the guilty one takes no other along."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from spine.contracts.jobs import Job

ALONE_SECONDS = 20.0
"""A suspect that has run for so long is trusted, and the next one may begin beside it."""

WAIT_SECONDS = 1.0
"""Until a suspect that found another one on trial asks again."""

_LOST_BEFORE = 2
"""Attempts. After the first loss everything begins again together: most processes do not die of their jobs."""


def is_suspect(job: Job) -> bool:
    """Whether this attempt follows on several, of which the last one lost its process."""
    lost = job.error is not None and job.error.error_code == "process_lost"
    return lost and job.attempts > _LOST_BEFORE


@dataclass
class Trial:
    """The suspect that runs in this process, if there is one. Lives as long as the process."""

    _since: dict[str, float] = field(default_factory=dict[str, float])

    def admits(self, job: Job, now: float | None = None) -> bool:
        """Whether the job may begin here; a suspect that may is on trial from now on."""
        if not is_suspect(job):
            return True
        moment = time.monotonic() if now is None else now
        if any(moment - since < ALONE_SECONDS for since in self._since.values()):
            return False
        self._since[job.job_id] = moment
        return True

    def ended(self, job_id: str) -> None:
        self._since.pop(job_id, None)
