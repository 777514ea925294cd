"""What an agent writes arrives whole, in order, without its secrets, and with bounded memory."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from spine.adapters.agent_lines import LineMaker, LineSplitter, RawLine
from spine.adapters.agent_log import read_log
from spine.adapters.agent_runner import ProcessAgentRunner
from spine.agents_port import AgentLimits, AgentTask, OutputLine, ProcessIdentity
from spine.secret_redaction import Redactor
from spine.terminal_text import plain_text
from tests.conftest import PROJECT_ROOT, until
from tests.unit.card_execution.agent_scripts import Watched, is_alive, python_agent

Scripted = Callable[..., AgentTask]
KEY = "sk-live-0123456789abcdef"


def split(*chunks: bytes, keep: int = 1000) -> list[bytes]:
    splitter = LineSplitter(keep)
    lines = [line for chunk in chunks for line in splitter.feed(chunk)]
    return [line.content for line in (*lines, *splitter.rest())]


class TestLines:
    @pytest.mark.parametrize(
        ("chunks", "lines"),
        [
            pytest.param([b"a\nb\n"], [b"a", b"b"], id="ended lines"),
            pytest.param([b"a\nb"], [b"a", b"b"], id="the last line is not ended"),
            pytest.param([b"a\r\nb\r\n"], [b"a", b"b"], id="CR LF"),
            pytest.param([b"a\r", b"\nb\n"], [b"a", b"b"], id="CR LF across chunks"),
            pytest.param([b"10%\r20%\r30%\n"], [b"10%", b"20%", b"30%"], id="a progress bar"),
            pytest.param([b"he", b"ll", b"o\n"], [b"hello"], id="a line across chunks"),
            pytest.param([b"a\n\nb\n"], [b"a", b"", b"b"], id="an empty line"),
            pytest.param([b""], [], id="nothing"),
        ],
    )
    def test_a_stream_is_split_where_a_terminal_would_begin_a_new_line(
        self, chunks: list[bytes], lines: list[bytes]
    ) -> None:
        assert split(*chunks) == lines

    @given(st.text(alphabet="ab\r\n", max_size=60).map(str.encode), st.lists(st.integers(0, 60), max_size=6))
    def test_where_the_chunks_end_changes_nothing(self, data: bytes, cuts: list[int]) -> None:
        borders = [0, *sorted(cut for cut in cuts if cut <= len(data)), len(data)]
        pieces = [data[a:b] for a, b in pairwise(borders)]
        assert split(*pieces) == split(data)

    def test_of_a_long_line_only_the_beginning_is_held(self) -> None:
        splitter = LineSplitter(10)
        lines = [line for _ in range(100) for line in splitter.feed(b"x" * 1000)]
        assert lines == []
        assert list(splitter.feed(b"\nnext\n")) == [RawLine(b"x" * 10, True), RawLine(b"next")]

    @pytest.mark.parametrize(
        ("written", "shown"),
        [
            pytest.param("Grüße 👍".encode(), "Grüße 👍", id="UTF-8"),
            pytest.param(b"caf\xe9", "caf�", id="Latin-1"),
            pytest.param(b"\xff\xfe\x00", "��", id="no text at all"),
            pytest.param(b"\x1b[1;31mred\x1b[0m", "red", id="colours"),
            pytest.param(b"\x1b]0;title\x07text", "text", id="a window title"),
            pytest.param(b"\x1b]8;;https://x.example\x1b\\link\x1b]8;;\x1b\\", "link", id="a link"),
            pytest.param(b"a\x08\x07\x7fb\tc", "ab\tc", id="control characters"),
            pytest.param(b"cut\x1b[", "cut", id="a sequence that was cut"),
        ],
    )
    def test_the_plain_text_is_what_a_person_reads(self, written: bytes, shown: str) -> None:
        line, _ = LineMaker(Redactor([]), 1000).make("stdout", RawLine(written))
        assert line.plain == shown
        assert line.text == written.decode("utf-8", "replace")

    def test_a_line_is_cut_between_characters(self) -> None:
        line, whole = LineMaker(Redactor([]), 5).make("stdout", RawLine("äöüß".encode()))
        assert (line.text, line.cut, whole) == ("äö", True, "äöüß")


class TestSecrets:
    @pytest.mark.parametrize(
        "written",
        [
            pytest.param(f"key={KEY}!", id="as it stands"),
            pytest.param(f"{KEY[:9]}\x1b[1m{KEY[9:]}", id="with colours in its midst"),
            pytest.param('{"key": "a\\"b\\\\c-secret"}', id="as JSON"),
            pytest.param("https://x.example/?k=p%40ss%2Fword", id="in an address"),
            pytest.param("Authorization: Basic c2stbGl2ZS0wMTIzNDU2Nzg5YWJjZGVm", id="in base64"),
            pytest.param("MIIEowIBAAKCAQEA7", id="a line of a key of several lines"),
        ],
    )
    def test_a_secret_is_replaced_in_every_form(self, written: str) -> None:
        secrets = [KEY, 'a"b\\c-secret', "p@ss/word", "-----BEGIN-----\nMIIEowIBAAKCAQEA7\n-----END-----"]
        line, whole = LineMaker(Redactor(map(SecretStr, secrets)), 1000).make("stdout", RawLine(written.encode()))
        for text in (line.text, line.plain, whole):
            assert "***" in text
            assert not any(secret in plain_text(text) for secret in secrets)
            assert "c2stbGl2" not in text

    @given(st.integers(0, 40), st.integers(1, 60))
    def test_cutting_a_line_never_leaves_a_part_of_a_secret(self, before: int, limit: int) -> None:
        maker = LineMaker(Redactor([SecretStr(KEY)]), limit)
        line, _ = maker.make("stdout", RawLine(f"{'x' * before}{KEY}{KEY} tail".encode()))
        assert "sk-l" not in line.text
        assert "cdef" not in line.text

    def test_values_too_short_to_be_secrets_are_left_alone(self) -> None:
        assert Redactor([SecretStr("a"), SecretStr("")])("a banana") == "a banana"
        assert KEY not in repr(Redactor([SecretStr(KEY)]))

    async def test_a_secret_that_is_written_in_pieces_reaches_nobody(
        self, watched: Watched, scripted: Scripted, tmp_path: Path
    ) -> None:
        script = f"""
