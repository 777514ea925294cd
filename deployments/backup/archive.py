"""Packs a folder into one private file and back; a file that is there was written to its end."""

from __future__ import annotations

import gzip
import os
import tarfile
import zlib
from pathlib import Path
from typing import Final, Self

from deployments.stack.home import PRIVATE_FILE
from spine.errors import ConflictError, InvalidInputError

_BLOCK: Final = 1024 * 1024
_ENDS: Final = frozenset({"EOFHeaderError", "EmptyHeaderError"})
"""What `tarfile` raises, and does not export, where an archive ends as it should."""


def pack(folder: Path, file: Path) -> None:
    """Write the folder's files as a compressed tar of mode 0600; `ConflictError` when the file exists already."""
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE), "wb") as target:
            with tarfile.open(fileobj=target, mode="w:gz", compresslevel=3) as archive:
                for path in sorted(folder.rglob("*")):
                    archive.add(path, arcname=str(path.relative_to(folder)), recursive=False, filter=_nobodys)
            target.flush()
            os.fsync(target.fileno())
        _publish(draft, file)
    finally:
        draft.unlink(missing_ok=True)


def _nobodys(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Owners are left out: whoever unpacks a backup owns what is in it."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


def _publish(draft: Path, file: Path) -> None:
    try:
        os.link(draft, file)  # unlike a rename it never replaces another backup
    except FileExistsError as error:
        raise ConflictError(f"{file} exists already: choose another name, or remove it.") from error


def unpack(file: Path, folder: Path) -> None:
    """Unpack into the empty folder, modes 0700 and 0600. `InvalidInputError` for anything but a whole, plain archive.

    Members that lead out of the folder, links and devices are refused.
    """
    if not file.is_file():
        raise InvalidInputError(f"There is no backup {file}.")
    try:
        with tarfile.open(file, mode="r:*", tarinfo=_Member) as archive:
            archive.extractall(folder, filter=_plain)  # noqa: S202 - every member goes through the filter
            _read_to_the_end(archive)
    except (tarfile.TarError, zlib.error, EOFError, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:  # a full disk is not the archive's fault
            raise
        raise InvalidInputError(
            f"{file} cannot be unpacked: {_reason(error)}. Nothing was restored from it."
        ) from error


class _Member(tarfile.TarInfo):
    """A header that says so when it is none: `tarfile` takes one that is damaged for the end of the archive."""

    @classmethod
    def fromtarfile(cls, archive: tarfile.TarFile) -> Self:  # pyright: ignore[reportIncompatibleMethodOverride]
        try:
            return super().fromtarfile(archive)
        except tarfile.HeaderError as error:
            if archive.offset == 0 or type(error).__name__ in _ENDS:
                raise  # at its beginning it may be no archive at all, or one that is compressed in another way
            raise DamagedError(str(error)) from error


class DamagedError(tarfile.TarError):
    """Something in the middle of an archive is no part of one."""


def _read_to_the_end(archive: tarfile.TarFile) -> None:
    """What follows the last file holds the checksum of the whole."""
    while archive.fileobj.read(_BLOCK):
        pass


def _reason(error: Exception) -> str:
    said = (str(error).splitlines() or [""])[0].rstrip(":.")  # tarfile tells each way that it tried
    if isinstance(error, (DamagedError, zlib.error, EOFError, gzip.BadGzipFile)):
        return f"it is damaged ({said})"
    return said or "it is damaged"


def _plain(member: tarfile.TarInfo, path: str) -> tarfile.TarInfo | None:
    if not (member.isfile() or member.isdir()):
        raise tarfile.SpecialFileError(member)
    checked = tarfile.data_filter(member, path)
    mode = 0o700 if member.isdir() else 0o600 | ((member.mode or 0) & 0o100)
    return checked.replace(mode=mode, deep=False)
