"""Quotations from lines, lists and tables; a bad one is named by its place."""

from __future__ import annotations

import json
import time

import pytest

from spine.errors import InvalidInputError
from tasks.persona_ingestion.reading.items import Block, Trouble
from tasks.persona_ingestion.reading.quotation_entries import quotation
from tasks.persona_ingestion.reading.quotations import read_csv, read_json_array, read_json_lines
from tests.unit.persona_ingestion.source_files import lines_left_out, read, texts, troubles


@pytest.mark.parametrize(
    ("entry", "text", "author"),
    [
        ("a text", "a text", None),
        ({"text": " x ", "author": "A"}, "x", "A"),
        ({"Quote": "x", "by": "B"}, "x", "B"),
        ({"quotation": "x", "author": ""}, "x", None),
        ({"content": "x", "text": ""}, "x", None),
        ({"citat": "x", "autor": "C"}, "x", "C"),
        ({"text": "x", "author": {"name": "D", "born": 1850}}, "x", "D"),
        ({"text": "x", "author": ["A. One", {"Name": "B. Two"}]}, "x", "A. One, B. Two"),
        ({"text": "x", "authors": ["E"]}, "x", "E"),
        ({"text": "x", "author": {"id": 5}, "by": "F"}, "x", "F"),
        ({"text": "x", "author": [7, None, [["G"]]]}, "x", None),
    ],
)
def test_a_quotation_is_found_under_the_names_that_collections_use(
    entry: object, text: str, author: str | None
) -> None:
    assert quotation(entry, line=3) == Block(text, line=3, alone=True, author=author)


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ({"author": "A"}, "has no `text`"),
        ({"text": 5}, "has no `text`"),
        ("  ", "has no `text`"),
        (7, "neither a text nor an object"),
        (None, "neither a text nor an object"),
        (["x"], "neither a text nor an object"),
        ("x" * 20_000, "longer than"),
    ],
)
def test_an_entry_that_is_no_quotation_says_why(entry: object, reason: str) -> None:
    found = quotation(entry, line=3, part="entry 1")
    assert isinstance(found, Trouble)
    assert reason in found.reason
    assert (found.line, found.part) == (3, "entry 1")


def test_a_bad_line_does_not_stop_the_lines_after_it() -> None:
    content = (
        b'{"text": "one"}\n\n{broken\n{"author": "x"}\n"four"\n{"text": "'
        + b"long " * 9_000
        + b'"}\n{"text": "six \xff"}\n{"text": "seven"}'
    )
    items = read(read_json_lines, content + '\n{"text": "ș"}'.encode() * 10)
    assert texts(items)[:3] == ["one", "four", "seven"]
    assert lines_left_out(items) == [3, 4, 6, 7]


@pytest.mark.parametrize(
    ("line", "kept", "reason"),
    [
        (json.dumps({"text": "long", "notes": "x" * 17_000}), True, None),
        (json.dumps({"text": "long", "embedding": [0.123456789] * 4_000}), True, None),
        (json.dumps({"notes": "ăîș " * 10_000, "text": "long"}), True, None),
        (json.dumps({"text": "long", "notes": "x y " * 70_000}), False, "is longer than 256000 characters"),
        (json.dumps({"text": "x " * 10_000}), False, "is longer than 16000 characters"),
        ('{"text": "long", "notes": "' + "x " * 20_000, False, "is not JSON"),
    ],
    ids=["a long note", "a vector", "escaped letters", "beyond all measure", "a long text", "cut off"],
)
@pytest.mark.parametrize("last", [False, True], ids=["between others", "at the end"])
def test_a_line_is_one_entry_however_much_stands_beside_its_text(
    line: str, kept: bool, reason: str | None, last: bool
) -> None:
    content = '{"text": "one"}\n' + line + ("" if last else '\n{"text": "three"}\n')
    items = read(read_json_lines, content.encode())
    assert texts(items) == ["one", *["long"] * kept, *["three"] * (not last)]
    assert [(trouble.line, reason is not None and reason in trouble.reason) for trouble in troubles(items)] == [
        (2, True)
    ] * (reason is not None)


