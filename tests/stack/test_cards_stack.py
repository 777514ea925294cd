"""Cards on a whole stack: the commands, real agents, and what is left when their lane is killed."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.stack.whole_stack import FINAL, WholeStack

pytestmark = [pytest.mark.stack, pytest.mark.timeout(400)]

WITNESS = """
import os, pathlib, sys, time
busy, log = pathlib.Path("busy"), pathlib.Path("attempts.txt")
seconds = AGAIN if log.exists() else FIRST
try:
    os.close(os.open(busy, os.O_CREAT | os.O_EXCL))
    mark = "alone"
except FileExistsError:
    other = busy.read_text() or "0"
    mark = "together" if pathlib.Path(f"/proc/{other}").exists() else "alone"
busy.write_text(str(os.getpid()))
with log.open("a") as lines:
    lines.write(mark + "\\n")
pathlib.Path("started").touch()
for number in range(seconds * 10):
    print(f"working {number}", flush=True)
    time.sleep(0.1)
busy.unlink()
"""
"""A check that writes down whether another one worked in the same directory at the same time."""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WholeStack]:
    made = WholeStack(
        tmp_path_factory.mktemp("cards-home"),
        MILLRACE_LANE_RANGE="1",
        MILLRACE_QUEUE_WIDTHS="cards=20",
    )
    try:
        made.command("up", "--no-demo", timeout=300)
        yield made
    finally:
        made.close()


def witness(card_id: str, first: int, again: int) -> dict[str, Any]:
    """A card whose check takes so many seconds in its first attempt, and in later ones."""
    program = WITNESS.replace("FIRST", str(first)).replace("AGAIN", str(again))
    checks = [{"argv": [sys.executable, "-c", program], "timeout": 300}]
    return {"card_id": card_id, "title": f"Watch {card_id}", "checks": checks}


def work(stack: WholeStack, card_id: str) -> Path:
    return stack.home / "cards" / card_id / "work"


def cards(stack: WholeStack, **asked: str) -> dict[str, Any]:
    found = stack.http.get("/api/cards/enhanced", params={"limit": 500, **asked}).raise_for_status().json()
    return {item["card_id"]: item for item in found["items"]}


def test_a_backlog_is_loaded_run_and_looked_at_by_command(stack: WholeStack, tmp_path: Path) -> None:
    backlog = tmp_path / "backlog.json"
    backlog.write_text(
        json.dumps(
            [
                {"card_id": "DOC-1", "title": "Write it", "required_files": ["docs/it.md"], "squad": "docs"},
                {"card_id": "DOC-2", "title": "Check it", "depends_on": ["DOC-1"], "squad": "docs"},
                {"card_id": "DOC-3", "title": "Lose", "checks": [{"argv": ["false"]}], "squad": "docs"},
                {"card_id": "DOC-4", "title": "Wait", "depends_on": ["DOC-3"], "squad": "docs"},
            ]
        )
    )
    assert stack.json("backlog", "load", str(backlog))["created"] == ["DOC-1", "DOC-2", "DOC-3", "DOC-4"]
    job = stack.json("backlog", "run", "--squad", "docs", "--watch")
    counts = {name: job["result"][name] for name in ("total", "done", "failed", "blocked")}
    assert counts == {"total": 4, "done": 2, "failed": 1, "blocked": 1}
    assert (work(stack, "DOC-1") / "docs" / "it.md").is_file()
    listed = {item["card_id"]: item for item in stack.json("cards", "--squad", "docs")["items"]}
    assert {id: item["status"] for id, item in listed.items()} == {
        "DOC-1": "DONE",
        "DOC-2": "DONE",
        "DOC-3": "FAILED",
        "DOC-4": "BLOCKED",
    }
    assert "'false' ended with exit code 1" in listed["DOC-3"]["reason"]
    assert "DOC-3, which is FAILED" in listed["DOC-4"]["reason"]

    refused = stack.command("card", "retry", "DOC-1", check=False)
    assert refused.returncode == 1 and "SUCCESS" in refused.stderr
    again = stack.command("card", "retry", "DOC-1", "--force", "--watch")
    assert "DOC-1 is DONE" in again.stdout
    shown = stack.command("logs", listed["DOC-1"]["run"]["job_id"], "--follow")
    assert '"type": "progress"' in shown.stdout
    logs = stack.http.get("/api/tasks/DOC-1/logs").json()
    archive = stack.http.get("/api/tasks/DOC-1/logs?archive=true").json()
    said = [line["message"] for line in logs["items"] if line["stream"]]
    assert said == [line["message"] for line in archive["items"]] and said


def test_a_bad_backlog_is_refused_with_the_place_and_nothing_is_stored(stack: WholeStack, tmp_path: Path) -> None:
    backlog = tmp_path / "backlog.json"
    bad = {"card_id": "BAD-2", "title": "x", "priority": 12}
    backlog.write_text(json.dumps([{"card_id": "BAD-1", "title": "x"}, bad]))
    refused = stack.command("backlog", "load", str(backlog), check=False)
    assert refused.returncode == 1 and "cards[1].priority" in refused.stderr
    assert "BAD-1" not in cards(stack)


def test_a_run_that_is_retried_with_force_is_stopped_first(stack: WholeStack) -> None:
    stack.http.post("/api/backlog", json=[witness("SLOW-1", 60, 60)]).raise_for_status()
    old = stack.json("card", "run", "SLOW-1")["job_id"]
    stack.wait(lambda: (work(stack, "SLOW-1") / "started").exists(), "the check of SLOW-1")
    answer = stack.http.post("/api/tasks/SLOW-1/retry", json={})
    assert (answer.status_code, answer.json()["state"]) == (400, stack.job(old)["status"])
    said = stack.json("card", "retry", "SLOW-1", "--force")
    assert said["old_job_id"] == old and stack.job(old)["status"] == "REVOKED"
    stack.wait(lambda: len(attempts(stack, "SLOW-1")) == 2, "the second attempt")
    stack.http.post(f"/api/jobs/{said['new_job_id']}/cancel").raise_for_status()
    stack.ended(said["new_job_id"], within=30)
    assert attempts(stack, "SLOW-1") == ["alone", "alone"]
    stack.wait(lambda: not leftovers(stack, "SLOW-1"), "the end of every process of SLOW-1", 20)


@pytest.mark.parametrize(
    "number", [pytest.param(3, id="3 cards"), pytest.param(20, id="20 cards", marks=pytest.mark.chaos)]
)
def test_when_a_lane_is_killed_every_card_ends_and_none_was_worked_on_twice_at_once(
    stack: WholeStack, number: int
) -> None:
    names = [f"KILL{number}-{place}" for place in range(number)]
    stack.http.post("/api/backlog", json=[witness(name, 200, 1) for name in names]).raise_for_status()
    jobs = {name: stack.http.post(f"/api/cards/{name}/run").json()["job_id"] for name in names}
    stack.wait(lambda: all((work(stack, name) / "started").exists() for name in names), "all checks", 180)
    os.kill(stack.lane().pid, signal.SIGKILL)
    stack.wait(lambda: all(stack.job(job)["status"] in FINAL for job in jobs.values()), "the end of every card", 300)
    found = cards(stack)
    for name in names:
        assert found[name]["status"] in ("DONE", "FAILED"), found[name]
        assert found[name]["status"] == "DONE" or found[name]["reason"]
        assert {*attempts(stack, name)} == {"alone"} and len(attempts(stack, name)) >= 2, found[name]
        assert found[name]["run"]["retries"] >= 1
    stack.wait(lambda: not any(leftovers(stack, name) for name in names), "the end of every process", 20)


def attempts(stack: WholeStack, card_id: str) -> list[str]:
    log = work(stack, card_id) / "attempts.txt"
    return log.read_text().split() if log.exists() else []


def leftovers(stack: WholeStack, card_id: str) -> list[str]:
    """Living processes in the card's working directory."""
    found: list[str] = []
    for process in psutil.process_iter():
        try:
            if process.cwd() == str(work(stack, card_id)) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(" ".join(process.cmdline()))
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found
