"""Every number, date, name and ISBN of an article is held against the facts and passages."""

from __future__ import annotations

import pytest

from spine.contracts.books import BookMetadata, ConsolidatedBook, FieldProvenance, Money, SourcedValue
from spine.contracts.texts import Passage
from tasks.book_review.claims import check_claims, unsupported

BOOK = BookMetadata(
    title="The Salt Road, or Seven Winters",
    authors=["A.M. Lindqvist", "François Hiault"],
    asin="B00SALT7QX",
    isbn_13="9780131103627",
    isbn_10="0131103628",
    price_book=Money(amount=12.99, currency="USD"),
    price_ebook=Money(amount=9.49, currency="EUR"),
    rating=4.6,
    rating_count=4443007,
    pages=1234,
    language="English",
    publisher="Harbour & Vale",
    publication_date="2019-05-08",
    description=(
        "Ilse Brandt leaves Tromsø with twelve letters and a map of Novaya. On the way she meets the smuggler Oru. "
        "It won 3 prizes and 85% of the votes. First published in 1937."
    ),
)
PASSAGES = [
    Passage(
        source="wikipedia",
        text="Anna Maria Lindqvist was born in Uppsala and taught at Oxford University. Brian Kernighan and Dennis "
        "Ritchie praised the book in the New York Herald.",
    ),
    Passage(source="openlibrary", text="The 2nd edition has 34 maps and sold about 250,000 copies by June 1938."),
]

TRUE_IN_ANOTHER_FORMAT = [
    # numbers: separators of every country, words, roundings that are announced
    "The book has 1234 pages.",
    "The book has 1,234 pages.",
    "Das Buch hat 1.234 Seiten.",
    "Le livre compte 1 234 pages.",
    "Le livre compte 1\u202f234 pages.",
    "Cartea are 1.234 de pagini.",
    "Книга має 1 234 сторінки.",
    "She carries 12 letters.",
    "She carries twelve letters.",
    "Sie trägt zwölf Briefe bei sich.",
    "Elle porte douze lettres.",
    "La protagonista lleva doce cartas para su hermano.",
    "O livro conta que ela leva doze cartas para o seu irmão.",
    "Ea poartă douăsprezece scrisori pentru fratele ei.",
    "Вона несе дванадцять листів.",
    "It has 4,443,007 ratings.",
    "Es hat 4.443.007 Bewertungen.",
    "It has about 4.4 million ratings.",
    "Es hat rund 4,4 Millionen Bewertungen.",
    "It has more than 4 million ratings.",
    "It sold 250,000 copies.",
    "It sold 250k copies.",
    "It has over 1,200 pages.",
    "Readers give it 4.6 out of 5.",
    "Die Leser geben 4,6 von 5 Sternen.",
    "Los lectores le dan 4,6 de 5.",
    "It got 85 percent of the votes.",
    "Es bekam 85 % der Stimmen.",
    "This is the second edition, the 2nd in print.",
    # money
    "It costs $12.99.",
    "It costs 12.99 USD.",
    "The e-book costs €9.49.",
    "Das E-Book kostet bei diesem Verlag 9,49 €.",
    # dates, exact or less exact than the fact
    "It appeared on 8 May 2019.",
    "It appeared on May 8, 2019.",
    "It appeared on May 8th, 2019.",
    "It appeared on 2019-05-08.",
    "Es erschien am 8. Mai 2019.",
    "Es erschien am 08.05.2019.",
    "Il a paru le 8 mai 2019.",
    "Apareció el 8 de mayo de 2019.",
    "Apareceu em 8 de maio de 2019.",
    "A apărut la 8 mai 2019.",
    "Вона вийшла 8 травня 2019 року.",
    "It appeared in May 2019.",
    "Es erschien im Mai 2019.",
    "It appeared in 2019.",
    "It is a book of the 1930s.",
    "Es ist ein Buch der 1930er Jahre.",
    "By June 1938 it was known.",
    # ISBNs and codes
    "Its number is ISBN 978-0-13-110362-7.",
    "Its number is ISBN-13: 9780131103627.",
    "Its number is 0-13-110362-8.",
    "Its number at the shop is B00SALT7QX.",
    # names: initials, order, parts, inflection, another script
    "It is a book by A. M. Lindqvist.",
    "It is a book by Anna Maria Lindqvist.",
    "In the book, Lindqvist tells of winter.",
    "Lindqvist's heroine is Ilse Brandt.",
    "The smuggler Oru waits in Tromso.",
    "It was praised by Francois Hiault.",
    "Das Buch stammt von François Hiault.",
    "Lindqvists Roman spielt in der Stadt Tromsø.",
    "Cartea lui Lindqvist este lungă.",
    "Книга Ліндквіст розповідає про зиму.",
    "It came out at Harbour & Vale.",
    "It was praised in the New York Herald by Dennis Ritchie.",
    "Brian Kernighan liked it.",
    "She taught at Oxford.",
]

