"""Paragraphs, stanzas and headings of plain texts; Project Gutenberg's frame around them."""

from __future__ import annotations

import time

import pytest

from tasks.persona_ingestion.reading.headings import heading_level
from tasks.persona_ingestion.reading.items import LONGEST_BLOCK, Block, Trouble
from tasks.persona_ingestion.reading.plain_text import read_plain_text
from tests.unit.persona_ingestion.source_files import headings, read, texts, title_of, troubles


@pytest.mark.parametrize(
    ("line", "level"),
    [
        # in capitals
        ("THE RAVEN.", 3),
        ("LA MORMÂNTUL LUI ARON PUMNUL", 3),
        ("CE TE LEGENI?...", 3),
        ("TO----", 3),
        ("O!", 0),
        # parts and chapters by their words
        ("Part I", 2),
        ("Partea a doua", 0),
        ("Cartea 2. Întoarcerea", 2),
        ("Chapter 12", 3),
        ("Capitolul IV: Sfârșitul", 3),
        ("CHAPTER I", 3),
        ("Chapter and verse were quoted", 0),
        ("Part I saw, part I heard of", 0),
        ("Epilog", 3),
        ("CONTENTS.", 3),
        ("ACTE II", 2),
        ("SCÈNE IV. Un jardin", 3),
        # numbers alone
        ("IV.", 4),
        ("12", 4),
        ("1845", 0),
        ("MILD", 3),
        # text
        ("Somnoroase păsărele", 0),
        ("Nevermore!", 0),
    ],
)
def test_a_line_by_itself_is_a_heading_by_these_rules(line: str, level: int) -> None:
    assert heading_level(line) == level


def test_a_short_first_line_is_the_title_and_stanzas_keep_their_lines() -> None:
    items = read(
        read_plain_text,
        "Adio\n\nDe-acuma nu te-oi mai vedea,\nRămâi, rămâi, cu bine!\n\nMă voi feri\nDe tine.".encode(),
    )
    assert headings(items) == [(1, "Adio")]
    assert texts(items)[1:] == ["De-acuma nu te-oi mai vedea,\nRămâi, rămâi, cu bine!", "Mă voi feri\nDe tine."]


PLAY = """THE STORM

A Play

ACT I

SCENE I. A harbour.

CAPTAIN.

Who lit the lantern?

THE WIDOW:

I lit it, sir.

CAPTAIN.
NO!

SCENE II.

I.

WIDOW.

Here lies the powder.

EPILOGUE.

WIDOW.

It is out.
"""
SCENES = [(3, "THE STORM"), (2, "ACT I"), (3, "SCENE I. A harbour."), (3, "SCENE II."), (4, "I."), (3, "EPILOGUE.")]


def test_who_speaks_in_a_play_is_no_heading() -> None:
    items = read(read_plain_text, PLAY.encode())
    assert headings(items) == SCENES
    assert texts(items)[4:8] == [*("CAPTAIN.", "Who lit the lantern?", "THE WIDOW:", "I lit it, sir.")]


@pytest.mark.parametrize("between", ["\n\n", "\n"], ids=["above the speech", "beside it"])
@pytest.mark.parametrize("said", ["", " (ASIDE)", " [Enters.]"])
def test_who_speaks_several_times_needs_no_full_stop(between: str, said: str) -> None:
    speech = f"CAPTAIN{said}{between}Who lit the lantern?\n\nTHE WIDOW{between}I lit it, sir.\n\n"
    play = f"THE STORM\n\nACT I\n\nSCENE I\n\n{speech * 2}SCENE II\n\n{speech * 2}ACT II\n\n{speech}"
    found = [text for _, text in headings(read(read_plain_text, play.encode()))]
    assert found == ["THE STORM", "ACT I", "SCENE I", "SCENE II", "ACT II"]


def test_the_same_title_several_times_is_a_heading_where_nobody_plays() -> None:
    letters = "LETTERS\n\nTO HER\n\nI write.\n\n" + "TO HER\n\nI write again.\n\n" * 3
    assert [text for _, text in headings(read(read_plain_text, letters.encode()))] == ["LETTERS", *["TO HER"] * 4]


def test_a_long_play_is_read_on_where_it_was_when_its_persons_were_looked_for() -> None:
    speeches = [f"CAPTAIN\n\nLantern {number} is lit.\n\n" for number in range(5_000)]
    items = read(read_plain_text, ("ACT I\n\n" + "".join(speeches) + "ș").encode())
    assert texts(items)[2::2] == [f"Lantern {number} is lit." for number in range(5_000)]


@pytest.mark.parametrize(
    ("more", "found"),
    [
        pytest.param("\n\nTHE RAVEN.\n\nOnce upon", ["THE RAVEN."], id="more room above it"),
        pytest.param("\nTHE RAVEN\n\nOnce upon", ["THE RAVEN"], id="no full stop"),
        pytest.param("\nPOEMS\n\nTHE RAVEN.\n\nOnce upon", ["POEMS", "THE RAVEN."], id="below a heading"),
        pytest.param("\nChapter 1\n\nTHE RAVEN.\n\nOnce", ["Chapter 1", "THE RAVEN."], id="below a chapter"),
        pytest.param("\nACTE II\n\nSCÈNE I\n\nMARIE.\n\nOui.", ["ACTE II", "SCÈNE I"], id="another act"),
        pytest.param("\nACTUL II\n\nSCENA I\n\nZOE:\n\nDa.", ["ACTUL II", "SCENA I"], id="in Romanian"),
    ],
)
def test_a_title_after_a_play_is_a_heading(more: str, found: list[str]) -> None:
    items = read(read_plain_text, (PLAY + more).encode())
    assert [heading for _, heading in headings(items)[len(SCENES) :]] == found


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("Only a line", id="there is nothing it could be the title of"),
        pytest.param("The first verse,\n\nand the second", id="it ends as a verse does"),
        pytest.param("x" * 81 + "\n\ntext", id="it is too long"),
    ],
)
def test_a_first_line_is_not_always_a_title(text: str) -> None:
    assert headings(read(read_plain_text, text.encode())) == []


