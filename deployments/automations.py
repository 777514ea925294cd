"""Automations of the Prefect server: they keep its view honest. Restarting lost work is the job ledger's alone."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prefect.client.orchestration import PrefectClient
    from prefect.events.schemas.automations import AutomationCore

LOST_RUNS = "Millrace: a flow run without a heartbeat has crashed"
SILENT_SECONDS = 90
"""Three heartbeats of 30 s (`PREFECT_FLOWS_HEARTBEAT_FREQUENCY`)."""

_ENDED = frozenset(f"prefect.flow-run.{state}" for state in ("Completed", "Failed", "Cancelled", "Crashed"))
_HEARTBEAT = "prefect.flow-run.heartbeat"


def lost_runs() -> AutomationCore:
    """Calls a run that fell silent what it is. The job that it ran is taken up by a lane long before."""
    from prefect.client.schemas.objects import StateType
    from prefect.events.actions import ActionTypes, ChangeFlowRunState
    from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
    from prefect.events.schemas.events import ResourceSpecification

    message = f"no heartbeat for {SILENT_SECONDS} s"
    actions: list[ActionTypes] = [
        ChangeFlowRunState(state=StateType.CRASHED, name="Crashed", message=message, force=False)
    ]
    return AutomationCore(
        name=LOST_RUNS,
        description="The process behind the run is gone. Millrace's own lease has restarted its job meanwhile.",
        trigger=EventTrigger(
            after={_HEARTBEAT},
            expect={_HEARTBEAT} | set(_ENDED),
            match=ResourceSpecification(root={"prefect.resource.id": "prefect.flow-run.*"}),
            for_each={"prefect.resource.id"},
            posture=Posture.Proactive,
            threshold=1,
            within=timedelta(seconds=SILENT_SECONDS),
        ),
        actions=actions,
    )


async def create_automations(client: PrefectClient) -> None:
    """Create what the server does not know yet, by name."""
    if not await client.read_automations_by_name(LOST_RUNS):
        await client.create_automation(lost_runs())
