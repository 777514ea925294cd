"""Finds numbers, dates and ISBNs in a text, whatever the language writes them like, and compares them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from stdnum import isbn as isbn_check

from tasks.book_review.facts.languages import full_month_names, month_numbers
from tasks.book_review.facts.lexicon import Lexicon
from tasks.book_review.writing.text_units import fold

Day = tuple[int | None, int | None, int | None]
"""Year, month and day, as far as they are said."""


@dataclass(frozen=True, slots=True)
class Found:
    """A number, date or ISBN as it stands in a text, with what it means."""

    kind: str  # number | date | isbn | code
    text: str
    start: int
    end: int
    value: float | None = None
    unit: frozenset[str] = frozenset()  # currency codes or {"%"}; empty: a plain number
    step: float = 0.0  # what the number was rounded to; 0: exact
    days: frozenset[Day] = frozenset()  # more than one where day and month can change places
    code: str = ""
    decade: bool = False


_DASHES = "-‐‑–—"
_ISBN = re.compile(rf"(?<!\w)(?:97[89][ {_DASHES}]?)?(?:\d[ {_DASHES}]?){{9}}[\dXx](?!\w)")
_ISBN_LABEL = re.compile(r"isbn(?:[- ]?1[03])?\W{0,4}$", re.IGNORECASE)
_CODE = re.compile(r"(?<![\w])(?=[A-Za-z]*[A-Z])[A-Za-z]+\d[A-Za-z0-9]{2,}(?![\w])")
_GAP = r"[\s\u00a0]+"
_OF = r"(?:de[l]?\s+|of\s+|din\s+|d['’])?"
_DAY = r"(?<!\d)(?P<d>\d{1,2})(?:st|nd|rd|th|er|º|°|ª|\.)?"
_YEAR = r"(?P<y>\d{4})(?!\d)"
_CURRENCIES: dict[str, frozenset[str]] = {
    "€": frozenset({"EUR"}),
    "£": frozenset({"GBP"}),
    "$": frozenset({"USD", "CAD", "AUD", "NZD", "SGD", "HKD", "MXN", "ARS"}),
    "us$": frozenset({"USD"}),
    "ca$": frozenset({"CAD"}),
    "cdn$": frozenset({"CAD"}),
    "$ca": frozenset({"CAD"}),
    "a$": frozenset({"AUD"}),
    "r$": frozenset({"BRL"}),
    "¥": frozenset({"JPY", "CNY"}),
    "￥": frozenset({"JPY", "CNY"}),
    "₹": frozenset({"INR"}),
    "₴": frozenset({"UAH"}),
    "₽": frozenset({"RUB"}),
    "zł": frozenset({"PLN"}),
    "lei": frozenset({"RON"}),
    "грн": frozenset({"UAH"}),
    "euro": frozenset({"EUR"}),
    "euros": frozenset({"EUR"}),
    "євро": frozenset({"EUR"}),
    "dollar": frozenset({"USD", "CAD", "AUD"}),
    "dollars": frozenset({"USD", "CAD", "AUD"}),
    "dólares": frozenset({"USD", "CAD", "AUD"}),
    "pounds": frozenset({"GBP"}),
}
_ISO_CURRENCY = r"(?:EUR|USD|GBP|CAD|AUD|NZD|CHF|JPY|CNY|INR|BRL|MXN|RON|UAH|PLN|SEK|NOK|DKK|CZK|HUF|TRY|RUB)"
_SIGNS = "|".join(sorted((re.escape(sign) for sign in _CURRENCIES), key=len, reverse=True))
_PERCENT = (
    r"%|percent\b|per cent\b|prozent\b|pour cent\b|por ciento\b|por cento\b|per cento\b|la sută\b|відсотк\w+|процент\w*"
)
_GROUP = r"[.,'’\u00a0\u202f\u2009 ]"
_NUMBER = re.compile(
    rf"(?<![\w.,])(?:(?P<before>{_ISO_CURRENCY}|{_SIGNS})[\s\u00a0]?)?"
    rf"(?<!\d)(?P<digits>\d{{1,3}}(?:{_GROUP}\d{{3}})+(?:[.,]\d{{1,2}})?(?!\d)|\d+(?:[.,]\d+)?)"
    rf"(?:(?P<decade>s|er|ern|'s|’s|-х|-ті|-те)(?!\w)"
    rf"|[\s\u00a0]?(?:(?P<percent>{_PERCENT})|(?P<after>{_ISO_CURRENCY}\b|(?:{_SIGNS})(?!\w))))?",
    re.IGNORECASE,
)
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_MOST_ZEROS = 15  # a longer number is no count that somebody rounded
_SMALLEST_WORD = 6  # "two sides of one story" counts nothing that could be checked
_DECADE_WORDS = frozenset({"annees", "anos", "anni", "anii", "decada", "роки", "роках", "jahre"})


def scan(text: str, lexicon: Lexicon) -> list[Found]:
    """Every ISBN, date, number and code of a text, in its order; no character belongs to two of them."""
    found: list[Found] = []
    rest = text
    for reader in (_isbns, _codes, _dates, _numbers, _number_words):
        new = list(reader(rest, lexicon))
        found += new
        for item in new:
            rest = rest[: item.start] + "\x00" * (item.end - item.start) + rest[item.end :]
    return sorted(found, key=lambda item: item.start)


def bare_isbn(text: str) -> str:
    """An ISBN without spaces and dashes, with a capital X."""
    return re.sub(r"[^\dX]", "", text.upper())


def value_of(digits: str) -> float:
    """The value of digits with separators: `1,234` and `1.234` are a thousand and more, `4,6` and `4.6` are not.

    Three digits after a single mark are taken for thousands; nobody gives prices or ratings to three decimals.
    """
    plain = re.sub(r"[\s\u00a0\u202f\u2009'’]", "", digits)
    marks = [char for char in plain if char in ".,"]
    if not marks:
        return float(plain)
    whole, _, fraction = plain.rpartition(marks[-1])
    has_decimals = len(set(marks)) == 2 or (len(marks) == 1 and (len(fraction) != 3 or whole.startswith("0")))
    bare = re.sub(r"[.,]", "", whole)
    return float(f"{bare}.{fraction}" if has_decimals else f"{bare}{fraction}")


def number_agrees(claim: Found, fact: Found) -> bool:
    """Whether a fact bears out a number of a text: the same value in the same unit, or a fair rounding of it."""
    if claim.unit and not claim.unit & fact.unit:
        return False
    step = 0.0 if fact.days else claim.step  # "over 2,000 pages" is not borne out by the year 2019
    return claim.value is not None and fact.value is not None and _same_number(claim.value, fact.value, step)


def date_agrees(claim: Found, fact: Found) -> bool:
    """Whether a fact bears out a date: it says the same and at least as exactly."""
    return any(_same_day(said, known, claim.decade) for said in claim.days for known in fact.days)


def _same_number(said: float, known: float, step: float) -> bool:
    if math.isclose(said, known, rel_tol=1e-9, abs_tol=1e-9):
        return True
    # Rounded to the nearest step, or down ("more than 4 million" for 4.4 million).
    return step > 0 and -step / 2 <= known - said < step and abs(known - said) <= 0.15 * said


def _same_day(said: Day, known: Day, decade: bool) -> bool:
    if decade:
        return said[0] is not None and known[0] is not None and said[0] // 10 == known[0] // 10
    return all(mine is None or mine == theirs for mine, theirs in zip(said, known, strict=True))


def _isbns(text: str, lexicon: Lexicon) -> Iterator[Found]:
    del lexicon
    for match in _ISBN.finditer(text):
        code = bare_isbn(match.group())
        looks_like_one = len(code) == 13 and code.startswith(("978", "979"))
        if looks_like_one or isbn_check.is_valid(code) or _ISBN_LABEL.search(text[: match.start()]):
            yield Found("isbn", match.group().strip(), match.start(), match.end(), code=code)


def _codes(text: str, lexicon: Lexicon) -> Iterator[Found]:
    del lexicon
    for match in _CODE.finditer(text):
        yield Found("code", match.group(), match.start(), match.end(), code=fold(match.group()))


@lru_cache(maxsize=1)
def _date_patterns() -> tuple[re.Pattern[str], ...]:
    names = sorted(month_numbers(), key=len, reverse=True)
    month = rf"(?P<m>\b(?:{'|'.join(names)})\b)\.?"
    full = rf"(?P<m>\b(?:{'|'.join(sorted(full_month_names(), key=len, reverse=True))})\b)"
    sources = (
        rf"{_DAY}{_GAP}{_OF}{month},?{_GAP}{_OF}{_YEAR}",
        rf"{month}{_GAP}(?P<d>\d{{1,2}})(?:st|nd|rd|th)?,?{_GAP}{_YEAR}",
        rf"{month},?{_GAP}{_OF}{_YEAR}",
        r"(?<![\d-])(?P<y>\d{4})-(?P<m>\d{2})(?:-(?P<d>\d{2}))?(?![\d-])",
        r"(?<!\d)(?P<y>\d{4})[./](?P<m>\d{1,2})[./](?P<d>\d{1,2})(?!\d)",
        r"(?<!\d)(?P<d>\d{1,2})(?P<sep>[./-])(?P<m>\d{1,2})(?P=sep)(?P<y>\d{4})(?!\d)",
        r"(?P<y>\d{4})年(?:(?P<m>\d{1,2})月(?:(?P<d>\d{1,2})日)?)?",
        rf"{_DAY}{_GAP}{_OF}{full}(?!{_GAP}{_OF}\d)",
        rf"{full}{_GAP}(?P<d>\d{{1,2}})(?:st|nd|rd|th)?(?![\d.,]?\d|\w)",
    )
    return tuple(re.compile(source) for source in sources)


def _dates(text: str, lexicon: Lexicon) -> Iterator[Found]:
    del lexicon
    folded = _fold_in_place(text)
    for pattern in _date_patterns():
        for match in pattern.finditer(folded):
            days = _days(match.groupdict())
            if days:
                folded = folded[: match.start()] + "\x00" * (match.end() - match.start()) + folded[match.end() :]
                yield Found("date", text[match.start() : match.end()].strip(), match.start(), match.end(), days=days)


def _fold_in_place(text: str) -> str:
    """Folded text of the same length, so that places stay the same."""
    return "".join(folded if len(folded := fold(char)) == 1 else char for char in text)


def _days(parts: dict[str, str | None]) -> frozenset[Day]:
    year, day = _whole(parts.get("y")), _whole(parts.get("d"))
    raw_month = parts.get("m")
    month = month_numbers().get(raw_month or "") or _whole(raw_month)
    candidates: set[Day] = {(year, month, day)}
    if parts.get("sep") and month is not None and day is not None:
        candidates.add((year, day, month))  # 05/08: the reader's country decides
    return frozenset(item for item in candidates if _is_possible(item))


def _whole(digits: str | None) -> int | None:
    return int(digits) if digits else None


def _is_possible(day: Day) -> bool:
    return (day[1] is None or 1 <= day[1] <= 12) and (day[2] is None or 1 <= day[2] <= 31)


def _numbers(text: str, lexicon: Lexicon) -> Iterator[Found]:
    for match in _NUMBER.finditer(text):
        start = match.start("before") if match["before"] else match.start("digits")
        end = match.end()
        value, step, end = _scaled(text, match, end, lexicon)
        unit = _unit(match)
        year = _as_year(match, text)
        days: frozenset[Day] = frozenset({(year, None, None)}) if year and not unit and step == 0 else frozenset()
        yield Found(
            "date" if days else "number",
            text[start:end].strip(),
            start,
            end,
            value=value,
            unit=unit,
            step=step or _rounding(text, start, match["digits"], lexicon),
            days=days,
            decade=bool(days) and _is_decade(match, text),
        )


def _scaled(text: str, match: re.Match[str], end: int, lexicon: Lexicon) -> tuple[float, float, int]:
    value = value_of(match["digits"])
    following = re.match(r"([\s\u00a0]?)([^\W\d_]+)", text[match.end("digits") :])
    scale = lexicon.scales.get(fold(following.group(2))) if following else None
    if not following or scale is None or (following.group(1) and len(following.group(2)) == 1):
        return value, 0.0, end  # "500 m" is a length, "4.4m" a count
    fraction = re.search(r"[.,](\d+)$", match["digits"])
    decimals = len(fraction.group(1)) if fraction else 0
    return value * scale, scale / 10**decimals, match.end("digits") + following.end()


def _unit(match: re.Match[str]) -> frozenset[str]:
    if match["percent"]:
        return frozenset({"%"})
    sign = match["before"] or match["after"]
    if not sign:
        return frozenset()
    return _CURRENCIES.get(sign.lower(), frozenset({sign.upper()}))


def _as_year(match: re.Match[str], text: str) -> int | None:
    digits = match["digits"]
    if not re.fullmatch(r"1[4-9]\d\d|20\d\d|21\d\d", digits):
        return None
    return None if re.match(r"\s?[-–]?(?:page|pag\b|seite|стор)", text[match.end() :], re.IGNORECASE) else int(digits)


def _is_decade(match: re.Match[str], text: str) -> bool:
    before = re.search(r"([^\W\d_]+)[\s\u00a0]*$", text[: match.start("digits")])
    after = re.match(r"\s*(\w+)", text[match.end("digits") :])
    return match["digits"].endswith("0") and bool(
        match["decade"]
        or (before and fold(before.group(1)) in _DECADE_WORDS)
        or (after and fold(after.group(1)) in {"роки", "роках", "років"})
    )


def _rounding(text: str, start: int, digits: str, lexicon: Lexicon) -> float:
    """How coarsely an announced rounding counts ("about 5,900": to the hundred); 0 where none is announced."""
    before = [fold(word) for word in _WORD.findall(text[max(0, start - 40) : start])[-3:]]
    bare = re.sub(r"\D", "", digits) if not re.search(r"[.,]\d{1,2}$", digits) else ""
    zeros = len(bare) - len(bare.rstrip("0"))
    announced = any(word in lexicon.approximators for word in before) or text[start - 1 : start] == "~"
    return float(10**zeros) if 0 < zeros <= _MOST_ZEROS and announced else 0.0


def _number_words(text: str, lexicon: Lexicon) -> Iterator[Found]:
    for match in _WORD.finditer(text):
        value = lexicon.numbers.get(fold(match.group()))
        if value is not None and value >= _SMALLEST_WORD:
            yield Found("number", match.group(), match.start(), match.end(), value=float(value))
