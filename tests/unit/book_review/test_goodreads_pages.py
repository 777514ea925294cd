"""Goodreads pages, old and new, say what their truth tables say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from spine.errors import CaptchaError, NotABookError
from tasks.book_review.goodreads_page import parse_goodreads_page

PROJECT_ROOT = Path(__file__).resolve().parents[3]
PAGES = PROJECT_ROOT / "tests" / "fixtures" / "pages"
SAVED = PROJECT_ROOT.parent / "shared" / "data" / "goodreads"
SOMEWHERE = "http://127.0.0.1:8080/page"

TRUTHS: dict[str, dict[str, Any]] = {
    "goodreads_next": {
        "title": "The Glass Orchard",
        "authors": ["Ona Vale", "Kim Sor"],
        "asin": "B0GLASS001",
        "isbn_10": "0312017170",
        "isbn_13": "9780312017170",
        "rating": 4.21,
        "rating_count": 1234,
        "pages": 312,
        "language": "English",
        "publisher": "Vitrine",
        "publication_date": "1969-12-31",
        "cover_image_url": "https://images.example.org/books/77.jpg",
        "description": "Trees.\n\nGlass & light.",
    },
    "goodreads_old": {
        "title": "Paper Moons",
        "authors": ["Eli Stone"],
        "isbn_10": "0312017170",
        "isbn_13": "9780312017170",
        "rating": 3.9,
        "rating_count": 33574,
        "pages": 144,
        "language": "English",
        "publisher": "Lunar Gift",
        "publication_date": "2019-11-19",
        "cover_image_url": "https://images.example.org/books/88.jpg",
        "description": "Moons of paper,\nand of ink.",
    },
}


@pytest.mark.parametrize("name", TRUTHS)
def test_a_page_gives_exactly_the_fields_that_it_states(name: str) -> None:
    metadata = parse_goodreads_page((PAGES / f"{name}.html").read_bytes(), SOMEWHERE)
    assert metadata.model_dump(exclude_none=True) == TRUTHS[name]


def test_the_new_layout_is_read_from_print_when_its_data_are_missing() -> None:
    html = """<html><body>goodreads<h1 data-testid="bookTitle">Ink</h1>
      <div class="BookPageMetadataSection__contributor">
        <a class="ContributorLink"><span data-testid="name">Ana Roy</span></a>
        <a class="ContributorLink"><span data-testid="name">Bo Lee</span>
          <span data-testid="role">(Translator)</span></a>
      </div><div class="RatingStatistics__rating">3.75</div><span data-testid="ratingsCount">1,010 ratings</span>
      <p data-testid="pagesFormat">98 pages, Paperback</p>
      <p data-testid="publicationInfo">First published May 2, 2011</p></body></html>"""
    metadata = parse_goodreads_page(html, SOMEWHERE)
    assert metadata.model_dump(exclude_none=True) == {
        "title": "Ink",
        "authors": ["Ana Roy"],
        "rating": 3.75,
        "rating_count": 1010,
        "pages": 98,
        "publication_date": "2011-05-02",
    }


def test_a_page_without_a_book_says_which_address_is_wanted() -> None:
    with pytest.raises(NotABookError, match="/book/show/"):
        parse_goodreads_page("<html><body><h1>Lists</h1></body></html>", SOMEWHERE)


@pytest.mark.skipif(not SAVED.is_dir(), reason="the saved pages of public shops are not on this machine")
@pytest.mark.parametrize("path", sorted(SAVED.glob("*.truth.json")), ids=lambda path: path.name.split(".")[0])
def test_every_field_of_the_saved_pages_matches_its_truth(path: Path) -> None:
    truth = json.loads(path.read_text())
    raw = path.with_name(truth["file"]).read_bytes()
    if truth["kind"] == "captcha":
        with pytest.raises(CaptchaError):
            parse_goodreads_page(raw, SOMEWHERE)
        return
    found = parse_goodreads_page(raw, SOMEWHERE).model_dump()
    wrong = {
        field: (found[field], wanted)
        for field, wanted in truth["fields"].items()
        if field in found and found[field] not in (wanted, *truth.get("accept", {}).get(field, []))
    }
    assert wrong == {}
