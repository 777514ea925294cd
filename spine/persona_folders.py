"""Where a persona's sources lie: a folder under MILLRACE_PERSONAS, and no path that leads out of it."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from spine.errors import InvalidInputError, NotFoundError


def persona_folder(personas: Path, source: str) -> Path:
    """The folder `source` under `personas`, without links.

    `InvalidInputError` when it leaves `personas` (by `..`, an absolute path or a link), `NotFoundError` when there
    is no such folder.
    """
    relative = PurePosixPath(source)
    if not source.strip() or relative.is_absolute() or ".." in relative.parts or {"\0", "\\"} & set(source):
        raise InvalidInputError(f"the source must be a folder under the personas folder, not {source!r}")
    base = personas.resolve()
    folder, is_there = _looked_up(base / relative, source)
    if not folder.is_relative_to(base) or folder == base:
        raise InvalidInputError(f"the source {source!r} leaves the personas folder")
    if not is_there:
        raise NotFoundError(f"there is no folder {source!r} under the personas folder; put the sources there first")
    return folder


def _looked_up(path: Path, source: str) -> tuple[Path, bool]:
    """The path without links, and whether a folder is there. The system's message holds the machine's path."""
    try:
        folder = path.resolve()
        return folder, folder.is_dir()
    except OSError as error:
        raise InvalidInputError(f"the source {source!r} cannot be looked up ({error.strerror})") from None
