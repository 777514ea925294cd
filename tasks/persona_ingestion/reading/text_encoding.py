"""Tells in which encoding a text file is written, with bounded memory."""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterator, Mapping
from typing import BinaryIO

from charset_normalizer import from_bytes

from spine.errors import InvalidInputError
from tasks.persona_ingestion.reading.multibyte_text import multibyte_encoding
from tasks.persona_ingestion.reading.other_scripts import page_of_other_script
from tasks.persona_ingestion.reading.unmarked_utf16 import utf16_without_mark

DAMAGED = "\N{REPLACEMENT CHARACTER}"

_STEP = 1 << 20  # bytes read at a time
_HEAD = 1 << 16  # bytes looked at for what is not text
_ENOUGH = 1 << 16  # bytes around foreign letters that a guess is made from
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # begins like UTF-16, so it is asked first
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_MOST_CONTROLS = 0.01  # of the head, in a text
_FOREIGN = re.compile(rb"[^\n]{0,40}[\x80-\xff][^\n]{0,40}\S{0,40}")  # ends with a word's end
_CONTROLS = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_UTF8_LETTER = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_HIGH = re.compile(rb"[\x80-\xff]")

# Letters beyond a–z by language. A text in one language holds hardly any others, which tells the code pages apart.
_WESTERN = (
    *("àâæçéèêëîïôœùûüÿ", "äöüß", "áéíóúüñ", "àèéìíîòóùú", "àáâãçéêíóôõúü", "àáèéëïíóöúü"),  # fr de es it pt nl
    *("àçèéíïòóúü·", "åæøéäö", "äöõüåšž", "áæéíðóþúýö"),  # Catalan, Nordic, Estonian and Finnish, Icelandic
)
_CENTRAL = (
    *("ăâîşţ", "ąćęłńóśźż", "áéíóöőúüű", "áčďéěíňóřšťúůýž", "áäčďéíĺľňóôŕšťúýž", "čćđšž"),  # ro pl hu cs sk hr/sl
    *("äöüß", "ëç"),  # German, Albanian
)
_BALTIC = ("ąčęėįšųūž", "āčēģīķļņšūž", "äöõüšž")  # Lithuanian, Latvian, Estonian
_TURKISH = ("çğıöşüâîû\u0307",)  # the last one is what the small letter of İ has beside its i
_CODE_PAGES = {
    "cp1252": _WESTERN,
    "iso8859_2": _CENTRAL,
    "cp1250": _CENTRAL,
    "iso8859_15": _WESTERN,
    "cp1254": _TURKISH,
    "cp1257": _BALTIC,
    "iso8859_13": _BALTIC,
}
"""Of those that explain as much, the first is taken: the letters are the same ones then, nearly always."""
_LAST_GUESSES = [
    *(*_CODE_PAGES, "cp1251", "koi8_r", "koi8_u", "iso8859_5", "cp866", "cp1253", "iso8859_7", "cp1255", "cp1256"),
    *("cp874", "cp1258", "cp437", "cp850", "cp852", "mac_roman", "gb18030", "big5", "euc_jp", "cp932", "cp949"),
]
"""Not those that nobody writes: among all that there are, one always fits by chance."""
_MARKS = "«»„“”‘’‚‹›–—…·°§©®¿¡´\u00a0\u00ad€£"
_ORDINALS = re.compile(r"(?<=[\d.])[ºª]|(?<=\bn)º|º(?=[cf]\b)")
"""Marks too, as in 2.ª, nº 5 and 21 ºC. Beside other letters, these bytes are the ş of the other code pages."""
_FRACTIONS = re.compile(r"(?<![^\W\d_])[¼½¾](?![^\W\d_])")
_LETTERS_ALONE = re.compile(r"(?<![^\W\d_])[œÿş](?![^\W\d_])")
"""Fractions and ordinals of another page: these letters stand in words only."""
_OF_OTHER_SCRIPTS = re.compile(r"(?<![^\W\d_])[^\W\d_a-z]{4,}(?![^\W\d_])")
"""A word of such letters alone is no Latin one."""
_CLEAR = 0.97  # share of foreign letters that one alphabet explains
_MOST_BROKEN = 0.2  # of the foreign letters, in a text whose lines with broken ones are left out


