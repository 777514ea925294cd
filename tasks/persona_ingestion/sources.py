"""Finds a persona's source files, and takes none that lies outside the persona's folder."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from spine.contracts.personas import COLLECTIONS, CollectionName, LeftOut

_TEXT_KINDS = {
    ".txt": "txt",
    ".text": "txt",
    ".md": "md",
    ".markdown": "md",
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
    ".epub": "epub",
    ".pdf": "pdf",
    ".docx": "docx",
}
_QUOTE_KINDS = {".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "json", ".csv": "csv"}
_KINDS_OF: dict[CollectionName, dict[str, str]] = {"works": _TEXT_KINDS, "quotes": _QUOTE_KINDS, "profile": _TEXT_KINDS}
_OF_NO_KIND = (
    "is of a kind that is not read "
    f"(texts: {', '.join(dict.fromkeys(_TEXT_KINDS.values()))}; quotations: "
    f"{', '.join(dict.fromkeys(_QUOTE_KINDS.values()))})"
)
_DEEPEST = 12  # folders below a collection's own
_READ_THIS_VERY_FILE = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A regular file inside the persona's folder, of a kind that its collection reads."""

    collection: CollectionName
    name: str  # relative to the persona's folder, with /
    work: str  # inside the collection, without its ending
    kind: str
    path: Path  # without links
    size: int  # bytes

    def open(self) -> BinaryIO:
        """The file that was found: a link that took its place since is refused by the system (`OSError`)."""
        return os.fdopen(os.open(self.path, _READ_THIS_VERY_FILE), "rb")


@dataclass(frozen=True, slots=True)
class Sources:
    """The files of one collection in the order in which they are read, and what was not taken."""

    files: tuple[SourceFile, ...]
    left_out: tuple[LeftOut, ...]
    beside: tuple[LeftOut, ...] = ()
    """Folders and loose files that no collection reads. They lie beside the collections, so they are no reason for one
    to fail."""

    @property
    def size(self) -> int:
        """Bytes."""
        return sum(file.size for file in self.files)


def find_sources(folder: Path, collection: CollectionName) -> Sources:
    """The files of `collection` below `folder`, in an order that does not depend on the machine.

    `works` are in `works/`, `quotes` in `quotes/`, a profile is `profile.md` and `profile/`. Files that lie loose in
    the folder come after these and are works or quotes by their kind. Hidden files and editors' leftovers are not
    looked at. The letter case of these names does not matter. What else lies there is named once, with the works.
    """
    folder = folder.resolve()
    files: list[SourceFile] = []
    left_out: list[LeftOut] = []
    for path in _candidates(folder, collection):
        name = _readable(path.relative_to(folder)).as_posix() if path != folder else folder.name
        try:
            found = _look_at(path, folder, collection)
        except OSError as error:
            found = f"cannot be looked at ({error.strerror})"
        if isinstance(found, SourceFile):
            files.append(found)
        else:
            left_out.append(LeftOut(file=name, reason=found))
    return Sources(tuple(files), tuple(left_out), tuple(_beside(folder)) if collection == "works" else ())


def _beside(folder: Path) -> Iterator[LeftOut]:
    for path in _listed(folder) or ():
        name = _readable(path.relative_to(folder)).as_posix()
        if not path.is_dir():
            if _collection_of_loose(path) is None:
                yield LeftOut(file=name, reason=_OF_NO_KIND)
        elif path.name.lower() not in COLLECTIONS:
            yield LeftOut(
                file=name, reason="is a folder that is not read (texts go into works/, quotations into quotes/)"
            )


def _candidates(folder: Path, collection: CollectionName) -> Iterator[Path]:
    listed = _listed(folder)
    if listed is None:
        yield folder
        return
    own = (path for path in listed if path.name.lower() == collection)
    for path in sorted(own, key=lambda path: path.name != collection):
        yield from _walk(path, _DEEPEST)
    for path in listed:
        if not path.is_dir() and _collection_of_loose(path) == collection:
            yield path


def _collection_of_loose(path: Path) -> CollectionName | None:
    suffix = path.suffix.lower()
    if suffix in _TEXT_KINDS:
        return "profile" if path.stem.lower() == "profile" else "works"
    return "quotes" if suffix in _QUOTE_KINDS else None


def _walk(folder: Path, depth: int) -> Iterator[Path]:
    """Every file below. A folder that is a link, lies too deep or cannot be listed is yielded itself, to be refused by
    name."""
    listed = _listed(folder) if depth >= 0 and not folder.is_symlink() else None
    if listed is None:
        yield folder
        return
    for path in listed:
        if path.is_dir():
            yield from _walk(path, depth - 1)
        else:
            yield path


def _listed(folder: Path) -> list[Path] | None:
    """None where the system does not show what is in it; without the right to enter, nothing in it can be looked at."""
    if not folder.is_dir():
        return []
    if not os.access(folder, os.R_OK | os.X_OK):
        return None
    try:
        return sorted((path for path in folder.iterdir() if not _is_leftover(path.name)), key=lambda path: path.name)
    except OSError:
        return None


def _is_leftover(name: str) -> bool:
    """Hidden, or what an editor keeps beside a file: its lock, or the text before the last edit."""
    return name.startswith((".", "~$")) or name.endswith("~")


def _look_at(path: Path, folder: Path, collection: CollectionName) -> SourceFile | str:
    """The file, or why it is not taken."""
    kinds = _KINDS_OF[collection]
    real = Path(os.path.realpath(path))
    if path.is_symlink() and not real.is_relative_to(folder):
        return "is a link that leaves the persona's folder"
    if path.is_symlink() and path.is_dir():
        return "is a link to a folder; put the folder itself here"
    if not path.exists():
        return "is a link to a file that does not exist"
    if path.is_dir():
        lies_too_deep = len(path.relative_to(folder).parts) > _DEEPEST + 1
        return f"lies more than {_DEEPEST} folders deep" if lies_too_deep else "is a folder that cannot be listed"
    facts = path.stat()
    if not stat.S_ISREG(facts.st_mode):
        return "is not a regular file"
    if path.suffix.lower() not in kinds:
        return f"is of a kind that {collection} does not read (known: {', '.join(dict.fromkeys(kinds.values()))})"
    if not facts.st_size:
        return "is empty"
    name = _readable(path.relative_to(folder))
    return SourceFile(
        collection=collection,
        name=name.as_posix(),
        work=_inside(name, collection).with_suffix("").as_posix(),
        kind=kinds[path.suffix.lower()],
        path=real,
        size=facts.st_size,
    )


def _readable(name: Path) -> Path:
    """The name as text that can be stored: bytes that are not UTF-8 are written out, as in `caf\\xe9.txt`."""
    return Path(os.fsencode(name).decode("utf-8", "backslashreplace"))


def _inside(name: Path, collection: CollectionName) -> Path:
    return name.relative_to(name.parts[0]) if name.parts[0].lower() == collection and len(name.parts) > 1 else name
