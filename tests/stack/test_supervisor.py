"""What the supervisor promises, shown on small scripts."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from deployments.stack import processes
from deployments.stack.control import stop
from deployments.stack.environment import project_root, settle
from deployments.stack.state import load_state
from tests.stack.scripted_stack import is_gone, living_of, wait_until

if TYPE_CHECKING:
    from tests.stack.scripted_stack import ScriptedStack

pytestmark = pytest.mark.stack

TELL_WHEN_STOPPED = """
import os, signal, sys, time
def stop(*_):
    open(os.environ["HOME_FOLDER"] + "/stops", "a").write(os.environ["NAME"] + " ")
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
open(os.environ["HOME_FOLDER"] + "/up-" + os.environ["NAME"], "w").close()
while True: time.sleep(1)
"""
TELL_WHEN_STARTED = 'import os; open(os.environ["HOME_FOLDER"] + "/starts", "a").write(os.environ["NAME"] + " ")\n'
IDLE = "import time\nwhile True: time.sleep(1)"
DEAF = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nwhile True: time.sleep(1)"
WITH_CHILD = f"""
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", {IDLE!r}], start_new_session=True)
open(os.environ["HOME_FOLDER"] + "/child", "w").write(str(child.pid))
while True: time.sleep(1)
"""


def test_parts_start_in_the_order_of_their_needs(stack: ScriptedStack) -> None:
    stack.start(
        {"name": "face", "needs": ["step"], "script": TELL_WHEN_STARTED + IDLE},
        {"name": "step", "kind": "step", "needs": ["store"], "script": TELL_WHEN_STARTED},
        {"name": "store", "script": TELL_WHEN_STARTED + IDLE, "ready": "starts"},
    )
    state = stack.wait_for("running")
    wait_until(lambda: len(stack.text("starts").split()) == 3, "the third start")
    assert stack.text("starts").split() == ["store", "step", "face"]
    assert [(part.name, part.state) for part in state.parts] == [
        ("face", "healthy"),
        ("step", "done"),
        ("store", "healthy"),
    ]


WAITS_AT_ITS_GATE = f"""
import os, sys
sys.path.insert(0, {str(project_root())!r})
from deployments.stack.gate import wait_at_gate
open(os.path.join(os.environ["HOME_FOLDER"], os.environ["NAME"] + "-loaded"), "w").close()
wait_at_gate()
"""


def test_an_early_part_is_loaded_before_its_needs_and_goes_on_after_them(stack: ScriptedStack) -> None:
    settle(stack.home, {"TOLD": "of an earlier start"})
    tell = "open(os.path.join(os.environ['HOME_FOLDER'], 'told'), 'w').write(os.environ.get('TOLD', 'nothing'))\n"
    stack.start(
        {"name": "store", "ready": "store-is-ready"},
        {"name": "face", "needs": ["store"], "early": [], "script": WAITS_AT_ITS_GATE + tell + IDLE},
        lanes=[
            {"name": "quick", "minimum": 1, "maximum": 1, "needs": ["store"], "early": [],
             "script": WAITS_AT_ITS_GATE + IDLE}
        ],
    )  # fmt: skip
    wait_until(lambda: (stack.home.root / "face-loaded").exists(), "the early load")
    wait_until(lambda: (stack.home.root / "lane-quick-1-loaded").exists(), "the early load of the lane")
    waiting = stack.part("face")
    assert waiting and waiting.state == "waiting" and waiting.pid and not stack.text("told")
    settle(stack.home, {"TOLD": "of this start"})
    (stack.home.root / "store-is-ready").touch()
    state = stack.wait_for("running")
    wait_until(lambda: stack.text("told"), "what the part was told")
    assert stack.text("told") == "of this start"
    assert {part.name: part.pid for part in state.parts}["face"] == waiting.pid


def test_an_early_part_that_dies_at_its_gate_is_launched_again(stack: ScriptedStack) -> None:
    stack.start(
        {"name": "store", "ready": "store-is-ready"},
        {"name": "face", "needs": ["store"], "early": [], "script": WAITS_AT_ITS_GATE + IDLE},
    )
    wait_until(lambda: (stack.home.root / "face-loaded").exists(), "the early load")
    wait_until(lambda: (part := stack.part("face")) and part.pid, "the state that tells it")
    first = stack.part("face")
    assert first and first.pid
    os.kill(first.pid, signal.SIGKILL)
    wait_until(lambda: (part := stack.part("face")) and part.pid not in (None, first.pid), "the second launch")
    (stack.home.root / "store-is-ready").touch()
    stack.wait_for("running")
    again = stack.part("face")
    assert again and again.restarts == 1 and again.state == "healthy"


def test_a_stack_that_is_stopped_leaves_nothing_at_a_gate(stack: ScriptedStack) -> None:
    process = stack.start(
        {"name": "store", "ready": "never"},
        {"name": "face", "needs": ["store"], "early": [], "script": WAITS_AT_ITS_GATE + IDLE},
    )
    wait_until(lambda: (stack.home.root / "face-loaded").exists(), "the early load")
    wait_until(lambda: (part := stack.part("face")) and part.pid, "the state that tells it")
    held = stack.part("face")
    assert held and held.process
    process.send_signal(signal.SIGTERM)
    assert process.wait(15) == 0
    assert not processes.is_alive(held.process)


def test_a_killed_part_is_restarted_and_the_death_is_counted(stack: ScriptedStack) -> None:
    stack.start({"name": "part"})
    stack.wait_for("running")
    first = stack.wait_for_part("part", "healthy").pid
    assert first
    os.kill(first, signal.SIGKILL)
    second = wait_until(
        lambda: (part := stack.part("part")) and part.state == "healthy" and part.pid != first and part, "the restart"
    )
    assert second.restarts == 1


def test_a_part_stops_before_what_it_stands_on(stack: ScriptedStack) -> None:
    ranks = {"store": "stores", "engine": "orchestration", "face": "faces"}
    supervisor = stack.start(
        *(
            {"name": name, "rank": rank, "script": TELL_WHEN_STOPPED, "ready": f"up-{name}"}
            for name, rank in ranks.items()
        ),
        lanes=[{"name": "work", "minimum": 1, "maximum": 1, "script": TELL_WHEN_STOPPED, "ready": "up-lane-work-1"}],
    )
    state = stack.wait_for("running")
    supervisor.send_signal(signal.SIGTERM)
    assert supervisor.wait(10) == 0
    assert stack.text("stops").split() == ["lane-work-1", "face", "engine", "store"]
    assert not living_of(state.stack_id)


def test_a_part_that_ignores_the_signal_is_killed_after_its_grace(stack: ScriptedStack) -> None:
    supervisor = stack.start({"name": "deaf", "script": DEAF, "stop_seconds": 0.3})
    stack.wait_for("running")
    pid = stack.wait_for_part("deaf", "healthy").pid
    supervisor.send_signal(signal.SIGINT)
    assert supervisor.wait(10) == 0
    assert pid and is_gone(pid)


def test_what_a_part_left_behind_ends_with_it(stack: ScriptedStack) -> None:
    stack.start({"name": "parent", "script": WITH_CHILD, "ready": "child"})
    stack.wait_for("running")
    parent = stack.wait_for_part("parent", "healthy").pid
    child = int(wait_until(lambda: stack.text("child"), "the child"))
    assert parent
    os.kill(parent, signal.SIGKILL)
    wait_until(lambda: is_gone(child), "the child's end")


def test_a_second_supervisor_of_the_same_home_is_refused(stack: ScriptedStack) -> None:
    first = stack.start({"name": "part"})
    before = stack.wait_for("running")
    second = stack.start({"name": "part"})
    output, _ = second.communicate(timeout=10)
    assert second.returncode == 1
    assert "Another supervisor already runs" in output
    assert first.poll() is None
    assert load_state(stack.home) == before


def test_the_children_of_a_killed_supervisor_die(stack: ScriptedStack) -> None:
    supervisor = stack.start({"name": "one"}, {"name": "deaf", "script": DEAF})
    state = stack.wait_for("running")
    pids = [part.pid for part in state.parts if part.pid]
    supervisor.kill()
    supervisor.wait()
    assert len(pids) == 2
    wait_until(lambda: all(is_gone(pid) for pid in pids), "the end of the parts")


@pytest.mark.parametrize("by", ["down", "the next start"])
def test_grandchildren_of_a_killed_supervisor_are_ended_by(by: str, stack: ScriptedStack) -> None:
    supervisor = stack.start({"name": "parent", "script": WITH_CHILD, "ready": "child"})
    stack.wait_for("running")
    child = int(stack.text("child"))
    supervisor.kill()
    supervisor.wait()
    assert not is_gone(child)
    if by == "down":
        assert stop(stack.home, lambda _state: None)
    else:
        stack.start({"name": "parent"})
        stack.wait_for("running")
    assert is_gone(child)


def test_down_stops_a_stack_whose_supervisor_is_only_on_its_way(stack: ScriptedStack) -> None:
    with ThreadPoolExecutor() as threads, stack.home.being_started():
        stopping = threads.submit(stop, stack.home, lambda _: None)
        supervisor = stack.start({"name": "part", "ready": "never"})
        assert stopping.result(20) is True
    assert supervisor.wait(15) == 0
    assert stack.wait_for("stopped")


def test_down_leaves_a_process_alone_that_only_has_a_recorded_pid(stack: ScriptedStack) -> None:
    supervisor = stack.start({"name": "part"})
    stack.wait_for("running")
    supervisor.kill()
    supervisor.wait()
    state_file = stack.home.state_file
    recorded = stack.wait_for_part("part", "healthy").pid
    state_file.write_text(state_file.read_text().replace(f'"pid": {recorded}', f'"pid": {os.getpid()}'))
    stop(stack.home, lambda _state: None)  # would end this very process if the pid alone counted
    assert not stop(stack.home, lambda _state: None)


def test_a_part_that_cannot_start_fails_the_stack_and_is_named(stack: ScriptedStack) -> None:
    supervisor = stack.start({"name": "good"}, {"name": "bad", "ready": "never", "script": "raise SystemExit(3)"})
    assert supervisor.wait(15) == 1
    state = stack.wait_for("failed")
    assert (state.failed_part, state.error) == ("bad", "bad could not be started: ended with exit code 3")
    assert not living_of(state.stack_id)


def test_a_part_that_stops_answering_is_restarted(stack: ScriptedStack) -> None:
    stack.start({"name": "part", "ready": "answer", "script": f'open(r"{stack.home.root}/answer", "w"); ' + IDLE})
    stack.wait_for("running")
    (stack.home.root / "answer").unlink()
    wait_until(lambda: (part := stack.part("part")) and part.restarts == 1, "the restart")
    stack.wait_for_part("part", "healthy")


def test_a_part_that_recovers_has_no_complaint_any_more(stack: ScriptedStack) -> None:
    answer = stack.home.root / "answer"
    answer.touch()
    stack.start({"name": "part", "ready": "answer", "patience": 1000})
    stack.wait_for("running")
    answer.unlink()
    assert "answer is not there" in (stack.wait_for_part("part", "unhealthy").last_error or "")
    answer.touch()
    assert stack.wait_for_part("part", "healthy").last_error is None


def test_a_stack_goes_on_and_stops_in_order_when_nobody_reads_what_it_says(stack: ScriptedStack) -> None:
    supervisor = stack.start({"name": "part"})
    stack.wait_for("running")
    first = stack.wait_for_part("part", "healthy").pid
    assert first and supervisor.stdout
    supervisor.stdout.close()
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: (part := stack.part("part")) and part.state == "healthy" and part.pid != first, "the restart")
    supervisor.send_signal(signal.SIGTERM)
    assert supervisor.wait(10) == 0
    assert stack.wait_for("stopped").error is None


def test_logs_and_state_are_private(stack: ScriptedStack) -> None:
    stack.start({"name": "part", "script": "print('hello', flush=True)\n" + IDLE})
    stack.wait_for("running")
    wait_until(lambda: "hello" in stack.home.log_of("part").read_text(), "the log line")
    modes = [
        path.stat().st_mode & 0o777 for path in (stack.home.log_of("part"), stack.home.state_file, stack.home.root)
    ]
    assert modes == [0o600, 0o600, 0o700]


def test_a_lane_that_has_done_its_jobs_is_replaced_without_alarm(stack: ScriptedStack) -> None:
    script = "import time; time.sleep(2.3)"
    supervisor = stack.start(lanes=[{"name": "work", "minimum": 1, "maximum": 1, "script": script}])
    wait_until(lambda: (lane := stack.part("lane-work-1")) and lane.restarts == 1, "the recycling")
    supervisor.send_signal(signal.SIGTERM)
    output, _ = supervisor.communicate(timeout=10)
    assert "recycled" in output
    assert "DIED" not in output


def test_lanes_follow_the_queue_within_their_bounds(stack: ScriptedStack) -> None:
    stack.start(lanes=[{"name": "work", "minimum": 1, "maximum": 3}])
    stack.wait_for("running")
    assert stack.part("lane-work-2") is None
    stack.depth({"work": 9})
    stack.wait_for_part("lane-work-3", "healthy")
    assert stack.part("lane-work-4") is None


def test_a_lane_that_came_later_is_tried_until_it_starts(stack: ScriptedStack) -> None:
    script = (
        "import os, pathlib\n"
        'tried = pathlib.Path(os.environ["HOME_FOLDER"], "tried")\n'
        'with tried.open("a") as file: file.write("x" if os.environ["NAME"].endswith("2") else "")\n'
        'if os.environ["NAME"].endswith("2") and len(tried.read_text()) < 4: raise SystemExit(3)\n'
        'pathlib.Path(os.environ["HOME_FOLDER"], "up").touch()\n' + IDLE
    )
    lane = {"name": "work", "minimum": 1, "maximum": 2, "script": script, "ready": "up", "patience": 1000}
    stack.start(lanes=[lane])
    stack.wait_for("running")
    (stack.home.root / "up").unlink()
    stack.depth({"work": 9})
    wait_until(lambda: stack.text("tried") == "xxxx", "the fourth start")
    stack.wait_for_part("lane-work-2", "healthy")


def test_a_part_is_not_ended_for_what_ails_those_it_needs(stack: ScriptedStack) -> None:
    for name in ("base", "top"):
        (stack.home.root / name).touch()
    stack.start(
        {"name": "base", "ready": "base", "patience": 1000},
        {"name": "top", "ready": "top", "needs": ["base"], "patience": 1},
    )
    stack.wait_for("running")
    (stack.home.root / "base").unlink()
    stack.wait_for_part("base", "unhealthy")
    (stack.home.root / "top").unlink()
    first = stack.wait_for_part("top", "unhealthy").pid
    (stack.home.root / "base").touch()
    stack.wait_for_part("base", "healthy")
    wait_until(lambda: (part := stack.part("top")) and part.restarts == 1, "the restart, now that it is its own fault")
    assert first and is_gone(first)


def test_a_part_is_not_ended_for_what_it_says_somebody_else_lacks(stack: ScriptedStack) -> None:
    (stack.home.root / "part").touch()
    away = stack.home.root / "the database"
    stack.start({"name": "part", "ready": "part", "lacking": away.name, "patience": 1, "start_seconds": 0.5})
    stack.wait_for("running")
    away.touch()
    ill = stack.wait_for_part("part", "unhealthy")
    assert ill.last_error == "the database is away"
    assert ill.pid
    os.kill(ill.pid, signal.SIGKILL)  # a death is another matter; its successor is given time until the other is back
    wait_until(lambda: (part := stack.part("part")) and part.restarts == 1 and part.pid, "the restart")
    asked = len(stack.text("asked"))
    wait_until(lambda: len(stack.text("asked")) > asked + 15, "more questions than its time to start has room for")
    away.unlink()
    assert stack.wait_for_part("part", "healthy").restarts == 1


def test_a_lane_above_its_memory_bound_is_drained_and_replaced(stack: ScriptedStack) -> None:
    script = (
        "import os, pathlib, time\n"
        'flag = pathlib.Path(os.environ["HOME_FOLDER"], "grown")\n'
        "if not flag.exists(): flag.touch(); time.sleep(1); ballast = bytearray(os.urandom(1) * 200_000_000)\n" + IDLE
    )
    stack.start(lanes=[{"name": "work", "minimum": 1, "maximum": 1, "script": script, "memory_limit": 100_000_000}])
    first = stack.wait_for_part("lane-work-1", "healthy").pid

    def replaced() -> bool:
        lanes = stack.state.parts if stack.state else []
        return any(lane.state == "healthy" and lane.pid != first for lane in lanes)

    wait_until(replaced, "the replacement")
