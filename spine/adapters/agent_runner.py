"""Runs coding agents as supervised processes of this machine."""

from __future__ import annotations

from spine.adapters.agent_attempt import Attempt, completed
from spine.adapters.agent_processes import end_attempt
from spine.agents_port import AgentExit, AgentTask, OnEvent, OnStart, ProcessIdentity


class ProcessAgentRunner:
    """Each call of `run` has a keeper process of its own (about 10 MB) and shares nothing with another call."""

    async def run(self, task: AgentTask, *, on_start: OnStart, on_event: OnEvent) -> AgentExit:
        """See `spine.agents_port.AgentRunner.run`."""
        attempt = await Attempt.begin(task)
        try:
            await on_start(attempt.identity)
            return await attempt.follow(on_event)
        except BaseException:
            await completed(attempt.end())
            raise
        finally:
            await completed(attempt.close())

    async def end_orphan(self, identity: ProcessIdentity, grace_seconds: float) -> bool:
        """See `spine.agents_port.AgentRunner.end_orphan`."""
        return await end_attempt(identity, grace_seconds)