def test_a_long_line_with_broken_letters_is_named_once_and_read_no_further() -> None:
    broken = b'{"text": "two", "notes": "' + b"x " * 9_000 + b"\xff" + b" y" * 9_000 + b' \xff"}'
    items = read(read_json_lines, b'{"text": "one"}\n' + broken + b'\n{"text": "three"}\n' + "ș".encode() * 30)
    assert texts(items) == ["one", "three"]
    assert lines_left_out(items) == [2, 4]


def test_quotations_of_one_person_may_stand_on_one_line_and_a_bad_one_is_named_by_its_place() -> None:
    items = read(
        read_json_lines, b'{"author": "A", "quotes": ["one", 2, "three"]}\n{"author": "B", "quotes": []}\n"four"'
    )
    assert [(item.text, item.author) for item in items if isinstance(item, Block)] == [
        *(("one", "A"), ("three", "A")),
        ("four", None),
    ]
    assert [(trouble.line, trouble.part) for trouble in troubles(items)] == [(1, "quotation 2"), (2, None)]


ENTRIES = [{"text": f"quotation {number}", "author": "A"} for number in range(3_000)]


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(json.dumps(ENTRIES), id="one line"),
        pytest.param(json.dumps(ENTRIES, indent=2), id="indented"),
        pytest.param(json.dumps({"version": 1, "name": "x", "quotes": ENTRIES}), id="inside an object"),
        pytest.param(json.dumps(ENTRIES).replace(" ", ""), id="no spaces"),
        pytest.param(
            json.dumps({"version": 1, **{f"q{number}": entry for number, entry in enumerate(ENTRIES)}}),
            id="members of an object",
        ),
    ],
)
def test_a_json_list_is_read_entry_by_entry(content: str) -> None:
    found = texts(read(read_json_array, content.encode()))
    assert len(found) == len(ENTRIES)
    assert found[-1].replace(" ", "") == "quotation2999"


def test_a_broken_entry_of_a_list_is_named_by_its_line_and_the_next_one_is_read() -> None:
    content = '[\n{"text": "one"},\n{"text": two},\n{"text": "three"},\n{"no": "text"},\n"four"\n]'
    items = read(read_json_array, content.encode())
    assert texts(items) == ["one", "three", "four"]
    assert [(trouble.line, trouble.part) for trouble in troubles(items)] == [(3, "entry 2"), (5, "entry 4")]


def test_a_number_of_thousands_of_digits_costs_its_own_entry() -> None:
    content = f'[{{"text": "one"}},\n{{"text": "two", "likes": {"7" * 6_000}}},\n{{"text": "three"}}]'
    items = read(read_json_array, content.encode())
    assert (texts(items), lines_left_out(items)) == (["one", "three"], [2])


def test_a_list_that_breaks_off_gives_what_came_before() -> None:
    items = read(read_json_array, b'[{"text": "one"}, {"text": "tw')
    assert texts(items) == ["one"]
    assert len(troubles(items)) == 1


