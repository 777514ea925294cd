"""Sources are merged field by field: the product page first, one statement in two formats is no conflict."""

from __future__ import annotations

from typing import Any

import pytest

from spine.contracts.books import BookMetadata, ConsolidatedBook, Money
from spine.contracts.texts import BibliographicCandidate
from spine.errors import InvalidInputError
from tasks.book_review.consolidate import SourcedMetadata, consolidate
from tasks.book_review.facts.author_names import natural_order, same_person, title_cased
from tasks.book_review.facts.languages import language_code
from tasks.book_review.facts.sameness import clean_publisher, iso_date, same_value


def merged(*sources: tuple[str, dict[str, Any]]) -> ConsolidatedBook:
    return consolidate([SourcedMetadata(name, f"https://{name}.example", BookMetadata(**v)) for name, v in sources])


def test_the_product_page_comes_first_whatever_the_order_given() -> None:
    book = merged(("link:1", {"pages": 1}), ("goodreads", {"pages": 2}), ("amazon", {"pages": 3}))
    assert book.metadata.pages == 3
    assert book.provenance["pages"].source == "amazon"
    assert [(c.source, c.value, c.url) for c in book.provenance["pages"].conflicts] == [
        ("goodreads", 2, "https://goodreads.example"),
        ("link:1", 1, "https://link:1.example"),
    ]
    assert book.provenance["pages"].reason == "amazon comes first; goodreads and link:1 say otherwise."


def test_a_field_that_the_product_page_lacks_comes_from_the_next_source() -> None:
    book = merged(("amazon", {"title": "A"}), ("goodreads", {"publisher": "Vale"}))
    assert book.metadata.publisher == "Vale"
    assert book.provenance["publisher"].reason == "goodreads is the first source that gives the publisher."


@pytest.mark.parametrize(
    ("field", "first", "second"),
    [
        ("language", "English", "en"),
        ("language", "Englisch", "Anglais"),
        ("language", "ger", "Deutsch"),
        ("publication_date", "2002-08-15", "2002"),
        ("publication_date", "2019-05-08", "8 May 2019"),
        ("authors", ["Hermann Hesse"], ["Hesse, Hermann"]),
        ("authors", ["J.R.R. Tolkien"], ["J. R. R. Tolkien"]),
        ("authors", ["J.R.R. Tolkien"], ["John Ronald Reuel Tolkien"]),
        ("authors", ["Dennis M. Ritchie", "Brian W. Kernighan"], ["Brian Kernighan", "Dennis Ritchie"]),
        ("authors", ["A. Writer", "B. Other"], ["A. Writer"]),
        ("publisher", "Prentice Hall", "Prentice Hall; 2nd edition"),
        ("publisher", "Suhrkamp", "Suhrkamp Verlag"),
        ("title", "The Hobbit", "The Hobbit: There and Back Again"),
        ("title", "C Programming Language, 2nd Edition", "C Programming Language (2nd Edition)"),
        ("pages", 366, 366),
    ],
)
def test_one_statement_in_two_formats_is_no_conflict(field: str, first: Any, second: Any) -> None:
    assert same_value(field, first, second)
    assert same_value(field, second, first)


@pytest.mark.parametrize(
    ("field", "first", "second"),
    [
        ("language", "English", "German"),
        ("publication_date", "2002-08-15", "2001"),
        ("authors", ["Hans Schmidt"], ["Anna Schmidt"]),
        ("publisher", "Suhrkamp", "Insel"),
        ("title", "Salt: A History", "Salt: A Novel"),
        ("pages", 366, 372),
    ],
)
def test_a_contradiction_is_a_conflict(field: str, first: Any, second: Any) -> None:
    assert not same_value(field, first, second)


def test_of_two_dates_that_agree_the_exacter_one_is_taken() -> None:
    book = merged(("amazon", {"publication_date": "2002"}), ("goodreads", {"publication_date": "2002-08-15"}))
    assert book.metadata.publication_date == "2002-08-15"
    assert book.provenance["publication_date"].source == "goodreads"
    assert "more exactly" in book.provenance["publication_date"].reason
    assert book.provenance["publication_date"].conflicts == []


@pytest.mark.parametrize(
    ("given", "isbn_13", "isbn_10"),
    [
        pytest.param({"isbn_10": "0131103628"}, "9780131103627", "0131103628", id="13 derived from 10"),
        pytest.param({"isbn_13": "978-0-13-110362-7"}, "9780131103627", "0131103628", id="10 derived from 13"),
        pytest.param({"isbn_10": "9780131103627"}, "9780131103627", "0131103628", id="13 digits in the row of 10"),
        pytest.param({"isbn_13": "9791090636071"}, "9791090636071", None, id="979 has no form of ten"),
        pytest.param({"isbn_10": "080442957x"}, "9780804429573", "080442957X", id="check digit X"),
        pytest.param({"asin": "0131103628"}, "9780131103627", "0131103628", id="the ASIN of a printed book"),
        pytest.param({"asin": "B0011UCPM4"}, None, None, id="the ASIN of an e-book is none"),
    ],
)
def test_isbns_are_checked_and_converted(given: dict[str, str], isbn_13: str | None, isbn_10: str | None) -> None:
    book = merged(("amazon", {"title": "T", **given}))
    assert (book.metadata.isbn_13, book.metadata.isbn_10) == (isbn_13, isbn_10)


def test_a_derived_isbn_says_so() -> None:
    book = merged(("amazon", {"isbn_13": "9780131103627"}))
    assert book.provenance["isbn_10"].reason == "Derived from the ISBN-13 of amazon."


