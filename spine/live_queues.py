"""The queues of the live lane: how many jobs of each run at once, and within what time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from spine.contracts.conversations import TaskName


@dataclass(frozen=True, slots=True)
class LiveQueue:
    """One queue with its own slots, so that none starves another. Seconds."""

    name: str
    width: int
    soft: float
    hard: float


LLM: Final = LiveQueue("llm", 200, 55, 60)
SUMMARIZATION: Final = LiveQueue("summarization", 8, 110, 120)
FOLLOWUPS: Final = LiveQueue("followups", 8, 55, 60)
CRM: Final = LiveQueue("crm", 8, 25, 30)
WEBHOOKS: Final = LiveQueue("webhooks", 20, 25, 30)
DEFAULT: Final = LiveQueue("default", 10, 8, 10)

LIVE_QUEUES: Final = (LLM, WEBHOOKS, CRM, FOLLOWUPS, SUMMARIZATION, DEFAULT)

_RESPONDING: Final = LiveQueue("llm", LLM.width, 85, 90)

LIMITS: Final[Mapping[TaskName, LiveQueue]] = {
    TaskName.PROCESS_MESSAGE: LLM,
    TaskName.PROCESS_AND_RESPOND: _RESPONDING,
    TaskName.SEND_RESPONSE: WEBHOOKS,
    TaskName.SUMMARIZE_SESSION: SUMMARIZATION,
    TaskName.SEND_FOLLOWUP: FOLLOWUPS,
    TaskName.CREATE_CRM_ORDER: CRM,
    TaskName.HANDLE_WEBHOOK: WEBHOOKS,
    TaskName.PING: DEFAULT,
    TaskName.WORKER_HEALTH_CHECK: DEFAULT,
}
"""The queue of every task, with the limits that the task has there."""
