"""However an attempt ends, no process of it is left, and what it said last is known."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from spine.adapters.agent_processes import boot_id, identify
from spine.adapters.agent_runner import ProcessAgentRunner
from spine.agents_port import AgentLimits, AgentTask, ProcessIdentity
from spine.errors import InvalidInputError, NotConfiguredError
from tests.conftest import PROJECT_ROOT, until
from tests.unit.card_execution.agent_scripts import (
    DEAF_FAMILY,
    Watched,
    all_pids,
    family_of,
    is_alive,
    is_marked,
    keeper_of,
)

Scripted = Callable[..., AgentTask]

LANE = """
import asyncio, sys
from pathlib import Path
from spine.adapters.agent_runner import ProcessAgentRunner
from spine.agents_port import AgentCommand, AgentLimits, AgentTask
async def main():
    async def on_start(identity):
        print(identity.pid, identity.start_time, identity.run_id, flush=True)
        if sys.argv[2] == "die-in-on-start":
            import os; os.kill(os.getpid(), 9)
    async def on_event(event):
        print("event", getattr(event, "plain", ""), flush=True)
    command = AgentCommand("a", (sys.executable, "-c", sys.argv[1]), limits=AgentLimits(grace_seconds=60))
    await ProcessAgentRunner().run(AgentTask(command, "", Path.cwd()), on_start=on_start, on_event=on_event)
asyncio.run(main())
"""


class TestGoneWithTheGracePeriod:
    async def test_an_agent_that_ignores_sigterm_and_forks_is_gone_at_the_soft_limit_and_its_last_lines_are_kept(
        self, watched: Watched, scripted: Scripted
    ) -> None:
        limits = AgentLimits(soft_seconds=1.0, hard_seconds=30.0, grace_seconds=0.5)
        running = watched.start(scripted(DEAF_FAMILY, limits=limits))
        await until(lambda: watched.said("family complete"))
        assert watched.identity is not None
        family = family_of(keeper_of(watched.identity.pid))
        assert len(family) == 4  # keeper, agent, child, daemon
        ended = await running
        assert ended.reason == "soft-limit"
        assert ended.signal == signal.SIGKILL
        assert ended.seconds < 1.0 + 0.5 + 2.0
        assert ended.last_lines == ("family complete",)
        assert not [pid for pid in family if is_alive(pid)]
        with pytest.raises(ProcessLookupError):
            os.killpg(watched.identity.pgid, 0)

    async def test_a_cancel_ends_everything_before_it_returns(self, watched: Watched, scripted: Scripted) -> None:
        running = watched.start(scripted(DEAF_FAMILY, limits=AgentLimits(grace_seconds=0.3)))
        await until(lambda: watched.said("family complete"))
        assert watched.identity is not None
        family = family_of(keeper_of(watched.identity.pid))
        began = time.monotonic()
        running.cancel()
        await asyncio.sleep(0.05)
        running.cancel()  # who asks twice gets no process that is left either
        with pytest.raises(asyncio.CancelledError):
            await running
        assert time.monotonic() - began < 0.3 + 2.0
        assert not [pid for pid in family if is_alive(pid)]

    async def test_a_cancel_in_the_moment_of_the_start_is_heard(self, scripted: Scripted) -> None:
        async def cancelled_at_once(identity: ProcessIdentity) -> None:
            running.cancel()

        async def told(event: object) -> None: ...

        for _ in range(5):
            task = scripted("import time; time.sleep(300)", limits=AgentLimits(grace_seconds=0.2))
            running = asyncio.create_task(ProcessAgentRunner().run(task, on_start=cancelled_at_once, on_event=told))
            began = time.monotonic()
            with pytest.raises(asyncio.CancelledError):
                await running
            assert time.monotonic() - began < 10

    async def test_an_agent_that_obeys_sigterm_may_tidy_up_and_its_last_words_are_told(
        self, watched: Watched, scripted: Scripted
    ) -> None:
        script = """
import signal, sys, time
def tidy(*_):
    print("tidied up", flush=True); sys.exit(3)
