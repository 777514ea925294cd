"""Reads .html: the text of the page between its tags, encoding as the page says or as its bytes tell."""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import BinaryIO, cast

from tasks.persona_ingestion.reading.gutenberg import strip_gutenberg
from tasks.persona_ingestion.reading.items import About, Block, Item, Trouble
from tasks.persona_ingestion.reading.markup import markup_blocks
from tasks.persona_ingestion.reading.text_encoding import detect_encoding

_DECLARED = re.compile(rb"(?:charset\s*=\s*|<\?xml[^>]{0,80}encoding\s*=\s*)[\"']?([A-Za-z0-9_.:-]{2,40})", re.I)
_HEAD = 4096  # bytes in which a page says its encoding
_PIECE = 1 << 16  # characters
_QUOTED = 40  # characters of a paragraph that is named
_MEANT = {
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "tis-620": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "big5": "big5hkscs",
    "euc_kr": "cp949",
    "shift_jis": "cp932",
}
"""By the name that pages declare, the larger encoding that browsers read (https://encoding.spec.whatwg.org)."""
_UNDECODED = "\ufdd0"
"""Stands for bytes that cannot be decoded while a page is parsed, which takes no half of a surrogate pair. Unicode
keeps this sign out of texts; many hold U+FFFD, which an earlier program has written in place of a letter."""
_MARKED = "millrace.undecoded-in-markup"

codecs.register_error(_MARKED, lambda error: (_UNDECODED, cast(UnicodeDecodeError, error).end))


def read_web_page(file: BinaryIO) -> Iterator[Item]:
    """Headings by `h1` to `h6`, paragraphs by everything else that ends a line."""
    encoding = page_encoding(file)
    yield About(encoding=encoding)
    yield from strip_gutenberg(mended(markup_blocks(pieces(file, encoding)), encoding))


def page_encoding(file: BinaryIO) -> str:
    """What the bytes prove, else what the page declares, else what its letters tell. Leaves the file at its start."""
    told = detect_encoding(file)
    if told.startswith("utf"):
        return told
    declared = _DECLARED.search(file.read(_HEAD))
    file.seek(0)
    return _known(declared[1].decode("ascii")) or told if declared else told


def pieces(file: BinaryIO, encoding: str) -> Iterator[str]:
    """Decoded pieces from the file's present place; what cannot be decoded becomes a sign that `mended` takes out."""
    text = io.TextIOWrapper(file, encoding=encoding, errors=_MARKED, newline=None)
    try:
        while piece := text.read(_PIECE):
            yield piece
    finally:
        text.detach()


def mended(items: Iterable[Item], encoding: str) -> Iterator[Item]:
    """The items without the signs of bytes that could not be decoded; the paragraphs that held them are named."""
    for item in items:
        if isinstance(item, Block) and _UNDECODED in item.text:
            text = item.text.replace(_UNDECODED, "")
            yield Trouble(
                f"holds bytes that are not {encoding.removesuffix('-sig')}",
                part=f"the paragraph “{text[:_QUOTED].strip()}…”",
            )
            item = item._replace(text=text)
        elif isinstance(item, About) and item.title and _UNDECODED in item.title:
            item = replace(item, title=" ".join(item.title.replace(_UNDECODED, "").split()) or None)
        yield item


def _known(name: str) -> str | None:
    """The codec that browsers mean by `name`; Unicode was ruled out before."""
    try:
        codec = codecs.lookup(name).name
    except LookupError:
        return None
    return None if codec.startswith("utf") or codec == "ascii" else _MEANT.get(codec, codec)
