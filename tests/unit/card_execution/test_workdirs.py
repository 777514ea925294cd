"""Each card has one working directory, plain or a worktree, and nothing of a person's work is ever lost in it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from spine.adapters.card_workdirs import CardWorkdirs
from spine.errors import ConflictError, InvalidInputError


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=Test", "-c", "user.email=test@example.invalid")
    done = subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    (folder / "README").write_text("hello\n")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "first")
    return folder


@pytest.fixture
def workdirs(tmp_path: Path) -> CardWorkdirs:
    return CardWorkdirs(tmp_path / "home")


async def test_a_card_without_a_repository_gets_a_folder_that_its_next_attempt_finds_again(
    workdirs: CardWorkdirs, tmp_path: Path
) -> None:
    work = await workdirs.prepare("c-1")
    assert work == tmp_path / "home/cards/c-1/work"
    (work / "kept").write_text("x")
    assert await workdirs.prepare("c-1") == work
    assert (work / "kept").exists()


async def test_a_card_with_a_repository_gets_a_worktree_on_a_branch_of_its_own(
    workdirs: CardWorkdirs, repository: Path
) -> None:
    work = await workdirs.prepare("c-1", str(repository))
    assert (work / "README").read_text() == "hello\n"
    assert git(work, "branch", "--show-current") == "millrace/c-1"
    (work / "new").write_text("x")
    assert await workdirs.prepare("c-1", str(repository)) == work
    assert (work / "new").exists()
    assert git(repository, "branch", "--show-current") == "main"


async def test_a_worktree_made_by_a_killed_process_is_made_again(workdirs: CardWorkdirs, repository: Path) -> None:
    work = await workdirs.prepare("c-1", str(repository))
    (work.parent / "work.json").unlink()  # it is written last
    (work / "README").unlink()
    assert await workdirs.prepare("c-1", str(repository)) == work
    assert (work / "README").exists()


async def test_removing_a_worktree_keeps_what_was_committed_and_refuses_to_lose_what_was_not(
    workdirs: CardWorkdirs, repository: Path
) -> None:
    work = await workdirs.prepare("c-1", str(repository))
    (work / "done").write_text("x")
    git(work, "add", ".")
    git(work, "commit", "-qm", "work")
    (work / "loose").write_text("x")
    with pytest.raises(ConflictError, match="modified or untracked"):
        await workdirs.remove("c-1")
    assert (work / "loose").exists()
    assert await workdirs.remove("c-1", discard=True)
    assert not work.exists()
    assert not await workdirs.remove("c-1")
    assert git(repository, "log", "--format=%s", "millrace/c-1").splitlines()[0] == "work"
    assert (await workdirs.prepare("c-1", str(repository)) / "done").exists()


async def test_the_hooks_of_a_repository_are_not_run(workdirs: CardWorkdirs, repository: Path) -> None:
    hook = repository / ".git/hooks/post-checkout"
    hook.write_text("#!/bin/sh\ntouch hooked\n")
    hook.chmod(0o755)
    assert not (await workdirs.prepare("c-1", str(repository)) / "hooked").exists()


async def test_a_folder_with_files_is_never_turned_into_a_worktree(workdirs: CardWorkdirs, repository: Path) -> None:
    work = await workdirs.prepare("c-1")
    (work / "mine").write_text("x")
    with pytest.raises(ConflictError, match="belongs to no repository"):
        await workdirs.prepare("c-1", str(repository))
    (work.parent / "work.json").unlink()
    with pytest.raises(ConflictError, match="holds files"):
        await workdirs.prepare("c-1", str(repository))
    assert (work / "mine").exists()


async def test_a_link_in_the_place_of_the_folder_is_removed_and_not_followed(
    workdirs: CardWorkdirs, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("x")
    work = await workdirs.prepare("c-1")
    work.rmdir()
    work.symlink_to(outside)
    assert await workdirs.remove("c-1", discard=True)
    assert (outside / "file").exists()


@pytest.mark.parametrize(
    ("given", "says"),
    [
        pytest.param("relative/path", "absolute path", id="relative"),
        pytest.param("/no/such/folder", "absolute path", id="absent"),
        pytest.param("{plain}", "not a git repository", id="no repository"),
        pytest.param("{empty}", "no commit yet", id="without a commit"),
    ],
)
async def test_a_repository_that_cannot_be_used_is_refused_with_the_reason(
    workdirs: CardWorkdirs, tmp_path: Path, given: str, says: str
) -> None:
    for name in ("plain", "empty"):
        (tmp_path / name).mkdir()
    git(tmp_path / "empty", "init", "-q")
    with pytest.raises(InvalidInputError, match=says):
        await workdirs.prepare("c-1", given.format(plain=tmp_path / "plain", empty=tmp_path / "empty"))


@pytest.mark.parametrize("card_id", ["..", "a/b", "", "-x", "a..b", "x.lock", "x" * 101, "a\n"])
async def test_a_card_id_never_leads_out_of_the_home(workdirs: CardWorkdirs, card_id: str) -> None:
    with pytest.raises(InvalidInputError):
        await workdirs.prepare(card_id)
