"""One running attempt as the lane sees it: its keeper, its pipes, its lines, its end."""

from __future__ import annotations

import asyncio
import json
import os
import time
from asyncio import StreamReader, StreamWriter
from asyncio.subprocess import Process
from collections import deque
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import asdict
from typing import Any, Self
from uuid import uuid4

from spine.adapters.agent_environment import agent_environment, find_program
from spine.adapters.agent_lines import LineMaker, LineSplitter, RawLine
from spine.adapters.agent_log import AgentLog
from spine.adapters.agent_processes import end_attempt, identify
from spine.adapters.agent_start import CHUNK, check_task, start_keeper, write_prompt_file
from spine.agent_endings import explained
from spine.agent_progress import ProgressTracker
from spine.agents_port import AgentExit, AgentTask, AgentUsage, OnEvent, OutputStream, ProcessIdentity
from spine.errors import ExternalServiceError, NotConfiguredError
from spine.secret_redaction import Redactor

LINGER_SECONDS = 1.0
"""What an agent leaves behind when it ends may tidy up for this long."""
LAST_LINES = 50
_KEEPER_SLACK = 15.0
"""A keeper needs milliseconds to end what the grace period left; after this long it is taken for dead."""
_DRAIN_SECONDS = 2.0
_SILENT: dict[str, Any] = {"exit": {"code": None, "signal": 9, "reason": "hard-limit"}}


