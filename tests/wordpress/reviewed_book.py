"""A finished review to publish: its article, its book, its cover."""

from __future__ import annotations

import struct
import zlib

from spine.contracts.books import BookMetadata, ConsolidatedBook
from spine.contracts.texts import Article
from spine.testing.memory_pages import MemoryPages

COVER_URL = "https://covers.example/hobbit.png"

CONTENT = """
The Hobbit is a *children's fantasy* novel about the quest of a home-loving hobbit for treasure guarded by a dragon.

## What it is about

Bilbo Baggins is hired by thirteen dwarves. [A reader](https://reviews.example/hobbit?utm_source=mail) calls it
a book for every age.

<script>alert("owned")</script>

- quests
- dragons
"""


def article(submission_id: str, title: str = "The Hobbit, reviewed", content: str = CONTENT) -> Article:
    return Article(
        article_id=f"{submission_id}:1",
        submission_id=submission_id,
        title=title,
        content=content,
        word_count=40,
        sources=["https://shop.example/dp/1", "https://reviews.example/hobbit"],
    )


def book(cover_url: str | None = COVER_URL) -> ConsolidatedBook:
    return ConsolidatedBook(
        metadata=BookMetadata(title="The Hobbit", authors=["J. R. R. Tolkien"], cover_image_url=cover_url)
    )


def covers(color: tuple[int, int, int] = (120, 40, 20)) -> MemoryPages:
    """The outside world, in which the book's cover has this color."""
    return MemoryPages({COVER_URL: png(120, 180, color)})


def png(width: int, height: int, color: tuple[int, int, int] = (120, 40, 20)) -> bytes:
    row = b"\0" + bytes(color) * width
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(row * height)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in parts)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