import sys, time
for piece in ({KEY[:7]!r}, {KEY[7:]!r}, "\\n"):
    sys.stdout.write(piece); sys.stdout.flush(); time.sleep(0.05)
"""
        log = tmp_path / "1.log.gz"
        ended = await watched.run(scripted(script, task={"secrets": [SecretStr(KEY)], "log_path": log}))
        assert ended.last_lines == ("***",)
        assert [line.text for line in read_log(log)] == ["***"]


class TestStreams:
    async def test_both_streams_come_as_they_are_written(self, watched: Watched, scripted: Scripted) -> None:
        script = "import sys\nprint('out', flush=True)\nprint('err', file=sys.stderr, flush=True)"
        await watched.run(scripted(script))
        assert {(line.stream, line.plain) for line in watched.lines} == {("stdout", "out"), ("stderr", "err")}
        assert [line.seq for line in watched.lines] == [1, 2]

    async def test_a_line_is_told_while_the_agent_goes_on(self, watched: Watched, scripted: Scripted) -> None:
        running = watched.start(scripted("import time; print('now', flush=True); time.sleep(600)"))
        await until(lambda: watched.said("now"))
        assert not running.done()
        running.cancel()
        await asyncio.wait({running})

    async def test_a_prompt_larger_than_a_pipe_arrives_whole(self, watched: Watched, scripted: Scripted) -> None:
        prompt = "päckchen " * 200_000
        script = "import hashlib, sys; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())"
        ended = await watched.run(scripted(script, prompt))
        assert ended.last_lines == (hashlib.sha256(prompt.encode()).hexdigest(),)

    @pytest.mark.parametrize(
        "script",
        [
            pytest.param("print('done')", id="never reads it"),
            pytest.param("import os; os.close(0); print('done')", id="closes it"),
            pytest.param("import sys; sys.stdin.read(10); print('done')", id="reads a part"),
            pytest.param(
                "import sys\nfor _ in range(5000): print('x' * 1000)\nsys.stdin.read(); print('done')",
                id="writes much before it reads",
            ),
        ],
    )
    async def test_an_agent_may_read_its_prompt_as_it_likes(
        self, watched: Watched, scripted: Scripted, script: str
    ) -> None:
        ended = await asyncio.wait_for(watched.run(scripted(script, "p" * 1_000_000)), 20)
        assert (ended.code, ended.last_lines[-1]) == (0, "done")

    async def test_a_slow_listener_slows_the_agent_and_loses_nothing(
        self, watched: Watched, scripted: Scripted
    ) -> None:
        watched.pause = 0.001
        script = """
import sys, time
began = time.monotonic()
for number in range(400): print(number, "x" * 2000)
print(time.monotonic() - began)
"""
        ended = await watched.run(scripted(script))
        assert [line.plain.split()[0] for line in watched.lines[:-1]] == [str(n) for n in range(400)]
        assert float(ended.last_lines[-1]) > 0.1  # it had to wait: 800 KB fit into no buffer

    async def test_the_same_limit_holds_for_each_stream_of_much_output(
        self, watched: Watched, scripted: Scripted
    ) -> None:
        script = "import time\nprint('first', flush=True)\nwhile True: print('x' * 99)"
        ended = await watched.run(scripted(script, limits=AgentLimits(output_bytes=500_000, grace_seconds=1)))
        assert ended.reason == "output-limit"
        assert "500,000 bytes" in ended.detail
        assert watched.lines[0].plain == "first"
        assert sum(len(line.text) for line in watched.lines) <= 500_000
        assert watched.identity is not None
        assert not is_alive(watched.identity.pid)


@pytest.mark.chaos
async def test_the_lines_of_twenty_agents_at_a_thousand_a_second_are_told_at_once(tmp_path: Path) -> None:
    script = """
