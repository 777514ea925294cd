"""The stages of a card, in the words of the flow: each decides with plain functions and acts through the tasks."""

from __future__ import annotations

from dataclasses import dataclass

from spine.agents_port import AgentExit
from spine.contracts.cards import CardResult, CardStatus, Verification
from spine.errors import AgentFailedError
from tasks.card_execution import steps
from tasks.card_execution.attempt import CardWork, settled_result
from tasks.card_execution.commands import agent_named, known_agent
from tasks.card_execution.exits import check_outcome, exit_code, failure_of, unmet, verification_of
from tasks.card_execution.selection import Selection, select_agent


@dataclass(frozen=True)
class CardStages:
    """What is done for one card. Every stage may raise; `open_card` then says how the card stands."""

    work: CardWork

    def settled(self) -> CardResult | None:
        """What an attempt before this one came to, when only its job's end was lost with its process."""
        result = settled_result(self.work)
        if result is not None:
            self.work.run.result = result.model_dump(mode="json")
        return result

    async def take_over(self) -> None:
        """From here on this attempt is the only one: whatever an earlier one left running is ended first."""
        await self.work.run.progress(1, "take over")
        if ended := await steps.end_earlier_agents(self.work.card.card_id):
            await self.work.run.log(
                f"an earlier attempt had left {len(ended)} agents running; they were ended", "warning"
            )

    async def select_agent(self) -> Selection:
        """Also checks that there is such an agent, before anything is said to have begun."""
        chosen = select_agent(self.work.card, self.work.job.params.get("agent"), self.work.policy)
        services = self.work.services
        await known_agent(chosen.agent, services.saved_agent, services.refresh_credentials)
        await self.work.runs.write(self.work.job, agent=chosen.agent, agent_reason=chosen.reason)
        await self.work.run.progress(2, "select agent", f"{chosen.agent}: {chosen.reason}")
        return chosen

    async def begin(self) -> str:
        """The card is IN_PROGRESS; its working directory."""
        await self.work.desk.note(self.work.job, CardStatus.IN_PROGRESS)
        await self.work.run.progress(3, "prepare")
        workdir = await steps.prepare_workdir(self.work.card.card_id, self.work.card.repository)
        self.work.record = await self.work.runs.write(self.work.job, workdir=workdir)
        return workdir

    async def run_agent(self, chosen: Selection, workdir: str) -> AgentExit:
        """Raises `AgentInterruptedError` when the attempt is worth another one, `AgentFailedError` when it is not."""
        await self.work.run.progress(steps.AGENT_SHARE[0], chosen.agent)
        ended = await steps.run_agent(self.work.card.card_id, chosen.agent, workdir)
        await self.work.runs.write(self.work.job, last_lines=[*ended.last_lines])
        command = agent_named(chosen.agent, self.work.services.saved_agent).command
        failure = failure_of(chosen.agent, ended, {*self.work.policy.retryable_exits, *command.retry_on})
        if failure is not None:
            raise failure
        return ended

    async def verify(self, workdir: str) -> Verification:
        """Raises `AgentFailedError` with everything that is wrong."""
        card = self.work.card
        await self.work.run.progress(steps.CHECKS_SHARE[0], "verify")
        missing = await steps.missing_files(card.card_id, workdir) if card.required_files else []
        outcomes = [
            check_outcome(check, await steps.run_check(card.card_id, number, workdir))
            for number, check in enumerate(card.checks, start=1)
        ]
        verdict = verification_of(card, outcomes, missing)
        if not verdict.passed:
            raise AgentFailedError(f"The work was not accepted: {unmet(verdict)}.", exit_code=0)
        return verdict

    async def finish(self, chosen: Selection, workdir: str, ended: AgentExit, verdict: Verification) -> CardResult:
        """The card is DONE."""
        result = CardResult(
            card_id=self.work.card.card_id,
            job_id=self.work.job.job_id,
            status=CardStatus.DONE,
            agent=chosen.agent,
            agent_reason=chosen.reason,
            exit_code=exit_code(ended),
            seconds=round(ended.seconds, 3),
            workdir=workdir,
            log=self.work.record.logs[-1] if self.work.record.logs else "",
            lines=ended.lines,
            verification=verdict,
            agent_result=ended.result,
        )
        self.work.run.result = result.model_dump(mode="json")
        await self.work.settle(CardStatus.DONE, verdict.note, result)
        return result
