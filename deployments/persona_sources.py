"""Copies a folder of sources to where the stack reads them, in place of what was there before."""

from __future__ import annotations

import shutil
import stat
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

from spine.contracts.personas import COLLECTIONS
from spine.errors import InvalidInputError
from tasks.persona_ingestion.sources import find_sources


def place_sources(source: Path, personas: Path, persona_id: str) -> Path:
    """The persona's folder, now with the files of `source` and no others.

    It changes at one moment: whoever reads it finds the old files or the new ones. Links stay links; hidden files and
    what is neither file nor folder are not copied. `InvalidInputError` when `source` holds nothing to read.
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
        shutil.copytree(source, made, symlinks=True, ignore=_not_sources)
        if target.exists():
            target.rename(Path(workshop, "old"))
        made.rename(target)
    return target


def check_sources(folder: Path) -> None:
    """A wrong folder must not empty a persona."""
    if not folder.is_dir():
        raise InvalidInputError(f"{folder} is no folder; give the one that holds works/, quotes/ or profile.md.")
    if not any(find_sources(folder, collection).files for collection in COLLECTIONS):
        raise InvalidInputError(
            f"{folder} holds no sources: put texts into works/, quotations into quotes/, and the profile into "
            "profile.md (docs/persona_ingestion.md lists the kinds of files)."
        )


def _not_sources(folder: str, names: Iterable[str]) -> set[str]:
    return {name for name in names if name.startswith(".") or not _can_be_copied(Path(folder, name))}


def _can_be_copied(path: Path) -> bool:
    mode = path.lstat().st_mode
    return stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISLNK(mode)
