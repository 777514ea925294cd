"""Opens the zip files that .epub and .docx are, and never unpacks more than a limit."""

from __future__ import annotations

import io
import posixpath
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO, Any, BinaryIO

from lxml.etree import XMLParser, XMLSyntaxError, fromstring

from spine.errors import InvalidInputError

Element = Any
"""An lxml element; the library has no types."""

LARGEST_MEMBER = 256 << 20  # bytes, unpacked, of a part that is streamed
LARGEST_WHOLE = 1 << 30  # bytes, unpacked, of all parts that are read: a small file may name thousands of large ones
_LARGEST_TABLE = 8 << 20  # bytes, unpacked, of a part that is held whole
_PIECE = 1 << 16
BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OSError)
"""What `zipfile` raises for a damaged, truncated, encrypted or unknown part."""


class Archive(zipfile.ZipFile):
    """Knows how much may still be unpacked from it."""

    left = LARGEST_WHOLE


def open_archive(file: BinaryIO) -> Archive:
    try:
        return Archive(file)
    except BROKEN as error:
        raise InvalidInputError(f"cannot be opened, it is damaged or not of this kind ({error})") from error


def unpacked(archive: Archive, name: str) -> io.BufferedReader:
    """The part as an open file that refuses to grow beyond `LARGEST_MEMBER`, or to take what was unpacked of the
    archive beyond `LARGEST_WHOLE`; `InvalidInputError` when it is missing."""
    try:
        return io.BufferedReader(_Limited(archive, archive.open(name), name), _PIECE)
    except KeyError as error:
        raise InvalidInputError(f"has no part {name}") from error
    except BROKEN as error:
        raise InvalidInputError(f"part {name} cannot be unpacked ({error})") from error


def table(archive: Archive, name: str) -> Element:
    """A small XML part as a tree; entities and addresses in it are not followed."""
    with unpacked(archive, name) as part:
        written = part.read(_LARGEST_TABLE + 1)
    if len(written) > _LARGEST_TABLE:
        raise InvalidInputError(f"part {name} is larger than {_LARGEST_TABLE >> 20} MB")
    parser = XMLParser(resolve_entities=False, no_network=True, load_dtd=False, recover=True)
    try:
        root = fromstring(written, parser)
    except XMLSyntaxError as error:
        raise InvalidInputError(f"part {name} is not well-formed ({error.msg})") from error
    if faults := [fault for fault in parser.error_log if not _is_harmless(fault)]:
        raise InvalidInputError(f"part {name} is not well-formed ({faults[0].message})")
    if root is None:
        raise InvalidInputError(f"part {name} is not well-formed (it is empty)")
    return root


def _is_harmless(fault: Any) -> bool:
    """A prefix or an entity that nobody declared, as many makers of books write them: nothing of the table is lost."""
    return fault.domain_name == "NAMESPACE" or fault.type_name in ("ERR_UNDECLARED_ENTITY", "WAR_UNDECLARED_ENTITY")


def beside(name: str, reference: str) -> str:
    """The part that `reference`, found in part `name`, means; it cannot leave the archive."""
    return posixpath.normpath(posixpath.join("/", posixpath.dirname(name), reference)).lstrip("/")


def elements(root: Element, tag: str) -> Iterator[Element]:
    """Elements by name, whatever their namespace."""
    return root.iter("{*}" + tag)


class _Limited(io.RawIOBase):
    """Counts what a part unpacks to: its directory entry may lie."""

    def __init__(self, archive: Archive, part: IO[bytes], name: str) -> None:
        self._archive = archive
        self._part = part
        self._name = name
        self._left = LARGEST_MEMBER

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer)  # pyright: ignore[reportArgumentType]
        try:
            piece = self._part.read(min(len(view), _PIECE))
        except BROKEN as error:
            raise InvalidInputError(f"part {self._name} is damaged ({error})") from error
        self._left -= len(piece)
        if self._left < 0:
            raise InvalidInputError(f"part {self._name} unpacks to more than {LARGEST_MEMBER >> 20} MB")
        self._archive.left -= len(piece)
        if self._archive.left < 0:
            raise InvalidInputError(f"part {self._name} takes what the file unpacks to beyond {LARGEST_WHOLE >> 20} MB")
        view[: len(piece)] = piece
        return len(piece)

    def close(self) -> None:
        self._part.close()
        super().close()