def detect_encoding(file: BinaryIO) -> str:
    """A codec's name. Reads the file from its start and leaves it there.

    Unicode is proved (a mark at the start, or every byte fits UTF-8); a single-byte code page is the one under which
    the foreign letters belong to one language, a multibyte one that under which they are common signs.
    `InvalidInputError` when this is not text.
    """
    file.seek(0)
    head = file.read(_HEAD)
    file.seek(0)
    if known := _by_mark(head) or _by_zeros(head):
        return known
    if len(_CONTROLS.findall(head)) > _MOST_CONTROLS * len(head):
        if known := utf16_without_mark(head):
            return known
        raise InvalidInputError("is not text: it holds control characters, as a program or a picture does")
    encoding = "utf-8" if _is_utf8(file) else _by_foreign_letters(file)
    file.seek(0)
    return encoding


def _by_mark(head: bytes) -> str | None:
    return next((name for mark, name in _BOMS if head.startswith(mark)), None)


def _by_zeros(head: bytes) -> str | None:
    """UTF-16 without its mark: nearly every second byte of a western text is zero."""
    even, odd = head[0::2].count(0), head[1::2].count(0)
    half = len(head) / 2
    if odd > 0.5 * half and even < 0.05 * half:
        return "utf-16-le"
    if even > 0.5 * half and odd < 0.05 * half:
        return "utf-16-be"
    return None


def _is_utf8(file: BinaryIO) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for piece in _pieces(file):
            decoder.decode(piece)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _by_foreign_letters(file: BinaryIO) -> str:
    """UTF-8 also when a few bytes are broken: the lines that hold them are left out one by one."""
    foreign = _foreign(file)
    fitting = len(_UTF8_LETTER.findall(foreign))
    stray = len(_HIGH.findall(_UTF8_LETTER.sub(b"", foreign)))
    if fitting > 9 * stray:
        return "utf-8"
    return (
        _of_one_language(foreign)
        or multibyte_encoding(_from_first_foreign(file))
        or page_of_other_script(foreign)
        or _of_one_region(foreign)
        or _guessed(foreign)
    )


def _foreign(file: BinaryIO) -> bytes:
    """The first foreign letters with what stands around them."""
    found = bytearray()
    for piece in _pieces(file):
        for match in () if piece.isascii() else _FOREIGN.finditer(piece):
            found += match[0] + b"\n"
            if len(found) >= _ENOUGH:
                return bytes(found)
    return bytes(found)


def _from_first_foreign(file: BinaryIO) -> bytes:
    """What follows the first byte beyond ASCII: letters of several bytes are whole in it, but for the last."""
    for piece in _pieces(file):
        if first := _HIGH.search(piece):
            file.seek(first.start() - len(piece), io.SEEK_CUR)
            return file.read(_ENOUGH)
    return b""


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    file.seek(0)
    while piece := file.read(_STEP):
        yield piece


def _of_one_language(foreign: bytes) -> str | None:
    """Broken letters count at first: where they are whole under another page, it is that one."""
    for ignoring_broken in (False, True):
        if found := _clearest(foreign, _CODE_PAGES, ignoring_broken):
            return found
    return None


def _of_one_region(foreign: bytes) -> str | None:
    """A text in several languages that share a code page, or with names from its neighbours."""
    return _clearest(foreign, {name: ("".join(alphabets),) for name, alphabets in _CODE_PAGES.items()}, True)


def _clearest(foreign: bytes, pages: Mapping[str, tuple[str, ...]], ignoring_broken: bool) -> str | None:
    shares = {name: _explained(foreign, name, alphabets, ignoring_broken) for name, alphabets in pages.items()}
    best = max(shares, key=lambda name: shares[name])
    return best if shares[best] >= _CLEAR else None


def _guessed(foreign: bytes) -> str:
    guess = from_bytes(foreign, cp_isolation=_LAST_GUESSES).best()
    return guess.encoding if guess else max(_CODE_PAGES, key=lambda name: _explained(foreign, name, _CODE_PAGES[name]))


def _explained(foreign: bytes, page: str, alphabets: tuple[str, ...], ignoring_broken: bool = False) -> float:
    """Share of the letters beyond ASCII that belong to the one alphabet that explains most of them."""
    text = _ORDINALS.sub("°", foreign.decode(page, errors="replace").lower())
    text = _LETTERS_ALONE.sub("¤", _FRACTIONS.sub("°", text))
    text = _OF_OTHER_SCRIPTS.sub(lambda word: "¤" * len(word[0]), text)
    letters = [char for char in text if char > "\x7f"]
    if ignoring_broken and letters.count(DAMAGED) <= _MOST_BROKEN * len(letters):
        letters = [char for char in letters if char != DAMAGED]
    of_words = [char for char in letters if char not in _MARKS]
    if not of_words:
        return 1.0 if len(letters) else 0.0
    return max(sum(char in alphabet for char in of_words) for alphabet in alphabets) / len(of_words)
