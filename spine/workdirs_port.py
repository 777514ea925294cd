"""The edge to the folders in which cards are worked on."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol


class Workdirs(Protocol):
    """One working directory per card, which all its attempts share."""

    async def prepare(self, card_id: str, repository: str | None = None) -> Path:
        """The card's working directory, made when it is missing and left as it is when it is there.

        With a `repository` (path of a git repository of this machine) it is a worktree of it on the branch
        `millrace/<card_id>`, which begins at the repository's HEAD. Raises `InvalidInputError` when the repository
        cannot be used, `ConflictError` when the directory already serves something else.
        """
        ...

    async def remove(self, card_id: str, *, discard: bool = False) -> bool:
        """Remove the working directory; False when there was none. The branch, with all that was committed, stays.

        Raises `ConflictError` when a worktree has changes that were not committed, unless they may be discarded.
        """
        ...

    def attempt_files(self, card_id: str, attempt: str) -> Path:
        """Where an attempt's files lie, without a suffix: `MILLRACE_HOME/cards/<card_id>/<attempt>`."""
        ...
