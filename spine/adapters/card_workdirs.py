"""Working directories of cards under `MILLRACE_HOME/cards`: plain folders, or worktrees of a git repository.

cards/<card_id>/work          the working directory
cards/<card_id>/work.json     says that it is complete, and of which repository it is a worktree
cards/<card_id>/<attempt>.*   log and prompt of each attempt
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
from asyncio.subprocess import DEVNULL, PIPE
from contextlib import suppress
from pathlib import Path

from spine.errors import ConflictError, ExternalServiceError, InvalidInputError, NotConfiguredError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_GIT_SECONDS = 300.0
_INHERITED = ("PATH", "HOME", "TMPDIR", "SSH_AUTH_SOCK")


class CardWorkdirs:
    """See `spine.workdirs_port.Workdirs`."""

    def __init__(self, home: Path) -> None:
        self._cards = home / "cards"

    def attempt_files(self, card_id: str, attempt: str) -> Path:
        return self._folder(card_id) / _checked(attempt)

    async def prepare(self, card_id: str, repository: str | None = None) -> Path:
        folder = self._folder(card_id)
        work, note = folder / "work", folder / "work.json"
        source = await _usable_repository(repository) if repository is not None else None
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if work.is_dir() and note.exists():
            _check_same(card_id, _noted(note), source)
            return work
        if source is None:
            work.mkdir(exist_ok=True, mode=0o700)
        else:
            await _clear_unfinished(work, source)
            await _add_worktree(work, source, f"millrace/{card_id}")
        _write_whole(note, json.dumps({"repository": str(source) if source else None}))
        return work

    async def remove(self, card_id: str, *, discard: bool = False) -> bool:
        folder = self._folder(card_id)
        work, note = folder / "work", folder / "work.json"
        if not work.exists() and not work.is_symlink():
            return False
        source = _noted(note)
        if source is not None and source.is_dir():
            await _remove_worktree(card_id, work, source, discard=discard)
        await asyncio.to_thread(_delete, work)
        note.unlink(missing_ok=True)
        return True

    def _folder(self, card_id: str) -> Path:
        return self._cards / _checked(card_id)


def _checked(name: str) -> str:
    """A name that stays one folder below its parent and can be part of a branch's name."""
    if not _NAME.fullmatch(name) or ".." in name or name.endswith((".", ".lock")):
        raise InvalidInputError(f"{name!r} cannot name a folder: use letters, digits, '-', '_' and '.'.")
    return name


def _noted(note: Path) -> Path | None:
    """The repository of a complete worktree; None for a plain or an unfinished folder."""
    try:
        repository = json.loads(note.read_text(encoding="utf-8"))["repository"]
    except (OSError, ValueError, KeyError):
        return None
    return Path(repository) if repository else None


def _check_same(card_id: str, noted: Path | None, wanted: Path | None) -> None:
    if noted != wanted:
        raise ConflictError(
            f"The working directory of card {card_id} belongs to {noted or 'no repository'}, and the card now names "
            f"{wanted or 'none'}. Take out what you need and remove the directory, or give the card a new id."
        )


async def _usable_repository(repository: str) -> Path:
    """The top of a repository that has a commit to begin at."""
    path = _absolute_folder(repository)
    code, answer = await _git(path, "rev-parse", "--show-toplevel")
    if code:
        raise InvalidInputError(f"{repository!r} cannot be used as a git repository: {answer}")
    code, _ = await _git(path, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")
    if code:
        raise InvalidInputError(f"The repository {repository!r} has no commit yet; a worktree begins at one.")
    return Path(answer)


def _absolute_folder(repository: str) -> Path:
    refusal = InvalidInputError(f"The repository {repository!r} must be the absolute path of a folder on this machine.")
    try:
        path = Path(repository).expanduser()
        if path.is_absolute() and path.is_dir():
            return path
    except (OSError, RuntimeError) as error:  # a name that no file system can hold, the home of a user who is not there
        raise refusal from error
    raise refusal


async def _clear_unfinished(work: Path, source: Path) -> None:
    """Remove what an earlier attempt that was killed while it made the worktree left behind, and nothing else."""
    if (work / ".git").is_file():
        await _git(source, "worktree", "remove", "--force", "--force", str(work))
        await asyncio.to_thread(_delete, work)
    else:
        _remove_empty(work)
    await _git(source, "worktree", "prune")


def _remove_empty(work: Path) -> None:
    try:
        work.rmdir()
    except FileNotFoundError:
        return
    except OSError as error:
        raise ConflictError(f"{work} holds files and is no worktree; move them away and try again.") from error


async def _add_worktree(work: Path, source: Path, branch: str) -> None:
    known, _ = await _git(source, "rev-parse", "--verify", "--quiet", f"refs/heads/{branch}")
    place = [str(work), branch] if known == 0 else ["-b", branch, str(work)]
    # A hook of the repository would run with the lane's rights, before anybody asked for anything.
    code, answer = await _git(source, "-c", "core.hooksPath=/dev/null", "worktree", "add", *place)
    if code:
        raise ConflictError(f"No worktree of {source} could be made on the branch {branch}: {answer}")


async def _remove_worktree(card_id: str, work: Path, source: Path, *, discard: bool) -> None:
    code, answer = await _git(source, "worktree", "remove", *(["--force"] if discard else []), str(work))
    if code and not discard:
        raise ConflictError(f"The worktree of card {card_id} was not removed: {answer}")
    await _git(source, "worktree", "prune")


async def _git(folder: Path, *arguments: str) -> tuple[int, str]:
    """Exit code, and what git said: its answer, or else its complaint in one line."""
    try:
        process = await asyncio.create_subprocess_exec(
            *("git", "-C", str(folder), *arguments), stdin=DEVNULL, stdout=PIPE, stderr=PIPE, env=_git_environment()
        )
    except FileNotFoundError as error:
        raise NotConfiguredError("git is not installed here; a card that names a repository needs it.") from error
    try:
        out, err = await asyncio.wait_for(process.communicate(), _GIT_SECONDS)
    except BaseException as error:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        if isinstance(error, TimeoutError):
            raise ExternalServiceError(f"git did not answer within {_GIT_SECONDS:.0f} s.", service="git") from error
        raise
    said = out if process.returncode == 0 else err or out
    text = said.decode("utf-8", "replace").removesuffix("\n")
    return process.returncode or 0, text if process.returncode == 0 else " ".join(text.split())[:500]


def _git_environment() -> dict[str, str]:
    """Without `GIT_DIR` and its like: a lane that was itself started from a hook must not work on that repository."""
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return {**inherited, "LC_ALL": "C.UTF-8", "GIT_TERMINAL_PROMPT": "0"}


def _write_whole(path: Path, text: str) -> None:
    """All of it or nothing, whenever the process is killed."""
    draft = path.with_suffix(".new")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)


def _delete(path: Path) -> None:
    """Remove a folder without following links out of it."""
    if path.is_symlink():
        path.unlink()
    elif path.exists():
        shutil.rmtree(path)
