"""The cover image: fetched under the URL guard, and taken only when it is an image fit to be shown."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from spine.errors import MillraceError
from spine.ports import PageFetcher
from tasks.book_review.publish.image_facts import ImageFacts, image_facts, is_whole

MAX_COVER_BYTES = 8_000_000
_FETCH_SECONDS = 20.0
_SMALLEST_SIDE = 50  # pixels; shops answer with a dot where they have no cover
_MOST_PIXELS = 40_000_000  # what a site's image library unpacks into memory at four bytes each
_HASH_LENGTH = 12


@dataclass(frozen=True, slots=True)
class Cover:
    """An image that may go out."""

    content: bytes = field(repr=False)
    facts: ImageFacts

    @property
    def hash(self) -> str:
        """Tells one cover from another by its bytes."""
        return hashlib.sha256(self.content).hexdigest()[:_HASH_LENGTH]


@dataclass(frozen=True, slots=True)
class NoCover:
    """Why a post goes out without a cover, or keeps the one it has."""

    reason: str


async def read_cover(pages: PageFetcher, url: str | None) -> Cover | NoCover:
    """The image at `url`. Whatever is wrong with it is a reason, never an error: a post can do without."""
    if not url:
        return NoCover("the book has no cover image")
    try:
        page = await pages.fetch(url, timeout=_FETCH_SECONDS, max_bytes=MAX_COVER_BYTES)
    except MillraceError as error:
        return NoCover(f"the cover could not be fetched: {error.message}")
    return judge_cover(page.content)


def judge_cover(content: bytes) -> Cover | NoCover:
    """The bytes as a cover, or what speaks against them."""
    facts = image_facts(content)
    if facts is None:
        return NoCover("the cover is not a JPEG, PNG, GIF or WebP image")
    size = f"{facts.width} × {facts.height} pixels"
    if min(facts.width, facts.height) < _SMALLEST_SIDE:
        return NoCover(f"the cover has {size}: a placeholder, not a cover")
    if facts.width * facts.height > _MOST_PIXELS:
        return NoCover(f"the cover has {size}: more than a site can process")
    if not is_whole(content):
        return NoCover("the cover is cut off: the file ends before the image does")
    return Cover(content, facts)