signal.signal(signal.SIGTERM, tidy)
print("ready", flush=True)
time.sleep(60)
"""
        ended = await watched.run(scripted(script, limits=AgentLimits(soft_seconds=0.5, hard_seconds=30)))
        assert (ended.reason, ended.code, ended.last_lines) == ("soft-limit", 3, ("ready", "tidied up"))
        assert ended.seconds < 5

    async def test_the_hard_limit_does_not_wait_for_the_grace_period(
        self, watched: Watched, scripted: Scripted
    ) -> None:
        limits = AgentLimits(soft_seconds=0.5, hard_seconds=1.0, grace_seconds=60)
        ended = await watched.run(scripted(DEAF_FAMILY, limits=limits))
        assert ended.reason == "hard-limit"
        assert ended.seconds < 3.0
        assert "1 s" in ended.detail

    async def test_a_child_that_keeps_the_pipe_open_does_not_hold_the_run(
        self, watched: Watched, scripted: Scripted
    ) -> None:
        script = "import subprocess; subprocess.Popen(['sleep', '600']); print('bye')"
        ended = await asyncio.wait_for(watched.run(scripted(script)), 10)
        assert (ended.code, ended.reason, ended.last_lines) == (0, "exited", ("bye",))

    async def test_children_that_start_each_other_again_are_caught(self, watched: Watched, scripted: Scripted) -> None:
        script = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
enough = time.monotonic() + 30  # should they ever escape
def live():
    while time.monotonic() < enough:
        if os.fork() == 0:
            os.setsid()
        else:
            time.sleep(0.01)
            os._exit(0)  # the child goes on in its place, in a session of its own
if os.fork() == 0:
    live()
print("running", flush=True)
time.sleep(60)
"""
        limits = AgentLimits(soft_seconds=0.7, grace_seconds=0.2, hard_seconds=60)
        ended = await asyncio.wait_for(watched.run(scripted(script, limits=limits)), 30)
        assert ended.reason == "soft-limit"
        assert not [pid for pid in all_pids() if is_marked(pid, watched.run_id)]

    async def test_a_run_leaves_no_file_no_thread_and_no_task_behind(
        self, watched: Watched, scripted: Scripted
    ) -> None:
        await watched.run(scripted("print('warm')"))
        before = (len(os.listdir("/proc/self/fd")), len(asyncio.all_tasks()))
        threads = set(threading.enumerate())
        for _ in range(3):
            await watched.run(scripted("print('x')", "prompt", task={"log_path": watched.workdir / "log.gz"}))
        assert (len(os.listdir("/proc/self/fd")), len(asyncio.all_tasks())) == before
        await until(lambda: not [one for one in set(threading.enumerate()) - threads if "waitpid" in one.name])

    async def test_an_agent_may_close_its_output_and_go_on(self, watched: Watched, scripted: Scripted) -> None:
        script = "import os, time; os.close(1); os.close(2); time.sleep(0.5); os._exit(4)"
        ended = await watched.run(scripted(script))
        assert ended.code == 4
        assert ended.seconds >= 0.5

    async def test_a_failing_listener_ends_the_agent(self, watched: Watched, scripted: Scripted) -> None:
        async def on_event(event: object) -> None:
            raise OSError("the store is away")

        with pytest.raises(OSError, match="store is away"):
            await ProcessAgentRunner().run(
                scripted("print('x', flush=True); import time; time.sleep(600)"),
                on_start=watched.on_start,
                on_event=on_event,
            )
        assert watched.identity is not None
        assert not is_alive(watched.identity.pid)


class TestBeforeItBegins:
    async def test_an_agent_does_nothing_before_it_is_recorded(self, watched: Watched, scripted: Scripted) -> None:
        async def on_start(identity: ProcessIdentity) -> None:
            watched.identity = identity
            raise RuntimeError("could not record")

        with pytest.raises(RuntimeError, match="could not record"):
            await ProcessAgentRunner().run(scripted("open('done', 'w')"), on_start=on_start, on_event=watched.on_event)
        assert watched.identity is not None
        assert not is_alive(watched.identity.pid)
        assert not (watched.workdir / "done").exists()

    async def test_a_program_that_is_not_there_is_named(self, watched: Watched, scripted: Scripted) -> None:
        task = scripted("")
        task = replace(task, command=replace(task.command, argv=("no-such-agent", "-p")))
        with pytest.raises(NotConfiguredError, match="no-such-agent"):
            await watched.run(task)

    async def test_a_program_that_cannot_be_executed_is_named(self, watched: Watched, scripted: Scripted) -> None:
        broken = watched.workdir / "agent"
        broken.write_bytes(b"\x7fELF nonsense")
        broken.chmod(0o755)
        task = scripted("")
        task = replace(task, command=replace(task.command, argv=("./agent",)))
        with pytest.raises(NotConfiguredError, match=r"\./agent.*[Ee]xec"):
            await watched.run(task)

    async def test_a_working_directory_that_is_not_there_is_named(self, watched: Watched, scripted: Scripted) -> None:
        with pytest.raises(InvalidInputError, match="nowhere"):
            await watched.run(replace(scripted(""), workdir=Path("/nowhere")))