@pytest.mark.parametrize(
    ("content", "kept", "bad"),
    [
        ('{"text": "one", "tags": ["wisdom"]}\n{"text": "two", "tags": []}\n', ["one", "two"], []),
        ('{"tags": ["wisdom"], "text": "one"}\n{broken\n{"text": "three"}', ["one", "three"], [2]),
        ('{"name": "x"}\n{"text": "two"}', ["two"], [1]),
        ('{\n  "text": "one",\n  "tags": [\n    "wisdom"\n  ]\n}\n', ["one"], []),
        ('{"tags": ["wisdom"], "meta": {"a": [1]}, "Quotes": ["one"], "more": ["x"]}', ["one"], []),
        ('{"content": "of a poet", "quotes": ["one"]}', ["one"], []),
        ('{"Eminescu": ["one", {"text": "two"}], "born": 1850, "Poe": ["three"]}', ["one", "two", "three"], []),
        ('["one"]\n["two"]', ["one"], [2]),
        ('{"quotes": ["one"]}\n{"quotes": ["two"]}', ["one"], [2]),
        ('{"quotes": ["one"], broken\n', ["one"], [1]),
        ('["one",\n"two"\n', ["one", "two"], [3]),
        ('{"quotes": ["one"],\n', ["one"], [2]),
        ('["one", two, "three"]', ["one", "three"], [1]),
        ('[{"text": "one"}, {"text": two}, {"text": "three"}]', ["one", "three"], [1]),
    ],
)
def test_a_json_file_gives_its_quotations_and_nothing_else_and_names_what_is_lost(
    content: str, kept: list[str], bad: list[int]
) -> None:
    items = read(read_json_array, content.encode())
    assert texts(items) == kept
    assert lines_left_out(items) == bad


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ('{"A. Einstein": ["one"], "Poe": [{"text": "two"}]}', [("one", "A. Einstein"), ("two", "Poe")]),
        ('{"Albert Einstein": [{"text": "one", "author": "A. E."}]}', [("one", "A. E.")]),
        ('{"Poe": {"quotes": ["one", "two"], "born": 1809}}', [("one", "Poe"), ("two", "Poe")]),
        ('{"Poe": {"a": {"text": "one"}, "b": {"text": "two"}}}', [("one", "Poe"), ("two", "Poe")]),
        ('{"Poe": {"text": "one"}, "q2": {"text": "two"}}', [("one", "Poe"), ("two", None)]),
        ('{"Twain": ["one"], "Poe": {"quotes": ["two"]}, "meta": {"a": 1}}', [("one", "Twain"), ("two", "Poe")]),
        ('{"老子": ["one"]}', [("one", "老子")]),
        ('{"Quotes": ["one"]}', [("one", None)]),
        ('{"data": {"Results": ["one"]}}', [("one", None)]),
        ('{"Love": ["one"], "Wisdom": ["two"], "Viața": ["three"]}', [("one", None), ("two", None), ("three", None)]),
        ('{"Love Quotes": ["one"], "Courtney Love": ["two"]}', [("one", None), ("two", "Courtney Love")]),
        ('{"author": "A", "quotes": ["one", {"text": "two"}]}', [("one", "A"), ("two", "A")]),
        ('{"quotes": ["one"], "Author": {"name": "A"}}', [("one", "A")]),
        ('{"by": "Poe", "works": ["one"], "letters": ["two"]}', [("one", "Poe"), ("two", "Poe")]),
        ('{"author": "Who collects", "quotes": [{"text": "one", "by": "A"}, "two"]}', [("one", "A"), ("two", None)]),
        ('{"author": "Who collects", "Poe": ["one"]}', [("one", "Poe")]),
        ('[{"author": "A", "quotes": ["one", "two"]}, "three"]', [("one", "A"), ("two", "A"), ("three", None)]),
        ('[{"Name": "A", "Quotes": [{"text": "one", "by": "B"}, {"text": "two"}]}]', [("one", "B"), ("two", "A")]),
        ('{"authors": [{"name": "A", "sayings": ["one"]}]}', [("one", "A")]),
        ('[{"name": "Love", "quotes": ["one"]}, {"topic": "B", "quotes": ["two"]}]', [("one", None), ("two", None)]),
        ('[{"text": "one", "author": "A", "quotes": ["no", "entry"]}]', [("one", "A")]),
        ('{"Sayings": ["one"], "wisdom": ["two"], "1850": ["three"]}', [("one", None), ("two", None), ("three", None)]),
    ],
)
def test_a_list_under_a_persons_name_holds_that_persons_quotations(
    content: str, found: list[tuple[str, str | None]]
) -> None:
    items = read(read_json_array, content.encode())
    assert [(item.text, item.author) for item in items if isinstance(item, Block)] == found


@pytest.mark.parametrize(
    "content",
    [
        '["' + '",\n"'.join(["x"] * 60_000),
        "[[" + ",\n".join(["1"] * 120_000),
        '[{"a": [' + '"x",\n' * 60_000,
        "{" + '"a": 1,\n' * 40_000 + '"quotes": ["one"]}',
        "[\n" + '{"a": [\n' * 8_000,
        "[\n" + "{broken\n" * 8_000,
    ],
    ids=["texts", "an entry without end", "an object without end", "a long head", "nested", "all broken"],
)
def test_a_json_file_of_many_short_lines_is_read_in_time_that_grows_with_it(content: str) -> None:
    began = time.process_time()
    read(read_json_array, content.encode())
    assert time.process_time() - began < 8


