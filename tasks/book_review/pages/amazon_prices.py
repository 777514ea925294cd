"""The buy-now prices of an Amazon page: the new printed copy and the Kindle edition."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from selectolax.lexbor import LexborHTMLParser, LexborNode

from spine.contracts.books import Money
from tasks.book_review.pages.page_numbers import find_money, parse_amount, parse_money
from tasks.book_review.pages.page_text import first_text, fold, node_text, text_pieces

Format = Literal["print", "ebook", "audio"]

_SWATCHES = "#tmmSwatches .swatchElement, #mediaTabsHeadings .mediaTab_heading, #formats .swatchElement"
_EBOOK_WORDS = ("kindle", "ebook", "e-book", "etextbook", "e-textbook", "e-boek", "e-bok", "libro elettronico")
_EBOOK_LINKS = ("tmm_kin", "mt_kindle")
_AUDIO_WORDS = (
    "audio",
    "audible",
    fold("オーディオ"),
    "horbuch",
    "horspiel",
    "luisterboek",
    "ljudbok",
    "lydbok",
    "sesli kitap",
    "mp3 cd",
)
_AUDIO_LINKS = ("tmm_aud", "tmm_abk", "mt_audio")

_RANGE_SIGNS = ("-", "–", "—", "~", "〜", "より", "から", "+")

# The offer of a new copy, newest layout first. Each layout has only some of them.
_NEW_COPY_OFFERS = (
    "[id^='newAccordionRow'] .priceToPay",
    "[id^='newAccordionRow'] .a-price",
    "#newOfferAccordionRow .header-price",
    "#newOfferAccordionRow .offer-price",
    "#buyNewSection .offer-price",
    "#buyNewSection .a-color-price",
    "#newBuyBoxPrice",
)
# Boxes that hold the offer of whatever the page sells first, sometimes with a fee included.
_MAIN_OFFERS = (
    "#corePriceDisplay_desktop_feature_div .priceToPay",
    "#corePrice_desktop .priceToPay",
    "#corePrice_feature_div .priceToPay",
    "#corePrice_feature_div .a-price",
    "#corePrice_desktop .a-price",
    "#price_inside_buybox",
    "#priceblock_ourprice",
    "#priceblock_dealprice",
    "#priceBlock .priceLarge",
    "#actualPriceValue",
    ".priceLarge",
    "#buybox .offer-price",
)
_EBOOK_OFFERS = (
    ".kindle-price .a-color-price",
    "#kindle-price",
    "[id*='kindlePrice']",
    "[id*='kindle-price']",
    "#ebooks_buybox .priceToPay",
    "#corePrice_feature_div .priceToPay",
    "#actualPriceValue",
    ".priceLarge",
)
# Boxes, by a part of their id, whose price is not that of a new printed copy to keep.
_OTHER_OFFERS = (
    "used",
    "rent",
    "collectible",
    "subscri",
    "audible",
    "kindle",
    "ebook",
    "tradein",
    "delivery",
    "shipping",
)
_STRUCK_OUT = ("a-text-price", "a-text-strike", "listprice")


@dataclass(frozen=True, slots=True)
class Swatch:
    """One box of the format row. `price` is None for ranges and for `from …` prices."""

    format: Format
    selected: bool
    price: Money | None
    prices: tuple[Money, ...]  # every price printed in the box


@dataclass(frozen=True, slots=True)
class Prices:
    """Buy-now prices; None where the page offers none."""

    book: Money | None
    ebook: Money | None
    page_format: Format


def prices(tree: LexborHTMLParser, local: str | None) -> Prices:
    """`local` is the marketplace's currency."""
    swatches = format_swatches(tree, local)
    page_format = _page_format(tree, swatches)
    return Prices(
        book=_book_price(tree, swatches, local) if page_format == "print" else None,
        ebook=_ebook_price(tree, swatches, local, own_page=page_format == "ebook"),
        page_format=page_format,
    )


def format_swatches(tree: LexborHTMLParser, local: str | None) -> list[Swatch]:
    """The boxes (2018 lists, 2018 tabs, 2023+ grid) in page order."""
    return [_swatch(node, local) for node in tree.css(_SWATCHES)]


def _swatch(node: LexborNode, local: str | None) -> Swatch:
    classes = (node.attributes.get("class") or "").split()
    title, price_text = _title_and_price(node)
    return Swatch(
        format=_format(node, title),
        selected="selected" in classes or "a-active" in classes or node.css_first(".a-button-selected") is not None,
        price=parse_money(price_text, local),
        prices=tuple(find_money(node_text(node), local)),
    )


def _title_and_price(node: LexborNode) -> tuple[str, str]:
    title = first_text(node, ".slot-title", ".mediaTab_title")
    slot = node.css_first(".slot-price, .mediaTab_subtitle")
    if title and slot is not None:
        return title, _alone(text_pieces(slot))
    # The lists of 2018 have no names for the parts: the first text is the format, the rest of the button the price.
    pieces = text_pieces(node.css_first(".a-button-text") or node)
    return (pieces[0], _alone(pieces[1:])) if pieces else ("", "")


