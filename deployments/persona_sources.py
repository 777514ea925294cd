"""Copies a folder of sources to where the stack reads them, in place of what was there before."""

from __future__ import annotations

import shutil
import stat
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from spine.contracts.personas import COLLECTIONS
from spine.errors import InvalidInputError
from tasks.persona_ingestion.sources import find_sources

_NAMED: Final = 3
"""How many of the files that cannot be copied a message names."""


def place_sources(source: Path, personas: Path, persona_id: str) -> Path:
    """The persona's folder, now with the files of `source` and no others.

    It changes at one moment: whoever reads it finds the old files or the new ones. Links stay links; hidden files and
    what is neither file nor folder are not copied. `InvalidInputError` when `source` holds nothing to read, or a file
    that cannot be copied: without it the persona would lose what it gave.
    """
    source, target = source.resolve(), personas.resolve() / persona_id
    check_sources(source)
    if source == target:
        return target
    if source.is_relative_to(target) or target.is_relative_to(source):
        raise InvalidInputError(f"{source} and the persona's own folder {target} lie one in the other; choose another.")
    personas.mkdir(parents=True, exist_ok=True, mode=0o700)
    with TemporaryDirectory(dir=personas, prefix=".incoming-", ignore_cleanup_errors=True) as workshop:
        made = Path(workshop, "new")
        _copy(source, made)
        made.chmod(made.stat().st_mode | stat.S_IRWXU)  # a folder that must not be written to cannot be moved
        _exchange(made, target, Path(workshop, "old"))
    return target


def check_sources(folder: Path) -> None:
    """A wrong folder must not empty a persona."""
    if not folder.is_dir():
        raise InvalidInputError(f"{folder} is no folder; give the one that holds works/, quotes/ or profile.md.")
    found = [find_sources(folder, collection) for collection in COLLECTIONS]
    if not any(sources.files for sources in found):
        first = next(
            (f" ({place.file} {place.reason})" for sources in found for place in (*sources.left_out, *sources.beside)),
            "",
        )
        raise InvalidInputError(
            f"{folder} holds no sources{first}: put texts into works/, quotations into quotes/, and the profile into "
            "profile.md (docs/persona_ingestion.md lists the kinds of files)."
        )


def _copy(source: Path, target: Path) -> None:
    try:
        shutil.copytree(source, target, symlinks=True, ignore=_not_sources)
    except shutil.Error as error:
        names = [Path(failed[0]).relative_to(source).as_posix() for failed in error.args[0]]
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        raise InvalidInputError(
            f"{', '.join(names[:_NAMED])}{more} in {source} cannot be copied, so nothing was changed: "
            "make it readable, or take it out of the folder."
        ) from error


def _exchange(made: Path, target: Path, old: Path) -> None:
    """Put `made` in the place of `target`, whose files go with the workshop only when the new ones are there."""
    if target.exists():
        target.rename(old)
    try:
        made.rename(target)
    except OSError:
        if old.exists():
            old.rename(target)
        raise


def _not_sources(folder: str, names: Iterable[str]) -> set[str]:
    return {name for name in names if name.startswith(".") or not _can_be_copied(Path(folder, name))}


def _can_be_copied(path: Path) -> bool:
    mode = path.lstat().st_mode
    return stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISLNK(mode)