def test_a_replacement_character_that_a_file_holds_is_a_letter_like_any_other() -> None:
    """In a list on one line, its piece of 16,000 characters was left out."""
    entries = [*ENTRIES[:500], {"text": "I\ufffdm fine"}, *ENTRIES[500:]]
    for reader, content in (
        (read_json_array, json.dumps(entries, ensure_ascii=False)),
        (read_json_lines, "\n".join(json.dumps(entry, ensure_ascii=False) for entry in entries)),
    ):
        items = read(reader, content.encode())
        assert not troubles(items)
        assert texts(items) == [entry["text"] for entry in entries]


@pytest.mark.parametrize("content", ["5", '{"a": 1}', '"text"', "words"])
def test_a_json_file_without_a_list_is_refused(content: str) -> None:
    with pytest.raises(InvalidInputError, match="list of quotations"):
        read(read_json_array, content.encode())


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_a_table_is_read_by_its_heading_row(delimiter: str) -> None:
    rows = [["Author", "Quote"], ["A", '"one'.replace('"', "") + "\nand more"], ["B", "two"], ["", ""], ["C", ""]]
    content = "\n".join(delimiter.join(f'"{cell}"' for cell in row) for row in rows)
    items = read(read_csv, content.encode("utf-8-sig"))
    assert [(item.text, item.author, item.line) for item in items if isinstance(item, Block)] == [
        ("one\nand more", "A", 2),
        ("two", "B", 4),
    ]
    assert lines_left_out(items) == [6]


@pytest.mark.parametrize(
    ("content", "kept", "bad_lines"),
    [
        ("text,author\nTo be, or not to be,Shakespeare\ntwo,B\n", ["two"], [2]),
        ("author,text\nShakespeare,To be, or not to be\nB,two,,\n", ["two"], [2]),
        ("text;author\nTo be, or not to be;Shakespeare\n", ["To be, or not to be"], []),
        ('text\nTo be, or not; to be\n"two, in marks"\n', ["To be, or not; to be", "two, in marks"], []),
    ],
    ids=["text first", "text last, empty cells", "another delimiter", "one column"],
)
def test_a_text_that_its_own_commas_cut_up_is_named_and_not_stored_in_part(
    content: str, kept: list[str], bad_lines: list[int]
) -> None:
    items = read(read_csv, content.encode())
    assert texts(items) == kept
    assert lines_left_out(items) == bad_lines


@pytest.mark.parametrize("told", ["sep=;\n", "SEP=;\r\n", '"sep=;"\n', "\ufeffsep=;\n", "sep=\t\n", "sep=^\n"])
def test_the_delimiter_that_excel_tells_before_the_heading_is_taken(told: str) -> None:
    delimiter = told.strip('\ufeff\r\n"')[-1]
    content = told + "text|author\nTo be, or not to be|A\ntwo|B\n".replace("|", delimiter)
    items = read(read_csv, content.encode())
    assert [(item.text, item.author, item.line) for item in items if isinstance(item, Block)] == [
        ("To be, or not to be", "A", 3),
        ("two", "B", 4),
    ]


def test_a_row_that_cannot_be_read_does_not_stop_the_rows_after_it() -> None:
    content = (
        "text,author\nșapte,A\n".encode()
        + b"\xff\xfe,B\n"
        + b'"'
        + b"x" * 140_000
        + b'",C\nlast,D\n'
        + "ș,E\n".encode() * 20
    )
    items = read(read_csv, content)
    assert texts(items)[:2] == ["șapte", "last"]
    assert lines_left_out(items)[:2] == [3, 4]


def test_a_table_without_a_column_of_texts_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="names no column `text`"):
        read(read_csv, b"name,year\nx,1850\n")


def test_the_rest_of_a_row_that_is_too_long_is_not_taken_for_rows() -> None:
    content = 'quote,author\none,A\n"' + "word " * 40_000 + '",B\nthree,C\n'
    items = read(read_csv, content.encode())
    assert texts(items) == ["one", "three"]
    assert lines_left_out(items) == [3]


