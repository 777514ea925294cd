"""A fetched page as text and tree, whatever encoding it came in."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from selectolax.lexbor import LexborHTMLParser

_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_DECLARED = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([A-Za-z0-9_:.\-]{1,40})""", re.IGNORECASE)
_DECLARATION_WINDOW = 16_384
# Browsers read these labels as their larger Windows relatives (WHATWG encoding standard).
_AS_BROWSERS_DO = {
    "iso8859-1": "cp1252",
    "ascii": "cp1252",
    "shift_jis": "cp932",
    "gb2312": "gb18030",
    "gbk": "gb18030",
}
# The parser needs time quadratic in the depth of the tree (20,000 levels: 0.5 s, 200,000: 2 minutes).
_UNCLOSED_TAGS_OF_ORDINARY_PAGES = 10_000
_DEPTH_LIMIT = 1_000
_NESTING_TAG = re.compile(
    r"<(/?)(?!(?:area|base|br|col|embed|hr|img|input|link|meta|param|source|track|wbr"
    r"|p|li|td|tr|th|dt|dd|option|tbody|thead|html|head|body)\b)[a-z][^<>]*>?",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Page:
    """One page in memory; lives as long as its caller keeps it. Readers do not change the tree."""

    url: str
    source: str
    tree: LexborHTMLParser

    @property
    def host(self) -> str:
        return host_of(self.url)


def read_page(html: str | bytes, url: str) -> Page:
    """Decode and parse; any input gives a page."""
    source = html if isinstance(html, str) else decode_page(html)
    # Lone surrogates and NULs cannot be handed to the parser.
    source = source.encode("utf-8", "replace").decode("utf-8").replace("\x00", "")
    return Page(url=url, source=source, tree=LexborHTMLParser(_without_hostile_nesting(source)))


def decode_page(raw: bytes) -> str:
    """Byte order mark, then UTF-8 when the bytes are that, then the declared charset, then Windows-1252.

    UTF-8 goes before the declaration because saved pages often keep the declaration of the encoding they had
    before they were saved, and text in another encoding is almost never valid UTF-8.
    """
    for mark, encoding in _BYTE_ORDER_MARKS:
        if raw.startswith(mark):
            return raw.decode(encoding, "replace")
    text = raw.decode("utf-8", "replace")
    if _is_mostly_intact(text):
        return text
    return raw.decode(_declared_encoding(raw), "replace")


def _is_mostly_intact(text: str) -> bool:
    """A page cut in mid-character is still UTF-8; Latin-1 read as UTF-8 loses nearly every accented letter."""
    broken = text.count("\ufffd")
    return broken == 0 or broken * 10 < sum(1 for character in text if character > "\x7f") - broken


def _declared_encoding(raw: bytes) -> str:
    match = _DECLARED.search(raw[:_DECLARATION_WINDOW])
    label = match.group(1).decode("ascii").lower() if match else "cp1252"
    try:
        name = codecs.lookup(label).name
    except LookupError:
        return "cp1252"
    return _AS_BROWSERS_DO.get(name, name)


def _without_hostile_nesting(source: str) -> str:
    """The same source, or, when it opens far more tags than it closes, one cut off at a depth no page needs."""
    if source.count("<") - 2 * source.count("</") < _UNCLOSED_TAGS_OF_ORDINARY_PAGES:
        return source
    depth = 0

    def within_limit(tag: re.Match[str]) -> str:
        nonlocal depth
        too_deep = depth > _DEPTH_LIMIT
        depth = max(0, depth - 1) if tag.group(1) else depth + 1
        return "" if too_deep else tag.group()

    return _NESTING_TAG.sub(within_limit, source)


def host_of(url: str) -> str:
    """Lower-case host of an address, `""` where there is none."""
    try:
        return (urlsplit(url).hostname or "").lower()
    except ValueError:
        return ""
