"""What a backup says of itself: which Millrace made it, when, of which stores, and the digest of every file in it."""

from __future__ import annotations

import hashlib
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from spine.contracts.timestamps import utc_now
from spine.errors import InvalidInputError

FORMAT: Final = 1
"""Raised when an older Millrace could not restore what a newer one wrote."""

MANIFEST: Final = "manifest.json"
_BLOCK: Final = 1024 * 1024


class SavedFile(BaseModel):
    """One file of a backup: its size in bytes and the hex SHA-256 of its content."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    size: int
    sha256: str


class Manifest(BaseModel):
    """The contents of one backup. `files` names paths relative to the backup, the manifest itself left out."""

    model_config = ConfigDict(frozen=True)

    format: int = FORMAT
    millrace: str = Field(default_factory=lambda: version("millrace"))
    created: datetime = Field(default_factory=utc_now)
    store: str | None = Field(default=None, description="the name of the document store; a copy has the same")
    running: bool = Field(description="whether the stack was at work meanwhile")
    stores: dict[str, str] = Field(description="what is in it: the store, and how it was saved")
    left_out: list[str] = Field(description="what is not in it, and why")
    files: dict[str, SavedFile] = Field(default_factory=dict[str, SavedFile])


def listed(folder: Path) -> dict[str, SavedFile]:
    """Every file below the folder with its digest, by path; the manifest is left out."""
    return {
        str(path.relative_to(folder)): SavedFile(size=path.stat().st_size, sha256=digest(path))
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path != folder / MANIFEST
    }


def digest(path: Path) -> str:
    found = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            found.update(block)
    return found.hexdigest()


def read_manifest(folder: Path) -> Manifest:
    """The manifest of an unpacked backup; `InvalidInputError` when there is none that this Millrace understands."""
    try:
        found = Manifest.model_validate_json((folder / MANIFEST).read_bytes())
    except (OSError, ValidationError) as error:
        raise InvalidInputError("This is not a backup of Millrace: it has no readable manifest.json.") from error
    if found.format > FORMAT:
        raise InvalidInputError(
            f"The backup was made by a newer Millrace ({found.millrace}): restore it with that version or a later one."
        )
    return found


def verify(folder: Path, manifest: Manifest) -> None:
    """Hold every file against the manifest; `InvalidInputError` names what is missing, changed or too much."""
    present = listed(folder)
    missing = sorted(manifest.files.keys() - present.keys())
    strange = sorted(present.keys() - manifest.files.keys())
    changed = sorted(path for path, told in manifest.files.items() if path in present and present[path] != told)
    faults = [
        f"{what} {', '.join(paths[:3])}{' …' if len(paths) > 3 else ''}"
        for what, paths in (("missing:", missing), ("changed:", changed), ("not in its manifest:", strange))
        if paths
    ]
    if faults:
        raise InvalidInputError(f"The backup is damaged ({'; '.join(faults)}). Nothing was restored from it.")