import time
for number in range(100):
    print(time.time(), flush=True); time.sleep(0.02)
"""
    delays: list[float] = []

    async def on_start(identity: ProcessIdentity) -> None:
        return

    async def on_event(event: object) -> None:
        if isinstance(event, OutputLine):
            delays.append(time.time() - float(event.plain))

    runner, command = ProcessAgentRunner(), python_agent(script)
    tasks = [AgentTask(command, "", tmp_path, log_path=tmp_path / f"{n}.log.gz") for n in range(20)]
    await asyncio.gather(*(runner.run(task, on_start=on_start, on_event=on_event) for task in tasks))
    assert len(delays) == 2_000
    assert statistics.quantiles(delays, n=20)[-1] < 0.05


class TestLog:
    async def test_the_log_has_every_line_with_its_colours(
        self, watched: Watched, scripted: Scripted, tmp_path: Path
    ) -> None:
        log = tmp_path / "deep" / "1.log.gz"
        await watched.run(scripted("for n in range(1000): print(f'\\x1b[1m{n}\\x1b[0m')", task={"log_path": log}))
        assert [line.text for line in read_log(log)] == [f"\x1b[1m{n}\x1b[0m" for n in range(1000)]
        assert log.stat().st_mode & 0o077 == 0
        assert gzip.decompress(log.read_bytes()).count(b"\n") == 1000

    def test_the_log_can_be_read_after_its_writer_was_killed(self, tmp_path: Path) -> None:
        log = tmp_path / "1.log.gz"
        script = f"""
import asyncio, os
from datetime import UTC, datetime
from pathlib import Path
from spine.adapters.agent_log import AgentLog
from spine.agents_port import OutputLine
async def main():
    log = AgentLog(Path({str(log)!r}))
    for number in range(100):
        log.write(OutputLine("stdout", f"line {{number}}", "", number, datetime.now(UTC)))
    await asyncio.sleep(1.3)
    os.kill(os.getpid(), 9)
asyncio.run(main())
"""
        subprocess.run([sys.executable, "-c", script], cwd=PROJECT_ROOT, check=False)
        assert [line.text for line in read_log(log)][-1] == "line 99"

    async def test_a_full_disk_ends_the_log_and_not_the_agent(
        self, watched: Watched, scripted: Scripted, tmp_path: Path
    ) -> None:
        log = tmp_path / "1.log.gz"
        log.symlink_to("/dev/full")
        ended = await watched.run(scripted("print('x')", task={"log_path": log}))
        assert (ended.code, ended.last_lines) == (0, ("x",))


FLOOD = """
import asyncio, resource, sys, tempfile
from pathlib import Path
from spine.adapters.agent_runner import ProcessAgentRunner
from spine.agents_port import AgentCommand, AgentTask
async def main():
    lines = 0
    async def on_start(identity): pass
    async def on_event(event):
        nonlocal lines
        lines += 1
    async def run(script):
        command = AgentCommand("flood", (sys.executable, "-c", script))
        with tempfile.TemporaryDirectory() as folder:
            task = AgentTask(command, "", Path(folder), log_path=Path(folder) / "log.gz")
            return await ProcessAgentRunner().run(task, on_start=on_start, on_event=on_event)
    await run("print('warm')")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    ended = await run(sys.argv[1])
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024
    print(ended.reason, ended.output_bytes, ended.lines, len(ended.last_lines[-1]), grown)
asyncio.run(main())
"""


def flood(script: str) -> tuple[str, list[int]]:
    """What an agent's output costs a process of its own: how it ended, bytes, lines, length of the last, MB grown."""
    done = subprocess.run(
        [sys.executable, "-c", FLOOD, script], cwd=PROJECT_ROOT, capture_output=True, text=True, check=True
    )
    reason, *numbers = done.stdout.split()
    return reason, [int(number) for number in numbers]


class TestMemory:
    def test_a_line_of_ten_megabytes_costs_little_memory(self) -> None:
        reason, (size, lines, last, grown) = flood("print('x' * 10_000_000); print('end')")
        assert (reason, size, lines, last) == ("exited", 10_000_005, 2, 3)
        assert grown < 20

    def test_thirty_megabytes_of_output_cost_little_memory(self) -> None:
        script = "import sys\nfor _ in range(30): sys.stdout.write(('y' * 9_999 + '\\n') * 100)"
        reason, (size, lines, _, grown) = flood(script)
        assert (reason, size, lines) == ("exited", 30_000_000, 3_000)
        assert grown < 20

    @pytest.mark.chaos
    def test_a_hundred_megabytes_in_short_lines_cost_little_memory(self) -> None:
        script = "import sys\nfor _ in range(100): sys.stdout.write(('y' * 99 + '\\n') * 10_000)"
        began = time.monotonic()
        reason, (size, lines, _, grown) = flood(script)
        assert (reason, size, lines) == ("exited", 100_000_000, 1_000_000)
        assert grown < 20
        assert time.monotonic() - began < 100
