"""Reads kind and size of an image from its first bytes, whatever its sender calls it."""

from __future__ import annotations

import struct
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


def _jpeg_size(content: bytes) -> tuple[int, int]:
    at = 2
    while True:
        if content[at] != 0xFF:
            raise ValueError("no marker where one must be")
        marker = content[at + 1]
        if marker in _JPEG_SIZES:
            height, width = struct.unpack(">HH", content[at + 5 : at + 9])
            return width, height
        if marker == 0xFF:  # padding before a marker
            at += 1
        else:
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
