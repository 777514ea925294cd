"""Reads kind and size of an image from its bytes, whatever its sender calls it, and whether all of it is there."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

_JPEG_SIZES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Markers of a JPEG that carry its size; the three left out are tables."""

_JPEG_BARE = frozenset({0x01, *range(0xD0, 0xD9)})
"""Markers of a JPEG that have no length after them."""


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """A raster image that every browser shows. Width and height in pixels."""

    content_type: str
    extension: str  # with its dot
    width: int
    height: int


def image_facts(content: bytes) -> ImageFacts | None:
    """Facts of a JPEG, PNG, GIF or WebP; None for everything else, SVG and damaged headers among it."""
    try:
        if content.startswith(b"\x89PNG\r\n\x1a\n") and content[12:16] == b"IHDR":
            return ImageFacts("image/png", ".png", *struct.unpack(">II", content[16:24]))
        if content[:6] in (b"GIF87a", b"GIF89a"):
            return ImageFacts("image/gif", ".gif", *struct.unpack("<HH", content[6:10]))
        if content.startswith(b"\xff\xd8\xff"):
            return ImageFacts("image/jpeg", ".jpg", *_jpeg_size(content))
        if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
            return ImageFacts("image/webp", ".webp", *_webp_size(content))
    except (struct.error, IndexError, ValueError):
        return None
    return None


def is_whole(content: bytes) -> bool:
    """Whether an image of these kinds goes on to its end. What follows its end does not matter, nor do its pixels."""
    try:
        if content.startswith(b"\x89PNG"):
            return _png_ends(content)
        if content.startswith(b"GIF8"):
            return _gif_ends(content)
        if content.startswith(b"RIFF"):
            return len(content) >= 8 + struct.unpack("<I", content[4:8])[0]
        return _jpeg_ends(content)
    except (struct.error, IndexError, ValueError):
        return False


def _png_ends(content: bytes) -> bool:
    at = 8
    while at + 12 <= len(content):
        after = at + 12 + struct.unpack(">I", content[at : at + 4])[0]  # length, kind, data, checksum
        if content[at + 4 : at + 8] == b"IEND":
            return after <= len(content)
        at = after
    return False


def _gif_ends(content: bytes) -> bool:
    at = 13 + _colours(content[10])
    while content[at] != 0x3B:  # the trailer
        if content[at] == 0x21:  # an extension: its kind, then blocks
            at += 2
        elif content[at] == 0x2C:  # a picture: where it stands, its colours, the size of its codes, then blocks
            at += 11 + _colours(content[at + 9])
        else:
            raise ValueError("no block where one must be")
        while content[at]:
            at += 1 + content[at]
        at += 1
    return True


def _colours(flags: int) -> int:
    """Bytes of the table of colours that the flags announce."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _jpeg_ends(content: bytes) -> bool:
    """Looked for behind the beginning of the pixels: a preview in the head has an end of its own."""
    pixels = next(at for marker, at in _jpeg_segments(content) if marker == 0xDA)
    return content.find(b"\xff\xd9", pixels) > 0


def _jpeg_size(content: bytes) -> tuple[int, int]:
    at = next(at for marker, at in _jpeg_segments(content) if marker in _JPEG_SIZES)
    height, width = struct.unpack(">HH", content[at + 5 : at + 9])
    return width, height


def _jpeg_segments(content: bytes) -> Iterator[tuple[int, int]]:
    """Each marker and where it stands, up to whatever is no segment: `IndexError`, `ValueError`, `struct.error`."""
    at = 2
    while True:
        if content[at] != 0xFF:
            raise ValueError("no marker where one must be")
        marker = content[at + 1]
        if marker == 0xFF:  # padding before a marker
            at += 1
            continue
        yield marker, at
        at += 2 if marker in _JPEG_BARE else 2 + max(2, struct.unpack(">H", content[at + 2 : at + 4])[0])


def _webp_size(content: bytes) -> tuple[int, int]:
    kind = content[12:16]
    if kind == b"VP8X":
        return _little(content[24:27]) + 1, _little(content[27:30]) + 1
    if kind == b"VP8L":
        bits = struct.unpack("<I", content[21:25])[0]
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 ":
        width, height = struct.unpack("<HH", content[26:30])
        return width & 0x3FFF, height & 0x3FFF
    raise ValueError("not a WebP image")


def _little(three_bytes: bytes) -> int:
    if len(three_bytes) != 3:
        raise ValueError("cut off")
    return int.from_bytes(three_bytes, "little")
