"""What an agent may use, and what it is told about the world."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from spine.adapters.agent_environment import agent_environment, find_program
from spine.agents_port import AgentCommand, AgentLimits, AgentTask
from spine.errors import InvalidInputError, NotConfiguredError
from tests.unit.card_execution.agent_scripts import Watched, all_pids, is_alive, is_marked

Scripted = Callable[..., AgentTask]
GREEDY = "import time\nheld = []\nfor _ in range(40): held.append(bytearray(b'x') * 5_000_000); time.sleep(0.05)"
SLEEPY = "import time; time.sleep(60)"
FAMILY = f"""
import subprocess, sys
script = {GREEDY.replace("range(40)", "range(12)")!r} + "\\ntime.sleep(30)"
for child in [subprocess.Popen([sys.executable, "-c", script]) for _ in range(3)]: child.wait()
"""


@pytest.mark.parametrize(
    ("script", "limits", "reason"),
    [
        pytest.param("while True: pass", {"cpu_seconds": 1}, "cpu", id="processor time"),
        pytest.param(GREEDY, {"memory_bytes": 60_000_000}, "memory", id="memory of one process"),
        pytest.param(FAMILY, {"memory_bytes": 120_000_000}, "memory", id="memory of all processes together"),
        pytest.param(
            "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_DFL)\n"
            "with open('big', 'wb') as file:\n    while True: file.write(b'x' * 65536)",
            {"file_bytes": 1_000_000},
            "file-size",
            id="size of a file",
        ),
        pytest.param("import time; time.sleep(60)", {"soft_seconds": 0.3}, "soft-limit", id="time, softly"),
        pytest.param(
            "import time; time.sleep(60)", {"soft_seconds": 0.3, "hard_seconds": 0.3}, "hard-limit", id="time"
        ),
        pytest.param("while True: print('x' * 999)", {"output_bytes": 100_000}, "output-limit", id="output"),
    ],
)
async def test_an_agent_that_exceeds_a_limit_ends_with_its_name(
    watched: Watched, scripted: Scripted, script: str, limits: dict[str, float], reason: str
) -> None:
    ended = await watched.run(scripted(script, limits=AgentLimits(**{"grace_seconds": 0.5, **limits})))  # type: ignore[arg-type]
    assert ended.reason == reason, ended
    assert ended.detail.endswith(".")


async def test_an_agent_that_stops_its_keeper_and_itself_ends_at_the_hard_limit(
    watched: Watched, scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spine.adapters.agent_attempt._KEEPER_SLACK", 0.3)
    script = """
import os, subprocess
print("child", subprocess.Popen(["sleep", "60"]).pid, flush=True)
os.kill(os.getppid(), 19)
os.kill(os.getpid(), 19)
"""
    limits = AgentLimits(soft_seconds=0.3, hard_seconds=0.6, grace_seconds=0.1)
    ended = await watched.run(scripted(script, limits=limits))
    assert (ended.reason, ended.signal) == ("hard-limit", 9)
    assert 0.6 < ended.seconds < 10
    assert not any(is_marked(pid, watched.run_id) for pid in all_pids())
    assert not is_alive(int(ended.last_lines[0].split()[1]))


async def test_a_file_of_the_limit_may_be_written_and_an_error_of_ones_own_is_no_limit(
    watched: Watched, scripted: Scripted
) -> None:
    script = "open('fits', 'wb').write(b'x' * 1_000_000); raise SystemExit(7)"
    limits = AgentLimits(file_bytes=1_000_000, memory_bytes=500_000_000, cpu_seconds=10, open_files=64)
    ended = await watched.run(scripted(script, limits=limits))
    assert (ended.reason, ended.code, ended.detail) == ("exited", 7, "")
    assert ended.usage.cpu_seconds is not None
    assert 0 < ended.usage.cpu_seconds < 5
    assert ended.usage.peak_rss_bytes is not None
    assert ended.usage.peak_rss_bytes > 5_000_000


async def test_an_agent_starts_with_the_systems_own_signal_handling_and_no_open_files(
    watched: Watched, scripted: Scripted
) -> None:
    """Python ignores SIGPIPE; inherited, that would let an agent's shell pipelines run on without a reader."""
    script = """
import json, os, resource
status = dict(line.split(":", 1) for line in open("/proc/self/status") if ":" in line)
print(json.dumps({
    "ignored": int(status["SigIgn"], 16) & ~(1 << 12 | 1 << 24 | 3 << 31),  # this Python's two, the C library's two
    "blocked": int(status["SigBlk"], 16),
    "files": sorted(int(name) for name in os.listdir("/proc/self/fd"))[:4],
    "core": resource.getrlimit(resource.RLIMIT_CORE)[0],
    "own group and session": [os.getpgid(0), os.getsid(0)] == [os.getpid()] * 2,
}))
"""
    ended = await watched.run(scripted(script))
    told = json.loads(ended.last_lines[0])
    assert told == {"ignored": 0, "blocked": 0, "files": [0, 1, 2, 3], "core": 0, "own group and session": True}