def _alone(pieces: list[str]) -> str:
    """The first piece without the remarks after it (loyalty points), unless they make it a range or a lower bound."""
    rest = " ".join(pieces[1:])
    is_bound = rest.startswith(_RANGE_SIGNS) or bool(find_money(rest))
    return " ".join(pieces) if is_bound else "".join(pieces[:1])


def _format(node: LexborNode, title: str) -> Format:
    name = fold(title)
    links = " ".join(link.attributes.get("href") or "" for link in node.css("a")[:1])
    grid_name = (node.id or "").removeprefix("tmm-grid-swatch-")
    if "KINDLE" in grid_name or any(word in name for word in _EBOOK_WORDS) or any(ref in links for ref in _EBOOK_LINKS):
        return "ebook"
    if "AUDIO" in grid_name or any(word in name for word in _AUDIO_WORDS) or any(ref in links for ref in _AUDIO_LINKS):
        return "audio"
    return "print"


def _page_format(tree: LexborHTMLParser, swatches: list[Swatch]) -> Format:
    """What the page itself sells."""
    if tree.css_first("#ebooksProductTitle, #ebooksImgBlkFront, #ebooks-img-canvas") is not None:
        return "ebook"
    if selected := next((swatch for swatch in swatches if swatch.selected), None):
        return selected.format
    subtitle = fold(first_text(tree, "#productSubtitle", "#btAsinTitle", "#title"))
    return "ebook" if "kindle" in subtitle else "print"


def _book_price(tree: LexborHTMLParser, swatches: list[Swatch], local: str | None) -> Money | None:
    """The offer called new, else the selected format's price, else the buy box's. A used-only box offers nothing."""
    called_new = next(_offers(tree, _NEW_COPY_OFFERS, local, refuse=_OTHER_OFFERS), None)
    listed = next((swatch.price for swatch in swatches if swatch.selected and swatch.format == "print"), None)
    return called_new or listed or next(_offers(tree, _MAIN_OFFERS, local, refuse=_OTHER_OFFERS), None)


def _ebook_price(tree: LexborHTMLParser, swatches: list[Swatch], local: str | None, *, own_page: bool) -> Money | None:
    """The price to keep it: a subscription's 0.00 yields to any price printed beside it."""
    candidates = list(_offers(tree, _EBOOK_OFFERS, local, refuse=("audible", "shipping"))) if own_page else []
    if own_page and (posted := _posted_price(tree)):
        candidates.append(posted)
    for swatch in swatches:
        if swatch.format == "ebook" and swatch.price is not None:
            candidates.extend((swatch.price, *swatch.prices))
    candidates.extend(_table_prices(tree, local))
    return next((money for money in candidates if money.amount > 0), None) or next(iter(candidates), None)


def _offers(
    tree: LexborHTMLParser, selectors: tuple[str, ...], local: str | None, *, refuse: tuple[str, ...]
) -> Iterator[Money]:
    for selector in selectors:
        for node in tree.css(selector):
            if not _is_struck_out(node) and not _stands_in(node, refuse) and (money := _shown_price(node, local)):
                yield money


def _shown_price(node: LexborNode, local: str | None) -> Money | None:
    """The spoken form of a split price, else its parts, else the text, which may be nothing but one price."""
    spoken = find_money(node_text(node.css_first(".a-offscreen")), local)
    if spoken:
        return spoken[0]
    return _split_price(node, local) or parse_money(node_text(node), local)


def _split_price(node: LexborNode, local: str | None) -> Money | None:
    whole = node_text(node.css_first(".a-price-whole")).rstrip(" .,")
    if not whole:
        return None
    fraction = node_text(node.css_first(".a-price-fraction"))
    amount = f"{whole},{fraction}" if fraction else whole
    return parse_money(f"{node_text(node.css_first('.a-price-symbol'))} {amount}", local)


def _is_struck_out(node: LexborNode) -> bool:
    classes = (node.attributes.get("class") or "").lower()
    return any(name in classes for name in _STRUCK_OUT)


def _stands_in(node: LexborNode, box_names: tuple[str, ...]) -> bool:
    """True below (or at) an element whose id names one of the boxes."""
    current: LexborNode | None = node
    while current is not None:
        box = (current.id or "").lower()
        if box and any(name in box for name in box_names):
            return True
        current = current.parent
    return False


def _posted_price(tree: LexborHTMLParser) -> Money | None:
    """The price that the one-click form would send."""
    amount = tree.css_first("input[name='displayedPrice']")
    code = tree.css_first("input[name='displayedPriceCurrencyCode']")
    if amount is None or code is None:
        return None
    return parse_amount(amount.attributes.get("value") or "", code.attributes.get("value") or "")


def _table_prices(tree: LexborHTMLParser, local: str | None) -> Iterator[Money]:
    """The Kindle row of the format table (2012–2020); its first price is Amazon's own."""
    for row in tree.css("#twister tr, #formats table tr, .twisterMediaMatrix tr, #MediaMatrix tr"):
        cells = [node_text(cell) for cell in row.css("td")]
        if len(cells) > 1 and any(word in fold(cells[0]) for word in _EBOOK_WORDS):
            prices_of_row = (parse_money(cell, local) for cell in cells[1:3])
            yield from [money for money in prices_of_row if money is not None][:1]
