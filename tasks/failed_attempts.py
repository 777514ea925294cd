"""What an error makes of a job's attempt: its end, another attempt later, and whether this one counts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import httpx
from prefect.exceptions import PrefectHTTPStatusError

from spine.contracts.jobs import Job, Usage
from spine.contracts.timestamps import utc_now
from spine.error_texts import said
from spine.jobs import JobLedger, describe
from spine.scarcity import is_scarcity

_PATIENCE = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Backoff:
    """Seconds before the job's next attempt after a passing fault: doubling, spread by jitter, at least what the
    service asked for."""

    first: float = 1.0
    longest: float = 60.0
    jitter: float = 0.2

    def delay(self, attempt: int, error: BaseException, spread: float) -> float:
        """After `attempt` (from 1) ended with `error`; `spread` is drawn from -1 to 1."""
        grown = min(self.longest, self.first * 2.0 ** max(0, attempt - 1))
        asked = getattr(error, "retry_after", None) or 0.0
        return max(float(asked), grown * (1 + self.jitter * spread))


async def record_failure(
    ledger: JobLedger,
    job: Job,
    error: Exception,
    *,
    delay: float | None = None,
    step: str = "",
    usage: Usage | None = None,
) -> Job | None:
    """The leased job after an attempt that `error` ended; None when it had ended, or was taken over, already.

    It is tried later when Prefect was away or the process out of something, and after `delay` seconds when the caller
    gives one; else it has failed.
    """
    met = describe(error, step)
    if why := _not_to_blame(error):
        met, counted = met.model_copy(update={"message": why}), _counts(job, error)
        return await ledger.retry_later(job, met, _later(job.attempts), usage, counted=counted)
    if delay is not None:
        return await ledger.retry_later(job, met, delay, usage)
    return await ledger.fail(job, met, usage or Usage())


def is_prefect_away(error: BaseException) -> bool:
    """Whether it was Prefect's own client that got no answer: our adapters translate the errors of all others."""
    if isinstance(error, PrefectHTTPStatusError):
        return error.response.status_code >= 500
    # A process that has not met the server yet is told so with no class of its own.
    unmet = isinstance(error, RuntimeError) and "Failed to reach API" in said(error)
    return unmet or isinstance(error, httpx.TransportError)


def _not_to_blame(error: BaseException) -> str | None:
    """What the job suffered from, where neither it nor what it works with is at fault."""
    if is_prefect_away(error):
        return f"the Prefect server does not answer ({type(error).__name__})"
    return f"its process is out of something ({said(error) or type(error).__name__})" if is_scarcity(error) else None


def _counts(job: Job, error: BaseException) -> bool:
    """Whether an attempt that met this error of Prefect's or of its process's counts.

    A server that cannot be reached may be away for longer than all attempts last, and is nobody's fault. After an hour
    it counts nevertheless: a job must end.
    """
    reachable = isinstance(error, PrefectHTTPStatusError) or not is_prefect_away(error)
    return reachable or utc_now() - job.created > _PATIENCE


def _later(attempt: int) -> float:
    """Seconds until the next attempt of a job that was not to blame for the last: 5, 10, 20, … at most two minutes."""
    return min(120.0, 5.0 * 2 ** max(0, attempt - 1))