async def test_an_agent_sees_no_variable_that_was_not_allowed(
    watched: Watched, scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "of the lane")
    monkeypatch.setenv("MILLRACE_TOKEN", "of the stack")
    monkeypatch.setenv("AGENT_COLOUR", "blue")
    script = "import json, os; print(json.dumps(dict(os.environ)))"
    ended = await watched.run(scripted(script, env_allow=("AGENT_*",), env={"OPENAI_API_KEY": "of the agent"}))
    seen = json.loads(ended.last_lines[0])
    assert seen["OPENAI_API_KEY"] == "of the agent"
    assert seen["AGENT_COLOUR"] == "blue"
    assert seen["MILLRACE_RUN"] == watched.run_id
    assert "MILLRACE_TOKEN" not in seen
    assert not any("of the lane" in value or "of the stack" in value for value in seen.values())


@pytest.mark.parametrize(
    ("own", "allow", "expected"),
    [
        pytest.param({"LC_TIME": "C", "PATH": "/p"}, (), {"LC_TIME": "C", "PATH": "/p"}, id="what every program needs"),
        pytest.param({}, (), {"PATH": "/usr/local/bin:/usr/bin:/bin"}, id="a path, if there is none"),
        pytest.param({"PATH": "/p", "GH_TOKEN": "x"}, (), {"PATH": "/p"}, id="nothing else"),
        pytest.param({"PATH": "/p", "GH_X": "x"}, ("GH_*",), {"PATH": "/p", "GH_X": "x"}, id="a pattern"),
        pytest.param(
            {"PATH": "/p", "MILLRACE_STACK_ID": "s", "MILLRACE_PART": "lane"},
            (),
            {"PATH": "/p", "MILLRACE_STACK_ID": "s"},
            id="the mark of the stack, not that of the lane",
        ),
    ],
)
def test_the_environment_is_a_short_list(own: dict[str, str], allow: tuple[str, ...], expected: dict[str, str]) -> None:
    command = AgentCommand("a", ("a",), env_allow=allow, env={"MILLRACE_RUN": "forged"})
    environment = agent_environment(command, own, Path("/w/work"), "run")
    always = {"PYTHONUNBUFFERED": "1", "GIT_CEILING_DIRECTORIES": "/w", "MILLRACE_RUN": "run"}
    assert environment == {**always, **expected}


def test_a_program_is_looked_for_on_the_agents_own_path(tmp_path: Path) -> None:
    program = tmp_path / "bin" / "agent"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    command = AgentCommand("a", ("agent",))
    with pytest.raises(NotConfiguredError, match="not installed"):
        find_program(command, {"PATH": str(program.parent)}, tmp_path)
    program.chmod(0o755)
    assert find_program(command, {"PATH": str(program.parent)}, tmp_path) == str(program)
    assert find_program(replace(command, argv=("bin/agent",)), {}, tmp_path) == str(program)
    with pytest.raises(InvalidInputError, match="no command"):
        find_program(replace(command, argv=()), {}, tmp_path)
