"""What the cleanup may remove, by kind."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from spine.contracts.timestamps import iso
from spine.documents import ARTICLES
from spine.testing.memory_documents import MemoryDocuments
from tasks.maintenance.cleanup import LONGEST_TABLE, cleanup_result, cleanup_rows
from tasks.maintenance.leftovers import Leftover, Removal
from tasks.maintenance.old_card_logs import old_card_logs, remove_card_logs
from tasks.maintenance.old_files import RESULT, ROTATED_LOG, old_files, remove_files
from tasks.maintenance.old_revisions import old_revisions, remove_revisions, superfluous
from tasks.maintenance.old_streams import reason_to_forget
from tasks.maintenance.policy import CleanupPolicy

NOW = datetime(2026, 2, 2, tzinfo=UTC)
WEEK = timedelta(days=7)


# ── files ─────────────────────────────────────────────────────────────────────────────────────────────────────


def write(path: Path, days_old: float) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("content")
    moment = (NOW - timedelta(days=days_old)).timestamp()
    os.utime(path, (moment, moment))
    return path


def test_files_go_a_week_after_they_were_written_and_younger_ones_stay(tmp_path: Path) -> None:
    old, inner = write(tmp_path / "old", 8), write(tmp_path / "deep" / "older", 30)
    write(tmp_path / "young", 6)
    found = old_files(tmp_path, RESULT, WEEK, NOW)
    assert {file.name for file in found} == {str(old), str(inner)}
    assert {file.bytes for file in found} == {len("content")}
    assert remove_files(tmp_path, found) == 2 and not old.exists()
    assert remove_files(tmp_path, found) == 0


@pytest.mark.parametrize(
    ("name", "goes"),
    [("lane.log.1", True), ("lane-2.log.12", True), ("lane.log", False), ("lane.log.1.tmp", False), ("state", False)],
)
def test_of_the_logs_only_those_that_were_moved_aside_go(name: str, goes: bool, tmp_path: Path) -> None:
    write(tmp_path / name, 100)
    assert bool(old_files(tmp_path, ROTATED_LOG, WEEK, NOW)) is goes


def test_what_a_link_points_to_stays(tmp_path: Path) -> None:
    precious = write(tmp_path / "elsewhere" / "precious", 100)
    folder = tmp_path / "results"
    folder.mkdir()
    (folder / "file").symlink_to(precious)
    (folder / "folder").symlink_to(precious.parent)
    assert old_files(folder, RESULT, WEEK, NOW) == []
    assert old_files(tmp_path / "results" / "folder", RESULT, WEEK, NOW) == []


def test_a_file_outside_the_folder_is_not_removed(tmp_path: Path) -> None:
    outside = write(tmp_path / "outside", 100)
    names = [str(outside), str(tmp_path / "results" / ".." / "outside")]
    assert remove_files(tmp_path / "results", [Leftover(name=name, why="") for name in names]) == 0
    assert outside.exists()


def test_a_folder_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    assert old_files(tmp_path / "nowhere", RESULT, WEEK, NOW) == []


# ── revisions ─────────────────────────────────────────────────────────────────────────────────────────────────


def revision(number: int, days_old: float = 100, **fields: Any) -> dict[str, Any]:
    made = {
        "_id": f"sub_1:{number}",
        "submission_id": "sub_1",
        "revision": number,
        "content": "Text",
        "status": "ready_for_review",
        "made_from": f"key-{number}",
        "created": iso(NOW - timedelta(days=days_old)),
    }
    return {**made, **fields}


REVISIONS: dict[str, tuple[list[dict[str, Any]], list[int]]] = {
    "the first and the newest two stay": ([revision(n) for n in range(1, 7)], [2, 3, 4]),
    "in whatever order they come": ([revision(n) for n in (6, 3, 1, 5, 2, 4)], [2, 3, 4]),
    "no more than may stay": ([revision(n) for n in range(1, 4)], []),
    "edits by people stay": ([revision(n, made_from=None if n == 3 else "key") for n in range(1, 7)], [2, 4]),
    "what was published stays": (
        [revision(n, status="published" if n == 2 else "ready_for_review") for n in range(1, 7)],
        [3, 4],
    ),
    "what was approved stays": (
        [revision(n, status="approved" if n == 4 else "rejected") for n in range(1, 7)],
        [2, 3],
    ),
    "what has a post stays": ([revision(n, post_id=17 if n == 3 else None) for n in range(1, 7)], [2, 4]),
    "young ones stay": ([revision(n, days_old=100 if n < 4 else 1) for n in range(1, 7)], [2, 3]),
    "numbers that are missing already do not count": ([revision(n) for n in (1, 4, 8, 9)], [4]),
}


@pytest.mark.parametrize(("revisions", "go"), REVISIONS.values(), ids=REVISIONS)
def test_a_revision_goes_when_nobody_has_a_use_for_it(revisions: list[dict[str, Any]], go: list[int]) -> None:
    before = iso(NOW - timedelta(days=30))
    assert [article["revision"] for article in superfluous(revisions, 2, before)] == go


async def test_each_submission_keeps_its_own_revisions_and_one_decided_on_meanwhile_stays() -> None:
    documents = MemoryDocuments()
    for submission in ("sub_1", "sub_2"):
        for number in range(1, 5):
            ids = {"_id": f"{submission}:{number}", "submission_id": submission}
            await documents.insert(ARTICLES, revision(number, **ids))
    found = await old_revisions(documents, CleanupPolicy(revisions=2), NOW)
    assert [leftover.name for leftover in found] == ["sub_1:2", "sub_2:2"]
    await documents.update(ARTICLES, {"_id": "sub_1:2"}, set={"status": "approved"})
    assert await remove_revisions(documents, found) == 1
    assert await documents.get(ARTICLES, "sub_2:2") is None


# ── progress ──────────────────────────────────────────────────────────────────────────────────────────────────

BEFORE = iso(NOW - timedelta(hours=24))
JOBS: dict[str, tuple[dict[str, Any] | None, bool]] = {
    "ended long ago": ({"status": "SUCCESS", "finished": iso(NOW - timedelta(hours=25))}, True),
    "failed long ago": ({"status": "DEAD", "finished": iso(NOW - timedelta(hours=25))}, True),
    "ended just now": ({"status": "SUCCESS", "finished": iso(NOW)}, False),
    "put back to work": ({"status": "PENDING", "finished": None}, False),
    "runs for days": ({"status": "PROGRESS", "finished": None}, False),
    "nobody knows it": (None, True),
}


@pytest.mark.parametrize(("job", "goes"), JOBS.values(), ids=JOBS)
def test_the_progress_of_a_job_goes_a_day_after_its_end(job: dict[str, Any] | None, goes: bool) -> None:
    assert bool(reason_to_forget(job, BEFORE)) is goes


# ── policy and report ─────────────────────────────────────────────────────────────────────────────────────────


def test_the_policy_comes_from_the_run_then_the_environment_then_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MILLRACE_KEEP_LOG_DAYS", "3")
    monkeypatch.setenv("MILLRACE_KEEP_REVISIONS", "9")
    policy = CleanupPolicy(revisions=2)
    assert (policy.revisions, policy.log_days, policy.result_days) == (2, 3, 7)


@pytest.mark.parametrize("value", [{"revisions": 0}, {"log_days": -1}, {"revision": 3}], ids=str)
def test_a_policy_that_makes_no_sense_is_refused(value: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        CleanupPolicy(**value)


def test_the_report_counts_everything_and_shows_the_first_of_it() -> None:
    many = [Leftover(name=f"/logs/a.log.{number}", why="old", bytes=10) for number in range(LONGEST_TABLE + 50)]
    removals = [
        Removal(kind="rotated logs", found=many, removed=250),
        Removal(kind="result files", problem="no access"),
    ]
    told = cleanup_result(removals, dry_run=False)
    assert told["removed"] == 250
    assert told["kinds"]["rotated logs"] == {"found": 250, "removed": 250, "bytes": 2500}
    assert told["kinds"]["result files"]["problem"] == "no access"
    rows = cleanup_rows(removals, dry_run=True)
    assert len(rows) == LONGEST_TABLE
    assert (rows[0]["done"], rows[1]["what"], rows[1]["done"]) == ("failed", "a.log.0", "would be removed")


# ── cards ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_old_logs_of_attempts_at_cards_go_and_nothing_that_an_agent_made_does(tmp_path: Path) -> None:
    old = [write(tmp_path / "CARD-1" / name, 8) for name in ("job_1-1.log.gz", "job_1-1.prompt.md")]
    kept = [
        write(tmp_path / "CARD-1" / "job_2-1.log.gz", 6),
        write(tmp_path / "CARD-1" / "work" / "job_1-1.log.gz", 8),
        write(tmp_path / "CARD-1" / "work.json", 8),
    ]
    found = old_card_logs(tmp_path, WEEK, NOW)
    assert {file.name for file in found} == {str(path) for path in old}
    assert remove_card_logs(tmp_path, [*found, *(Leftover(name=str(path), why="") for path in kept[1:])]) == 2
    assert all(path.exists() for path in kept) and not any(path.exists() for path in old)
