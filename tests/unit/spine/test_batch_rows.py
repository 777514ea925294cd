"""Tables and lists of submissions: what is a row, what is refused and how, and what a spreadsheet must not run."""

from __future__ import annotations

from typing import Any

import pytest

from spine.batch_rows import MOST_ITEMS, read_rows, rows_of_list, rows_of_table
from spine.errors import InvalidInputError
from spine.spreadsheet_cells import csv_text, safe_cell

URL = "https://shop.example/dp/1"


def table(text: str) -> tuple[list[dict[str, Any]], list[tuple[int, str]]]:
    items, refused = read_rows(rows_of_table(text.encode()))
    return [item.request.model_dump(exclude_defaults=True) for item in items], [(e.row, e.field) for e in refused]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(f"amazon_url\n{URL}\n", {"amazon_url": URL}, id="one column"),
        pytest.param(f"\ufeffamazon_url,language\r\n{URL},de\r\n", {"amazon_url": URL, "language": "de"}, id="a mark"),
        pytest.param(f"Amazon_URL ; LANGUAGE\n{URL};de", {"amazon_url": URL, "language": "de"}, id="semicolons"),
        pytest.param(f"language\tamazon_url\nde\t{URL}", {"amazon_url": URL, "language": "de"}, id="tabs"),
        pytest.param(f"amazon_url,language\n{URL},\n", {"amazon_url": URL}, id="an empty cell is the default"),
        pytest.param(
            f"amazon_url,min_words,auto_publish\n{URL},100,yes",
            {"amazon_url": URL, "min_words": 100, "auto_publish": True},
            id="numbers and yes",
        ),
        pytest.param(f"amazon_url,language,,\n{URL},fr,,\n", {"amazon_url": URL, "language": "fr"}, id="empty columns"),
        pytest.param(
            f'amazon_url,other_links\n{URL},"https://a.example | https://b.example\nhttps://c.example"',
            {"amazon_url": URL, "other_links": [f"https://{name}.example" for name in "abc"]},
            id="links between spaces, bars and lines",
        ),
    ],
)
def test_a_row_of_a_table_is_a_submission(text: str, expected: dict[str, Any]) -> None:
    assert table(text) == ([expected], [])


def test_rows_that_do_not_fit_are_told_by_number_and_field_and_the_rest_is_taken() -> None:
    items, refused = table(
        f"amazon_url,language,min_words\nnot a url,en,\n{URL},english,\n\n{URL},,many\n"
        f"{URL},en,700,surplus\n{URL},fr,700\n"
    )
    assert items == [{"amazon_url": URL, "language": "fr", "min_words": 700}]
    assert refused == [(1, "amazon_url"), (2, "language"), (4, "min_words"), (5, "columns")]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param(b"", "must name its columns", id="nothing"),
        pytest.param(b"url\nx", "amazon_url among them", id="no product column"),
        pytest.param(b"amazon_url,colour\nx,y", "column 'colour'", id="an unknown column"),
        pytest.param(b"amazon_url,amazon_url\nx,y", "twice", id="a column twice"),
        pytest.param(b"amazon_url\n", "no submission", id="no row"),
        pytest.param(b"amazon_url\n\n , \n", "no submission", id="blank rows"),
        pytest.param(b"amazon_url\n\xff\xfe", "CSV UTF-8", id="another encoding"),
        pytest.param(b'amazon_url\n"open', "cannot be read at line", id="a quote left open"),
        pytest.param(b"amazon_url\n" + b"x" * 140_000, "cannot be read at line", id="an endless cell"),
        pytest.param(b"amazon_url\n" + b"x\n" * (MOST_ITEMS + 1), "this one has 1,001", id="too many rows"),
    ],
)
def test_a_table_that_is_none_is_refused_as_a_whole(text: bytes, says: str) -> None:
    with pytest.raises(InvalidInputError, match=says):
        rows_of_table(text)


def test_a_list_holds_submissions_and_says_which_entries_are_none() -> None:
    given = [{"amazon_url": URL, "other_links": "https://a.example https://b.example"}, 7, {"amazon_url": URL, "x": 1}]
    items, refused = read_rows(rows_of_list({"items": given}))
    assert [item.row for item in items] == [1] and len(items[0].request.other_links) == 2
    assert [(error.row, error.field) for error in refused] == [(2, "item"), (3, "x")]


@pytest.mark.parametrize("value", [None, {}, "x", {"items": {}}, [], {"items": [], "more": 1}])
def test_anything_but_a_list_is_refused(value: object) -> None:
    with pytest.raises(InvalidInputError):
        rows_of_list(value)


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "  =", "\uff1d", "\u00a0@"])
def test_a_cell_that_would_be_a_formula_is_written_as_text(start: str) -> None:
    assert safe_cell(f"{start}HYPERLINK(A1)").startswith("'")
    assert csv_text(["title"], [[f"{start}cmd|' /C calc'!A0"]]).splitlines()[1].lstrip('"').startswith("'")


@pytest.mark.parametrize(("value", "text"), [("Emma", "Emma"), (None, ""), (7, "7"), ("a=b", "a=b")])
def test_other_cells_are_left_alone(value: object, text: str) -> None:
    assert safe_cell(value) == text
