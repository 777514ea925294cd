"""What is wrong with a part, as its probe tells it, and whose fault that is."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from deployments.stack.parts import LacksAnotherError, Life, Probe

PROBE_TIMEOUT = 10.0


@dataclass(frozen=True, slots=True)
class Complaint:
    """One failed probe. `own` is False where another start of the part could not help: it answers, and says itself
    that it lacks what somebody else runs."""

    text: str
    own: bool = True


async def complaint_of(probe: Probe | None, life: Life) -> Complaint | None:
    """None when the part is well, or has nothing to ask it with."""
    if probe is None:
        return None
    try:
        async with asyncio.timeout(PROBE_TIMEOUT):
            await probe(life)
    except TimeoutError:
        return Complaint("the health check timed out")
    except Exception as error:  # a probe may meet any error of its client; all mean "not healthy"
        return Complaint(str(error) or type(error).__name__, own=not isinstance(error, LacksAnotherError))
    return None