INVENTED = [
    ("The book has 1,235 pages.", "number", "1,235"),
    ("Das Buch hat 1.243 Seiten.", "number", "1.243"),
    ("It has 8,000 ratings.", "number", "8,000"),
    ("It has over 2,000 pages.", "number", "2,000"),
    ("It has 5 million ratings.", "number", "5 million"),
    ("She carries eleven letters.", "number", "eleven"),
    ("Sie trägt dreizehn Briefe bei sich.", "number", "dreizehn"),
    ("Вона несе тринадцять листів і 77 карт.", "number", "77"),
    ("Readers give it 4.7 out of 5.", "number", "4.7"),
    ("It got 86% of the votes.", "number", "86%"),
    ("It costs $13.99.", "number", "$13.99"),
    ("Es kostet 12,99 €.", "number", "12,99 €"),
    ("It appeared on 9 May 2019.", "date", "9 May 2019"),
    ("Es erschien am 8. Mai 2018.", "date", "8. Mai 2018"),
    ("Il a paru en juin 2019.", "date", "juin 2019"),
    ("Apareció el 7 de mayo de 2019.", "date", "7 de mayo de 2019"),
    ("A apărut la 8 iunie 2019.", "date", "8 iunie 2019"),
    ("Вона вийшла 9 травня 2019 року.", "date", "9 травня 2019"),
    ("First published on 1 March 1937.", "date", "1 March 1937"),
    ("It appeared in 1936.", "date", "1936"),
    ("It is a book of the 1950s.", "date", "1950s"),
    ("Its number is ISBN 978-0-13-110362-8.", "isbn", "978-0-13-110362-8"),
    ("Its number is ISBN 9783518366820.", "isbn", "9783518366820"),
    ("Its number at the shop is B00OTHER12.", "number", "B00OTHER12"),
    ("It is a book by Herman Melville.", "name", "Herman Melville"),
    ("The wizard Saruman appears.", "name", "Saruman"),
    ("Herman Melville praised it.", "name", "Herman Melville"),
    ("Melville wrote about it.", "name", "Melville"),
    ("Christina Lindqvist wrote it.", "name", "Christina Lindqvist"),
    ("It was praised by Brian Ritchie.", "name", "Brian Ritchie"),
    ("It won the Pulitzer Prize.", "name", "Pulitzer Prize"),
    ("Das Buch lobte der Kritiker Marcel Reich.", "name", "Marcel Reich"),
    ("Thomas Mann schrieb ein Vorwort dazu.", "name", "Thomas Mann"),
    ("Le roman a été loué par Victor Hugo.", "name", "Victor Hugo"),
    ("El libro fue elogiado por Jorge Luis Borges.", "name", "Jorge Luis Borges"),
    ("O livro foi elogiado por José Saramago.", "name", "José Saramago"),
    ("Cartea a fost lăudată de Mircea Eliade.", "name", "Mircea Eliade"),
    ("Книгу похвалила критикиня Ліна Костенко.", "name", "Ліна Костенко"),
]