class Attempt:
    """Between `begin` and `close`; belongs to one event loop.

    Output is read in chunks of 32 KB and at most twice that is held per stream: a slow consumer stops the reading, the
    pipe fills up, and the agent waits in its next write. Nothing is dropped.
    """

    def __init__(self, task: AgentTask, process: Process, lane: tuple[StreamReader, StreamWriter], run_id: str) -> None:
        self._task = task
        self._process = process
        self._from_keeper, self._to_keeper = lane
        self._run_id = run_id
        self.identity: ProcessIdentity
        redactor = Redactor(task.secrets)
        self._maker = LineMaker(redactor, task.command.limits.line_bytes)
        self._tracker = ProgressTracker(task.reader, task.expected_seconds)
        self._log = AgentLog(task.log_path) if task.log_path else None
        self._last: deque[str] = deque(maxlen=LAST_LINES)
        self._bytes = 0
        self._emitting = asyncio.Lock()
        self._work: list[asyncio.Task[Any]] = []
        self._report: asyncio.Task[dict[str, Any] | None] | None = None
        self._began = time.monotonic()

    @classmethod
    async def begin(cls, task: AgentTask) -> Self:
        """Start the keeper and the process that will become the agent; it waits for `follow`."""
        check_task(task)
        run_id = uuid4().hex
        environment = agent_environment(task.command, os.environ, task.workdir, run_id)
        program = find_program(task.command, environment, task.workdir)
        write_prompt_file(task)
        process, lane = await start_keeper(task, run_id)
        attempt = cls(task, process, lane, run_id)
        try:
            await attempt._order(program, environment)
        except BaseException:
            await completed(attempt.close())
            raise
        return attempt

    async def follow(self, on_event: OnEvent) -> AgentExit:
        """Let the agent run; its exit, when no process of it is left and all its output has been told."""
        out, err = self._process.stdout, self._process.stderr
        assert out is not None and err is not None
        self._began = time.monotonic()
        self._tell({"go": True})
        self._report = asyncio.create_task(self._await_report())
        told = [
            asyncio.create_task(self._pump("stdout", out, on_event)),
            asyncio.create_task(self._pump("stderr", err, on_event)),
        ]
        beside = [asyncio.create_task(self._estimate(on_event)), asyncio.create_task(self._give_prompt())]
        self._work = [*told, *beside]
        await _all_or_first_error({self._report, *told}, beside)
        report = self._report.result()
        self._raise_failure(report)
        return self._exit(report)

    async def end(self) -> None:
        """End every process of the attempt and tell the rest of its output; the way out of a cancel or an error."""
        self._tell({"end": "cancelled"})
        grace = self._task.command.limits.grace_seconds
        if self._report is not None:
            await asyncio.wait({self._report}, timeout=grace + _KEEPER_SLACK)
            if not self._report.done():
                await end_attempt(self.identity, 0)
        if self._work:
            await asyncio.wait(self._work[:2], timeout=_DRAIN_SECONDS)

    async def close(self) -> None:
        """Leave nothing: no task, no process, no open file."""
        tasks = [task for task in (*self._work, self._report) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._to_keeper.close()
        if self._process.stdin is not None:
            self._process.stdin.close()
        with suppress(OSError):
            await self._to_keeper.wait_closed()
        await self._process.wait()
        if self._log is not None:
            self._log.close()

    # -- the keeper ----------------------------------------------------------------------------------------------

    async def _order(self, program: str, environment: dict[str, str]) -> None:
        command = self._task.command
        limits = asdict(command.limits)
        self._tell(
            {
                "program": program,
                "argv": list(command.argv),
                "env": environment,
                "workdir": str(self._task.workdir),
                "linger_seconds": min(LINGER_SECONDS, command.limits.grace_seconds),
                **limits,
            }
        )
        answer = await self._hear()
        identity = identify(int(answer["ready"]), self._run_id) if answer and "ready" in answer else None
        if identity is None:
            raise ExternalServiceError(f"The agent {command.name!r} could not be started: its keeper ended at once.")
        self.identity = identity

    def _tell(self, message: dict[str, Any]) -> None:
        self._to_keeper.write(json.dumps(message).encode() + b"\n")

    async def _hear(self) -> dict[str, Any] | None:
        """The keeper's next message; None when it has ended."""
        try:
            line = await self._from_keeper.readline()
        except (OSError, ValueError):
            return None
        return json.loads(line) if line.endswith(b"\n") else None

    async def _await_report(self) -> dict[str, Any] | None:
        """The keeper's last message. Where it was killed (None), or says nothing long after the hard limit because the
        agent stopped it, this process ends both in its place."""
        try:
            async with asyncio.timeout(self._task.command.limits.hard_seconds + _KEEPER_SLACK):
                report = await self._hear()
            silent = report is None
        except TimeoutError:
            report, silent = _SILENT, True
        if silent:
            await end_attempt(self.identity, 0)
            for stream in (self._process.stdout, self._process.stderr):
                if stream is not None:  # somebody whom nobody could find may hold the pipe for ever
                    asyncio.get_running_loop().call_later(_DRAIN_SECONDS, stream.feed_eof)
        return report

    # -- the output ----------------------------------------------------------------------------------------------

    async def _pump(self, name: OutputStream, stream: StreamReader, on_event: OnEvent) -> None:
        splitter = LineSplitter(self._maker.keep)
        while chunk := await stream.read(CHUNK):
            if not self._may_go_on(len(chunk)):
                continue  # read on, so that it does not hang in a write while it is being ended
            for raw in splitter.feed(chunk):
                await self._emit(name, raw, on_event)
            await asyncio.sleep(0)  # one talkative agent leaves the others their turn
        for raw in splitter.rest():
            await self._emit(name, raw, on_event)

    def _may_go_on(self, more: int) -> bool:
        limit = self._task.command.limits.output_bytes
        within, self._bytes = self._bytes <= limit, self._bytes + more
        if within and self._bytes > limit:
            self._tell({"end": "output-limit"})
        return self._bytes <= limit

    async def _emit(self, name: OutputStream, raw: RawLine, on_event: OnEvent) -> None:
        async with self._emitting:  # events come one at a time, numbered in the order in which they are told
            line, whole = self._maker.make(name, raw)
            self._last.append(line.plain)
            if self._log is not None:
                self._log.write(line)
            await on_event(line)
            progress = self._tracker.line(name, whole, time.monotonic() - self._began) if whole else None
            if progress is not None:
                await on_event(progress)

    async def _estimate(self, on_event: OnEvent) -> None:
        while pause := self._tracker.pause:
            await asyncio.sleep(pause)
            async with self._emitting:
                progress = self._tracker.elapsed(time.monotonic() - self._began)
                if progress is not None:
                    await on_event(progress)

    async def _give_prompt(self) -> None:
        """Write the prompt as fast as the agent reads it; it may also not read it, or not to its end."""
        pipe = self._process.stdin
        assert pipe is not None
        with suppress(OSError):
            if self._task.command.prompt_by == "stdin":
                data = memoryview(self._task.prompt.encode())
                for start in range(0, len(data), CHUNK):
                    pipe.write(data[start : start + CHUNK])
                    await pipe.drain()
        pipe.close()

    # -- the end -------------------------------------------------------------------------------------------------

    def _raise_failure(self, report: dict[str, Any] | None) -> None:
        if report is not None and "failed" in report:
            command = self._task.command
            raise NotConfiguredError(
                f"The agent {command.name!r} could not be started ({command.argv[0]}): {report['message']}.",
                what=command.argv[0],
            )

    def _exit(self, report: dict[str, Any] | None) -> AgentExit:
        ended: dict[str, Any] = report["exit"] if report else {"code": None, "signal": 9, "reason": "lost"}
        seconds = time.monotonic() - self._began
        seen = self._tracker.seen
        return AgentExit(
            code=ended["code"],
            signal=ended["signal"],
            reason=ended["reason"],
            seconds=seconds,
            last_lines=tuple(self._last),
            usage=AgentUsage(
                cpu_seconds=ended.get("cpu_seconds"),
                peak_rss_bytes=ended.get("peak_rss_bytes"),
                input_tokens=seen.input_tokens,
                output_tokens=seen.output_tokens,
                cost_usd=seen.cost_usd,
            ),
            result=seen.result,
            output_bytes=self._bytes,
            lines=self._maker.count,
            detail=explained(ended["reason"], self._task.command.limits),
        )


async def completed(work: Coroutine[Any, Any, None]) -> None:
    """Do `work` to its end, however often the caller is cancelled meanwhile."""
    task = asyncio.ensure_future(work)
    while not task.done():
        with suppress(asyncio.CancelledError):
            await asyncio.wait({task})
    task.result()


async def _all_or_first_error(needed: set[asyncio.Task[Any]], beside: list[asyncio.Task[Any]]) -> None:
    """Return when all `needed` are done; raise the first error of any."""
    waiting: set[asyncio.Task[Any]] = {*needed, *beside}
    while needed & waiting:
        done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