def test_underlined_lines_are_headings() -> None:
    text = "Book\n====\n\nVersuri Adio  \n-\n\nDe-acuma\n\nOther\n-----\nright below"
    items = read(read_plain_text, text.encode())
    assert headings(items) == [(1, "Book"), (2, "Versuri Adio"), (2, "Other")]
    assert texts(items)[-1] == "right below"


def test_ornaments_are_left_away_and_italics_lose_their_marks() -> None:
    items = read(read_plain_text, b"  _She_ shall press,\nah, snake_case_name\n\n  *   *   *\n\n----\n\nnext one, two")
    assert texts(items) == ["  She shall press,\nah, snake_case_name", "next one, two"]


def test_blocks_know_their_line_and_the_blank_lines_before_them() -> None:
    items = read(read_plain_text, b"one,\n\n\ntwo,\ntwo\n")
    assert [(item.line, item.blank_before) for item in items if isinstance(item, Block)] == [(1, 0), (4, 2)]


def test_a_paragraph_without_end_is_given_in_bounded_blocks() -> None:
    found = texts(read(read_plain_text, b"some words of a paragraph that never ends " * 5_000))
    assert max(map(len, found)) <= 2 * LONGEST_BLOCK
    assert sum(len(text.split()) for text in found) == 40_000


def test_a_bad_line_is_left_out_and_the_paragraph_around_it_stays() -> None:
    items = read(read_plain_text, "șapte ani\n".encode() * 30 + b"bad \xff line\n" + "opt țări\n".encode())
    assert troubles(items) == [Trouble("holds bytes that are not utf-8", line=31)]
    assert "opt țări" in texts(items)[-1]


HEADER = """The Project Gutenberg eBook of Poems

This ebook is for the use of anyone anywhere.

Title: Poems of a
        Long Night

Author: A Poet

Language: {language}

"""
START = "*** START OF THE PROJECT GUTENBERG EBOOK POEMS ***"
END = "*** END OF THE PROJECT GUTENBERG EBOOK POEMS ***"


@pytest.mark.parametrize(
    ("start", "end"),
    [
        pytest.param(START, END, id="today"),
        pytest.param(
            "*** START OF THIS PROJECT GUTENBERG EBOOK POEMS ***",
            "End of the Project Gutenberg EBook of Poems",
            id="2005",
        ),
        pytest.param(
            "*END*THE SMALL PRINT! FOR PUBLIC DOMAIN ETEXTS*Ver.04.29.93*END*",
            "End of Project Gutenberg's Poems",
            id="1993",
        ),
    ],
)
def test_a_gutenberg_book_loses_header_credits_and_licence_and_keeps_its_title(start: str, end: str) -> None:
    text = (
        HEADER.format(language="English")
        + f"{start}\n\nProduced by volunteers\n\n\nOnce upon a midnight,\n\nthe end of it\n\n{end}\n\nlicence"
    )
    items = read(read_plain_text, text.encode())
    assert texts(items) == ["Once upon a midnight,", "the end of it"]
    assert title_of(items) == "Poems of a Long Night"


def test_a_marker_inside_a_paragraph_cuts_that_paragraph() -> None:
    items = read(read_plain_text, f"Project Gutenberg\n{START}\nOnce,\n\ntwice,\n{END}\nlicence\n\nmore".encode())
    assert [text.strip() for text in texts(items)] == ["Once,", "twice,"]


def test_a_text_that_only_speaks_of_project_gutenberg_stays_whole() -> None:
    text = "I read it at Project Gutenberg,\n\n" + "and then I slept,\n\n" * 4_000
    assert len(texts(read(read_plain_text, text.encode()))) == 4_001


@pytest.mark.parametrize("line", [".", "*", "- -", " ", "\t", "***", "*END"])
def test_lines_of_nothing_but_signs_are_read_in_time_that_grows_with_them(line: str) -> None:
    began = time.process_time()
    read(read_plain_text, b"Project Gutenberg\n" + f"{line}\n".encode() * 70_000)
    assert time.process_time() - began < 5


def test_a_starting_line_that_is_wrapped_ends_with_its_closing_stars() -> None:
    start = "*** START OF THE PROJECT GUTENBERG EBOOK POEMS\nOF A VERY LONG NIGHT ***"
    items = read(read_plain_text, f"{HEADER}{start}\nOnce,\n\n{END}\n".encode())
    assert texts(items) == ["Once,"]


def test_every_gutenberg_book_of_a_file_is_read_and_a_later_one_begins_with_its_title() -> None:
    books = [f"{HEADER.replace('Poems', f'Book {name}')}{START}\n\nwords {name}\n\n{END}\n\nlicence" for name in "abc"]
    items = read(read_plain_text, "\n\n".join(books).encode())
    assert texts(items) == ["words a", "Book b of a Long Night", "words b", "Book c of a Long Night", "words c"]
    assert (1, "Book b of a Long Night") in headings(items)
    assert title_of(items) == "Book a of a Long Night"