@pytest.mark.parametrize(
    ("rows", "kept", "bad_line"),
    [
        (['"never closed,A', "two,B", "three,C"], ["two", "three"], 2),
        (["one,A", "never \N{EN DASH} closed,A", 'two,"B', "three,C"], ["one", "never \N{EN DASH} closed", "three"], 4),
        (["one,A", '"never closed,B'], ["one"], 3),
        (["one,A", '"never closed,B', *(f"number {n},C" for n in range(20_000))], None, 3),
        (['"never closed,A', '"two', 'lines",B', "three,C"], ["two\nlines", "three"], 2),
        (['"never closed,A', "two,B", '"three, too",C', "four,D"], ["two", "three, too", "four"], 2),
        (['"never closed,A', "two,B", '"three",C'], ["two", "three"], 2),
        (['never closed,"A', '"two",B', "three,C"], ["two", "three"], 2),
        (['"never closed,A', 'two,"B"', "three,C"], ["two", "three"], 2),
        (['"never closed,A', '"""two"", three",B'], ['"two", three'], 2),
        (['"never closed,A', 'so "two" says,B', "three,C"], ['so "two" says', "three"], 2),
        (['"never closed,A', '"never again,B', '"three",C'], ["three"], [2, 3]),
        (['"never closed,A', "two,B", 'three",C', "four,D"], ["two", 'three"', "four"], 2),
        (['"never closed,A', 'two" ,B', "three,C"], ['two"', "three"], 2),
    ],
    ids=[
        *("the first row", "the second column", "the last row", "before more than a field may hold"),
        *("before a cell of two lines", "before a text with commas", "before a cell in marks", "at the author"),
        *("before an author in marks", "before marks in marks", "before marks within a text", "two of them"),
        *("before a stray mark that closes it", "before one with a blank behind it"),
    ],
)
def test_a_mark_that_is_never_closed_costs_its_own_row(
    rows: list[str], kept: list[str] | None, bad_line: int | list[int]
) -> None:
    items = read(read_csv, "\n".join(["quote,author", *rows]).encode())
    assert texts(items) == (kept or ["one", *(f"number {n}" for n in range(20_000))])
    assert lines_left_out(items) == ([bad_line] if isinstance(bad_line, int) else bad_line)


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ('"one,\ntwo",A', "one,\ntwo"),
        ('"one\n\n""two"" and\nthree",A', 'one\n\n"two" and\nthree'),
        ('"one\ntwo" ,A', "one\ntwo"),
        ('"""one""\ntwo","A"', '"one"\ntwo'),
        ('"one, two\n""three""",A', 'one, two\n"three"'),
        ('"one\nand "two" words",A', 'one\nand two" words"'),
        ('"give me 1,000 men\nand I win",A', "give me 1,000 men\nand I win"),
        ('"one, two\nthree, four",A', "one, two\nthree, four"),
        ('"one,\ntwo,\nthree",A', "one,\ntwo,\nthree"),
        ('"one\ntwo,or three",A', "one\ntwo,or three"),
    ],
    ids=[
        "commas",
        "marks",
        "a space after it",
        "marks first",
        "marks last",
        "marks that are not doubled",
        "a number",
        "sentences",
        "lines that end with commas",
        "a comma without a blank",
    ],
)
def test_a_cell_of_several_lines_is_one_text(row: str, text: str) -> None:
    items = read(read_csv, f"quote,author\n{row}\nlast,B\n".encode())
    assert [(item.text, item.author) for item in items if isinstance(item, Block)] == [(text, "A"), ("last", "B")]
    assert not troubles(items)


def test_lines_read_again_keep_their_numbers_and_are_reported_once() -> None:
    content = b'quote,author\n"never closed,A\ntwo,B\n\xff\xfe,C\n,D\nfive,E\n' + "ș,F\n".encode() * 20
    items = read(read_csv, content)
    assert [(item.text, item.line) for item in items if isinstance(item, Block)][:2] == [("two", 3), ("five", 6)]
    assert sorted(trouble.line or 0 for trouble in troubles(items)) == [2, 4, 5]