class TestAfterACrash:
    async def test_an_agent_whose_lane_was_killed_is_found_by_its_identity_and_ended(self, watched: Watched) -> None:
        lane = await _lane(DEAF_FAMILY, "run", watched.workdir)
        identity = await _identity(lane)
        assert lane.stdout is not None
        await asyncio.wait_for(lane.stdout.readuntil(b"family complete"), 10)
        family = family_of(keeper_of(identity.pid))
        lane.kill()
        await lane.wait()
        assert is_alive(identity.pid)  # it ignores SIGTERM, and its keeper gives it a minute
        assert await ProcessAgentRunner().end_orphan(identity, 0.3)
        assert not [pid for pid in family if is_alive(pid)]
        assert not await ProcessAgentRunner().end_orphan(identity, 0.3)

    async def test_an_agent_whose_lane_was_killed_is_ended_by_its_keeper(self, watched: Watched) -> None:
        lane = await _lane("print('up', flush=True); import time; time.sleep(600)", "run", watched.workdir)
        identity = await _identity(lane)
        assert lane.stdout is not None
        await asyncio.wait_for(lane.stdout.readuntil(b"up"), 10)
        keeper = keeper_of(identity.pid)
        lane.kill()
        await until(lambda: not is_alive(identity.pid) and not is_alive(keeper))

    async def test_a_lane_that_dies_while_it_records_the_agent_leaves_none(self, watched: Watched) -> None:
        lane = await _lane("open('done', 'w')", "die-in-on-start", watched.workdir)
        identity = await _identity(lane)
        await until(lambda: not is_alive(identity.pid))
        assert not (watched.workdir / "done").exists()

    async def test_when_the_keeper_is_killed_the_lane_ends_the_agent_in_its_place(
        self, watched: Watched, scripted: Scripted
    ) -> None:
        script = """
import os, subprocess, time
subprocess.Popen(['sleep', '600'], start_new_session=True)
print('up', flush=True)
time.sleep(600)
"""
        running = watched.start(scripted(script))
        await until(lambda: watched.said("up"))
        assert watched.identity is not None
        family = family_of(keeper_of(watched.identity.pid))
        os.kill(family[0], signal.SIGKILL)
        ended = await asyncio.wait_for(running, 10)
        assert ended.reason == "lost"
        assert not [pid for pid in family if is_alive(pid)]

    @pytest.mark.parametrize(
        "changed",
        [
            pytest.param({"start_time": 1}, id="the number belongs to a later process"),
            pytest.param({"boot_id": "another"}, id="the machine was started again"),
        ],
    )
    async def test_a_process_that_took_over_the_number_is_left_alone(self, changed: dict[str, object]) -> None:
        stranger = subprocess.Popen(["sleep", "600"], start_new_session=True)
        try:
            found = identify(stranger.pid, "")
            assert found is not None
            assert found.boot_id == boot_id()
            assert not await ProcessAgentRunner().end_orphan(replace(found, **changed), 0.1)  # type: ignore[arg-type]
            assert stranger.poll() is None
        finally:
            stranger.kill()
            stranger.wait()


async def _lane(agent: str, manner: str, workdir: Path) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", LANE, agent, manner),
        cwd=workdir,
        env={**os.environ, "PYTHONPATH": str(PROJECT_ROOT)},
        stdout=asyncio.subprocess.PIPE,
    )


async def _identity(lane: asyncio.subprocess.Process) -> ProcessIdentity:
    assert lane.stdout is not None
    pid, start_time, run_id = (await asyncio.wait_for(lane.stdout.readline(), 20)).decode().split()
    return ProcessIdentity(int(pid), int(start_time), boot_id(), int(pid), int(pid), run_id)
