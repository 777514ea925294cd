"""What every keyword index promises: the same from memory and from SQLite."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from spine.adapters.fts_keywords import FtsKeywords
from spine.errors import DatabaseError
from spine.keywords_port import KeywordIndex
from spine.testing.memory_keywords import MemoryKeywords
from spine.vectors_port import Entry

POEMS = "persona.poe.works"


@pytest.fixture(params=["memory", "sqlite"])
async def index(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[KeywordIndex]:
    if request.param == "memory":
        yield MemoryKeywords()
        return
    keywords = FtsKeywords(tmp_path / "keywords.sqlite3")
    yield keywords
    await keywords.close()


async def fill(index: KeywordIndex, texts: dict[str, str], collection: str = POEMS) -> None:
    await index.upsert(collection, [Entry(one, text) for one, text in texts.items()])


async def found(index: KeywordIndex, question: str, collection: str = POEMS, limit: int = 10) -> list[str]:
    return [hit.id for hit in await index.search(collection, question, limit=limit)]


TEXTS = {
    "raven": "Once upon a midnight dreary, while I pondered, weak and weary, quoth the Raven: Nevermore.",
    "bells": "Hear the sledges with the bells, silver bells! What a world of merriment their melody foretells!",
    "annabel": "It was many and many a year ago, in a kingdom by the sea, that a maiden there lived: Annabel Lee.",
    "luceafar": "A fost odată ca-n poveşti, a fost ca niciodată, din rude mari împărăteşti, o prea frumoasă fată.",
    "cyrillic": "Белеет парус одинокой в тумане моря голубом",
    "chinese": "床前明月光，疑是地上霜。举头望明月，低头思故乡。",
    "hindi": "हिन्दी हैं हम वतन है हिन्दोस्ताँ हमारा",
    "arabic": "قِفَا نَبْكِ مِنْ ذِكْرَى حَبِيبٍ وَمَنْزِلِ",
    "thai": "ในน้ำมีปลา ในนามีข้าว",
}

QUESTIONS = [
    ("a name", "Lenore or Annabel", "annabel"),
    ("in any case", "RAVEN", "raven"),
    ("without its accents", "povesti imparatesti", "luceafar"),
    ("with other accents", "povești împărătești", "luceafar"),
    ("in another script", "ПАРУС", "cyrillic"),
    ("a name without spaces around it", "故乡", "chinese"),
    ("words with vowel signs", "वतन हिन्दी", "hindi"),
    ("without its vowels", "ذكرى حبيب", "arabic"),
    ("a word amid others", "ปลา", "thai"),
    ("one word wrong", "while I pondered strong and weary", "raven"),
    ("with quotation marks and operators", '"silver" AND NOT (bells*) ^ - : NEAR', "bells"),
    ("word after word", "many and many a year", "annabel"),
]


@pytest.mark.parametrize(("question", "best"), [case[1:] for case in QUESTIONS], ids=[case[0] for case in QUESTIONS])
async def test_an_entry_is_found_by_its_words(index: KeywordIndex, question: str, best: str) -> None:
    await fill(index, TEXTS)
    assert (await found(index, question))[:1] == [best]


@pytest.mark.parametrize("question", ["xyzzy", "", "  ", "!?", "*", '"', "raven_bells", "' OR 1=1 --"])
async def test_what_no_entry_holds_finds_nothing(index: KeywordIndex, question: str) -> None:
    await fill(index, {"only": "quoth nobody"})
    assert await found(index, question) == []


async def test_the_words_in_their_order_beat_the_same_words_in_another(index: KeywordIndex) -> None:
    others = {f"other{n}": f"or be not to be to {n}" for n in range(5)}
    await fill(index, {**others, "hamlet": "to be or not to be seven"})
    assert (await found(index, "To be, or not to be"))[0] == "hamlet"


async def test_a_rare_word_weighs_more_than_a_common_one(index: KeywordIndex) -> None:
    await fill(index, {f"{n}": "silver moon" for n in range(20)} | {"rare": "crimson tide"})
    assert (await found(index, "silver crimson"))[0] == "rare"


async def test_no_more_than_the_limit_comes_back(index: KeywordIndex) -> None:
    await fill(index, {f"{n}": "silver moon" for n in range(20)})
    assert len(await found(index, "silver", limit=7)) == 7


async def test_scores_fall(index: KeywordIndex) -> None:
    await fill(index, TEXTS)
    scores = [hit.score for hit in await index.search(POEMS, "the silver bells by the sea", limit=10)]
    assert scores == sorted(scores, reverse=True)
    assert len(scores) > 1
    assert min(scores) > 0


async def test_an_entry_that_changed_is_found_by_its_new_words_only(index: KeywordIndex) -> None:
    await fill(index, {"x": "silver moon", "y": "nothing"})
    await fill(index, {"x": "crimson tide"})
    assert await found(index, "silver") == []
    assert await found(index, "crimson") == ["x"]
    assert await index.count(POEMS) == 2


async def test_a_deleted_entry_is_found_no_more(index: KeywordIndex) -> None:
    await fill(index, TEXTS)
    await index.delete(POEMS, ["raven", "unknown"])
    assert await found(index, "raven nevermore") == []
    assert await index.count(POEMS) == len(TEXTS) - 1
    await index.delete("persona.nobody.works", ["raven"])


async def test_collections_do_not_see_each_other(index: KeywordIndex) -> None:
    await fill(index, {"x": "silver moon"})
    await fill(index, {"x": "crimson tide", "y": "silver"}, "persona.other.works")
    assert await found(index, "silver") == ["x"]
    assert await found(index, "crimson") == []
    assert (await index.count(POEMS), await index.count("persona.other.works")) == (1, 2)


async def test_it_tells_how_many_entries_hold_a_word(index: KeywordIndex) -> None:
    await fill(index, {"a": "silver silver moon", "b": "silver", "c": "moonlight"})
    held = await index.holding(POEMS, {"silver", "moon", "sun"})
    assert {word: count for word, count in held.items() if count} == {"silver": 2, "moon": 1}
    assert not any((await index.holding("persona.nobody.works", {"silver"})).values())


async def test_ids_are_listed_by_collection(index: KeywordIndex) -> None:
    await fill(index, {f"{n}": "text" for n in range(6000)})
    await fill(index, {"z": "text"}, "persona.other.works")
    assert sorted([one async for one in index.ids(POEMS)]) == sorted(f"{n}" for n in range(6000))
    assert [one async for one in index.ids("persona.nobody.works")] == []


async def test_a_dropped_collection_is_empty_and_can_be_filled_again(index: KeywordIndex) -> None:
    await fill(index, TEXTS)
    await index.drop(POEMS)
    await index.drop(POEMS)
    assert await index.count(POEMS) == 0
    assert await found(index, "raven") == []
    await fill(index, {"x": "a raven"})
    assert await found(index, "raven") == ["x"]


async def test_many_may_write_at_once(index: KeywordIndex) -> None:
    await asyncio.gather(*(fill(index, {f"{part}-{n}": "silver" for n in range(10)}) for part in range(10)))
    assert await index.count(POEMS) == 100


async def test_what_one_process_writes_another_finds(tmp_path: Path) -> None:
    first, second = (FtsKeywords(tmp_path / "keywords.sqlite3") for _ in range(2))
    await fill(first, {"x": "silver"})
    assert await found(second, "silver") == ["x"]
    await second.drop(POEMS)
    await fill(first, {"y": "silver"})
    assert await found(second, "silver") == ["y"]
    await first.close()
    await second.close()


async def test_what_one_process_writes_another_counts(tmp_path: Path) -> None:
    first, second = (FtsKeywords(tmp_path / "keywords.sqlite3") for _ in range(2))

    async def counted() -> tuple[int, dict[str, int]]:
        return await second.count(POEMS), await second.holding(POEMS, ["silver", "gold"])

    for texts, expected in (
        ({"x": "silver"}, (1, {"silver": 1})),
        ({"y": "silver and gold"}, (2, {"silver": 2, "gold": 1})),
        ({"x": "gold"}, (2, {"silver": 1, "gold": 2})),
    ):
        await fill(first, texts)
        for _ in range(3):  # asked again, by either of its threads
            assert await counted() == expected
    await first.delete(POEMS, ["y"])
    assert await counted() == (1, {"gold": 1})
    await first.drop(POEMS)
    assert await counted() == (0, {})
    await first.close()
    await second.close()


async def test_an_index_of_other_words_is_begun_again(tmp_path: Path) -> None:
    old = FtsKeywords(tmp_path / "keywords.sqlite3")
    await fill(old, {"x": "silver"})
    await old.close()
    with sqlite3.connect(tmp_path / "keywords.sqlite3") as file:
        file.execute("PRAGMA user_version = 0")

    both = [FtsKeywords(tmp_path / "keywords.sqlite3") for _ in range(2)]
    assert await asyncio.gather(*(one.count(POEMS) for one in both)) == [0, 0]
    await fill(both[0], {"y": "silver"})
    assert await found(both[1], "silver") == ["y"]
    for one in both:
        await one.close()


async def test_a_write_that_fails_half_way_leaves_nothing(tmp_path: Path) -> None:
    keywords = FtsKeywords(tmp_path / "keywords.sqlite3")
    with pytest.raises((DatabaseError, AttributeError)):
        await keywords.upsert(POEMS, [Entry("x", "silver"), Entry("y", None)])  # pyright: ignore[reportArgumentType]
    assert await keywords.count(POEMS) == 0
    await fill(keywords, {"x": "silver"})
    assert await found(keywords, "silver") == ["x"]
    await keywords.close()


async def test_a_file_that_is_no_database_is_a_database_error(tmp_path: Path) -> None:
    broken = tmp_path / "keywords.sqlite3"
    broken.write_bytes(b"not a database at all, but long enough to be looked at by SQLite" * 20)
    keywords = FtsKeywords(broken)
    with pytest.raises(DatabaseError, match=r"keywords\.sqlite3"):
        await keywords.count(POEMS)
    await keywords.close()


async def test_a_closed_index_says_so_and_leaves_no_lock(tmp_path: Path) -> None:
    keywords = FtsKeywords(tmp_path / "keywords.sqlite3")
    await fill(keywords, {"x": "silver"})
    await keywords.close()
    with pytest.raises(DatabaseError, match="closed"):
        await keywords.count(POEMS)
    with sqlite3.connect(tmp_path / "keywords.sqlite3") as other:
        other.execute("BEGIN EXCLUSIVE")
