"""How lists are read page by page, the same from every document store."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from spine.documents import Page, page_of
from spine.errors import InvalidInputError
from spine.ports import Document, Documents

THINGS = "things"
NEWEST_FIRST = [("created", -1)]


async def walk(store: Documents, where: Any = None, *, sort: Any = None, limit: int = 2) -> list[Page]:
    pages = [await page_of(store, THINGS, where, sort=sort, limit=limit)]
    while pages[-1].next is not None:
        assert len(pages) < 50, "the pages never end"
        pages.append(await page_of(store, THINGS, where, sort=sort, limit=limit, cursor=pages[-1].next))
    return pages


def ids(pages: list[Page]) -> list[str]:
    return [document["_id"] for page in pages for document in page.items]


ROWS: dict[str, Document] = {
    "a": {"created": "2026-01-02", "n": 1, "status": "x"},
    "b": {"created": "2026-01-01", "n": 2, "status": "x"},
    "c": {"created": "2026-01-02", "n": None, "status": "x"},
    "d": {"created": "2026-01-02", "n": 1.5, "status": "x"},
    "e": {"created": None, "n": 1, "status": "x"},
    "f": {"n": -3, "status": "x"},
    "g": {"created": "2026-01-03", "n": 2, "status": "y"},
}


@pytest.mark.parametrize(
    ("where", "sort"),
    [
        pytest.param(None, None, id="by id"),
        pytest.param(None, [("_id", -1)], id="by id downwards"),
        pytest.param(None, NEWEST_FIRST, id="newest first, then those without a moment"),
        pytest.param(None, [("created", 1)], id="oldest first, after those without a moment"),
        pytest.param(None, [("status", 1), ("created", -1), ("n", 1)], id="three paths"),
        pytest.param(None, [("n", -1), ("_id", -1)], id="ties by id downwards"),
        pytest.param({"status": "x"}, NEWEST_FIRST, id="filtered"),
        pytest.param({"status": "x"}, [("status", -1), ("n", 1)], id="sorted by what is filtered"),
        pytest.param({"created": {"$gte": "2026-01-02"}}, NEWEST_FIRST, id="a range on the sort path"),
        pytest.param({"created": {"$lt": "2026-01-03"}}, NEWEST_FIRST, id="an upper bound on the sort path"),
        pytest.param({"created": {"$gt": "2026-01-01"}}, [("created", 1)], id="a lower bound on the sort path"),
        pytest.param({"created": {"$in": ["2026-01-01", "2026-01-02", None]}}, NEWEST_FIRST, id="$in with None"),
        pytest.param({"created": {"$in": ["2026-01-01", "2026-01-02"]}}, NEWEST_FIRST, id="$in without None"),
        pytest.param({"created": {"$ne": "2026-01-02"}}, [("created", 1)], id="$ne on the sort path"),
        pytest.param({"created": {"$nin": ["2026-01-01"]}}, [("created", 1)], id="$nin on the sort path"),
        pytest.param({"created": None}, NEWEST_FIRST, id="only those without a moment"),
        pytest.param({"_id": {"$gt": "b"}}, None, id="a range on the id"),
        pytest.param({"status": "z"}, NEWEST_FIRST, id="no match"),
    ],
)
async def test_the_pages_together_are_the_list(store: Documents, where: Any, sort: Any) -> None:
    for id, row in ROWS.items():
        await store.insert(THINGS, {"_id": id, **row})
    whole = [document["_id"] for document in await store.find(THINGS, where, sort=sort)]
    for limit in (1, 3, 50):
        pages = await walk(store, where, sort=sort, limit=limit)
        assert ids(pages) == whole
        assert [len(page.items) for page in pages[:-1]] == [limit] * (len(pages) - 1)
        assert {page.total for page in pages} == {len(whole)}


async def test_documents_that_come_and_go_between_pages_neither_repeat_nor_hide_others(store: Documents) -> None:
    for n in range(1, 7):
        await store.insert(THINGS, {"_id": f"x{n}", "created": n})
    first = await page_of(store, THINGS, sort=NEWEST_FIRST, limit=3)
    await store.insert(THINGS, {"_id": "newer", "created": 9})
    await store.delete(THINGS, {"_id": {"$in": ["x6", "x4"]}})  # x4 is the one that the first page ended with
    second = await page_of(store, THINGS, sort=NEWEST_FIRST, limit=3, cursor=first.next)
    assert ids([first, second]) == ["x6", "x5", "x4", "x3", "x2", "x1"]
    assert second.next is None


async def test_a_cursor_stands_in_a_url_as_it_is(store: Documents) -> None:
    for n in range(40):
        await store.insert(THINGS, {"_id": f"{n:02}/?&=+ é", "created": "ÿþý" * n})
    cursors = [page.next for page in await walk(store, sort=NEWEST_FIRST, limit=3) if page.next]
    assert len(cursors) == 13
    assert all(character.isascii() and (character.isalnum() or character in "-_") for c in cursors for character in c)


async def test_a_cursor_of_another_list_is_refused(store: Documents) -> None:
    for n in range(3):
        await store.insert(THINGS, {"created": n})
    cursor = (await page_of(store, THINGS, sort=NEWEST_FIRST, limit=1)).next
    with pytest.raises(InvalidInputError, match="does not belong"):
        await page_of(store, THINGS, sort=[("created", 1)], cursor=cursor)
    with pytest.raises(InvalidInputError, match="does not belong"):
        await page_of(store, "others", sort=NEWEST_FIRST, cursor=cursor)


def forged(*values: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "cursor",
    ["", "x", "%%%", "é", forged(), forged("name", ["a"]), forged("name", {}), forged(1, 2, 3), "A" * 10_000],
)
async def test_a_cursor_that_was_made_up_is_refused(store: Documents, cursor: str) -> None:
    with pytest.raises(InvalidInputError, match="does not belong"):
        await page_of(store, THINGS, cursor=cursor)


@pytest.mark.parametrize("limit", [0, -1, 501])
async def test_a_page_has_1_to_500_documents(store: Documents, limit: int) -> None:
    with pytest.raises(InvalidInputError, match="between 1 and 500"):
        await page_of(store, THINGS, limit=limit)


async def test_pages_cannot_be_sorted_by_a_list(store: Documents) -> None:
    for _ in range(2):
        await store.insert(THINGS, {"tags": ["a"]})
    with pytest.raises(InvalidInputError, match="tags"):
        await page_of(store, THINGS, sort=[("tags", 1)], limit=1)
