"""Numbers, ratings and prices as shops of all countries print them."""

from __future__ import annotations

import re
import unicodedata

from spine.contracts.books import Money

_GROUPED = r"\d{1,3}(?:[.,'’]\d{2,3}|\s\d{3}){1,5}(?:[.,]\d{1,2})?"
_NUMBER = rf"(?<![\d.,])(?:{_GROUPED}|\d{{1,12}}(?:[.,]\d{{1,2}})?)(?![\d])"
_COUNT = re.compile(r"(?<!\d)\d{1,12}(?:[.,'’]\d{2,3}(?!\d)|\s\d{3}(?!\d)){0,5}(?!\d)")
_SPACES = re.compile(r"\s+")
_RATING_NUMBER = re.compile(r"(?<![\d.,])\d{1,3}(?:[.,]\d{1,2})?(?![\d])")

_DOLLARS = frozenset({"USD", "CAD", "AUD", "MXN", "SGD", "NZD", "HKD", "TWD", "CLP", "COP", "ARS"})
_CROWNS = frozenset({"SEK", "NOK", "DKK", "ISK"})
_YEN_OR_YUAN = frozenset({"JPY", "CNY"})
_UNAMBIGUOUS = {
    "CDN$": "CAD", "CA$": "CAD", "C$": "CAD", "AU$": "AUD", "A$": "AUD", "US$": "USD", "R$": "BRL", "MX$": "MXN",
    "S$": "SGD", "NZ$": "NZD", "HK$": "HKD", "NT$": "TWD", "£": "GBP", "€": "EUR", "₹": "INR", "₺": "TRY", "₩": "KRW",
    "₽": "RUB", "₪": "ILS", "zł": "PLN", "円": "JPY", "元": "CNY", "Rs.": "INR", "Rs": "INR", "TL": "TRY", "Kč": "CZK",
    "lei": "RON", "Ft": "HUF", "лв": "BGN", "ر.س": "SAR", "د.إ": "AED",
}  # fmt: skip
_CODES = frozenset(
    {"EUR", "USD", "GBP", "CAD", "AUD", "JPY", "INR", "BRL", "MXN", "SEK", "PLN", "TRY", "SGD", "AED", "SAR", "EGP"}
    | {"CHF", "CNY", "DKK", "NOK", "ISK", "NZD", "ZAR", "CZK", "RON", "HUF", "BGN", "HKD", "TWD", "KRW", "ILS", "RUB"}
    | {"UAH", "ARS", "CLP", "COP"}
)


def _symbols() -> str:
    spelled = [*_UNAMBIGUOUS, *_CODES, "$", "¥", "kr."]
    words = sorted([*spelled, "kr"], key=len, reverse=True)
    guarded = [rf"(?<![^\W\d_]){re.escape(w)}(?![^\W\d_])" if w[0].isalpha() else re.escape(w) for w in words]
    return "|".join(guarded)


_MONEY = re.compile(rf"(?P<before>{_symbols()})\s?(?P<first>{_NUMBER})|(?P<second>{_NUMBER})\s?(?P<after>{_symbols()})")

_CURRENCY_OF_DOMAIN = {
    "com": "USD", "ca": "CAD", "com.mx": "MXN", "com.br": "BRL", "uk": "GBP", "de": "EUR", "fr": "EUR", "es": "EUR",
    "it": "EUR", "nl": "EUR", "be": "EUR", "com.be": "EUR", "ie": "EUR", "at": "EUR", "fi": "EUR", "pt": "EUR",
    "gr": "EUR", "pl": "PLN", "se": "SEK", "no": "NOK", "dk": "DKK", "is": "ISK", "tr": "TRY", "jp": "JPY", "cn": "CNY",
    "in": "INR", "au": "AUD", "nz": "NZD", "sg": "SGD", "ae": "AED", "sa": "SAR", "eg": "EGP", "co.za": "ZAR",
    "ch": "CHF", "cz": "CZK", "ro": "RON", "hu": "HUF", "hk": "HKD", "tw": "TWD", "kr": "KRW", "br": "BRL", "mx": "MXN",
}  # fmt: skip


def currency_of_host(host: str) -> str | None:
    """The currency of the country that a host name ends in; None where that does not tell."""
    labels = host.lower().split(".")
    if len(labels) < 2 or labels[-1].isdigit():
        return None
    return _CURRENCY_OF_DOMAIN.get(".".join(labels[-2:])) or _CURRENCY_OF_DOMAIN.get(labels[-1])


def parse_money(text: str, local: str | None = None) -> Money | None:
    """The amount when the whole text is one price. `from $3`, `$3 - $5` and the like are no price.

    `local` is the shop's currency (ISO code); it decides what `$`, `kr` and `¥` mean.
    """
    plain = _plain(text)
    match = _MONEY.fullmatch(plain)
    return _money(match, local) if match else None


def find_money(text: str, local: str | None = None) -> list[Money]:
    """Every price in the text, in order."""
    found = (_money(match, local) for match in _MONEY.finditer(_plain(text)))
    return [money for money in found if money is not None]


def parse_amount(text: str, currency: str) -> Money | None:
    """A bare number with a currency known from elsewhere (structured data)."""
    match = re.search(_NUMBER, _plain(text))
    code = currency.strip().upper()
    if match is None or code not in _CODES:
        return None
    return Money(amount=_decimal(match.group()), currency=code)


def parse_count(text: str) -> int | None:
    """The first whole number, whatever separates its thousands: 5.436, 5,253, 5 253, 1,23,456."""
    match = _COUNT.search(_plain(text))
    return int(re.sub(r"\D", "", match.group())) if match else None


def parse_rating(text: str) -> float | None:
    """Stars out of five: `4,5 sur 5`, `4.3 4.3 out of 5`, `5つ星のうち4.3`, a bare `4.3`."""
    numbers = _RATING_NUMBER.findall(_plain(text))
    if len(numbers) > 1 and "5" in numbers:
        numbers.remove("5")
    rating = float(numbers[0].replace(",", ".")) if numbers else None
    return rating if rating is not None and 0 <= rating <= 5 else None


def _plain(text: str) -> str:
    """Digits of every script and full-width signs become ASCII, every kind of space one space."""
    plain = _SPACES.sub(" ", unicodedata.normalize("NFKC", text)).strip(" \u200e\u200f")
    if plain.isascii():
        return plain
    return "".join(str(unicodedata.decimal(sign)) if sign.isdecimal() else sign for sign in plain)


def _money(match: re.Match[str], local: str | None) -> Money | None:
    symbol = match["before"] or match["after"]
    currency = _currency(symbol, local)
    return Money(amount=_decimal(match["first"] or match["second"]), currency=currency)


def _currency(symbol: str, local: str | None) -> str:
    if symbol == "$":
        return local if local in _DOLLARS else "USD"
    if symbol in ("kr", "kr."):
        return local if local in _CROWNS else "SEK"
    if symbol == "¥":
        return local if local in _YEN_OR_YUAN else "JPY"
    return _UNAMBIGUOUS.get(symbol, symbol)


def _decimal(number: str) -> float:
    """The last separator is a decimal one when one or two digits follow it, else it separates thousands."""
    compact = re.sub(r"[\s'’]", "", number)
    match = re.fullmatch(r"(.*)[.,](\d{1,2})", compact)
    whole, decimals = (match[1], match[2]) if match else (compact, "0")
    return float(f"{re.sub('[^0-9]', '', whole)}.{decimals}")
