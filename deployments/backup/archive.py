"""Packs a folder into one private file and back; a file that is there was written to its end."""

from __future__ import annotations

import os
import tarfile
import zlib
from pathlib import Path

from deployments.stack.home import PRIVATE_FILE
from spine.errors import ConflictError, InvalidInputError


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
        with tarfile.open(file, mode="r:*") as archive:
            archive.extractall(folder, filter=_plain)  # noqa: S202 - every member goes through the filter
    except (tarfile.TarError, zlib.error, EOFError, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:  # a full disk is not the archive's fault
            raise
        reason = (str(error).splitlines() or ["it is damaged"])[0].rstrip(":")  # tarfile tells each way that it tried
        raise InvalidInputError(f"{file} cannot be unpacked: {reason}. Nothing was restored from it.") from error


def _plain(member: tarfile.TarInfo, path: str) -> tarfile.TarInfo | None:
    if not (member.isfile() or member.isdir()):
        raise tarfile.SpecialFileError(member)
    checked = tarfile.data_filter(member, path)
    mode = 0o700 if member.isdir() else 0o600 | ((member.mode or 0) & 0o100)
    return checked.replace(mode=mode, deep=False)