def test_an_invalid_isbn_is_dropped_with_a_note_and_the_next_source_serves() -> None:
    book = merged(("amazon", {"title": "T", "isbn_13": "9780131103628"}), ("goodreads", {"isbn_13": "9780131103627"}))
    assert book.metadata.isbn_13 == "9780131103627"
    assert book.provenance["isbn_13"].source == "goodreads"
    assert book.notes == ["amazon: the ISBN-13 9780131103628 fails its check and was left out."]


def test_another_edition_keeps_its_isbn_as_a_conflict() -> None:
    book = merged(("amazon", {"isbn_13": "9780131103627"}), ("goodreads", {"isbn_10": "3518366823"}))
    assert [c.value for c in book.provenance["isbn_13"].conflicts] == ["9783518366820"]


def test_a_slug_takes_the_spelling_of_another_source() -> None:
    book = merged(("amazon", {"title": "T", "authors": ["hermann-hesse"]}), ("link:1", {"authors": ["Hesse, Hermann"]}))
    assert book.metadata.authors == ["Hermann Hesse"]
    assert book.provenance["authors"].conflicts == []
    assert book.notes == []


def test_a_slug_that_nobody_spells_better_is_capitalised_with_a_note() -> None:
    book = merged(("amazon", {"authors": ["hermann-hesse"]}))
    assert book.metadata.authors == ["Hermann Hesse"]
    assert "hermann-hesse" in book.notes[0]


def test_an_author_named_twice_is_kept_once() -> None:
    book = merged(("amazon", {"authors": ["Dennis M. Ritchie", "Ritchie, Dennis", "Brian Kernighan"]}))
    assert book.metadata.authors == ["Dennis M. Ritchie", "Brian Kernighan"]


def test_a_count_of_ratings_stays_with_its_average() -> None:
    book = merged(("amazon", {"rating": 4.6}), ("goodreads", {"rating": 4.3, "rating_count": 900}))
    assert (book.metadata.rating, book.metadata.rating_count) == (4.6, None)
    assert book.provenance["rating"].reason == "amazon comes first; prices and ratings are each site's own."


def test_prices_of_two_shops_stand_side_by_side() -> None:
    ten, eight = Money(amount=10, currency="EUR"), Money(amount=8, currency="EUR")
    book = merged(("amazon", {"price_book": ten}), ("link:1", {"price_book": eight}))
    assert book.metadata.price_book == ten
    assert book.provenance["price_book"].conflicts[0].value == {"amount": 8.0, "currency": "EUR"}


def test_descriptions_never_contradict_each_other() -> None:
    book = merged(("amazon", {"description": "One."}), ("goodreads", {"description": "Another."}))
    assert book.metadata.description == "One."
    assert book.provenance["description"].conflicts == []
    assert [source.value["description"] for source in book.sources] == ["One.", "Another."]


def test_a_candidate_from_a_link_takes_part() -> None:
    book = consolidate(
        [
            SourcedMetadata("amazon", None, BookMetadata(title="Salt")),
            SourcedMetadata("link:2", "https://l.example", BibliographicCandidate(publication_date="8. Mai 2019")),
        ]
    )
    assert book.metadata.publication_date == "2019-05-08"
    assert book.provenance["publication_date"].source == "link:2"


def test_without_sources_there_is_a_clear_error() -> None:
    with pytest.raises(InvalidInputError, match="no source to consolidate"):
        consolidate([])


def test_without_a_title_there_is_a_note() -> None:
    assert merged(("amazon", {"pages": 3})).notes == ["No source gives a title."]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Hesse, Hermann", "Hermann Hesse"),
        ("Hermann Hesse (Author)", "Hermann Hesse"),
        ("Martin Luther King, Jr.", "Martin Luther King, Jr."),
        ("  Garth   Nix ", "Garth Nix"),
    ],
)
def test_names_are_put_in_their_natural_order(name: str, expected: str) -> None:
    assert natural_order(name) == expected


@pytest.mark.parametrize(
    ("slug", "expected"),
    [
        ("hermann-hesse", "Hermann Hesse"),
        ("LUDWIG VAN BEETHOVEN", "Ludwig van Beethoven"),
        ("jean-jacques rousseau", "Jean-Jacques Rousseau"),
    ],
)
def test_badly_written_names_are_capitalised(slug: str, expected: str) -> None:
    assert title_cased(slug) == expected


def test_two_people_of_one_family_are_two() -> None:
    assert not same_person("Christopher Tolkien", "J.R.R. Tolkien")


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("Englisch", "en"),
        ("en-US", "en"),
        ("English (US)", "en"),
        ("fre", "fr"),
        ("Español", "es"),
        ("Klingonese", None),
    ],
)
def test_languages_are_known_by_many_names(name: str, code: str | None) -> None:
    assert language_code(name) == code


@pytest.mark.parametrize(
    ("text", "iso"),
    [("May 2019", "2019-05"), ("8 mai 2019", "2019-05-08"), ("2019", "2019"), ("05/08/2019", None), ("soon", None)],
)
def test_dates_become_iso_where_they_can_be_read_in_one_way(text: str, iso: str | None) -> None:
    assert iso_date(text) == iso


@pytest.mark.parametrize(
    ("given", "house"),
    [
        ("Markt+Technik Verlag; Auflage: 2nd ed", "Markt+Technik Verlag"),
        ("ATALANTE (L') (24 octobre 2013)", "ATALANTE (L')"),
    ],
)
def test_publishers_lose_edition_and_date(given: str, house: str) -> None:
    assert clean_publisher(given) == house


@pytest.mark.parametrize("pages", [-1, 0])
def test_a_models_word_for_no_page_count_is_no_page_count(pages: int) -> None:
    told = BibliographicCandidate(title="The Salt Road", pages=pages)
    book = consolidate([SourcedMetadata("link:1", "https://link.example", told)])
    assert (book.metadata.title, book.metadata.pages) == ("The Salt Road", None)