NO_CLAIMS = [
    "Chapter 3 is the heart of it.",
    "Im Kapitel 7 wendet sich alles.",
    "1. First\n2. Second\n3. Third",
    "## What Readers Should Know",
    "Few books open so well. However, the end is weak.",
    "- **Publication Date:** unknown",
    "Das Buch handelt von Freundschaft und Mut.",
    "See [the page](https://example.org/2001/77) or example.org.",
    "Her ISBN-13 is not known.",
    "",
]


@pytest.mark.parametrize("sentence", TRUE_IN_ANOTHER_FORMAT)
def test_a_true_statement_in_another_format_is_supported(sentence: str) -> None:
    claims = check_claims(sentence, BOOK, PASSAGES)
    assert claims, "there was nothing to check"
    assert [claim.text for claim in unsupported(claims)] == []
    assert all(claim.evidence for claim in claims)


@pytest.mark.parametrize(("sentence", "kind", "text"), INVENTED, ids=[text for _, _, text in INVENTED])
def test_an_invented_statement_is_caught(sentence: str, kind: str, text: str) -> None:
    caught = {(claim.kind, claim.text): claim for claim in unsupported(check_claims(sentence, BOOK, PASSAGES))}
    assert (kind, text) in caught
    assert caught[kind, text].sentence == sentence


@pytest.mark.parametrize("content", NO_CLAIMS)
def test_what_states_nothing_is_not_a_claim(content: str) -> None:
    assert check_claims(content, BOOK, PASSAGES) == []


def test_what_another_source_says_instead_is_supported_too() -> None:
    book = ConsolidatedBook(
        metadata=BookMetadata(title="The Salt Road", pages=366),
        provenance={
            "pages": FieldProvenance(
                source="amazon", reason="first", conflicts=[SourcedValue(source="goodreads", value=372)]
            )
        },
        sources=[SourcedValue(source="amazon", value={"title": "The Salt Road", "pages": 366})],
    )
    claims = check_claims("It has 366 pages; Goodreads counts 372.", book, [])
    assert [(claim.text, claim.evidence) for claim in claims if claim.kind == "number"] == [
        ("366", "pages"),
        ("372", "pages (goodreads)"),
    ]


def test_the_same_claim_in_one_sentence_is_listed_once() -> None:
    claims = check_claims("In 1936 and again in 1936 it failed.", BOOK, [])
    assert [claim.text for claim in claims] == ["1936"]


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("<p>It sold 9,000,000 copies.</p>", id="a block of HTML"),
        pytest.param("<!-- It sold 9,000,000 copies. -->", id="a comment"),
        pytest.param("```\nIt sold 9,000,000 copies.\n```", id="fenced code"),
        pytest.param("A text.\n\n    It sold 9,000,000 copies.", id="an indented paragraph"),
        pytest.param("![It sold 9,000,000 copies.](http://a.example/1.png)", id="the description of an image"),
        pytest.param("[![It sold 9,000,000 copies.][1]](/x)\n\n[1]: https://a.example", id="an image in a link"),
    ],
)
def test_a_claim_is_caught_in_whatever_is_shown_to_readers(content: str) -> None:
    assert [claim.text for claim in unsupported(check_claims(content, BOOK, PASSAGES))] == ["9,000,000"]


def test_german_nouns_are_not_taken_for_names() -> None:
    article = "Der Roman erzählt von einer Reise. Die Reise führt durch Eis und Nacht, und am Ende steht die Freiheit."
    assert check_claims(article, BOOK, PASSAGES) == []


def test_a_quotation_in_another_language_is_read_in_its_own() -> None:
    article = (
        "Das Buch wurde oft gelobt, und die Kritik war sich einig.\n\n"
        "> The book is about the winter and the sea, and it was written by Anna Maria Lindqvist."
    )
    assert unsupported(check_claims(article, BOOK, PASSAGES)) == []


def test_a_number_beyond_all_counting_and_a_line_of_capitals_without_end_are_read_to_their_end() -> None:
    shouted = "Word " * 1_500
    book = BookMetadata(title="T", description=shouted)
    claims = check_claims(f"It sold about 1{'0' * 400} copies. {shouted}", book, [])
    assert any(claim.kind == "number" for claim in claims)
